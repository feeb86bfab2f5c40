//! One account for several namespaces.

use serde_json::{Value, json};

use crate::operator::{Kind, Scene, Setup, cluster_provider, credentials, instance};

async fn share(scene: &Scene, allowed: Value) {
    let spec = json!({ "allowedNamespaces": allowed });
    scene
        .apply(cluster_provider("shared", &scene.sim, "operations", spec))
        .await;
}

fn using_shared(name: &str) -> Value {
    instance(
        name,
        json!({ "providerRef": { "kind": "ClusterGpuProvider", "name": "shared" } }),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_account_is_for_the_namespaces_that_it_allows() {
    let mut scene = Setup::new("operations").everywhere().without_provider().start().await;
    scene.create_namespace("team-a", json!({ "gpu": "yes" })).await;
    scene.create_namespace("team-b", json!({})).await;
    scene
        .apply(credentials("shared", &scene.sim.xgc().account("u-1").token()))
        .await;
    share(&scene, json!({ "names": ["team-a"] })).await;

    scene.go_to("team-a");
    scene.apply(using_shared("a")).await;
    scene.until_ready("a").await;
    scene.apply(using_shared("stays")).await;
    let kept = scene.until_ready("stays").await;

    scene.go_to("team-b");
    scene.apply(using_shared("b")).await;
    let refused = scene.until_not_ready("b", "NamespaceNotAllowed").await;
    let message = refused.said("Ready", "message");
    assert!(message.contains("team-b") && message.contains("shared"), "{message}");
    assert_eq!(scene.sim.alive().len(), 2);
    share(&scene, json!({ "selector": { "matchLabels": { "gpu": "yes" } } })).await;
    scene.after_lists(2).await;
    scene.until_not_ready("b", "NamespaceNotAllowed").await;
    scene.create_namespace("team-b", json!({ "gpu": "yes" })).await;
    scene.request_reconcile(Kind::GpuInstance, "b").await;
    scene.until_ready("b").await;
    shows_no_money(&scene).await;

    // Nobody is allowed any more: what runs is left running, and can be stopped and deleted.
    share(&scene, json!({ "names": ["nobody"] })).await;
    scene.go_to("team-a");
    let withdrawn = scene.until_not_ready("stays", "NamespaceNotAllowed").await;
    assert_eq!(withdrawn.instance_id(), kept.instance_id());
    assert_eq!(scene.sim.alive().len(), 3);
    scene.change("a", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("a", "Stopped").await;
    scene.delete(Kind::GpuInstance, "stays").await;
    scene.until_gone(Kind::GpuInstance, "stays").await;
    assert_eq!(scene.sim.alive().len(), 2);
    whole_namespaces_go(&scene).await;
}

async fn shows_no_money(scene: &Scene) {
    let shared = scene.get(Kind::ClusterGpuProvider, "shared").await;
    assert_eq!(shared.text("/status/account/id"), "u-1");
    assert!(shared.at("/status/account/balance").is_null(), "{shared}");
    assert_eq!(shared.finalizers(), ["gpuinstance.dev/in-use"]);
}

/// With everything in them, whatever goes first.
async fn whole_namespaces_go(scene: &Scene) {
    share(scene, json!({ "from": "All" })).await;
    for namespace in ["team-a", "team-b"] {
        scene.delete(Kind::Namespace, namespace).await;
    }
    scene.delete(Kind::ClusterGpuProvider, "shared").await;
    scene.delete(Kind::Namespace, "operations").await;
    for namespace in ["team-a", "team-b", "operations"] {
        scene.until_gone(Kind::Namespace, namespace).await;
    }
    scene.until_gone(Kind::ClusterGpuProvider, "shared").await;
    assert_eq!(scene.sim.alive(), []);
}

/// Whoever may edit an object can write any annotation on it; that must not make another's machine theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_annotation_takes_nobodys_machine() {
    let scene = Scene::start("forged").await;
    scene.apply(instance("victim", json!({}))).await;
    let victim = scene.until_ready("victim").await;
    scene.apply(instance("thief", json!({ "power": "Stopped" }))).await;
    let thief = scene.until_ready_in("thief", "Stopped").await;
    let forged = format!(
        "{}/{}/{}",
        thief.text("/metadata/uid"),
        victim.text("/status/accountId"),
        victim.instance_id()
    );
    let metadata = json!({
        "annotations": { "gpuinstance.dev/binding": forged },
        "finalizers": ["gpuinstance.dev/instance"],
    });
    scene
        .patch(Kind::GpuInstance, "thief", json!({ "metadata": metadata }))
        .await;
    scene.until_not_ready("thief", "AdoptionUnconfirmed").await;
    scene.delete(Kind::GpuInstance, "thief").await;
    scene.after_lists(2).await;
    assert!(scene.find(Kind::Secret, "thief-connection").await.is_none());
    assert_eq!(scene.sim.alive().len(), 1);

    let withdrawn = json!({ "metadata": { "annotations": { "gpuinstance.dev/binding": null } } });
    scene.patch(Kind::GpuInstance, "thief", withdrawn).await;
    scene.until_gone(Kind::GpuInstance, "thief").await;
    assert_eq!(scene.until_ready("victim").await.instance_id(), victim.instance_id());
    assert_eq!(scene.sim.alive().len(), 1);
}
