//! What becomes of the machine when its object goes.

use cloudsim::Phase;
use serde_json::json;

use crate::operator::{Kind, Object, Setup, instance};

#[tokio::test(flavor = "multi_thread")]
async fn each_deletion_policy_does_what_it_says() {
    // Whatever is let go is nobody's orphan: sweeping must not take it.
    let scene = Setup::new("policies")
        .provider(json!({ "orphans": "Delete" }))
        .start()
        .await;
    for policy in ["Delete", "Stop", "Retain"] {
        scene
            .apply(instance(&policy.to_lowercase(), json!({ "deletionPolicy": policy })))
            .await;
    }
    let mut ids = Vec::new();
    for name in ["delete", "stop", "retain"] {
        ids.push(scene.until_ready(name).await.instance_id().to_owned());
    }
    for name in ["delete", "stop", "retain"] {
        scene.delete(Kind::GpuInstance, name).await;
    }
    for name in ["delete", "stop", "retain"] {
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    scene.after_lists(3).await;
    let phases: Vec<Phase> = ids.iter().map(|id| scene.sim.machine(id).unwrap().phase).collect();
    assert_eq!(
        phases,
        [Phase::Destroyed, Phase::Stopped { released: true }, Phase::Running]
    );
    scene.until_gone(Kind::Secret, "delete-connection").await;
    for name in ["stop", "retain"] {
        let secret = scene.connection(name).await;
        assert!(
            secret.at("/metadata/ownerReferences").is_null(),
            "{name} stays with nobody's object"
        );
        assert!(secret.secret("password").is_some());
        assert!(scene.until_event(name, "Released").await.note.contains("is kept"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_go_from_any_state() {
    let scene = Setup::new("from-any-state")
        .cloud(|config| config.xgc.settings.pace.creating_ms = 4000)
        .start()
        .await;
    scene.apply(instance("stopped", json!({}))).await;
    scene.apply(instance("suspended", json!({}))).await;
    scene.until_ready("stopped").await;
    scene.until_ready("suspended").await;
    scene.change("stopped", json!({ "power": "Stopped" })).await;
    scene.change("suspended", json!({ "suspend": true })).await;
    scene.until_ready_in("stopped", "Stopped").await;

    scene.apply(instance("creating", json!({}))).await;
    let rented = |object: &Object| object.state() == "Creating" && !object.instance_id().is_empty();
    let creating = scene
        .until_instance("creating", "a machine that is being made", rented)
        .await;
    assert_eq!(
        scene.sim.machine(creating.instance_id()).unwrap().phase,
        Phase::Creating
    );
    scene.apply(instance("at-once", json!({}))).await;
    for name in ["creating", "stopped", "suspended", "at-once"] {
        scene.delete(Kind::GpuInstance, name).await;
    }
    for name in ["creating", "stopped", "suspended", "at-once"] {
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    assert_eq!(scene.sim.alive(), []);
}
