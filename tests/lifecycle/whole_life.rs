//! One machine from its creation to its end.

use serde_json::json;

use crate::operator::{Kind, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn one_machine_from_creation_to_deletion() {
    let scene = Scene::start("one-machine").await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.sim.alive().len(), 1);

    scene.change("train-1", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("train-1", "Stopped").await;

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive().len(), 0);
}
