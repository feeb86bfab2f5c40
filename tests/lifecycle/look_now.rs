//! Looking at the cloud at once, whatever the poll interval.

use cloudsim::Change;
use serde_json::json;

use crate::operator::{Kind, Object, Setup, instance};

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
