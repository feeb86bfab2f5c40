//! What becomes of the machine when its object goes.

use std::time::Duration;

use cloudsim::{Fault, Phase};
use serde_json::json;

use crate::operator::{Kind, Object, Setup};

pub async fn each_policy_does_what_it_says(setup: Setup) {
    // Whatever is let go is nobody's orphan: sweeping must not take it.
    let scene = setup.provider(json!({ "orphans": "Delete" })).start().await;
    let names = ["delete", "stop", "retain"];
    for (name, policy) in names.into_iter().zip(["Delete", "Stop", "Retain"]) {
        scene
            .apply(scene.instance(name, json!({ "deletionPolicy": policy })))
            .await;
    }
    let mut ids = Vec::new();
    for name in names {
        ids.push(scene.until_ready(name).await.instance_id().to_owned());
    }
    for name in names {
        scene.delete(Kind::GpuInstance, name).await;
    }
    for name in names {
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    // A sweep would come with the next lists.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let phases: Vec<Phase> = ids.iter().map(|id| scene.phase(id)).collect();
    assert_eq!(phases, [Phase::Destroyed, scene.at.stopped(), Phase::Running]);
    scene.until_gone(Kind::Secret, "delete-connection").await;
    for name in ["stop", "retain"] {
        let secret = scene.connection(name).await;
        assert!(
            secret.at("/metadata/ownerReferences").is_null(),
            "{name} stays with nobody's object"
        );
        assert!(secret.secret("host").is_some());
        assert!(scene.until_event(name, "Released").await.note.contains("is kept"));
    }
}

pub async fn from_any_state(setup: Setup) {
    let scene = setup.pace(1500).start().await;
    for name in ["stopped", "suspended"] {
        scene.apply(scene.instance(name, json!({}))).await;
        scene.until_ready(name).await;
    }
    scene.change("stopped", json!({ "power": "Stopped" })).await;
    scene.change("suspended", json!({ "suspend": true })).await;
    scene.until_ready_in("stopped", "Stopped").await;

    scene.apply(scene.instance("creating", json!({}))).await;
    let claimed = |object: &Object| !object.at("/status/claim").is_null();
    scene.until_instance("creating", "about to be made", claimed).await;
    scene.apply(scene.instance("at-once", json!({}))).await;
    let names = ["creating", "stopped", "suspended", "at-once"];
    for name in names {
        scene.delete(Kind::GpuInstance, name).await;
    }
    for name in names {
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    assert_eq!(scene.sim.alive(), []);
}

/// Neither while the cloud is down, nor when the call to delete was lost.
pub async fn not_let_go_while_the_cloud_is_down(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let all = format!("{}.*", scene.at.cloud);
    let down = scene.sim.fault(Fault::on(&all).cut_before_commit().until_cleared());
    scene.delete(Kind::GpuInstance, "train-1").await;
    // Longer than absence has to last.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(scene.find(Kind::GpuInstance, "train-1").await.is_some());
    assert_eq!(scene.sim.alive().len(), 1);
    for operation in scene.at.calls.delete {
        scene.sim.fault(Fault::on(operation).cut_before_commit());
    }
    scene.sim.clear_fault(down);
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive(), []);
}

pub async fn a_whole_namespace_with_its_machines_first(setup: Setup) {
    let scene = setup.start().await;
    for name in ["train-1", "train-2"] {
        scene.apply(scene.instance(name, json!({}))).await;
    }
    for name in ["train-1", "train-2"] {
        scene.until_ready(name).await;
    }
    let namespace = scene.namespace.clone();
    scene.kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
    scene
        .until_cloud("every machine is gone", |sim| sim.alive().is_empty())
        .await;
    scene.until_gone(Kind::Namespace, &namespace).await;
    assert_eq!(scene.sim.machines().len(), 2);
}
