//! Machines that were there before their object.

use cloudsim::Phase;
use serde_json::json;

use crate::operator::{Kind, Setup};

pub async fn adopted_once_and_kept(setup: Setup) {
    let scene = setup.start().await;
    let adopting = |name: &str, id: &str| scene.at.adopting(name, id, json!({}));
    let id = scene.plant("by-hand");
    scene.apply(adopting("first", &id)).await;
    let object = scene.until_ready("first").await;
    assert_eq!((object.instance_id(), object.state()), (id.as_str(), "Running"));
    let host = object.at("/status/endpoints/ssh/host").as_str();
    assert_eq!(scene.connection("first").await.secret("host").as_deref(), host);
    assert!(scene.until_event("first", "Adopted").await.note.contains(&id));

    scene.apply(adopting("second", &id)).await;
    let second = scene.until_not_ready("second", "InstanceClaimed").await;
    assert_eq!(second.instance_id(), "");
    scene.apply(adopting("nowhere", "no-such-machine")).await;
    let nowhere = scene.until_not_ready("nowhere", "InstanceNotFound").await;
    assert!(
        nowhere.said("Ready", "message").contains("no-such-machine"),
        "{nowhere}"
    );

    scene.delete(Kind::GpuInstance, "first").await;
    scene.until_gone(Kind::GpuInstance, "first").await;
    assert_eq!(scene.phase(&id), Phase::Running, "kept, since nobody said otherwise");
    scene.request_reconcile(Kind::GpuInstance, "second").await;
    scene.until_ready("second").await;

    scene.change("second", json!({ "deletionPolicy": "Delete" })).await;
    scene.delete(Kind::GpuInstance, "second").await;
    scene.until_gone(Kind::GpuInstance, "second").await;
    assert_eq!(scene.phase(&id), Phase::Destroyed);
    assert_eq!(scene.orders(), 0);
}

pub async fn what_is_not_ours_to_take(setup: Setup) {
    let scene = setup.start().await;
    let forbidding = scene
        .at
        .provider("closed", &scene.sim, json!({ "adoption": "Forbidden" }));
    scene
        .apply(scene.at.credentials("closed", &scene.account().report()))
        .await;
    scene.apply(forbidding).await;
    let here = scene.plant("by-hand");
    let closed = json!({ "providerRef": { "name": "closed" } });
    scene.apply(scene.at.adopting("closed", &here, closed)).await;
    let object = scene.until_not_ready("closed", "AdoptionForbidden").await;
    assert!(object.said("Ready", "message").contains("adoption"), "{object}");

    let others = scene.plant("gi-other-9b1c7d2e4f60-1");
    scene.apply(scene.at.adopting("others", &others, json!({}))).await;
    let object = scene.until_not_ready("others", "AdoptionForbidden").await;
    assert!(object.said("Ready", "message").contains("installation"), "{object}");

    for name in ["closed", "others"] {
        scene.delete(Kind::GpuInstance, name).await;
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    for id in [here, others] {
        assert_eq!(scene.phase(&id), Phase::Running);
    }
    assert_eq!((scene.orders(), scene.changes()), (0, 0));
}
