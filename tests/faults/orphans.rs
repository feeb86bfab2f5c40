//! Machines of this installation that no object knows: told of, and deleted only where that is wanted, on evidence.

use std::time::Duration;

use cloudsim::Fault;
use serde_json::{Value, json};

use crate::operator::{Kind, Object, Scene, Setup, instance, provider};

/// Longer than the first look of a provider with `settleAfter` 5 s.
const FIRST_LOOK: Duration = Duration::from_secs(6);

/// A scene whose provider wants orphans to be deleted.
async fn deleting(name: &str) -> Scene {
    Setup::new(name).provider(json!({ "orphans": "Delete" })).start().await
}

/// An instance that runs; then its object is torn out by force while nobody looks.
async fn torn_out(scene: &mut Scene, name: &str) -> (Object, String) {
    scene.apply(instance(name, json!({}))).await;
    scene.until_ready(name).await;
    let bound = |object: &Object| !object.at("/metadata/annotations/gpuinstance.dev~1binding").is_null();
    let object = scene.until_instance(name, "bound by its annotation", bound).await;
    scene.operator.kill9();
    scene.tear_out(name).await;
    // What is there without an object at the provider's first look, and for `settleAfter` after it, is never swept.
    tokio::time::sleep(FIRST_LOOK).await;
    let id = object.instance_id().to_owned();
    (object, id)
}

/// The orphan of this id, as the provider's status has it.
fn orphan<'a>(provider: &'a Object, id: &str) -> Option<&'a Value> {
    let orphans = provider.at("/status/orphans").as_array()?;
    orphans.iter().find(|orphan| orphan["instanceId"] == id)
}

async fn until_said(scene: &Scene, id: &str, words: &str) -> Object {
    let says = |provider: &Object| {
        orphan(provider, id)
            .and_then(|orphan| orphan["message"].as_str())
            .is_some_and(|message| message.contains(words))
    };
    scene
        .until(Kind::GpuProvider, "xgc", &format!("says of {id}: {words}"), says)
        .await
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
    let (object, id) = torn_out(&mut scene, "train-1").await;
    let mut restored = instance("train-1", json!({}));
    let binding = object.at("/metadata/annotations/gpuinstance.dev~1binding").clone();
    restored["metadata"]["annotations"] = json!({ "gpuinstance.dev/binding": binding });
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
    let (_, id) = torn_out(&mut scene, "train-1").await;
    scene.create_namespace("orphan-elsewhere-2", json!({})).await;
    let account = provider("xgc", &scene.sim, json!({}));
    for mut elsewhere in [account, instance("train-1", json!({ "instanceId": id }))] {
        elsewhere["metadata"]["namespace"] = "orphan-elsewhere-2".into();
        scene.apply(elsewhere).await;
    }
    scene.operator.restart().await;
    until_said(&scene, &id, "GpuInstance orphan-elsewhere-2/train-1 mentions it").await;
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
    let (_, id) = torn_out(&mut scene, "train-1").await;
    scene.operator.restart().await;
    until_said(&scene, &id, "second speaks for the same account").await;
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
    let (_, id) = torn_out(&mut scene, "train-1").await;
    scene.operator.restart().await;
    let provider = until_said(&scene, &id, "older than the provider's object").await;
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
    let (_, id) = torn_out(&mut scene, "train-1").await;
    for operation in ["xgc.shutdown_destroy", "xgc.destroy"] {
        let busy = Fault::on(operation).refuse(1000, "busy");
        scene.sim.fault(busy.until_cleared());
    }
    scene.operator.restart().await;
    until_said(&scene, &id, "looked at again after").await;
    long_enough(&scene).await;
    assert_eq!(destroyed(&scene), 2, "one try, in both of XGC's ways");
    assert_eq!(scene.sim.alive().len(), 1);
}
