//! XGC's driver against XGC's twin: the whole life of a machine, and the faults that cost money where they are misread.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod twin;

use std::time::Duration;

use cloudsim::Fault;
use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::provider::{Created, Kind, Scope};
use serde_json::{Value, json};

use operator::{XGC, merged};
use twin::{NAME, Twin};

fn spec(more: Value) -> GpuInstanceSpec {
    let usual = json!({"volumes": [{"mountPath": "/root/cloud"}]});
    twin::spec(&XGC, merged(usual, more))
}

#[tokio::test]
async fn a_machine_lives_and_dies() {
    let scene = Twin::of(&XGC).await;
    let provider = &scene.provider;
    assert_eq!(provider.identify().await.unwrap().account, "u-1");
    assert_eq!(provider.balance().await.unwrap().unwrap().currency, "CNY");
    assert_eq!(provider.list(&Scope::default()).await.unwrap().machines, []);

    let Created::Instance(id) = scene.create(&spec(json!({}))).await.unwrap() else {
        panic!("XGC has no tasks")
    };
    let creating = scene.machine().await;
    assert_eq!((creating.state, creating.id), (InstanceState::Creating, id));
    let running = scene.settled(InstanceState::Running).await;
    assert_eq!(running.name.as_deref(), Some(NAME));
    assert_eq!(
        (running.gpu_model.as_deref(), running.gpu_count),
        (Some("RTX 4090"), Some(1))
    );
    assert!(running.ssh.is_some() && running.jupyter_url.is_some() && running.secrets.password.is_some());
    assert_eq!(running.price_per_hour.unwrap().to_string(), "1.89");

    let snapshot = Snapshot {
        name: "mine".to_owned(),
        tag: None,
    };
    provider.save_image(&running, &snapshot).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::SavingImage);
    let running = scene.settled(InstanceState::Running).await;

    provider.stop(&running, StopMode::KeepGpu, None).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Stopping);
    let kept = scene.settled(InstanceState::Stopped).await;
    assert_eq!(kept.price_per_hour.unwrap().to_string(), "1.89");
    assert_eq!(kept.ssh, None);
    provider.start(&kept, None).await.unwrap();
    let running = scene.settled(InstanceState::Running).await;

    provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    let released = scene.settled(InstanceState::Stopped).await;
    assert!(released.price_per_hour < kept.price_per_hour);
    let reshaped = spec(json!({"gpu": {"model": "RTX 4090 D", "count": 2}}));
    provider.start(&released, Some(&reshaped)).await.unwrap();
    let running = scene.settled(InstanceState::Running).await;
    assert_eq!(
        (running.gpu_model.as_deref(), running.gpu_count),
        (Some("RTX 4090 D"), Some(2))
    );

    provider.delete(&running).await.unwrap();
    scene.sim.advance(Duration::from_hours(1));
    assert_eq!(provider.list(&Scope::default()).await.unwrap().machines, []);
    assert!(scene.sim.alive().is_empty());
}

#[tokio::test]
async fn a_machine_dies_in_any_state_whichever_way_the_cloud_wants_it() {
    for takes_running in [true, false] {
        for state in [
            InstanceState::Creating,
            InstanceState::Running,
            InstanceState::Stopping,
            InstanceState::Stopped,
        ] {
            let scene = Twin::of(&XGC).await;
            scene
                .sim
                .change_xgc_settings(|settings| settings.destroy_takes_running = takes_running);
            let mut machine = scene.machine_in(state, &spec(json!({}))).await;
            // As an older list would have it.
            machine.state = InstanceState::Unknown;
            scene.provider.delete(&machine).await.unwrap();
            scene.sim.advance(Duration::from_hours(1));
            assert!(
                scene.sim.alive().is_empty(),
                "{state:?}, destroy takes running: {takes_running}"
            );
        }
    }
}

#[tokio::test]
async fn an_order_without_an_answer_is_open_whether_it_was_carried_out_or_not() {
    for (fault, machines) in [
        (Fault::on("xgc.deploy").cut_before_commit(), 0),
        (Fault::on("xgc.deploy").cut_after_commit(), 1),
        (Fault::on("xgc.deploy").status_after_commit(500), 1),
        (Fault::on("xgc.deploy").html(502), 0),
        (Fault::on("xgc.deploy").truncated_json(), 1),
        (Fault::on("xgc.deploy").cut_in_body(), 1),
        (Fault::on("xgc.deploy").refuse(1000, "系统繁忙"), 0),
    ] {
        let scene = Twin::of(&XGC).await;
        scene.order_is_left_open_by(fault, &spec(json!({})), machines).await;
    }
}

#[tokio::test]
async fn a_refused_order_rents_nothing_and_is_known_to() {
    for (fault, kind) in [
        (Fault::on("xgc.deploy").no_capacity(), Kind::NoCapacity),
        (Fault::on("xgc.deploy").low_balance(), Kind::InsufficientBalance),
        (Fault::on("xgc.deploy").unauthorized(), Kind::Unauthorized),
        (Fault::on("xgc.deploy").rate_limited_for(5), Kind::RateLimited),
        (Fault::on("xgc.deploy").rate_limited_until(5), Kind::RateLimited),
    ] {
        let scene = Twin::of(&XGC).await;
        scene.sim.fault(fault);
        let error = scene.create(&spec(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(error.retry_after.is_some(), kind == Kind::RateLimited);
        assert!(scene.sim.machines().is_empty());
    }
}

#[tokio::test]
async fn what_is_wrong_in_an_order_is_said_before_or_by_the_refusal() {
    let scene = Twin::of(&XGC).await;
    let private = spec(json!({"image": "nonesuch", "xgc": {"imageType": "private"}}));
    let error = scene.provider.quote(&private).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(error.message.contains("it has: none"), "{error}");
    let unknown = spec(json!({"gpu": {"model": "RTX 6090", "count": 1}}));
    assert_eq!(scene.create(&unknown).await.unwrap_err().kind, Kind::Invalid);
    assert!(scene.sim.machines().is_empty());
}
