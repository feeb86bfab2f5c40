//! Running, stopped, and what happens in between.

use cloudsim::{Change, Phase};
use serde_json::json;

use crate::operator::{Kind, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_object_that_is_stopped_rents_nothing() {
    let scene = Scene::start("stopped-first").await;
    scene.apply(instance("later", json!({ "power": "Stopped" }))).await;
    let object = scene.until_ready_in("later", "Stopped").await;
    assert_eq!((object.instance_id(), object.at("/status/claim").is_null()), ("", true));
    assert_eq!(object.truth("Available"), "False");
    assert!(
        object.said("Ready", "message").contains("nothing is rented"),
        "{object}"
    );
    scene.after_lists(2).await;
    assert_eq!(scene.sim.call_count("xgc.deploy"), 0);

    scene.change("later", json!({ "power": "Running" })).await;
    let object = scene.until_ready("later").await;
    assert_eq!(scene.sim.alive()[0].id, object.instance_id());
    assert_eq!(scene.sim.call_count("xgc.deploy"), 1);

    // The spec decides, not who was last at the console.
    scene
        .sim
        .change(object.instance_id(), Change::Stop { release: true })
        .unwrap();
    scene
        .until_cloud("started again", |sim| sim.call_count("xgc.boot") == 1)
        .await;
    scene.until_ready("later").await;

    scene.delete(Kind::GpuInstance, "later").await;
    scene.until_gone(Kind::GpuInstance, "later").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_saved_before_each_stop() {
    let scene = Scene::start("snapshots").await;
    scene
        .apply(instance("train-1", json!({ "snapshotOnStop": { "name": "my-image" } })))
        .await;
    scene.until_ready("train-1").await;
    for stops in 1..=2 {
        scene.change("train-1", json!({ "power": "Stopped" })).await;
        scene.until_ready_in("train-1", "Stopped").await;
        let operations: Vec<String> = scene.sim.calls().into_iter().map(|call| call.operation).collect();
        let changes: Vec<&str> = operations
            .iter()
            .map(String::as_str)
            .filter(|operation| ["xgc.saveimage", "xgc.shutdown_release_gpu", "xgc.boot"].contains(operation))
            .collect();
        let once = ["xgc.saveimage", "xgc.shutdown_release_gpu"];
        let expected = [&once[..], &["xgc.boot"][..], &once[..]].concat();
        assert_eq!(changes, expected[..3 * stops - 1]);
        scene.change("train-1", json!({ "power": "Running" })).await;
        scene.until_ready("train-1").await;
    }
    assert!(
        scene
            .until_event("train-1", "SavingImage")
            .await
            .note
            .contains("my-image")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_gpu_can_be_released_while_stopped() {
    let scene = Scene::start("release-later").await;
    scene.apply(instance("train-1", json!({ "stopMode": "KeepGpu" }))).await;
    scene.until_ready("train-1").await;
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    let object = scene.until_ready_in("train-1", "Stopped").await;
    let phase = |scene: &Scene| scene.sim.machine(object.instance_id()).unwrap().phase;
    assert_eq!(phase(&scene), Phase::Stopped { released: false });
    scene.change("train-1", json!({ "stopMode": "ReleaseGpu" })).await;
    scene
        .until_cloud("the GPU released", |sim| {
            sim.call_count("xgc.shutdown_release_gpu") == 1
        })
        .await;
    scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!(phase(&scene), Phase::Stopped { released: true });
    let object = scene.get(Kind::GpuInstance, "train-1").await;
    assert_eq!(object.text("/status/pricePerHour"), "");
}
