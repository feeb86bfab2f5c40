//! Whose machine is it? Accounts that are swapped, objects that are copied, status that is lost.

use std::time::Duration;

use cloudsim::{AccountConfig, CredentialConfig};
use serde_json::json;

use crate::operator::{Kind, Setup};

pub async fn another_account_freezes_everything(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    let other = AccountConfig {
        id: "u-2".to_owned(),
        credentials: vec![CredentialConfig {
            key: "sim-other-key".to_owned(),
            secret: "sim-other-secret".to_owned(),
        }],
        ..AccountConfig::default()
    };
    let other = scene.cloud().add_account(&other).report();
    scene.apply(scene.at.credentials(scene.at.name, &other)).await;
    let changed = scene.until_not_ready("train-1", "AccountChanged").await;
    assert_eq!(changed.instance_id(), before.instance_id(), "{changed}");
    let message = changed.said("Ready", "message");
    let ours = before.text("/status/accountId");
    let theirs = if scene.at.key_is_account { "key-" } else { "u-2" };
    assert!(
        message.contains(ours) && message.replace(ours, "").contains(theirs),
        "{message}"
    );

    scene.delete(Kind::GpuInstance, "train-1").await;
    // Longer than absence has to last, by lists of the other account, which honestly show no machine of ours.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(
        scene.find(Kind::GpuInstance, "train-1").await.is_some(),
        "not let go while its machine bills"
    );
    assert_eq!((scene.sim.alive().len(), scene.sim.machines().len()), (1, 1));

    scene.apply_credentials().await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive(), []);
}

pub async fn a_copied_object_rents_nothing(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let original = scene.until_bound("train-1").await;
    let mut copy = scene.instance("train-2", json!({}));
    copy["metadata"]["annotations"] = json!({ "gpuinstance.dev/binding": original.binding() });
    scene.apply(copy).await;
    let unconfirmed = scene.until_not_ready("train-2", "AdoptionUnconfirmed").await;
    assert!(
        unconfirmed.said("Ready", "message").contains(original.instance_id()),
        "{unconfirmed}"
    );
    scene.after_lists(2).await;
    assert_eq!(scene.sim.machines().len(), 1);

    let confirmed = json!({ "metadata": { "annotations": { "gpuinstance.dev/binding": null } } });
    scene.patch(Kind::GpuInstance, "train-2", confirmed).await;
    scene.until_ready("train-2").await;
    assert_eq!(scene.sim.alive().len(), 2);
}

/// Status is gone, as after a restore that drops it; the annotation says whose the machine is.
pub async fn a_lost_status_is_found_again(setup: Setup) {
    let mut scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let before = scene.until_bound("train-1").await;
    scene.operator.kill9();
    scene.kubectl(&[
        "patch",
        "gpui",
        "train-1",
        "--subresource=status",
        "--type=json",
        r#"--patch=[{"op":"remove","path":"/status"}]"#,
    ]);
    scene.operator.restart().await;
    let after = scene.until_ready("train-1").await;
    assert_eq!(after.instance_id(), before.instance_id());
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
}
