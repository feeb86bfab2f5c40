//! Keys and addresses that are wrong, and put right.

use cloudsim::AccountChange;
use serde_json::json;

use crate::operator::{Kind, Object, Scene, Setup};

pub async fn refused_keys_are_said_and_repaired(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    let good = scene.account().report().credentials[0].clone();
    scene.account().revoke(&good.key).unwrap();
    let rejected = scene.until_not_ready("train-1", "CredentialsRejected").await;
    assert_eq!(rejected.said("Stalled", "status"), "True", "{rejected}");
    assert_eq!(rejected.truth("Synced"), "False", "{rejected}");
    assert_eq!(
        rejected.instance_id(),
        before.instance_id(),
        "the machine is not forgotten"
    );
    let told = |provider: &Object| provider.is_not_ready_for("CredentialsRejected");
    scene
        .until(Kind::GpuProvider, scene.at.name, "CredentialsRejected", told)
        .await;

    let new = if scene.at.key_is_account {
        // Another key would be another account: a new secret of the same one.
        AccountChange::Rotate {
            key: good.key,
            secret: "a-new-secret-1".to_owned(),
        }
    } else {
        AccountChange::Rotate {
            key: "a-new-key-1".to_owned(),
            secret: "a-new-secret-1".to_owned(),
        }
    };
    scene.account().change(new).unwrap();
    scene.apply_credentials().await;
    let after = scene.until_ready("train-1").await;
    assert_eq!(after.instance_id(), before.instance_id());
    assert_eq!((scene.sim.machines().len(), scene.changes()), (1, 0));
}

pub async fn what_is_missing_or_not_allowed_is_named(setup: Setup) {
    let scene = setup.without_provider().start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let says = async |reason: &str, words: &[&str]| {
        let so = |object: &Object| {
            let message = object.said("Ready", "message");
            object.is_not_ready_for(reason) && words.iter().all(|word| message.contains(word))
        };
        let what = format!("{reason}, which names {words:?}");
        let object = scene.until_instance("train-1", &what, so).await;
        let stalled = (object.truth("Synced"), object.said("Stalled", "status"));
        assert_eq!(stalled, ("False", "True"), "{object}");
        scene.until_event("train-1", reason).await;
        if reason != "ProviderNotFound" {
            let told = |provider: &Object| provider.is_not_ready_for(reason);
            scene.until(Kind::GpuProvider, scene.at.name, reason, told).await;
        }
    };
    let (name, namespace) = (scene.at.name, scene.namespace.as_str());
    says("ProviderNotFound", &[&format!("GpuProvider {namespace}/{name}")]).await;

    let mut elsewhere = scene.at.provider(name, &scene.sim, json!({}));
    elsewhere["spec"][scene.at.block]["endpoint"] = "http://169.254.169.254/latest".into();
    let whole = scene.at.credentials(name, &scene.account().report());
    scene.apply(elsewhere).await;
    scene.apply(whole.clone()).await;
    says("EndpointNotAllowed", &["169.254.169.254", "--allow-endpoint"]).await;

    let keys: Vec<&String> = whole["stringData"].as_object().unwrap().keys().collect();
    let secret = format!("{name}-credentials");
    scene.delete(Kind::Secret, &secret).await;
    scene.until_gone(Kind::Secret, &secret).await;
    scene.apply(scene.at.provider(name, &scene.sim, json!({}))).await;
    says("CredentialsNotFound", &[&format!("{namespace}/{name}-credentials")]).await;
    for key in keys {
        let mut incomplete = whole.clone();
        let data = incomplete["stringData"].as_object_mut().unwrap();
        data.remove(key);
        data.insert("something-else".to_owned(), "x".into());
        replace(&scene, incomplete).await;
        says("CredentialsIncomplete", &[key]).await;
    }
    assert_eq!(scene.sim.calls(), []);
    replace(&scene, whole).await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.sim.machines().len(), 1);
}

/// In place of the Secret that is there, if there is one.
async fn replace(scene: &Scene, secret: serde_json::Value) {
    let name = secret["metadata"]["name"].as_str().unwrap();
    if scene.find(Kind::Secret, name).await.is_some() {
        scene.delete(Kind::Secret, name).await;
        scene.until_gone(Kind::Secret, name).await;
    }
    scene.apply(secret).await;
}
