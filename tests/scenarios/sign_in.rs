//! What clouds let a client in by: tokens that end, and times that must agree.

use std::time::Duration;

use cloudsim::Fault;
use serde_json::json;

use crate::operator::{Object, Setup};

/// Tokens end, by their time or because the cloud no longer likes them: a new one is fetched, and nothing is lost.
pub async fn tokens_end_and_are_renewed(setup: Setup) {
    let sign_in = setup.facts().sign_in.unwrap();
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    let signed_in = scene.sim.call_count(sign_in);

    // By the cloud's clock all tokens end; ours does not know.
    scene.sim.advance(Duration::from_hours(25));
    scene
        .until_cloud("signed in again", |sim| sim.call_count(sign_in) > signed_in)
        .await;
    scene.after_lists(2).await;
    let unharmed = |object: &Object| object.is_ready() && object.truth("Synced") == "True";
    let after = scene.until_instance("train-1", "Ready and Synced", unharmed).await;
    assert_eq!(after.instance_id(), before.instance_id());

    // A token that is refused while an order is made: the order was not carried out, and is made once.
    let signed_in = scene.sim.call_count(sign_in);
    scene.sim.fault(Fault::on(scene.at.calls.create).unauthorized());
    scene.apply(scene.instance("train-2", json!({}))).await;
    scene.until_ready("train-2").await;
    assert_eq!(scene.sim.machines().len(), 2);
    assert!(scene.sim.call_count(sign_in) > signed_in);

    // While nobody is let in, nothing is lost either.
    let closed = scene.sim.fault(Fault::on(sign_in).html(502).until_cleared());
    scene.sim.advance(Duration::from_hours(25));
    let not_synced = |object: &Object| object.truth("Synced") == "False";
    let object = scene.until_instance("train-1", "Synced=False", not_synced).await;
    assert_eq!(object.said("Synced", "reason"), "CloudUnavailable", "{object}");
    assert_eq!(object.said("Ready", "status"), "True", "{object}");
    scene.sim.clear_fault(closed);
    scene.until_instance("train-1", "Ready and Synced", unharmed).await;
    assert_eq!((scene.sim.machines().len(), scene.changes()), (2, 0));
}

/// A signature that is refused because two clocks differ is said to be that, and not a wrong key.
pub async fn clocks_that_differ_are_said(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    scene
        .sim
        .change_capital_online_settings(|settings| settings.clock_ahead_seconds = 1800);
    let late = |object: &Object| {
        let message = object.said("Ready", "message");
        object.is_not_ready_for("CredentialsRejected")
            && message.contains("the operator's clock is ")
            && message.contains("s behind the cloud's")
    };
    let object = scene.until_instance("train-1", "the clocks differ", late).await;
    assert_eq!(object.instance_id(), before.instance_id());
    scene
        .sim
        .change_capital_online_settings(|settings| settings.clock_ahead_seconds = 0);
    let after = scene.until_ready("train-1").await;
    assert_eq!(after.instance_id(), before.instance_id());
    assert_eq!((scene.sim.machines().len(), scene.changes()), (1, 0));
}
