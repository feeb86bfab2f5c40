//! A spec that changes after the machine was rented.

use serde_json::json;

use crate::operator::{OTHER_IMAGE, Object, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_reported_made_in_place_or_made_by_a_new_machine() {
    let scene = Scene::start("updates").await;
    scene.apply(instance("train-1", json!({}))).await;
    let before = scene.until_ready("train-1").await;
    reported(&scene).await;
    made_in_place(&scene, before.instance_id()).await;
    made_by_a_new_machine(&scene, before.instance_id()).await;
}

async fn reported(scene: &Scene) {
    scene
        .change(
            "train-1",
            json!({ "gpu": { "model": "RTX 4090 D" }, "ports": [{ "port": 1, "protocol": "HTTP" }] }),
        )
        .await;
    let drifted = |object: &Object| object.truth("Drifted") == "True" && object.is_ready();
    let object = scene.until_instance("train-1", "Ready, and Drifted", drifted).await;
    let message = object.said("Drifted", "message");
    assert!(message.contains("spec.gpu"), "{message}");
    assert!(
        !message.contains("spec.ports"),
        "XGC publishes every port anyway: {message}"
    );
    scene.after_lists(2).await;
    let changes = ["xgc.shutdown", "xgc.shutdown_release_gpu", "xgc.boot", "xgc.destroy"];
    assert_eq!(changes.map(|operation| scene.sim.call_count(operation)), [0; 4]);
    // Another spelling of the old model is no difference.
    scene
        .change("train-1", json!({ "gpu": { "model": "NVIDIA GeForce RTX 4090" } }))
        .await;
    let as_was = |object: &Object| object.is_ready() && object.condition("Drifted").is_none();
    scene.until_instance("train-1", "Ready, and not Drifted", as_was).await;
}

async fn made_in_place(scene: &Scene, id: &str) {
    scene
        .change(
            "train-1",
            json!({ "updatePolicy": "InPlace", "gpu": { "model": "RTX 4090 D", "count": 2 } }),
        )
        .await;
    let changed =
        |object: &Object| object.is_ready_in("Running") && object.text("/status/gpu/summary") == "2 x RTX 4090 D";
    let object = scene
        .until_instance("train-1", "Ready with 2 x RTX 4090 D", changed)
        .await;
    assert_eq!(object.instance_id(), id, "the same machine");
    assert!(object.condition("Drifted").is_none(), "{object}");
    let machine = scene.sim.machine(id).unwrap();
    assert_eq!(
        (machine.gpu_model.as_str(), machine.gpu_count),
        ("NVIDIA GeForce RTX 4090 D", 2)
    );
    assert_eq!(
        (
            scene.sim.call_count("xgc.shutdown_release_gpu"),
            scene.sim.call_count("xgc.boot")
        ),
        (1, 1)
    );
    assert_eq!(scene.sim.call_count("xgc.deploy"), 1);
    scene.until_event("train-1", "Reshaping").await;
    // What cannot be changed in place is said, and leaves the machine alone.
    scene.change("train-1", json!({ "image": OTHER_IMAGE })).await;
    let drifted = |object: &Object| object.said("Drifted", "message").contains("spec.image");
    scene.until_instance("train-1", "Drifted by its image", drifted).await;
    scene.after_lists(2).await;
    assert_eq!(scene.sim.machine(id).unwrap().phase, cloudsim::Phase::Running);
}

async fn made_by_a_new_machine(scene: &Scene, old: &str) {
    scene.change("train-1", json!({ "updatePolicy": "Recreate" })).await;
    let replaced = |object: &Object| object.is_ready_in("Running") && object.instance_id() != old;
    let object = scene
        .until_instance("train-1", "Ready with a new machine", replaced)
        .await;
    let new = scene.sim.machine(object.instance_id()).unwrap();
    let gone = scene
        .sim
        .machine(old)
        .unwrap()
        .destroyed_at
        .expect("the old machine is gone");
    assert!(
        gone <= new.created_at,
        "the old one was gone at {gone}, the new one made at {}",
        new.created_at
    );
    assert_eq!((scene.sim.alive().len(), scene.sim.call_count("xgc.deploy")), (1, 2));
    let shown = scene.shown_by_xgc("u-1").await;
    assert_eq!(shown[0]["image_id"], OTHER_IMAGE);
    assert!(object.condition("Drifted").is_none(), "{object}");
    scene.after_lists(3).await;
    assert_eq!(scene.sim.call_count("xgc.deploy"), 2, "replaced once");
    assert!(
        scene
            .until_event("train-1", "Replacing")
            .await
            .note
            .contains("spec.image")
    );
}
