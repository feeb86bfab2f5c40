//! Many at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use crate::operator::{Cluster, Kind, PATIENCE, Scene, Setup};

pub async fn many_machines_at_once(setup: Setup) {
    let many = setup.facts().many;
    // Clouds that are asked for prices and stock before an order take several calls a machine.
    let quick = json!({ "limits": { "requestsPerSecond": "50" } });
    let scene = setup.provider(quick).start().await;
    let begun = Instant::now();
    for n in 0..many {
        scene.apply(scene.instance(&format!("worker-{n}"), json!({}))).await;
    }
    until_all(&scene, "Ready", async |cluster| ready(cluster).await == many).await;
    let (took, lists) = (begun.elapsed(), scene.lists());
    assert_eq!((scene.sim.alive().len(), scene.orders()), (many, many as u64));
    let names: BTreeSet<_> = scene.sim.alive().into_iter().map(|machine| machine.name).collect();
    assert_eq!(names.len(), many);
    // The account is listed every second, and up to ten times as often while something is under way; never once an
    // instance, of which each needs several looks.
    let most = took.as_secs() * 10 + 10;
    assert!(lists <= most, "{lists} lists in {took:?}");

    let (lists, begun) = (scene.lists(), Instant::now());
    sleep(Duration::from_secs(5)).await;
    let at_rest = scene.lists() - lists;
    assert!(
        at_rest <= begun.elapsed().as_secs() + 2,
        "{at_rest} lists at rest in {:?}",
        begun.elapsed()
    );

    scene.kubectl(&["delete", "gpui", "--all", "--wait=false"]);
    until_all(&scene, "gone", async |cluster| {
        cluster.list(Kind::GpuInstance).await.is_empty()
    })
    .await;
    assert_eq!(scene.sim.alive(), []);
    assert_eq!(scene.rented_and_destroyed(), (many as u64, many as u64));
}

async fn ready(cluster: &Cluster) -> usize {
    let objects = cluster.list(Kind::GpuInstance).await;
    objects.iter().filter(|object| object.is_ready_in("Running")).count()
}

async fn until_all(scene: &Scene, what: &str, holds: impl AsyncFn(&Cluster) -> bool) {
    let deadline = Instant::now() + PATIENCE * 3;
    while !holds(&scene.cluster).await {
        assert!(
            Instant::now() < deadline,
            "not all are {what}: {}",
            scene.kubectl(&["get", "gpui", "-o", "wide"])
        );
        sleep(Duration::from_millis(500)).await;
    }
}
