//! A spec that changes after the machine was rented.

use serde_json::json;

use crate::operator::{Object, Setup};

pub async fn a_change_is_reported_or_made_by_a_new_machine(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let old = scene.until_ready("train-1").await.instance_id().to_owned();
    let image = (scene.at.spec)()["image"].clone();
    scene.change("train-1", json!({ "image": scene.at.other_image })).await;
    let drifted = |object: &Object| object.truth("Drifted") == "True" && object.is_ready();
    let object = scene.until_instance("train-1", "Ready, and Drifted", drifted).await;
    let message = object.said("Drifted", "message");
    assert!(message.contains("spec.image"), "{message}");
    scene.change("train-1", json!({ "image": image })).await;
    let as_was = |object: &Object| object.is_ready() && object.condition("Drifted").is_none();
    scene.until_instance("train-1", "Ready, and not Drifted", as_was).await;
    scene.after_lists(2).await;
    assert_eq!((scene.orders(), scene.changes()), (1, 0));

    let other = json!({ "image": scene.at.other_image, "updatePolicy": "Recreate" });
    scene.change("train-1", other).await;
    let replaced = |object: &Object| object.is_ready_in("Running") && object.instance_id() != old;
    let object = scene
        .until_instance("train-1", "Ready with a new machine", replaced)
        .await;
    let new = scene.sim.machine(object.instance_id()).unwrap();
    let gone = scene
        .sim
        .machine(&old)
        .unwrap()
        .destroyed_at
        .expect("the old machine is gone");
    assert!(
        gone <= new.created_at,
        "the old one was gone at {gone}, the new one made at {}",
        new.created_at
    );
    assert!(object.condition("Drifted").is_none(), "{object}");
    scene.after_lists(3).await;
    assert_eq!((scene.sim.alive().len(), scene.orders()), (1, 2), "replaced once");
    let told = scene.until_event("train-1", "Replacing").await;
    assert!(told.note.contains("spec.image"), "{told}");
}

pub async fn a_change_is_made_in_place(setup: Setup) {
    let in_place = setup.facts().in_place.as_ref().unwrap();
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    scene.change("train-1", (in_place.spec)()).await;
    scene.change("train-1", json!({ "updatePolicy": "InPlace" })).await;
    scene.until_cloud("changed", |sim| (in_place.is_made)(sim, &id)).await;
    let as_asked = |object: &Object| object.is_ready_in("Running") && object.condition("Drifted").is_none();
    let object = scene
        .until_instance("train-1", "Ready, and not Drifted", as_asked)
        .await;
    assert_eq!(object.instance_id(), id, "the same machine");
    let changes = scene.changes();
    scene.after_lists(3).await;
    assert_eq!(scene.changes(), changes, "changed once");
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
}

/// What cannot be changed in place is said, and leaves the machine alone.
pub async fn nothing_is_changed_in_place(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    let other = json!({ "image": scene.at.other_image, "updatePolicy": "InPlace" });
    scene.change("train-1", other).await;
    let drifted = |object: &Object| object.said("Drifted", "message").contains("spec.image");
    let object = scene.until_instance("train-1", "Drifted by its image", drifted).await;
    assert_eq!(object.instance_id(), id);
    scene.after_lists(3).await;
    assert_eq!((scene.orders(), scene.changes()), (1, 0));
}
