//! Providers and their credentials.

use cloudsim::Phase;
use serde_json::{Value, json};

use crate::operator::{Kind, Object, Scene, credentials, instance, provider};

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
async fn what_is_wrong_with_a_provider_is_said_on_its_instances_until_it_is_mended() {
    let scene = Scene::start("broken-providers").await;
    let using = |provider: &str| instance(provider, json!({ "providerRef": { "name": provider } }));
    let good = credentials("x", &scene.sim.xgc().account("u-1").token())["stringData"].clone();
    let secret = |name: &str, data: Value| {
        let mut secret = credentials(name, "");
        secret["stringData"] = data;
        secret
    };
    for (name, spec) in [
        ("no-secret", json!({})),
        ("no-token", json!({})),
        ("bad-token", json!({})),
        ("elsewhere", json!({ "xgc": { "endpoint": "http://127.0.0.1:1/xgc" } })),
    ] {
        scene.apply(provider(name, &scene.sim, spec)).await;
        scene.apply(using(name)).await;
    }
    scene.apply(using("unknown")).await;
    scene.apply(secret("no-token", json!({ "key": "value" }))).await;
    scene
        .apply(secret("bad-token", json!({ "token": "nobody-has-this-token" })))
        .await;
    scene.apply(secret("elsewhere", good.clone())).await;
    for (name, reason, hint) in [
        ("no-secret", "CredentialsNotFound", "no-secret-credentials"),
        ("no-token", "CredentialsIncomplete", "token"),
        ("bad-token", "CredentialsRejected", "token"),
        ("elsewhere", "EndpointNotAllowed", "--allow-endpoint"),
        ("unknown", "ProviderNotFound", "unknown"),
    ] {
        let object = scene.until_not_ready(name, reason).await;
        assert!(object.said("Ready", "message").contains(hint), "{object}");
        assert_eq!(
            (object.truth("Synced"), object.truth("Stalled")),
            ("False", "True"),
            "{object}"
        );
        assert_eq!(object.said("Synced", "reason"), reason);
        if name != "unknown" {
            let told = |object: &Object| object.is_not_ready_for(reason);
            scene.until(Kind::GpuProvider, name, reason, told).await;
        }
        scene.until_event(name, reason).await;
    }
    assert_eq!(scene.sim.call_count("xgc.deploy"), 0);

    for name in ["no-secret", "no-token", "bad-token"] {
        scene.apply(secret(name, good.clone())).await;
    }
    scene.apply(provider("elsewhere", &scene.sim, json!({}))).await;
    scene.apply(secret("unknown", good)).await;
    scene.apply(provider("unknown", &scene.sim, json!({}))).await;
    for name in ["no-secret", "no-token", "bad-token", "elsewhere", "unknown"] {
        scene.until_ready(name).await;
    }
    assert_eq!(scene.sim.call_count("xgc.deploy"), 5);
}
