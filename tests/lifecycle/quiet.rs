//! While nothing changes, nothing is done.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::sleep;

use crate::operator::{Scene, Setup, instance};

#[tokio::test(flavor = "multi_thread")]
async fn at_rest_nothing_is_written_and_one_list_a_tick_is_all_that_is_asked() {
    let scene = Setup::new("quiet")
        .provider(json!({ "pollInterval": "2s" }))
        .start()
        .await;
    scene.apply(instance("running", json!({}))).await;
    scene.apply(instance("stopped", json!({}))).await;
    scene
        .apply(instance("never-rented", json!({ "power": "Stopped" })))
        .await;
    scene
        .apply(instance("too-dear", json!({ "maxPricePerHour": "0.5" })))
        .await;
    scene.apply(instance("impossible", json!({ "region": "moon" }))).await;
    scene.until_ready("running").await;
    scene.until_ready("stopped").await;
    scene.change("stopped", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("stopped", "Stopped").await;
    scene.until_ready_in("never-rented", "Stopped").await;
    scene.until_not_ready("too-dear", "PriceAboveCap").await;
    scene.until_not_ready("impossible", "Unsupported").await;
    scene.until_cloud("two machines", |sim| sim.alive().len() == 2).await;
    until_nothing_was_written_for(&scene, SignedDuration::from_secs(6)).await;

    let (since, begun) = (Timestamp::now(), Instant::now());
    scene.sim.reset_calls();
    sleep(Duration::from_secs(20)).await;
    let writes = scene.writes_since(since);
    assert!(writes.is_empty(), "{writes:#?}");
    let mut calls = scene.sim.call_counts();
    let lists = calls.remove("xgc.list").unwrap_or_default();
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
