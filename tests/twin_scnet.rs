//! `SCNet`'s driver against `SCNet`'s twin: the whole life of a machine, and the faults that cost money where they are
//! misread.
#![allow(clippy::float_cmp, reason = "amounts that are exact")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod twin;

use std::time::Duration;

use cloudsim::scnet::Lists;
use cloudsim::{AccountChange, Fault};
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::provider::{Created, Field, Kind, Proof, Scope};
use serde_json::{Value, json};

use operator::{SCNET, merged};
use twin::{NAME, Twin, order};

const REGION: &str = "11112";

async fn start() -> Twin {
    Twin {
        scope: here(),
        describes: true,
        ..Twin::of(&SCNET).await
    }
}

fn here() -> Scope {
    Scope {
        regions: [REGION.to_owned()].into(),
        ..Scope::default()
    }
}

fn spec(more: Value) -> GpuInstanceSpec {
    let usual = json!({
        "gpu": {"model": "Tesla M40"},
        "ports": [{"port": 22, "protocol": "SSH"}, {"port": 18888, "protocol": "HTTP"}],
        "volumes": [{"source": "/public1/home/x/test_mount", "mountPath": "/mnt/test_mount"}],
    });
    twin::spec(&SCNET, merged(usual, more))
}

#[tokio::test]
async fn a_machine_lives_and_dies() {
    let scene = start().await;
    let provider = &scene.provider;
    assert_eq!(provider.identify().await.unwrap().account, "sim-scnet-user");
    assert_eq!(provider.balance().await.unwrap(), None);
    assert_eq!(provider.list(&here()).await.unwrap().machines, []);
    provider.quote(&spec(json!({}))).await.unwrap();

    let Created::Instance(id) = scene.create(&spec(json!({}))).await.unwrap() else {
        panic!("SCNet has no tasks")
    };
    let waiting = scene.machine().await;
    assert_eq!(
        (waiting.state, waiting.id.as_str()),
        (InstanceState::Creating, id.as_str())
    );
    assert_eq!(waiting.cloud_state, "Waiting");
    let running = scene.settled(InstanceState::Running).await;
    assert_eq!(running.name.as_deref(), Some(NAME));
    assert_eq!(
        (running.gpu_model.as_deref(), running.gpu_count),
        (Some("TeslaM40"), Some(1))
    );
    assert!(running.ssh.is_some() && running.jupyter_url.is_some() && running.secrets.jupyter_token.is_some());
    assert_eq!(running.ports.len(), 2);
    assert!(!running.partial);

    let script = spec(json!({"startupScript": "echo hello"}));
    provider
        .update(&running, &order(&script, None), &[Field::StartupScript])
        .await
        .unwrap();
    assert_eq!(scene.sim.scnet_scripts(&id), ["echo hello\n"]);

    provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    let stopped = scene.settled(InstanceState::Stopped).await;
    assert_eq!((stopped.ssh.as_ref(), stopped.expired), (None, false));
    let larger = spec(json!({"gpu": {"model": "TeslaM40", "count": 2}, "cpu": 8, "memory": "20Gi"}));
    provider
        .update(
            &stopped,
            &order(&larger, None),
            &[Field::Gpu, Field::Cpu, Field::Memory],
        )
        .await
        .unwrap();
    provider.start(&stopped, None).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Starting);
    let running = scene.settled(InstanceState::Running).await;
    assert_eq!(running.gpu_count, Some(2));

    // As the operator does it: a running machine is stopped first.
    assert!(!provider.capabilities().deletes_running);
    provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    let stopped = scene.settled(InstanceState::Stopped).await;
    provider.delete(&stopped).await.unwrap();
    scene.sim.advance(Duration::from_hours(1));
    assert_eq!(provider.list(&here()).await.unwrap().machines, []);
    assert!(scene.sim.alive().is_empty());
}

#[tokio::test]
async fn every_kind_of_container_can_be_had() {
    for (kind, has_page, has_token) in [
        ("ssh", false, false),
        ("jupyter", true, true),
        ("codeserver", true, false),
        ("rstudio", true, false),
    ] {
        let scene = start().await;
        scene.create(&spec(json!({"scnet": {"taskType": kind}}))).await.unwrap();
        let running = scene.settled(InstanceState::Running).await;
        assert_eq!(running.jupyter_url.is_some(), has_page, "{kind}");
        assert_eq!(running.secrets.jupyter_token.is_some(), has_token, "{kind}");
        assert!(!running.partial, "{kind}");
    }
}

#[tokio::test]
async fn a_machine_whose_time_is_over_is_expired() {
    let scene = start().await;
    scene
        .create(&spec(json!({"scnet": {"timeoutLimit": "00:30:00"}})))
        .await
        .unwrap();
    assert!(!scene.settled(InstanceState::Running).await.expired);
    scene.sim.advance(Duration::from_mins(30));
    let over = scene.machine().await;
    assert_eq!(
        (over.state, over.expired, over.cloud_state.as_str()),
        (InstanceState::Stopped, true, "Completed")
    );
    assert_eq!(scene.sim.meter().rate_per_hour, 0.0);
}

