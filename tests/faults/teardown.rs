//! Deleting things while things go wrong.

use std::time::Duration;

use cloudsim::Fault;
use serde_json::json;

use crate::operator::{Kind, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_not_let_go_while_its_cloud_is_down() {
    let scene = Scene::start("cloud-down").await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    let down = scene.sim.fault(Fault::on("xgc.*").cut_before_commit().until_cleared());
    scene.delete(Kind::GpuInstance, "train-1").await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(scene.find(Kind::GpuInstance, "train-1").await.is_some());
    scene.sim.clear_fault(down);
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_was_lost_is_asked_for_again() {
    let scene = Scene::start("delete-lost").await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    scene.sim.fault(Fault::on("xgc.shutdown_destroy").cut_before_commit());
    scene.sim.fault(Fault::on("xgc.destroy").cut_before_commit());
    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_namespace_goes_with_its_machines_first() {
    // The operator's own Lease lies in the namespace, and would end it when it goes.
    let scene = crate::operator::Setup::new("whole-namespace")
        .flag("--leader-elect=false")
        .start()
        .await;
    for name in ["train-1", "train-2"] {
        scene.apply(instance(name, json!({}))).await;
    }
    for name in ["train-1", "train-2"] {
        scene.until_ready(name).await;
    }
    scene.kubectl(&["delete", "namespace", "whole-namespace", "--wait=false"]);
    scene
        .until_cloud("every machine is gone", |sim| sim.alive().is_empty())
        .await;
    for kind in [Kind::GpuInstance, Kind::GpuProvider] {
        for object in scene.list(kind).await {
            scene.until_gone(kind, object.name()).await;
        }
    }
    scene.kubectl(&["wait", "--for=delete", "namespace/whole-namespace", "--timeout=60s"]);
    assert_eq!(scene.sim.machines().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_restarts_and_nothing_is_lost() {
    let mut scene = crate::operator::Setup::new("apiserver-restart")
        .own_plane()
        .start()
        .await;
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
