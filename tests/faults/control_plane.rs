//! The API server goes away, and comes back.

use serde_json::json;

use crate::operator::{Setup, instance};

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_restarts_and_nothing_is_lost() {
    let mut scene = Setup::new("apiserver-restart").own_plane().start().await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    tokio::task::block_in_place(|| scene.cluster.plane.restart_apiserver().unwrap());
    // On a slow machine the outage outlasts the Lease: then the process has ended, as it should, and is started anew.
    if scene.operator.ended().is_some() {
        scene.operator.restart().await;
    }
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!(scene.sim.machines().len(), 1);
}
