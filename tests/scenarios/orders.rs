//! The one call that costs money, going wrong in every way.

use std::time::Duration;

use cloudsim::Fault;
use serde_json::json;

use crate::operator::{Kind, Object, Scene, Setup};

/// Whatever happens to the answer, the object ends Ready with exactly one machine, of the many that might have been.
pub async fn a_lost_answer_is_settled_by_looking(setup: Setup) {
    let scene = setup.start().await;
    let order = || Fault::on(scene.at.calls.create);
    for (n, fault) in [
        order().cut_after_commit(),
        order().status_after_commit(500),
        order().truncated_json(),
        order().without(scene.at.ordered_id),
    ]
    .into_iter()
    .enumerate()
    {
        let (name, machines) = (format!("train-{n}"), n + 1);
        let shown = format!("{fault:?}");
        let fault = scene.sim.fault(fault);
        scene.apply(scene.instance(&name, json!({}))).await;
        let ready = scene.until_ready(&name).await;
        scene.sim.clear_fault(fault);
        assert_eq!(ready.at("/status/claim/attempt"), 1, "{shown}: {ready}");
        assert_eq!(
            scene.sim.machines().len(),
            machines,
            "machines ever made, after {shown}"
        );
        assert_eq!(scene.orders(), machines as u64, "ordered again after {shown}");
    }
    let ids: std::collections::BTreeSet<String> = scene
        .list(Kind::GpuInstance)
        .await
        .iter()
        .map(|object| object.instance_id().to_owned())
        .collect();
    assert_eq!(ids.len(), 4, "each has one of its own");
}

/// The order never arrived, but nobody can know: it is ordered again only once absence is proven.
pub async fn an_order_that_never_arrived_is_made_again(setup: Setup) {
    let scene = setup.start().await;
    scene.sim.fault(Fault::on(scene.at.calls.create).cut_before_commit());
    scene.apply(scene.instance("train-1", json!({}))).await;
    let looking =
        |object: &Object| object.is_not_ready_for("Settling") && object.said("Ready", "message").contains("looking");
    scene
        .until_instance("train-1", "looking for its machine", looking)
        .await;
    let ready = scene.until_ready("train-1").await;
    assert_eq!(ready.at("/status/claim/attempt"), 2, "a new attempt has a new name");
    let [machine] = <[_; 1]>::try_from(scene.sim.machines()).unwrap();
    assert!(machine.name.ends_with("-2"), "{}", machine.name);
    let orders = scene.sim.calls_of(scene.at.calls.create);
    let apart = orders[1].at.duration_since(orders[0].at);
    assert!(
        apart.as_secs() >= 5,
        "absence must last settleAfter (5 s), not {apart:?}"
    );
}

pub async fn the_machine_of_a_lost_answer_shows_up_late(setup: Setup) {
    let scene = setup.start().await;
    let order = scene.at.calls.create;
    scene.sim.fault(Fault::on(order).list_lag(3_000).until_cleared());
    scene.sim.fault(Fault::on(order).cut_after_commit());
    scene.apply(scene.instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
}

pub async fn killed_between_the_order_and_its_bookkeeping(setup: Setup) {
    let mut scene = setup.start().await;
    order_and_kill(&mut scene).await;
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
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
}

pub async fn deleted_while_its_order_is_unsettled(setup: Setup) {
    let mut scene = setup.start().await;
    order_and_kill(&mut scene).await;
    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.sim.release_all();
    scene
        .until_cloud("the machine is made", |sim| sim.machines().len() == 1)
        .await;
    scene.operator.restart().await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!((scene.sim.alive().len(), scene.sim.machines().len()), (0, 1));
}

/// Kills the operator while its order is on the way.
async fn order_and_kill(scene: &mut Scene) {
    scene.sim.fault(Fault::on(scene.at.calls.create).pause_before_commit());
    scene.apply(scene.instance("train-1", json!({}))).await;
    scene
        .until_cloud("the order is held", |sim| !sim.held().is_empty())
        .await;
    scene.operator.kill9();
}

/// A name that the cloud shortens cannot prove that nothing was made: a human must say.
pub async fn a_human_settles_what_lists_cannot_prove(setup: Setup) {
    let scene = setup.start().await;
    scene
        .sim
        .fault(Fault::on(scene.at.calls.list).cut_names(6).until_cleared());
    scene.sim.fault(Fault::on(scene.at.calls.create).cut_after_commit());
    scene.apply(scene.instance("train-1", json!({}))).await;
    let stalled = scene.until_not_ready("train-1", "CreateOutcomeUnknown").await;
    assert_eq!(stalled.truth("Stalled"), "True", "{stalled}");
    // Longer than absence has to last.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(
        (scene.sim.machines().len(), scene.orders()),
        (1, 1),
        "nothing is rented meanwhile"
    );

    let id = scene.sim.alive()[0].id.clone();
    let claim = stalled.text("/status/claim/name").to_owned();
    let word = json!({ "metadata": { "annotations": { "gpuinstance.dev/create-outcome": format!("{claim}={id}") } } });
    scene.patch(Kind::GpuInstance, "train-1", word).await;
    let ready = scene.until_ready("train-1").await;
    assert_eq!(ready.instance_id(), id);
    assert_eq!(scene.sim.machines().len(), 1);
}

