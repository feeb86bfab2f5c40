//! What the user does not want to spend is not spent.

use serde_json::json;

use crate::operator::{Price, Scene, Setup};

pub async fn a_cap_on_the_price_is_kept(setup: Setup) {
    let scene = setup.start().await;
    match scene.at.price {
        Price::BeforeOrder(price) => refused_before_the_order(&scene, price).await,
        Price::OnMachine(price) => given_back_at_first_sight(&scene, price).await,
        Price::Never => {
            scene
                .apply(scene.instance("too-dear", json!({ "maxPricePerHour": "0.10" })))
                .await;
            let object = scene.until_not_ready("too-dear", "Unsupported").await;
            assert!(
                object.said("Ready", "message").contains("spec.maxPricePerHour"),
                "{object}"
            );
            assert_eq!(scene.orders(), 0);
        }
    }
}

/// The cloud tells the price first: nothing is rented.
async fn refused_before_the_order(scene: &Scene, price: &str) {
    refused(scene, price).await;
    assert_eq!(scene.orders(), 0);
    scene.change("too-dear", json!({ "maxPricePerHour": price })).await;
    scene.until_ready("too-dear").await;
    assert_eq!((scene.orders(), scene.sim.alive().len()), (1, 1));
    stopped_once_used(scene, price).await;
}

/// The price is known only of a machine: it goes back at once, and no other is rented.
async fn given_back_at_first_sight(scene: &Scene, price: &str) {
    refused(scene, price).await;
    scene
        .until_cloud("the machine gone", |sim| {
            !sim.machines().is_empty() && sim.alive().is_empty()
        })
        .await;
    scene.after_lists(5).await;
    // It is only just made: that it is gone takes lists that cannot be older.
    let given_back = |object: &crate::operator::Object| (object.instance_id(), object.state()) == ("", "Pending");
    scene.until_instance("too-dear", "given back", given_back).await;
    let object = scene.until_not_ready("too-dear", "PriceAboveCap").await;
    assert_eq!(object.truth("Stalled"), "True");
    assert_eq!(
        (scene.orders(), scene.sim.alive().len()),
        (1, 0),
        "no loop of rent and release"
    );

    scene.change("too-dear", json!({ "maxPricePerHour": price })).await;
    scene.until_ready("too-dear").await;
    assert_eq!((scene.orders(), scene.sim.alive().len()), (2, 1));
    stopped_once_used(scene, price).await;
}

async fn refused(scene: &Scene, price: &str) {
    scene
        .apply(scene.instance("too-dear", json!({ "maxPricePerHour": "0.10" })))
        .await;
    let object = scene.until_not_ready("too-dear", "PriceAboveCap").await;
    let message = object.said("Ready", "message");
    assert!(message.contains(price) && message.contains("0.10"), "{message}");
    scene.until_event("too-dear", "PriceAboveCap").await;
}

/// A machine that somebody has used is stopped, not destroyed, and starts again where the cap allows it.
async fn stopped_once_used(scene: &Scene, price: &str) {
    scene.change("too-dear", json!({ "maxPricePerHour": "0.10" })).await;
    let object = scene.until_not_ready("too-dear", "PriceAboveCap").await;
    let id = object.instance_id().to_owned();
    scene
        .until_cloud("the machine stopped", |sim| {
            sim.machine(&id).unwrap().phase == scene.at.stopped()
        })
        .await;
    let changes = scene.changes();
    scene.after_lists(3).await;
    assert_eq!(scene.changes(), changes, "not started against the cap");
    scene.change("too-dear", json!({ "maxPricePerHour": price })).await;
    assert_eq!(scene.until_ready("too-dear").await.instance_id(), id);
}
