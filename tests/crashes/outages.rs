//! What the operator stands on fails: the API server, etcd, a cloud.

use std::collections::BTreeSet;
use std::time::Duration;

use cloudsim::Fault;
use libtest_mimic::Trial;
use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::story::NAME;
use crate::operator::{CLOUDS, Kind, Object, Scene, Setup, XGC};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        crate::trial("outages::the-api-server-restarts-under-load".to_owned(), || {
            the_api_server_restarts_under_load(Setup::at(&XGC, "apiserver"))
        }),
        crate::trial("outages::etcd-stands-still".to_owned(), || {
            etcd_stands_still(Setup::at(&XGC, "etcd"))
        }),
    ];
    for cloud in CLOUDS {
        let setup = move |name: &str| Setup::at(cloud, &format!("{name}-{}", cloud.name));
        trials.push(crate::trial(
            format!("outages::the-answer-to-an-order-never-comes::{}", cloud.name),
            move || the_answer_to_an_order_never_comes(setup("never-answers")),
        ));
        trials.push(crate::trial(
            format!("outages::the-cloud-hangs::{}", cloud.name),
            move || the_cloud_hangs(setup("hangs")),
        ));
    }
    trials
}

async fn the_api_server_restarts_under_load(setup: Setup) {
    let scene = setup.own_plane().flag("--leader-elect=false").start().await;
    let names = apply_many(&scene, 10).await;
    for _ in 0..2 {
        sleep(Duration::from_millis(500)).await;
        block_in_place(|| scene.plane.restart_apiserver()).unwrap();
    }
    each_has_one(&scene, &names).await;
    let said = "the API server cannot be used";
    assert!(scene.operator.log().contains(said), "{}", scene.operator.log_tail());
}

/// Who cannot renew its Lease ends, and says why; started again, as a kubelet does, it takes up what it has left.
async fn etcd_stands_still(setup: Setup) {
    let mut scene = setup.own_plane().start_unready().await;
    let names = apply_many(&scene, 6).await;
    while scene.orders() == 0 {
        scene.operator.keep_running().await;
        sleep(Duration::from_millis(20)).await;
    }
    block_in_place(|| scene.plane.pause_etcd()).unwrap();
    let status = scene.operator.until_ended().await;
    assert_eq!(status.code(), Some(1));
    let said = "error: leadership is lost: the Lease gpu-instance-operator was not renewed for 10 s";
    assert!(scene.operator.log().contains(said), "{}", scene.operator.log_tail());
    block_in_place(|| scene.plane.resume_etcd()).unwrap();
    let mut next = scene.start_replica("replica-2").await;
    next.kept_running_until(each_has_one(&scene, &names)).await;
}

async fn the_answer_to_an_order_never_comes(setup: Setup) {
    let scene = setup.flag("--leader-elect=false").start().await;
    scene.sim.fault(Fault::on(scene.at.calls.create).hang_after_commit());
    let names = apply_many(&scene, 1).await;
    each_has_one(&scene, &names).await;
    let said = "no answer in time";
    assert!(scene.operator.log().contains(said), "{}", scene.operator.log_tail());
}

/// Whatever it is asked, it takes the call and never answers.
async fn the_cloud_hangs(setup: Setup) {
    let scene = setup.flag("--leader-elect=false").start().await;
    scene.apply(scene.instance(NAME, json!({}))).await;
    let before = scene.until_ready(NAME).await;
    let everything = format!("{}.*", scene.at.cloud.prefix());
    let fault = scene
        .sim
        .fault(Fault::on(&everything).hang_before_commit().until_cleared());
    scene.apply(scene.instance("train-2", json!({}))).await;
    let unanswered = |object: &Object| object.truth("Synced") == "False";
    let during = scene.until_instance(NAME, "Synced=False", unanswered).await;
    assert_eq!(during.said("Synced", "reason"), "CloudUnavailable", "{during}");
    assert!(during.is_ready_in("Running"), "what was known stays: {during}");
    assert_eq!(during.instance_id(), before.instance_id());
    let said = "no answer in time";
    assert!(during.said("Synced", "message").contains(said), "{during}");
    assert!(scene.operator.log().contains(said), "{}", scene.operator.log_tail());
    scene.sim.clear_fault(fault);
    scene.sim.release_all();
    let back = |object: &Object| object.is_ready_in("Running") && object.truth("Synced") == "True";
    let after = scene.until_instance(NAME, "Ready, and Synced", back).await;
    assert_eq!(after.instance_id(), before.instance_id());
    scene.until_ready("train-2").await;
    assert_eq!(scene.sim.machines().len(), 2, "machines ever made");
}

async fn apply_many(scene: &Scene, count: usize) -> Vec<String> {
    let names: Vec<String> = (1..=count).map(|n| format!("train-{n}")).collect();
    for name in &names {
        scene.apply(scene.instance(name, json!({}))).await;
    }
    names
}

/// Each object comes to have a machine of its own, and no other was ever made.
async fn each_has_one(scene: &Scene, names: &[String]) {
    let mut ids = BTreeSet::new();
    for name in names {
        ids.insert(scene.until_ready(name).await.instance_id().to_owned());
    }
    assert_eq!(ids.len(), names.len(), "each has one of its own");
    assert_eq!(
        (scene.sim.machines().len(), scene.orders()),
        (names.len(), names.len() as u64)
    );
    for name in names {
        scene.delete(Kind::GpuInstance, name).await;
    }
    for name in names {
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    assert_eq!(scene.sim.alive(), []);
}
