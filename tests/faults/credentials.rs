//! Keys and addresses that are wrong, and put right.

use serde_json::json;

use crate::operator::{Kind, Scene, Setup, credentials, instance};

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_said_everywhere_and_a_new_one_picked_up() {
    let scene = Scene::start("revoked").await;
    scene.apply(instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    let account = scene.sim.xgc().account("u-1");
    account.rotate("sim-xgc-token-new").unwrap();
    let rejected = scene.until_not_ready("train-1", "CredentialsRejected").await;
    assert_eq!(rejected.said("Stalled", "status"), "True", "{rejected}");
    assert_eq!(rejected.truth("Synced"), "False", "{rejected}");
    assert_eq!(
        rejected.instance_id(),
        before.instance_id(),
        "the machine is not forgotten"
    );
    let told = |provider: &crate::operator::Object| provider.is_not_ready_for("CredentialsRejected");
    scene.until(Kind::GpuProvider, "xgc", "CredentialsRejected", told).await;

    scene.apply(credentials("xgc", &account.token())).await;
    let after = scene.until_ready("train-1").await;
    assert_eq!(after.instance_id(), before.instance_id());
    assert_eq!(scene.sim.machines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_and_a_missing_key_are_named() {
    let scene = Setup::new("no-secret").without_provider().start().await;
    scene
        .apply(crate::operator::provider("xgc", &scene.sim, json!({})))
        .await;
    scene.apply(instance("train-1", json!({}))).await;
    let missing = scene.until_not_ready("train-1", "CredentialsNotFound").await;
    assert!(
        missing.said("Ready", "message").contains("no-secret/xgc-credentials"),
        "{missing}"
    );
    let mut incomplete = credentials("xgc", "");
    incomplete["stringData"] = json!({ "tokn": "x" });
    scene.apply(incomplete).await;
    let incomplete = scene.until_not_ready("train-1", "CredentialsIncomplete").await;
    assert!(incomplete.said("Ready", "message").contains("token"), "{incomplete}");
    scene
        .apply(credentials("xgc", &scene.sim.xgc().account("u-1").token()))
        .await;
    scene.until_ready("train-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_the_vendors_is_not_called() {
    let scene = Setup::new("endpoint").without_provider().start().await;
    scene.apply(credentials("xgc", "secret-token")).await;
    let mut provider = crate::operator::provider("xgc", &scene.sim, json!({}));
    provider["spec"]["xgc"]["endpoint"] = "http://169.254.169.254/latest".into();
    scene.apply(provider).await;
    scene.apply(instance("train-1", json!({}))).await;
    let refused = scene.until_not_ready("train-1", "EndpointNotAllowed").await;
    assert!(
        refused.said("Ready", "message").contains("--allow-endpoint"),
        "{refused}"
    );
    assert_eq!(refused.said("Stalled", "status"), "True");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_comes_later_is_found() {
    let scene = Setup::new("late-provider").without_provider().start().await;
    scene.apply(instance("train-1", json!({}))).await;
    let missing = scene.until_not_ready("train-1", "ProviderNotFound").await;
    assert!(
        missing
            .said("Ready", "message")
            .contains("GpuProvider late-provider/xgc"),
        "{missing}"
    );
    scene
        .apply(credentials("xgc", &scene.sim.xgc().account("u-1").token()))
        .await;
    scene
        .apply(crate::operator::provider("xgc", &scene.sim, json!({})))
        .await;
    scene.until_ready("train-1").await;
}
