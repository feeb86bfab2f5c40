//! Running, stopped, and what happens in between.

use cloudsim::Phase;
use serde_json::json;

use crate::operator::{Kind, Scene, instance};

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
