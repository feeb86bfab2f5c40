//! What is made of the vendor's answers.

use gpu_instance_operator::api::instance::{Port, PortProtocol};
use gpu_instance_operator::api::{InstanceState, money};
use gpu_instance_operator::provider::{Created, Kind, Machine, Proof, Ssh};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{ID, IMAGE, NAME, Scene, connect, create, fixture, list, spec};

/// The fixture with one change to its first row.
fn with_row(change: impl FnOnce(&mut Value)) -> Value {
    let mut instances = fixture("instances");
    change(&mut instances["data"]["list"][0]);
    instances
}

/// The first machine of the fixture, with this change to its row.
async fn first(change: impl FnOnce(&mut Value)) -> Machine {
    let listing = list(&with_row(change)).await.unwrap();
    assert_eq!(listing.proof, Proof::Complete);
    listing.machines.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_row_becomes_a_machine() {
    let listing = list(&fixture("instances")).await.unwrap();
    assert_eq!(listing.proof, Proof::Complete);
    let [running, stopped] = &listing.machines[..] else {
        panic!("a destroyed row is as if it were not there: {listing:?}")
    };

    assert_eq!((running.id.as_str(), running.name.as_deref()), (ID, Some(NAME)));
    assert_eq!(
        (running.state, running.cloud_state.as_str()),
        (InstanceState::Running, "running")
    );
    assert_eq!(
        (running.gpu_model.as_deref(), running.gpu_count),
        (Some("RTX 4090 D"), Some(1))
    );
    assert_eq!(running.image.as_deref(), Some(IMAGE));
    assert_eq!(running.region.as_deref(), Some("浙江一区"));
    assert_eq!(running.price_per_hour.map(money::format).as_deref(), Some("1.59"));
    assert_eq!(running.currency, Some("CNY"));
    let (host, user) = (format!("{ID}.ssh.x-gpu.com"), "root".to_owned());
    assert_eq!(
        running.ssh,
        Some(Ssh {
            host,
            port: 33251,
            user
        })
    );
    assert_eq!(
        running.jupyter_url,
        Some(format!("https://{ID}-8888.container.x-gpu.com"))
    );
    let shown = |secret: &Option<secrecy::SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned());
    assert_eq!(shown(&running.secrets.password).as_deref(), Some("machine-password"));
    assert_eq!(shown(&running.secrets.jupyter_token).as_deref(), Some("jupyter-token"));
    assert_eq!(running.created_at.map(jiff::Timestamp::as_second), Some(1_732_240_000));
    assert_eq!(running.started_at.map(jiff::Timestamp::as_second), Some(1_732_240_060));
    assert!(!running.expired);

    assert_eq!((stopped.state, stopped.ssh.as_ref()), (InstanceState::Stopped, None));
    assert!(stopped.jupyter_url.is_none() && stopped.secrets.password.is_none());
    let price = stopped.price_per_hour.map(money::format);
    assert_eq!(
        price.as_deref(),
        Some("0.0009"),
        "its GPU is released: only the disk is paid for"
    );
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let listing = list(&fixture("instances")).await.unwrap();
    let shown = format!("{listing:?}");
    for secret in ["machine-password", "jupyter-token", "xgcos-token", "ssh-rsa"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn every_word_for_a_state_is_known_and_others_are_unknown() {
    for (word, state) in [
        ("deploying", InstanceState::Creating),
        ("booting", InstanceState::Starting),
        ("running", InstanceState::Running),
        ("shutting_down", InstanceState::Stopping),
        ("shutdown", InstanceState::Stopped),
        ("destroying", InstanceState::Deleting),
        ("saving_image", InstanceState::SavingImage),
        ("freezing", InstanceState::Frozen),
        ("freeze", InstanceState::Frozen),
        ("replacing_image", InstanceState::Reinstalling),
        ("rebooting", InstanceState::Unknown),
    ] {
        let machine = first(|row| row["status"] = json!(word)).await;
        assert_eq!((machine.state, machine.cloud_state.as_str()), (state, word));
        assert_eq!(machine.ssh.is_some(), state == InstanceState::Running, "{word}");
    }
    assert_eq!(
        first(|row| row["status"] = Value::Null).await.state,
        InstanceState::Unknown
    );
}

#[tokio::test]
async fn types_may_differ_from_the_vendors_tables() {
    let machine = first(|row| {
        row["ssh_port"] = json!(33251);
        row["gpu_used"] = json!("1");
        row["price_per_hour"] = json!("1.59");
        row["create_timestamp"] = json!(1_732_240_000.0);
        row["start_timestamp"] = json!("0");
        row["retain"] = json!(true);
        row["ssh_user"] = Value::Null;
        row["never_heard_of"] = json!({"a": [1]});
    })
    .await;
    assert_eq!(
        machine.ssh.map(|ssh| (ssh.port, ssh.user)),
        Some((33251, "root".to_owned()))
    );
    assert_eq!(machine.gpu_count, Some(1));
    assert_eq!(machine.price_per_hour.map(money::format).as_deref(), Some("1.59"));
    assert!(machine.created_at.is_some() && machine.started_at.is_none());
    let long = first(|row| row["gpu_model"] = json!("NVIDIA GeForce RTX 4090 D")).await;
    assert_eq!(long.gpu_model.as_deref(), Some("RTX 4090 D"));
    let kept = first(|row| {
        row["status"] = json!("shutdown");
        row["retain"] = json!(0);
    })
    .await;
    assert_eq!(
        kept.price_per_hour.map(money::format).as_deref(),
        Some("1.59"),
        "its GPU is kept and billed"
    );
}

#[tokio::test]
async fn a_shell_is_whole_and_harmless_or_not_there() {
    for (name, value) in [
        ("ssh_domain", json!("")),
        ("ssh_domain", json!("-oProxyCommand=evil")),
        ("ssh_domain", json!("host;rm -rf /")),
        ("ssh_domain", json!("host\nProxyCommand evil")),
        ("ssh_user", json!("root@elsewhere")),
        ("ssh_user", json!("$(evil)")),
        ("ssh_port", json!("")),
        ("ssh_port", json!("0")),
        ("ssh_port", json!(65536)),
        ("ssh_port", json!("22 -oX")),
    ] {
        let machine = first(|row| row[name] = value.clone()).await;
        assert_eq!(machine.ssh, None, "{name} = {value}");
    }
}

#[tokio::test]
async fn jupyters_token_is_kept_out_of_its_address() {
    let url = |url: &'static str| {
        first(move |row| {
            row["jupyter_url"] = json!(url);
            row["jupyter_token"] = json!("");
        })
    };
    let machine = url("https://user:pw@h.example/lab/?x=1&token=t-1#frag").await;
    assert_eq!(machine.jupyter_url.as_deref(), Some("https://h.example/lab/"));
    assert_eq!(machine.secrets.jupyter_token.unwrap().expose_secret(), "t-1");
    assert_eq!(url("javascript:alert(1)").await.jupyter_url, None);
    assert_eq!(url("not a url").await.jupyter_url, None);
}

#[tokio::test]
async fn ports_are_published_while_the_machine_runs() {
    let provider = connect("http://127.0.0.1:1/xgc");
    let running = first(|_| {}).await;
    let published = |port, protocol| {
        provider
            .port_endpoint(&running, Port { port, protocol })
            .map(|found| found.url)
    };
    assert_eq!(
        published(8080, PortProtocol::Http),
        Some(format!("https://{ID}-8080.container.x-gpu.com"))
    );
    assert_eq!(
        published(22, PortProtocol::Ssh),
        Some(format!("{ID}.ssh.x-gpu.com:33251"))
    );
    assert_eq!(published(2222, PortProtocol::Ssh), None);
    assert_eq!(published(8080, PortProtocol::Tcp), None);
    let stopped = first(|row| row["status"] = json!("shutdown")).await;
    let port = Port {
        port: 8080,
        protocol: PortProtocol::Http,
    };
    assert_eq!(provider.port_endpoint(&stopped, port), None);
}

#[tokio::test]
async fn a_list_proves_absence_only_when_it_is_whole() {
    let without = |pointer: &str, name: &str| {
        let mut body = fixture("instances");
        body.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
        body
    };
    let total = |total: Value| {
        let mut body = fixture("instances");
        body["data"]["total"] = total;
        body
    };
    for (body, machines, complaint) in [
        (total(json!(4)), 2, "there are 4 machines and shows 3"),
        (total(json!(2)), 2, "there are 2 machines and shows 3"),
        (total(json!(-1)), 2, "there are -1 machines"),
        (without("/data", "total"), 2, "does not say how many"),
        (
            without("/data/list/0", "id"),
            1,
            "1 of 3 machines in XGC's list cannot be read",
        ),
        (with_row(|row| row["id"] = json!("a/../b")), 1, "cannot be read"),
        (with_row(|row| *row = json!("what?")), 1, "cannot be read"),
        (
            with_row(|row| row["id"] = json!("9k3mzq1x7a5b2c4d")),
            2,
            "shows a machine twice",
        ),
        (
            without("/data/list/0", "name"),
            2,
            "1 of 3 machines in XGC's list are shown without a name",
        ),
        (with_row(|row| row["name"] = Value::Null), 2, "without a name"),
    ] {
        let listing = list(&body).await.unwrap();
        assert_eq!(listing.machines.len(), machines, "{complaint}");
        let Proof::Incomplete(said) = &listing.proof else {
            panic!("{complaint}: proven")
        };
        assert!(said.contains(complaint), "{said}");
    }
    assert_eq!(list(&total(json!("3"))).await.unwrap().proof, Proof::Complete);
    assert_eq!(
        list(&with_row(|row| row["name"] = json!(""))).await.unwrap().proof,
        Proof::Complete
    );
}

#[tokio::test]
async fn an_empty_list_is_one_that_says_so() {
    for (data, is_list) in [
        (json!({"list": [], "total": 0}), true),
        (json!({"list": null, "total": 0}), true),
        (json!({"list": null}), false),
        (json!({"list": null, "total": 2}), false),
        (json!({"total": 0}), false),
        (json!({"list": {}, "total": 0}), false),
        (json!([]), false),
        (Value::Null, false),
    ] {
        let outcome = list(&json!({"code": 200, "success": true, "data": data})).await;
        match outcome {
            Ok(listing) if is_list => assert!(listing.machines.is_empty() && listing.proof == Proof::Complete),
            Err(error) if !is_list => assert_eq!(error.kind, Kind::Transient),
            other => panic!("{data}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn success_is_what_it_says_before_what_its_code_says() {
    for (envelope, good) in [
        (json!({"code": 200, "success": true}), true),
        (json!({"code": 0, "success": true}), true),
        (json!({"code": 1000, "success": true}), true),
        (json!({"success": true}), true),
        (json!({"code": 200}), true),
        (json!({"code": "0"}), true),
        (json!({"code": 200, "success": false}), false),
        (json!({"code": 1}), false),
        (json!({"code": null}), false),
        (json!({}), false),
        (json!([]), false),
        (json!("ok"), false),
    ] {
        let mut body = envelope.clone();
        if let Some(members) = body.as_object_mut() {
            members.insert("data".to_owned(), json!({"id": ID}));
        }
        let scene = Scene::saying(&body).await;
        let outcome = create(&*scene.provider, &spec(json!({}))).await;
        if good {
            assert_eq!(outcome.unwrap(), Created::Instance(ID.to_owned()), "{envelope}");
        } else {
            assert_eq!(outcome.unwrap_err().kind, Kind::Ambiguous, "{envelope}");
        }
    }
}
