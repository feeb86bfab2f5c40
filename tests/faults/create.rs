//! The one call that costs money, going wrong in every way.

use std::time::Duration;

use cloudsim::Fault;
use serde_json::json;

use crate::operator::{Kind, Scene, instance};

/// Whatever happens to the order, the object ends Ready with exactly one machine, of the many that might have been.
async fn ends_with_one_machine(name: &str, fault: Fault) {
    let scene = Scene::start(name).await;
    scene.sim.fault(fault);
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.sim.machines().len(), 1, "machines ever made");
    assert_eq!(scene.sim.alive().len(), 1);
    assert_eq!(
        scene.sim.call_count("xgc.deploy"),
        1,
        "a lost reply is settled by looking, not by ordering again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_is_settled_by_looking() {
    ends_with_one_machine("lost-reply", Fault::on("xgc.deploy").cut_after_commit()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_after_the_order_was_carried_out() {
    ends_with_one_machine("error-after-commit", Fault::on("xgc.deploy").status_after_commit(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_short() {
    ends_with_one_machine("truncated", Fault::on("xgc.deploy").truncated_json()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_without_an_id() {
    ends_with_one_machine("no-id", Fault::on("xgc.deploy").without("/data/id")).await;
}

/// The order never arrived, but nobody can know: it is ordered again only once absence is proven.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_never_arrived_is_made_again_once_that_is_proven() {
    let scene = Scene::start("cut-before").await;
    scene.sim.fault(Fault::on("xgc.deploy").cut_before_commit());
    scene.apply(instance("train-1", json!({}))).await;
    let settling = scene.until_not_ready("train-1", "Settling").await;
    assert!(settling.said("Ready", "message").contains("looking"), "{settling}");
    let ready = scene.until_ready("train-1").await;
    assert_eq!(ready.at("/status/claim/attempt"), 2, "a new attempt has a new name");
    assert_eq!(scene.sim.machines().len(), 1);
    let orders = scene.sim.calls_of("xgc.deploy");
    let apart = orders[1].at.duration_since(orders[0].at);
    assert!(
        apart.as_secs() >= 5,
        "absence must last settleAfter (5 s), not {apart:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_of_a_lost_reply_shows_up_late() {
    let scene = Scene::start("late-listing").await;
    scene.sim.fault(Fault::on("xgc.list").list_lag(3_000).until_cleared());
    scene.sim.fault(Fault::on("xgc.deploy").cut_after_commit());
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.sim.machines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_order_and_its_bookkeeping() {
    let mut scene = Scene::start("killed-in-create").await;
    scene.sim.fault(Fault::on("xgc.deploy").pause_before_commit());
    scene.apply(instance("train-1", json!({}))).await;
    scene
        .until_cloud("the order is held", |sim| !sim.held().is_empty())
        .await;
    scene.operator.kill9();
    assert_eq!(
        scene.sim.release_all(),
        1,
        "the cloud carries the order out after its sender has died"
    );
    scene
        .until_cloud("the machine is made", |sim| sim.alive().len() == 1)
        .await;
    scene.operator.restart().await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.sim.machines().len(), 1);
    assert_eq!(scene.sim.call_count("xgc.deploy"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_an_object_whose_order_is_unsettled_deletes_the_machine() {
    let mut scene = Scene::start("deleted-in-create").await;
    scene.sim.fault(Fault::on("xgc.deploy").pause_before_commit());
    scene.apply(instance("train-1", json!({}))).await;
    scene
        .until_cloud("the order is held", |sim| !sim.held().is_empty())
        .await;
    scene.operator.kill9();
    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.sim.release_all();
    scene
        .until_cloud("the machine is made", |sim| sim.machines().len() == 1)
        .await;
    scene.operator.restart().await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive().len(), 0);
    assert_eq!(scene.sim.machines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_capacity_is_said_and_asked_for_again() {
    let scene = Scene::start("no-capacity").await;
    scene.sim.fault(Fault::on("xgc.deploy").no_capacity());
    scene.apply(instance("train-1", json!({}))).await;
    let waiting = scene.until_not_ready("train-1", "NoCapacity").await;
    assert_eq!(waiting.truth("Reconciling"), "True", "{waiting}");
    assert_eq!(waiting.truth("Synced"), "True", "{waiting}");
    assert!(
        waiting.said("Ready", "message").contains("GPU"),
        "the cloud's own words: {waiting}"
    );
    scene.until_event("train-1", "NoCapacity").await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.sim.machines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_money_is_said() {
    let scene = Scene::start("low-balance").await;
    scene.sim.fault(Fault::on("xgc.deploy").low_balance().until_cleared());
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_not_ready("train-1", "InsufficientBalance").await;
    assert_eq!(scene.sim.machines().len(), 0);
}

/// A name that the cloud shortens cannot prove that nothing was made: a human must say.
#[tokio::test(flavor = "multi_thread")]
async fn where_names_are_not_kept_a_human_settles_a_lost_reply() {
    let scene = Scene::start("names-changed").await;
    scene.sim.fault(Fault::on("xgc.list").cut_names(6).until_cleared());
    scene.sim.fault(Fault::on("xgc.deploy").cut_after_commit());
    scene.apply(instance("train-1", json!({}))).await;
    let stalled = scene.until_not_ready("train-1", "CreateOutcomeUnknown").await;
    assert_eq!(stalled.truth("Stalled"), "True", "{stalled}");
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(scene.sim.machines().len(), 1, "nothing is rented meanwhile");

    let id = scene.sim.alive()[0].id.clone();
    let claim = stalled.text("/status/claim/name").to_owned();
    let word = json!({ "metadata": { "annotations": { "gpuinstance.dev/create-outcome": format!("{claim}={id}") } } });
    scene.patch(Kind::GpuInstance, "train-1", word).await;
    let ready = scene.until_ready("train-1").await;
    assert_eq!(ready.instance_id(), id);
    assert_eq!(scene.sim.machines().len(), 1);
}
