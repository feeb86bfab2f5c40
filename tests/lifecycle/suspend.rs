//! Hands off, and look now.

use cloudsim::Change;
use serde_json::json;

use crate::operator::{Kind, Object, Scene, Setup, instance};

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_object_is_watched_and_left_alone() {
    let scene = Scene::start("suspend").await;
    scene.apply(instance("not-yet", json!({ "suspend": true }))).await;
    scene.apply(instance("train-1", json!({}))).await;
    let object = scene.until_ready("train-1").await;
    let not_yet = scene.until_not_ready("not-yet", "Suspended").await;
    assert_eq!(not_yet.instance_id(), "");
    scene
        .change("train-1", json!({ "suspend": true, "power": "Stopped" }))
        .await;
    let suspended = scene.until_not_ready("train-1", "Suspended").await;
    assert!(suspended.said("Ready", "message").contains("suspended"), "{suspended}");
    scene
        .sim
        .change(object.instance_id(), Change::Stop { release: true })
        .unwrap();
    let seen = scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!(seen.said("Ready", "reason"), "Suspended");
    scene.sim.change(object.instance_id(), Change::Start).unwrap();
    scene.until_not_ready("train-1", "Suspended").await;
    scene.after_lists(2).await;
    let changes = ["xgc.shutdown_release_gpu", "xgc.shutdown", "xgc.boot", "xgc.destroy"];
    assert_eq!(changes.map(|operation| scene.sim.call_count(operation)), [0; 4]);
    assert_eq!(scene.sim.call_count("xgc.deploy"), 1);

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive(), []);
    scene.change("not-yet", json!({ "suspend": false })).await;
    scene.until_ready("not-yet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_now_can_be_asked_for() {
    let scene = Setup::new("look-now")
        .provider(json!({ "pollInterval": "10m" }))
        .start()
        .await;
    scene.apply(instance("train-1", json!({}))).await;
    let object = scene.until_ready("train-1").await;
    scene
        .sim
        .change(object.instance_id(), Change::Stop { release: true })
        .unwrap();
    scene.request_reconcile(Kind::GpuInstance, "train-1").await;
    let again = |object: &Object| object.is_ready_in("Running");
    scene
        .until_cloud("started again", |sim| sim.call_count("xgc.boot") == 1)
        .await;
    scene.until_instance("train-1", "running again", again).await;

    let lists = scene.sim.call_count("xgc.list");
    scene.request_reconcile(Kind::GpuProvider, "xgc").await;
    scene
        .until_cloud("one more list", |sim| sim.call_count("xgc.list") > lists)
        .await;
}
