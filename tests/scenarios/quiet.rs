//! While nothing changes, nothing is done.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::sleep;

use crate::operator::{Price, Scene, Setup};

/// Not a write to the API server, and one list a tick is all that the cloud is asked.
pub async fn at_rest_nothing_is_written_and_little_asked(setup: Setup) {
    let scene = setup.provider(json!({ "pollInterval": "2s" })).start().await;
    scene.apply(scene.instance("running", json!({}))).await;
    scene.apply(scene.instance("stopped", json!({}))).await;
    scene
        .apply(scene.instance("never-rented", json!({ "power": "Stopped" })))
        .await;
    // Where the price is known before the order, it is asked for now and then: it may fall.
    let is_latched = matches!(scene.at.price, Price::OnMachine(_));
    if is_latched {
        let too_dear = scene.instance("too-dear", json!({ "maxPricePerHour": "0.05" }));
        scene.apply(too_dear).await;
    }
    scene
        .apply(scene.instance("impossible", json!({ "offer": "some", "gpu": null, "region": null })))
        .await;
    scene.until_ready("running").await;
    scene.until_ready("stopped").await;
    scene.change("stopped", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("stopped", "Stopped").await;
    scene.until_ready_in("never-rented", "Stopped").await;
    if is_latched {
        scene.until_not_ready("too-dear", "PriceAboveCap").await;
    }
    scene.until_not_ready("impossible", "Unsupported").await;
    scene.until_cloud("two machines", |sim| sim.alive().len() == 2).await;
    until_nothing_was_written_for(&scene, SignedDuration::from_secs(6)).await;

    let (since, begun) = (Timestamp::now(), Instant::now());
    scene.sim.reset_calls();
    sleep(Duration::from_secs(16)).await;
    let writes = scene.writes_since(since);
    assert!(writes.is_empty(), "{writes:#?}");
    let mut calls = scene.sim.call_counts();
    let lists = calls.remove(scene.at.calls.list).unwrap_or_default();
    assert!(calls.is_empty(), "besides lists: {calls:?}");
    let ticks = begun.elapsed().as_secs() / 2;
    assert!(lists >= 3 && lists <= ticks + 1, "{lists} lists in {ticks} ticks");
}

async fn until_nothing_was_written_for(scene: &Scene, span: SignedDuration) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let writes = scene.writes_since(Timestamp::now() - span);
        if writes.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "it writes and writes: {writes:#?}");
        sleep(Duration::from_millis(500)).await;
    }
}
