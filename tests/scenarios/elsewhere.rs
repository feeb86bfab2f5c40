//! What others do, in the cloud's console or for want of money.

use std::time::Duration;

use cloudsim::{Change, Phase};
use serde_json::json;

use crate::operator::{Kind, Object, Setup};

pub async fn stopped_and_started_again(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    // The spec decides, not who was last at the console.
    scene.stop_and_see_it_started(&id).await;
    assert_eq!(scene.until_ready("train-1").await.instance_id(), id);

    // The other way round.
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("train-1", "Stopped").await;
    scene.sim.change(&id, Change::Start).unwrap();
    scene
        .until_cloud("stopped again", |sim| {
            sim.machine(&id).unwrap().phase == scene.at.stopped()
        })
        .await;
    scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
}

/// A machine that will not stay up is not started for ever.
pub async fn stopped_again_and_again(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    for _ in 1..=3 {
        scene.stop_and_see_it_started(&id).await;
        scene.until_ready("train-1").await;
    }
    let changes = scene.changes();
    scene.stop_elsewhere(&id);
    let stalled = scene.until_not_ready("train-1", "Failed").await;
    assert!(stalled.said("Ready", "message").contains("3 times"), "{stalled}");
    scene.after_lists(3).await;
    assert_eq!(scene.changes(), changes);
}

pub async fn destroyed_and_not_replaced_unasked(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    scene.sim.change(&id, Change::Destroy).unwrap();
    let lost = scene.until_not_ready("train-1", "Lost").await;
    assert_eq!((lost.state(), lost.instance_id()), ("Lost", id.as_str()), "{lost}");
    scene.until_event("train-1", "Lost").await;
    scene.after_lists(3).await;
    assert_eq!(scene.sim.machines().len(), 1, "not replaced");

    scene.change("train-1", json!({ "updatePolicy": "Recreate" })).await;
    let ready = scene.until_ready("train-1").await;
    assert_ne!(ready.instance_id(), id);
    assert_eq!(scene.sim.alive().len(), 1);

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!((scene.sim.alive().len(), scene.sim.machines().len()), (0, 2));
}

pub async fn frozen_for_arrears(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let id = scene.until_ready("train-1").await.instance_id().to_owned();
    scene.account().set_balance(-1.0).unwrap();
    let (state, reason) = scene.at.frozen;
    let frozen = |object: &Object| object.is_not_ready_for(reason) && object.state() == state;
    let frozen = scene
        .until_instance("train-1", &format!("{state}, for {reason}"), frozen)
        .await;
    assert_eq!(frozen.instance_id(), id);
    scene.account().set_balance(1000.0).unwrap();
    assert_eq!(scene.until_ready("train-1").await.instance_id(), id);
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
}

pub async fn other_peoples_machines_are_left_alone(setup: Setup) {
    let scene = setup.provider(json!({ "orphans": "Delete" })).start().await;
    let named_alike = format!("gi-other-{}-1", "0".repeat(12));
    let foreign = ["my-notebook", &named_alike].map(|name| scene.plant(name));
    scene.apply(scene.instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let counted = |provider: &Object| provider.at("/status/instances/foreign") == 2;
    scene
        .until(Kind::GpuProvider, scene.at.name, "two foreign machines", counted)
        .await;
    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for id in foreign {
        assert_eq!(scene.phase(&id), Phase::Running);
    }
    assert_eq!(scene.sim.alive().len(), 2);
}
