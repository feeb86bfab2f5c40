//! Changes that others make, in the cloud's console.

use std::time::Duration;

use cloudsim::{Change, Cloud, NewMachine};
use serde_json::json;

use crate::operator::{Kind, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_stopped_elsewhere_is_started_again() {
    let scene = Scene::start("stopped-elsewhere").await;
    scene.apply(instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    scene.sim.change(&id, Change::Stop { release: true }).unwrap();
    scene
        .until_cloud("started again", |sim| sim.call_count("xgc.boot") == 1)
        .await;
    let ready = scene.until_ready("train-1").await;
    assert_eq!(ready.instance_id(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_will_not_stay_up_is_not_started_for_ever() {
    let scene = Scene::start("will-not-stay").await;
    scene.apply(instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    for starts in 1..=3 {
        scene.sim.change(&id, Change::Stop { release: true }).unwrap();
        scene
            .until_cloud("started again", |sim| sim.call_count("xgc.boot") == starts)
            .await;
        scene.until_ready("train-1").await;
    }
    scene.sim.change(&id, Change::Stop { release: true }).unwrap();
    let stalled = scene.until_not_ready("train-1", "Failed").await;
    assert!(stalled.said("Ready", "message").contains("3 times"), "{stalled}");
    assert_eq!(scene.sim.call_count("xgc.boot"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_destroyed_elsewhere_is_lost_and_not_replaced_unasked() {
    let scene = Scene::start("destroyed-elsewhere").await;
    scene.apply(instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    scene.sim.change(&id, Change::Destroy).unwrap();
    let lost = scene.until_not_ready("train-1", "Lost").await;
    assert_eq!((lost.state(), lost.instance_id()), ("Lost", id.as_str()), "{lost}");
    scene.until_event("train-1", "Lost").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.sim.machines().len(), 1, "not replaced");

    scene.change("train-1", json!({ "updatePolicy": "Recreate" })).await;
    let ready = scene.until_ready("train-1").await;
    assert_ne!(ready.instance_id(), id);
    assert_eq!(scene.sim.alive().len(), 1);

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_machine_is_said_to_be_frozen() {
    let scene = Scene::start("frozen").await;
    scene.apply(instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    scene.sim.change(&id, Change::Freeze).unwrap();
    let frozen = scene.until_not_ready("train-1", "InsufficientBalance").await;
    assert_eq!(frozen.state(), "Frozen", "{frozen}");
    scene.sim.change(&id, Change::Unfreeze).unwrap();
    scene.until_ready("train-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_machines_are_counted_and_left_alone() {
    let scene = Scene::start("foreign").await;
    let named_alike = format!("gi-other-{}-1", "0".repeat(12));
    for name in ["my notebook", &named_alike] {
        scene.sim.plant(&NewMachine::named(Cloud::Xgc, "u-1", name)).unwrap();
    }
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let counted = |provider: &crate::operator::Object| provider.at("/status/instances/foreign") == 2;
    scene
        .until(Kind::GpuProvider, "xgc", "two foreign machines", counted)
        .await;
    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    let alive: Vec<_> = scene.sim.alive().into_iter().map(|machine| machine.name).collect();
    assert_eq!(alive.len(), 2, "{alive:?}");
}
