//! Lists that lie, or do not come: nothing is made anew, nothing is called gone.

use std::time::Duration;

use cloudsim::Fault;
use serde_json::json;

use crate::operator::{Object, Scene, instance};

/// With a machine running, the cloud's lists go wrong for a while: the object and the machine stay as they are.
async fn changes_nothing(name: &str, fault: Fault, reason: Option<&str>) {
    let scene = Scene::start(name).await;
    scene.apply(instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    let fault = scene.sim.fault(fault);
    match reason {
        Some(reason) => {
            let said = scene
                .until_instance("train-1", "Synced=False", |object| object.truth("Synced") == "False")
                .await;
            assert_eq!(said.said("Synced", "reason"), reason, "{said}");
            assert_eq!(said.said("Ready", "status"), "True", "what was known stays: {said}");
            kept(&before, &said);
        }
        None => tokio::time::sleep(Duration::from_secs(4)).await,
    }
    scene.sim.clear_fault(fault);
    let what = "as before, the cloud answering again";
    let after = scene
        .until_instance("train-1", what, |object| {
            object.is_ready() && object.truth("Synced") == "True"
        })
        .await;
    kept(&before, &after);
    assert_eq!(scene.sim.machines().len(), 1);
    assert_eq!(scene.sim.call_count("xgc.boot"), 0);
}

fn kept(before: &Object, after: &Object) {
    assert_eq!(after.instance_id(), before.instance_id());
    assert_eq!(after.state(), "Running", "{after}");
    assert_eq!(after.at("/status/endpoints"), before.at("/status/endpoints"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_once() {
    changes_nothing("empty-list", Fault::on("xgc.list").empty_list(), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_cut_short() {
    changes_nothing("short-list", Fault::on("xgc.list").short_list(0).until_cleared(), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateways_error_page() {
    changes_nothing(
        "html-502",
        Fault::on("xgc.list").html(502).until_cleared(),
        Some("CloudUnavailable"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_knows_no_such_page() {
    changes_nothing(
        "html-404",
        Fault::on("xgc.list").html(404).until_cleared(),
        Some("CloudUnavailable"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_for_an_unknown_machine_and_for_much_else() {
    let refused = Fault::on("xgc.list").refuse(1000, "").until_cleared();
    changes_nothing("code-1000", refused, Some("CloudUnavailable")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_another_shape() {
    let strange = Fault::on("xgc.list").with("/data", "a string").until_cleared();
    changes_nothing("odd-shape", strange, Some("CloudUnavailable")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_wants_to_be_left_alone() {
    let limited = Fault::on("xgc.list").rate_limited_for(1).until_cleared();
    changes_nothing("rate-limited", limited, Some("RateLimited")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_nobody_knows_makes_nobody_act() {
    let scene = Scene::start("odd-state").await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    scene.sim.fault(
        Fault::on("xgc.list")
            .machines_with("/status", "hibernating")
            .until_cleared(),
    );
    let unknown = scene
        .until_instance("train-1", "state Unknown", |object| object.state() == "Unknown")
        .await;
    assert_eq!(unknown.text("/status/cloudState"), "hibernating");
    scene.sim.reset_calls();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let changes: Vec<_> = scene.sim.calls().into_iter().filter(|call| call.committed).collect();
    assert!(changes.is_empty(), "{changes:?}");
}