pub async fn refused_for_want_of_machines_or_money(setup: Setup) {
    let scene = setup.start().await;
    let order = || Fault::on(scene.at.calls.create);
    let poor = scene.sim.fault(order().low_balance().until_cleared());
    scene.apply(scene.instance("train-1", json!({}))).await;
    let waiting = scene.until_not_ready("train-1", "InsufficientBalance").await;
    assert_eq!(
        (waiting.truth("Reconciling"), waiting.truth("Synced")),
        ("True", "True"),
        "{waiting}"
    );
    scene.until_event("train-1", "InsufficientBalance").await;
    assert_eq!(scene.sim.machines().len(), 0);
    scene.sim.clear_fault(poor);
    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;

    let none_free = scene.sim.fault(order().no_capacity().until_cleared());
    scene.apply(scene.instance("train-2", json!({}))).await;
    // SCNet's refusal says nothing of machines, and leaves open whether the order was carried out.
    let reason = if scene.at.refuses_for_capacity {
        "NoCapacity"
    } else {
        "Settling"
    };
    let waiting = scene.until_not_ready("train-2", reason).await;
    assert_eq!(
        (waiting.truth("Reconciling"), waiting.truth("Synced")),
        ("True", "True"),
        "{waiting}"
    );
    scene.until_event("train-2", reason).await;
    assert_eq!(scene.sim.machines().len(), 0);
    scene.sim.clear_fault(none_free);
    scene.until_ready("train-2").await;
    assert_eq!(scene.sim.machines().len(), 1);
}

/// 429 with `Retry-After`, to a list and to an order: both are kept to, and nothing is rented twice.
pub async fn asked_to_slow_down(setup: Setup) {
    let scene = setup.start().await;
    scene.sim.fault(Fault::on(scene.at.calls.create).rate_limited_for(3));
    scene.apply(scene.instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.sim.machines().len(), 1);
    let orders = scene.sim.calls_of(scene.at.calls.create);
    let apart = orders[1].at.duration_since(orders[0].at);
    assert!(
        orders.len() == 2 && apart.as_secs_f64() >= 2.9,
        "{} orders, {apart:?} apart",
        orders.len()
    );

    let list = scene.at.calls.list;
    let limited = scene
        .fault_met(Fault::on(list).rate_limited_for(3).until_cleared(), 3)
        .await;
    scene.sim.clear_fault(limited);
    let refused: Vec<_> = scene
        .sim
        .calls_of(list)
        .into_iter()
        .filter(|call| call.status == Some(429))
        .collect();
    for pair in refused.windows(2) {
        let apart = pair[1].at.duration_since(pair[0].at);
        assert!(apart.as_secs_f64() >= 2.9, "asked again after {apart:?}");
    }
    scene.until_ready("train-1").await;
}
