//! Lists that lie, or do not come: nothing is made anew, nothing is called gone.

use cloudsim::{Change, Effect, Fault, When};
use serde_json::json;

use crate::operator::{Object, Scene, Setup};

/// Lists that could be true: of no machine, of fewer than there are.
pub async fn lists_that_are_empty_or_short(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    let list = || Fault::on(scene.at.calls.list);
    for fault in [list().empty_list(), list().short_list(0).times(6)] {
        let times = fault.times.unwrap();
        let fault = scene.fault_met(fault, times).await;
        scene.sim.clear_fault(fault);
        scene.after_lists(2).await;
        unharmed(&scene, &before).await;
    }
}

/// What is no list: a gateway's pages, words for what is not there, another shape, a request for peace.
pub async fn lists_that_are_none(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    let list = || Fault::on(scene.at.calls.list);
    let another_shape = Effect::Body {
        status: 200,
        body: json!([1, 2, 3]),
        when: When::Before,
    };
    for (fault, reason) in [
        (list().html(502), "CloudUnavailable"),
        (list().html(404), "CloudUnavailable"),
        ((scene.at.looks_empty)(), "CloudUnavailable"),
        (list().effect(another_shape), "CloudUnavailable"),
        (list().truncated_json(), "CloudUnavailable"),
        (list().rate_limited_for(1), "RateLimited"),
    ] {
        let shown = format!("{fault:?}");
        let fault = scene.sim.fault(fault.until_cleared());
        let not_synced =
            |object: &Object| object.truth("Synced") == "False" && object.said("Synced", "reason") == reason;
        let said = scene
            .until_instance("train-1", &format!("Synced=False, {reason}, after {shown}"), not_synced)
            .await;
        assert_eq!(said.said("Ready", "status"), "True", "what was known stays: {said}");
        kept(&before, &said);
        scene.sim.clear_fault(fault);
        unharmed(&scene, &before).await;
    }
}

/// As before, once the cloud answers again, and nothing was done about it.
async fn unharmed(scene: &Scene, before: &Object) {
    let as_before = |object: &Object| object.is_ready() && object.truth("Synced") == "True";
    let after = scene
        .until_instance("train-1", "as before, the cloud answering again", as_before)
        .await;
    kept(before, &after);
    assert_eq!((scene.sim.machines().len(), scene.orders(), scene.changes()), (1, 1, 0));
}

fn kept(before: &Object, after: &Object) {
    assert_eq!(after.instance_id(), before.instance_id());
    assert_eq!(after.state(), "Running", "{after}");
    assert_eq!(after.at("/status/endpoints"), before.at("/status/endpoints"));
}

/// A machine that lists show, and a call for it does not find: it is there.
pub async fn a_machine_that_a_detail_call_does_not_find(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    scene.change("train-1", json!({ "suspend": true })).await;
    let fault = (scene.at.not_found.unwrap())().until_cleared();
    let fault = scene.sim.fault(fault);
    // Its row changes, so that it is asked for.
    scene.stop_elsewhere(before.instance_id());
    let state = |wanted: &'static str| move |object: &Object| object.state() == wanted;
    let stopped = scene
        .until_instance("train-1", "seen to be stopped", state("Stopped"))
        .await;
    assert_eq!(stopped.instance_id(), before.instance_id());
    scene.sim.change(before.instance_id(), Change::Start).unwrap();
    let met = |sim: &cloudsim::Cloudsim| {
        sim.faults()
            .iter()
            .any(|report| report.id == fault && report.fired >= 2)
    };
    scene.until_cloud("the call that does not find it", met).await;
    scene.until_instance("train-1", "seen to run", state("Running")).await;
    scene.sim.clear_fault(fault);
    scene.change("train-1", json!({ "suspend": false })).await;
    let after = scene.until_ready("train-1").await;
    assert_eq!(after.instance_id(), before.instance_id());
    assert_eq!((scene.sim.machines().len(), scene.orders(), scene.changes()), (1, 1, 0));
}

pub async fn a_word_that_nobody_knows(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    let says = |word: Option<&str>| Change::State {
        word: word.map(ToOwned::to_owned),
    };
    scene.sim.change(&id, says(Some("hibernating"))).unwrap();
    let unknown = scene
        .until_instance("train-1", "state Unknown", |object| object.state() == "Unknown")
        .await;
    assert_eq!(unknown.text("/status/cloudState"), "hibernating");
    scene.after_lists(3).await;
    assert_eq!((scene.orders(), scene.changes()), (1, 0), "nobody acts on it");
    scene.sim.change(&id, says(None)).unwrap();
    assert_eq!(scene.until_ready("train-1").await.instance_id(), id);
}
