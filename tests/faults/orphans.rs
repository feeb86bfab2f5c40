//! Machines of this installation that no object knows: told of, and deleted only where that is wanted, on evidence.

use std::time::Duration;

use cloudsim::Fault;
use serde_json::json;

use crate::operator::{Kind, Object, Scene, Setup, instance, orphan, provider};

/// A scene whose provider wants orphans to be deleted.
async fn deleting(name: &str) -> Scene {
    Setup::new(name).provider(json!({ "orphans": "Delete" })).start().await
}

/// Long enough for a provider with `settleAfter` 5 s to have done whatever it would do.
async fn long_enough(scene: &Scene) {
    tokio::time::sleep(Duration::from_secs(8)).await;
    scene.after_lists(2).await;
}

fn destroyed(scene: &Scene) -> u64 {
    scene.rented_and_destroyed().1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_object_keeps_its_machine_from_being_swept() {
    let mut scene = deleting("orphan-restored").await;
    let object = scene.torn_out("train-1").await;
    let id = object.instance_id().to_owned();
    let mut restored = instance("train-1", json!({}));
    restored["metadata"]["annotations"] = json!({ "gpuinstance.dev/binding": object.binding() });
    scene.apply(restored).await;
    scene.operator.restart().await;
    scene.until_not_ready("train-1", "AdoptionUnconfirmed").await;
    long_enough(&scene).await;
    assert!(scene.sim.machine(&id).unwrap().alive);

    scene.change("train-1", json!({ "instanceId": id })).await;
    let adopted = scene.until_ready("train-1").await;
    assert_eq!(adopted.instance_id(), id);
    assert_eq!(scene.rented_and_destroyed(), (1, 0));
}

/// The operator looks after one namespace; the object that means to take the machine over is in another.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_in_a_namespace_that_is_not_watched_counts_too() {
    let mut scene = deleting("orphan-elsewhere").await;
    let id = scene.torn_out("train-1").await.instance_id().to_owned();
    scene.create_namespace("orphan-elsewhere-2", json!({})).await;
    let account = provider("xgc", &scene.sim, json!({}));
    for mut elsewhere in [account, instance("train-1", json!({ "instanceId": id }))] {
        elsewhere["metadata"]["namespace"] = "orphan-elsewhere-2".into();
        scene.apply(elsewhere).await;
    }
    scene.operator.restart().await;
    scene
        .until_said_of_orphan(&id, "GpuInstance orphan-elsewhere-2/train-1 mentions it")
        .await;
    scene.until_event("xgc", "OrphanKept").await;
    long_enough(&scene).await;
    assert_eq!(destroyed(&scene), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_providers_of_one_account_both_must_want_it() {
    let mut scene = deleting("orphan-two-minds").await;
    let mut second = provider("second", &scene.sim, json!({}));
    second["spec"]["xgc"]["credentialsSecretRef"]["name"] = "xgc-credentials".into();
    scene.apply(second).await;
    let speaks = |provider: &Object| provider.text("/status/account/id") == "u-1";
    scene
        .until(Kind::GpuProvider, "second", "speaks for the account", speaks)
        .await;
    let id = scene.torn_out("train-1").await.instance_id().to_owned();
    scene.operator.restart().await;
    scene
        .until_said_of_orphan(&id, "second speaks for the same account")
        .await;
    long_enough(&scene).await;
    assert_eq!(destroyed(&scene), 0);

    let both = json!({ "spec": { "orphans": "Delete" } });
    scene.patch(Kind::GpuProvider, "second", both).await;
    scene
        .until_cloud("the orphan is gone", |sim| sim.alive().is_empty())
        .await;
    assert_eq!(destroyed(&scene), 1);
}

/// As after the loss of a cluster: the provider is new, the machines are not, and their objects are yet to come.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_provider_is_kept() {
    let mut scene = deleting("orphan-inherited").await;
    let hours_ago = scene.sim.now().as_second() - 7200;
    let aged = Fault::on("xgc.list").machines_with("/create_timestamp", hours_ago);
    let aged = scene.sim.fault(aged.until_cleared());
    let id = scene.torn_out("train-1").await.instance_id().to_owned();
    scene.operator.restart().await;
    let provider = scene
        .until_said_of_orphan(&id, "older than the provider's object")
        .await;
    let cost = orphan(&provider, &id).unwrap()["costSoFar"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(cost.parse::<f64>().unwrap() > 5.0, "three hours were begun: {cost}");
    long_enough(&scene).await;
    assert_eq!(destroyed(&scene), 0);
    scene.sim.clear_fault(aged);
    scene
        .until_cloud("the orphan is gone", |sim| sim.alive().is_empty())
        .await;
}

/// A cloud that refuses is not asked all the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_delete_is_told_and_not_repeated_at_once() {
    let mut scene = deleting("orphan-refused").await;
    let id = scene.torn_out("train-1").await.instance_id().to_owned();
    for operation in ["xgc.shutdown_destroy", "xgc.destroy"] {
        let busy = Fault::on(operation).refuse(1000, "busy");
        scene.sim.fault(busy.until_cleared());
    }
    scene.operator.restart().await;
    scene.until_said_of_orphan(&id, "looked at again after").await;
    long_enough(&scene).await;
    assert_eq!(destroyed(&scene), 2, "one try, in both of XGC's ways");
    assert_eq!(scene.sim.alive().len(), 1);
}
