//! Providers and their credentials.

use cloudsim::Phase;
use serde_json::json;

use crate::operator::{Kind, Object, Scene, instance};

const IN_USE: &str = "gpuinstance.dev/in-use";

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_and_its_credentials_outlive_the_machines() {
    let scene = Scene::start("in-use").await;
    let free = |object: &Object| object.finalizers().is_empty();
    scene.until(Kind::GpuProvider, "xgc", "not in use", free).await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.get(Kind::GpuProvider, "xgc").await.finalizers(), [IN_USE]);
    assert_eq!(scene.get(Kind::Secret, "xgc-credentials").await.finalizers(), [IN_USE]);
    let counted = |object: &Object| *object.at("/status/instances/running") == 1;
    let status = scene
        .until(Kind::GpuProvider, "xgc", "one instance counted", counted)
        .await;
    assert_eq!(
        (status.truth("Ready"), status.truth("Synced")),
        ("True", "True"),
        "{status}"
    );
    assert_eq!(status.text("/status/account/id"), "u-1");

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    scene.until(Kind::GpuProvider, "xgc", "not in use", free).await;
    scene.until(Kind::Secret, "xgc-credentials", "not in use", free).await;

    scene.apply(instance("train-2", json!({}))).await;
    let object = scene.until_ready("train-2").await;
    scene.delete(Kind::GpuProvider, "xgc").await;
    scene.delete(Kind::Secret, "xgc-credentials").await;
    scene.after_lists(2).await;
    assert!(scene.get(Kind::GpuProvider, "xgc").await.is_being_deleted());
    assert!(scene.get(Kind::Secret, "xgc-credentials").await.is_being_deleted());
    assert_eq!(scene.sim.machine(object.instance_id()).unwrap().phase, Phase::Running);
    scene.apply(instance("too-late", json!({}))).await;
    let barred = scene
        .until_instance("too-late", "refused", |object| object.truth("Ready") == "False")
        .await;
    assert!(barred.said("Ready", "message").contains("being deleted"), "{barred}");
    scene.change("train-2", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("train-2", "Stopped").await;
    for name in ["train-2", "too-late"] {
        scene.delete(Kind::GpuInstance, name).await;
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    scene.until_gone(Kind::GpuProvider, "xgc").await;
    scene.until_gone(Kind::Secret, "xgc-credentials").await;
    assert_eq!((scene.sim.alive().len(), scene.sim.call_count("xgc.deploy")), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_free_once_others_are_named_and_there() {
    let scene = Scene::start("renamed-credentials").await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let name = |secret: &str| json!({ "spec": { "xgc": { "credentialsSecretRef": { "name": secret } } } });

    scene.patch(Kind::GpuProvider, "xgc", name("next")).await;
    let lost = |object: &Object| object.said("Ready", "reason") == "CredentialsNotFound";
    scene.until(Kind::GpuProvider, "xgc", "without credentials", lost).await;
    let first = scene.get(Kind::Secret, "xgc-credentials").await;
    assert_eq!(first.finalizers(), [IN_USE], "the only key that there is");

    let data = first.at("/data");
    scene
        .apply(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "next" }, "data": data }))
        .await;
    scene.delete(Kind::Secret, "xgc-credentials").await;
    scene.until_gone(Kind::Secret, "xgc-credentials").await;
    assert_eq!(scene.get(Kind::Secret, "next").await.finalizers(), [IN_USE]);
    let noted = "/metadata/annotations/gpuinstance.dev~1held-secrets";
    let provider = scene
        .until(Kind::GpuProvider, "xgc", "one Secret kept", |object| {
            object.text(noted) == format!("{}/next", scene.namespace)
        })
        .await;
    assert_eq!(provider.finalizers(), [IN_USE]);

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    let free = |object: &Object| object.finalizers().is_empty();
    scene.until(Kind::Secret, "next", "not in use", free).await;
    let provider = scene.until(Kind::GpuProvider, "xgc", "not in use", free).await;
    assert!(provider.at(noted).is_null(), "{provider}");
}