#[tokio::test]
async fn a_machine_dies_in_any_state() {
    for wait in [0, 50, 300] {
        let scene = start().await;
        scene.create(&spec(json!({}))).await.unwrap();
        scene.sim.advance(Duration::from_secs(wait));
        let machine = scene.machine().await;
        if machine.state == InstanceState::Running {
            scene.provider.stop(&machine, StopMode::ReleaseGpu, None).await.unwrap();
            scene.settled(InstanceState::Stopped).await;
        }
        scene.provider.delete(&machine).await.unwrap();
        scene.sim.advance(Duration::from_hours(1));
        assert!(scene.sim.alive().is_empty(), "after {wait} s");
    }
}

#[tokio::test]
async fn lists_of_every_form_and_shape_are_complete() {
    for (lists, bare) in [
        (Lists::Both, false),
        (Lists::Both, true),
        (Lists::Query, true),
        (Lists::Body, false),
        (Lists::Body, true),
    ] {
        let scene = start().await;
        scene.sim.change_scnet_settings(|settings| {
            settings.lists = lists;
            settings.bare_lists = bare;
            settings.most_listed = 3;
        });
        for _ in 0..7 {
            scene.create(&spec(json!({}))).await.unwrap();
        }
        for _ in 0..2 {
            let listing = scene.provider.list(&here()).await.unwrap();
            assert_eq!(
                (listing.machines.len(), listing.proof),
                (7, Proof::Complete),
                "{lists:?} {bare}"
            );
        }
    }
}

#[tokio::test]
async fn a_short_list_proves_nothing() {
    let scene = start().await;
    scene.create(&spec(json!({}))).await.unwrap();
    scene.sim.fault(Fault::on("scnet.list").short_list(0).times(4));
    assert_eq!(scene.provider.list(&here()).await.unwrap_err().kind, Kind::Transient);
}

#[tokio::test]
async fn a_key_that_was_replaced_and_a_token_that_has_ended_are_noticed() {
    let scene = start().await;
    scene.provider.list(&here()).await.unwrap();
    // By the cloud's clock the tokens end; ours does not know.
    scene.sim.advance(Duration::from_hours(25));
    scene.provider.list(&here()).await.unwrap();
    assert_eq!(scene.sim.call_count("scnet.tokens"), 2);
    let account = scene.sim.scnet().account("sim-scnet-user");
    let _ = account.change(AccountChange::Revoke {
        key: "sim-scnet-access-key".to_owned(),
    });
    assert_eq!(scene.provider.list(&here()).await.unwrap_err().kind, Kind::Unauthorized);
}

#[tokio::test]
async fn an_order_without_an_answer_is_open_whether_it_was_carried_out_or_not() {
    for (fault, machines) in [
        (Fault::on("scnet.create").cut_before_commit(), 0),
        (Fault::on("scnet.create").cut_after_commit(), 1),
        (Fault::on("scnet.create").status_after_commit(500), 1),
        (Fault::on("scnet.create").html(502), 0),
        (Fault::on("scnet.create").truncated_json(), 1),
        (Fault::on("scnet.create").cut_in_body(), 1),
        (Fault::on("scnet.create").refuse(716_865, "创建失败"), 0),
        (Fault::on("scnet.create").no_capacity(), 0),
    ] {
        let scene = start().await;
        scene.order_is_left_open_by(fault, &spec(json!({})), machines).await;
    }
}

#[tokio::test]
async fn a_refused_order_rents_nothing_and_is_known_to() {
    for (fault, kind) in [
        (Fault::on("scnet.create").low_balance(), Kind::InsufficientBalance),
        (Fault::on("scnet.create").refuse(10004, "参数无效"), Kind::Invalid),
        (Fault::on("scnet.create").rate_limited_for(5), Kind::RateLimited),
    ] {
        let scene = start().await;
        scene.sim.fault(fault);
        let error = scene.create(&spec(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(scene.sim.machines().is_empty());
    }
    // A token that is refused once is renewed, and the order made once.
    let scene = start().await;
    scene.sim.fault(Fault::on("scnet.create").unauthorized());
    scene.create(&spec(json!({}))).await.unwrap();
    assert_eq!(scene.sim.machines().len(), 1);
}

#[tokio::test]
async fn what_is_wrong_in_an_order_is_said_before_it_is_made() {
    let scene = start().await;
    for (more, says) in [
        (json!({"image": "nonesuch"}), "is in neither list of images"),
        (json!({"gpu": {"model": "H100", "count": 1}}), "there are: TeslaM40"),
        (json!({"cpu": 41}), "40 cores a node"),
        (json!({"region": "9"}), "not among the account's regions"),
    ] {
        let error = scene.provider.quote(&spec(more)).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid);
        assert!(error.message.contains(says), "{error}");
    }
    assert!(scene.sim.machines().is_empty());
}
