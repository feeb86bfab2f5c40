//! Whose machine is it? Accounts that are swapped, objects that are copied.

use std::time::Duration;

use cloudsim::AccountConfig;
use serde_json::json;

use crate::operator::{Kind, Scene, credentials, instance};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_swapped_under_a_running_machine_freezes_everything() {
    let scene = Scene::start("swapped").await;
    scene.apply(instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    let other = AccountConfig::with_tokens("u-2", ["sim-other-token"]);
    scene.sim.xgc().add_account(&other);
    scene.apply(credentials("xgc", "sim-other-token")).await;
    let changed = scene.until_not_ready("train-1", "AccountChanged").await;
    assert_eq!(changed.instance_id(), before.instance_id(), "{changed}");
    let message = changed.said("Ready", "message");
    assert!(message.contains("u-1") && message.contains("u-2"), "{message}");

    scene.delete(Kind::GpuInstance, "train-1").await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(
        scene.find(Kind::GpuInstance, "train-1").await.is_some(),
        "not let go while its machine bills"
    );
    assert_eq!(scene.sim.alive().len(), 1);
    assert_eq!(scene.sim.machines().len(), 1);

    scene
        .apply(credentials("xgc", &scene.sim.xgc().account("u-1").token()))
        .await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_object_rents_nothing_until_that_is_confirmed() {
    let scene = Scene::start("copied").await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let bound =
        |object: &crate::operator::Object| !object.at("/metadata/annotations/gpuinstance.dev~1binding").is_null();
    let original = scene.until_instance("train-1", "bound by its annotation", bound).await;
    let binding = original.at("/metadata/annotations/gpuinstance.dev~1binding").clone();
    let mut copy = instance("train-2", json!({}));
    copy["metadata"]["annotations"] = json!({ "gpuinstance.dev/binding": binding });
    scene.apply(copy).await;
    let unconfirmed = scene.until_not_ready("train-2", "AdoptionUnconfirmed").await;
    assert!(
        unconfirmed.said("Ready", "message").contains(original.instance_id()),
        "{unconfirmed}"
    );
    assert_eq!(scene.sim.machines().len(), 1);

    let confirmed = json!({ "metadata": { "annotations": { "gpuinstance.dev/binding": null } } });
    scene.patch(Kind::GpuInstance, "train-2", confirmed).await;
    scene.until_ready("train-2").await;
    assert_eq!(scene.sim.alive().len(), 2);
}

/// Status is gone, as after a restore that drops it; the annotation says whose the machine is.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_status_is_found_again() {
    let mut scene = Scene::start("status-lost").await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let bound =
        |object: &crate::operator::Object| !object.at("/metadata/annotations/gpuinstance.dev~1binding").is_null();
    let before = scene.until_instance("train-1", "bound by its annotation", bound).await;
    scene.operator.kill9();
    scene.kubectl(&[
        "patch",
        "gpui",
        "train-1",
        "--subresource=status",
        "--type=json",
        r#"--patch=[{"op":"remove","path":"/status"}]"#,
    ]);
    scene.operator.restart().await;
    let after = scene.until_ready("train-1").await;
    assert_eq!(after.instance_id(), before.instance_id());
    assert_eq!(scene.sim.machines().len(), 1);
}
