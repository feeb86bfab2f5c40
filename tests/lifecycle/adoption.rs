//! Machines that were there before their object.

use cloudsim::{Cloud, NewMachine, Phase};
use serde_json::{Value, json};

use crate::operator::{Kind, Scene, instance};

fn adopting(name: &str, id: &str, more: Value) -> Value {
    let spec = json!({ "instanceId": id, "gpu": null, "image": null });
    instance(name, crate::operator::merged(spec, more))
}

fn planted(scene: &Scene, account: &str, name: &str) -> String {
    scene
        .sim
        .plant(&NewMachine::named(Cloud::Xgc, account, name))
        .unwrap()
        .id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_adopted_once_and_kept_by_default() {
    let scene = Scene::start("adoption").await;
    let id = planted(&scene, "u-1", "by-hand");
    scene.apply(adopting("first", &id, json!({}))).await;
    let object = scene.until_ready("first").await;
    assert_eq!((object.instance_id(), object.truth("Available")), (id.as_str(), "True"));
    assert!(scene.until_event("first", "Adopted").await.note.contains(&id));
    assert!(scene.connection("first").await.secret("password").is_some());

    scene.apply(adopting("second", &id, json!({}))).await;
    let second = scene.until_not_ready("second", "InstanceClaimed").await;
    assert_eq!(second.instance_id(), "");
    scene.apply(adopting("nowhere", "no-such-machine", json!({}))).await;
    let nowhere = scene.until_not_ready("nowhere", "InstanceNotFound").await;
    assert!(
        nowhere.said("Ready", "message").contains("no-such-machine"),
        "{nowhere}"
    );

    scene.delete(Kind::GpuInstance, "first").await;
    scene.until_gone(Kind::GpuInstance, "first").await;
    assert_eq!(
        scene.sim.machine(&id).unwrap().phase,
        Phase::Running,
        "kept, since nobody said otherwise"
    );
    scene.request_reconcile(Kind::GpuInstance, "second").await;
    scene.until_ready("second").await;

    scene.change("second", json!({ "deletionPolicy": "Delete" })).await;
    scene.delete(Kind::GpuInstance, "second").await;
    scene.until_gone(Kind::GpuInstance, "second").await;
    assert_eq!(scene.sim.machine(&id).unwrap().phase, Phase::Destroyed);
    assert_eq!(scene.sim.call_count("xgc.deploy"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_to_take_is_not_taken() {
    let scene = Scene::start("adoption-refused").await;
    scene.add_provider("closed", json!({ "adoption": "Forbidden" })).await;
    let here = planted(&scene, "u-closed", "by-hand");
    scene
        .apply(adopting(
            "closed",
            &here,
            json!({ "providerRef": { "name": "closed" } }),
        ))
        .await;
    let object = scene.until_not_ready("closed", "AdoptionForbidden").await;
    assert!(object.said("Ready", "message").contains("adoption"), "{object}");

    let others = planted(&scene, "u-1", "gi-other-9b1c7d2e4f60-1");
    scene.apply(adopting("others", &others, json!({}))).await;
    let object = scene.until_not_ready("others", "AdoptionForbidden").await;
    assert!(object.said("Ready", "message").contains("installation"), "{object}");

    for name in ["closed", "others"] {
        scene.delete(Kind::GpuInstance, name).await;
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    scene.after_lists(2).await;
    for id in [here, others] {
        assert_eq!(scene.sim.machine(&id).unwrap().phase, Phase::Running);
    }
    let counts = scene.sim.call_counts();
    assert!(
        ["xgc.deploy", "xgc.destroy", "xgc.boot"]
            .iter()
            .all(|operation| !counts.contains_key(*operation)),
        "{counts:?}"
    );
}
