//! Two processes that both act: one that slept through the end of its leadership, or two that never elected anybody.

use std::collections::BTreeSet;
use std::time::Duration;

use cloudsim::Fault;
use jiff::Timestamp;
use libtest_mimic::Trial;
use serde_json::json;
use tokio::time::sleep;

use super::story::NAME;
use crate::operator::{CLOUDS, Kind, Object, Operator, Scene, Setup};

/// Before the deadline of its claim an order may still be sent, later it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wakes {
    InTime,
    TooLate,
}

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for cloud in CLOUDS
        .into_iter()
        .filter(|cloud| ["xgc", "capital-online"].contains(&cloud.name))
    {
        for (wakes, when) in [(Wakes::TooLate, "too-late"), (Wakes::InTime, "in-time")] {
            for election in [true, false] {
                let elected = if election { "elected" } else { "unelected" };
                let name = format!("rivals::wakes-{when}-with-an-order-in-hand::{elected}::{}", cloud.name);
                let setup = move || Setup::at(cloud, &format!("{elected}-wakes-{when}-{}", cloud.name));
                trials.push(crate::trial(name, move || {
                    wakes_with_an_order_in_hand(setup(), election, wakes)
                }));
            }
        }
        let setup = move |name: &str| Setup::at(cloud, &format!("{name}-{}", cloud.name));
        trials.push(crate::trial(
            format!("rivals::sleeps-while-the-cloud-works::{}", cloud.name),
            move || sleeps_while_the_cloud_works(setup("sleeps")),
        ));
        trials.push(crate::trial(
            format!("rivals::two-that-nobody-elected::{}", cloud.name),
            move || two_that_nobody_elected(setup("two")),
        ));
    }
    trials
}

/// The leader stands still when it is about to send its order, and another takes over.
async fn wakes_with_an_order_in_hand(setup: Setup, election: bool, wakes: Wakes) {
    let setup = setup.flag(&format!("--leader-elect={election}"));
    let mut scene = setup.crash_point("create: about to be sent").start_unready().await;
    scene.apply(scene.instance(NAME, json!({}))).await;
    scene.operator.until_standing_still().await;
    let claimed = scene.get(Kind::GpuInstance, NAME).await;
    let mut heir = scene.start_replica("replica-2").await;
    heir.kept_running_until(scene.until_not_ready(NAME, "Settling")).await;
    if wakes == Wakes::TooLate {
        let deadline: Timestamp = claimed.text("/status/claim/deadline").parse().unwrap();
        let left = Duration::try_from(deadline.duration_since(Timestamp::now())).unwrap_or_default();
        sleep(left + Duration::from_secs(1)).await;
    }
    assert_eq!(scene.orders(), 0, "the heir orders nothing while the other may yet");
    scene.operator.go_on();
    let ready = heir.kept_running_until(scene.until_ready(NAME)).await;
    if wakes == Wakes::TooLate {
        let attempt = |object: &Object| object.at("/status/claim/attempt").as_i64().unwrap();
        assert_eq!(attempt(&ready), attempt(&claimed) + 1, "{ready}");
    }
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
    if election {
        ends_for_want_of_its_lease(&mut scene.operator).await;
    }
    heir.kept_running_until(all_goes(&scene, &[NAME.to_owned()])).await;
}

/// The leader sleeps, with its order at the cloud, which carries it out meanwhile.
async fn sleeps_while_the_cloud_works(setup: Setup) {
    let mut scene = setup.start_unready().await;
    scene.sim.fault(Fault::on(scene.at.calls.create).pause_before_commit());
    scene.apply(scene.instance(NAME, json!({}))).await;
    while scene.sim.held().is_empty() {
        scene.operator.keep_running().await;
        sleep(Duration::from_millis(20)).await;
    }
    scene.operator.stand_still().await;
    let mut heir = scene.start_replica("replica-2").await;
    heir.kept_running_until(scene.until_not_ready(NAME, "Settling")).await;
    scene.sim.release_all();
    heir.kept_running_until(scene.until_ready(NAME)).await;
    scene.operator.go_on();
    ends_for_want_of_its_lease(&mut scene.operator).await;
    heir.kept_running_until(scene.after_lists(3)).await;
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
    heir.kept_running_until(all_goes(&scene, &[NAME.to_owned()])).await;
}

/// Both act on every object all the time, and what one has ordered the other sees late.
async fn two_that_nobody_elected(setup: Setup) {
    let scene = setup.flag("--leader-elect=false").start().await;
    let second = scene.start_replica("replica-2").await;
    second.until_ready().await;
    scene
        .sim
        .fault(Fault::on(scene.at.calls.create).list_lag(3_000).until_cleared());
    let names: Vec<String> = (0..6).map(|n| format!("train-{n}")).collect();
    for name in &names {
        scene.apply(scene.instance(name, json!({}))).await;
    }
    let mut ids = BTreeSet::new();
    for name in &names {
        ids.insert(scene.until_ready(name).await.instance_id().to_owned());
    }
    scene.after_lists(3).await;
    assert_eq!(ids.len(), names.len(), "each has one of its own");
    assert_eq!(
        (scene.sim.machines().len(), scene.orders()),
        (names.len(), names.len() as u64)
    );
    for name in &names {
        scene.change(name, json!({ "power": "Stopped" })).await;
    }
    for name in &names {
        scene.until_ready_in(name, "Stopped").await;
    }
    all_goes(&scene, &names).await;
    drop(second);
}

/// Whoever has lost the Lease says so, and ends.
async fn ends_for_want_of_its_lease(operator: &mut Operator) {
    let status = operator.until_ended().await;
    assert_eq!(status.code(), Some(1), "{}", operator.log_tail());
    let said = "error: leadership is lost: the Lease gpu-instance-operator";
    assert!(operator.log().contains(said), "{}", operator.log_tail());
}

async fn all_goes(scene: &Scene, names: &[String]) {
    for name in names {
        scene.delete(Kind::GpuInstance, name).await;
    }
    for name in names {
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    assert_eq!(scene.sim.alive(), []);
}
