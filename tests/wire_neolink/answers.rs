//! What is made of the vendor's answers.

use gpu_instance_operator::api::instance::{Port, PortProtocol};
use gpu_instance_operator::api::{InstanceState, money};
use gpu_instance_operator::provider::{Machine, Proof, Ssh};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{CLUSTER, ID, connect, fixture, list};

/// The vendor's list with one change to its row.
async fn row(change: impl FnOnce(&mut Value)) -> Machine {
    let mut body = fixture("list");
    change(&mut body["nodes"][0]);
    let listing = list(&body).await.unwrap();
    assert_eq!(listing.proof, Proof::Complete);
    listing.machines.into_iter().next().unwrap()
}

fn shown(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret)
}

#[tokio::test]
async fn the_vendors_example_becomes_a_machine() {
    let machine = row(|_| {}).await;
    assert_eq!((machine.id.as_str(), machine.name.as_deref()), (ID, Some("test1")));
    assert_eq!(
        (machine.state, machine.cloud_state.as_str()),
        (InstanceState::Running, "Running")
    );
    assert_eq!(
        (machine.gpu_model.as_deref(), machine.gpu_count),
        (Some("RTX 4090"), Some(1))
    );
    assert_eq!(
        machine.image,
        fixture("list")["nodes"][0]["image"].as_str().map(ToOwned::to_owned)
    );
    assert_eq!(machine.region.as_deref(), Some(CLUSTER));
    assert_eq!(machine.price_per_hour.map(money::format).as_deref(), Some("2.50"));
    assert_eq!(machine.currency, Some("CNY"));
    assert_eq!(
        machine.ssh,
        Some(Ssh {
            host: "8d40c2e6-a0b0-45c2-9b40-a0de065104f5.gws.neolink-ai.com".to_owned(),
            port: 30099,
            user: "root".to_owned(),
        })
    );
    assert_eq!(
        machine.jupyter_url.as_deref(),
        Some("http://8d40c2e6-a0b0-45c2-9b40-a0de065104f5.gw.neolink-ai.com/jupyter")
    );
    assert_eq!(shown(machine.secrets.password.as_ref()), Some("kEyIX5R2dqJD"));
    assert_eq!(
        shown(machine.secrets.jupyter_token.as_ref()),
        Some("7d27443c5718e75bee2da9f92fe6a50c")
    );
    assert_eq!(machine.created_at.unwrap().to_string(), "2024-09-02T10:34:33Z");
    assert!(machine.started_at.is_none() && !machine.expired);
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let shown = format!("{:?}", list(&fixture("list")).await.unwrap());
    for secret in ["kEyIX5R2dqJD", "7d27443c5718e75bee2da9f92fe6a50c"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_a_create_answers_is_a_machine_without_a_shell() {
    let body = json!({"hasNextPage": false, "nodes": [fixture("create")], "totalCount": 1});
    let listing = list(&body).await.unwrap();
    let [machine] = &listing.machines[..] else {
        panic!("{listing:?}")
    };
    assert_eq!(machine.state, InstanceState::Creating);
    assert!(machine.ssh.is_none() && machine.jupyter_url.is_none() && machine.secrets.password.is_none());
}

#[tokio::test]
async fn words_are_known_in_any_spelling_and_others_are_neither_an_end_nor_a_failure() {
    use InstanceState::*;
    for (word, state) in [
        ("Creating", Creating),
        ("Running", Running),
        ("RUNNING", Running),
        ("running ", Running),
        ("Starting", Starting),
        ("Shutting Down", Stopping),
        ("ShuttingDown", Stopping),
        ("shutting_down", Stopping),
        ("Shutdown", Stopped),
        ("shut-down", Stopped),
        ("Stopped", Stopped),
        ("Deleting", Deleting),
        ("deleted", Deleting),
        ("开机中", Starting),
        ("运行中", Running),
        ("关机中", Stopping),
        ("已关机", Stopped),
        ("删除中", Deleting),
        ("Failed", Unknown),
        ("Error", Unknown),
        ("Gone", Unknown),
        ("Hibernating", Unknown),
        ("NotRunning", Unknown),
        ("", Unknown),
    ] {
        let machine = row(|row| row["status"] = json!(word)).await;
        assert_eq!(
            (machine.state, machine.cloud_state.as_str()),
            (state, word.trim()),
            "{word}"
        );
        assert_eq!(machine.ssh.is_some(), state == Running, "{word}");
        assert_eq!(machine.jupyter_url.is_some(), state == Running, "{word}");
    }
    assert_eq!(row(|row| row["status"] = Value::Null).await.state, Unknown);
}

#[tokio::test]
async fn a_price_is_read_only_where_it_can_be() {
    let price = async |change: fn(&mut Value)| row(change).await.price_per_hour.map(money::format);
    let unit_price = |row: &mut Value, price: &str| row["annotations"]["neolink.ai/unit-price"] = json!(price);
    assert_eq!(
        price(|row| row["cost"]["CostType"] = json!(1)).await.as_deref(),
        Some("2.50")
    );
    assert_eq!(price(|row| drop(row["cost"].take())).await.as_deref(), Some("2.50"));
    assert_eq!(
        row(|row| unit_price(row, "2.5"))
            .await
            .price_per_hour
            .map(money::format)
            .as_deref(),
        Some("2.50")
    );
    assert_eq!(
        price(|row| row["cost"]["CostType"] = json!("4")).await.as_deref(),
        Some("0.104167")
    );
    assert_eq!(price(|row| row["cost"]["CostType"] = json!("9")).await, None);
    assert_eq!(price(|row| row["cost"]["DiscountID"] = json!("10000")).await, None);
    assert_eq!(price(|row| drop(row["annotations"].take())).await, None);
    for text in ["", "0", "-1", "a lot"] {
        assert_eq!(row(|row| unit_price(row, text)).await.price_per_hour, None, "{text}");
    }
}

#[tokio::test]
async fn models_are_named_as_the_market_does() {
    for (word, name) in [
        ("4090", "RTX 4090"),
        ("4090D", "RTX 4090D"),
        ("RTX 4090", "RTX 4090"),
        ("H20", "H20"),
        ("A100-SXM", "A100-SXM"),
        ("NVIDIA H100", "H100"),
        ("1234", "1234"),
    ] {
        let machine = row(|row| row["resources"]["GPUType"] = json!(word)).await;
        assert_eq!(machine.gpu_model.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn a_paid_time_that_has_passed_is_seen_once_the_machine_stands_still() {
    for (status, cost_time, expired) in [
        ("Shutdown", "1D", true),
        ("Shutdown", "1W", false),
        ("Shutdown", "", false),
        ("Running", "1D", false),
    ] {
        let machine = row(|row| {
            row["creationTimestamp"] = json!("2024-08-30T12:00:00+08:00");
            row["status"] = json!(status);
            row["cost"]["CostTime"] = json!(cost_time);
        })
        .await;
        assert_eq!(machine.expired, expired, "{status} {cost_time}");
    }
}

#[tokio::test]
async fn what_is_missing_or_odd_is_left_out() {
    let machine = row(|row| {
        row["servers"] = Value::Null;
        row["resources"] = json!({"GPUNum": 1});
        row["creationTimestamp"] = json!("0001-01-01T00:00:00Z");
        row["never_heard_of"] = json!({"a": [1]});
    })
    .await;
    assert!(machine.ssh.is_none() && machine.secrets.password.is_none() && machine.created_at.is_none());
    assert_eq!((machine.gpu_model, machine.gpu_count), (None, Some(1)));
    for address in [json!("ssh -p30099 root@h;reboot"), json!(7), json!("")] {
        let machine = row(|row| row["servers"]["SSH"]["sshAddr"] = address.clone()).await;
        assert_eq!(machine.ssh, None, "{address}");
    }
    let machine = row(|row| row["servers"]["Jupyterlab"] = json!("javascript:alert(1)")).await;
    assert_eq!(machine.jupyter_url, None);
}

#[tokio::test]
async fn the_shell_is_the_only_port() {
    let provider = connect("http://127.0.0.1:1/neolink");
    let running = row(|_| {}).await;
    let published = |port, protocol| {
        provider
            .port_endpoint(&running, Port { port, protocol })
            .map(|found| found.url)
    };
    assert_eq!(
        published(22, PortProtocol::Ssh).as_deref(),
        Some("8d40c2e6-a0b0-45c2-9b40-a0de065104f5.gws.neolink-ai.com:30099")
    );
    assert_eq!(published(2222, PortProtocol::Ssh), None);
    assert_eq!(published(8080, PortProtocol::Http), None);
}
