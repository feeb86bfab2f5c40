//! What the user does not want to spend is not spent.

use std::time::Duration;

use cloudsim::Cloudsim;
use serde_json::json;

use crate::operator::{Kind, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_an_account_are_kept() {
    let scene = Scene::start("limits").await;
    scene.add_provider("two", json!({ "limits": { "instances": 2 } })).await;
    scene
        .add_provider("four-yuan", json!({ "limits": { "pricePerHour": "4" } }))
        .await;
    for n in 1..=3 {
        scene
            .apply(instance(
                &format!("two-{n}"),
                json!({ "providerRef": { "name": "two" } }),
            ))
            .await;
        let spec = json!({ "providerRef": { "name": "four-yuan" }, "maxPricePerHour": "1.95" });
        scene.apply(instance(&format!("four-{n}"), spec)).await;
    }
    for prefix in ["two", "four"] {
        let waiting = until_one_waits(&scene, prefix).await;
        let object = scene.get(Kind::GpuInstance, &waiting).await;
        assert_eq!(object.truth("Reconciling"), "True", "{object}");
        let admitted: Vec<String> = (1..=3)
            .map(|n| format!("{prefix}-{n}"))
            .filter(|name| *name != waiting)
            .collect();
        for name in &admitted {
            scene.until_ready(name).await;
        }
        scene.after_lists(3).await;
        assert_eq!(alive(&scene.sim, prefix), 2);
        scene.delete(Kind::GpuInstance, &admitted[0]).await;
        scene.until_ready(&waiting).await;
        assert_eq!(alive(&scene.sim, prefix), 2);
        assert_eq!(
            most_alive_at_once(&scene.sim, prefix),
            2,
            "never three, not for a moment"
        );
    }
}

fn account(prefix: &str) -> &'static str {
    if prefix == "two" { "u-two" } else { "u-four-yuan" }
}

fn alive(sim: &Cloudsim, prefix: &str) -> usize {
    sim.xgc().account(account(prefix)).alive().len()
}

fn most_alive_at_once(sim: &Cloudsim, prefix: &str) -> usize {
    let machines = sim
        .machines()
        .into_iter()
        .filter(|machine| machine.account == account(prefix));
    let lives: Vec<_> = machines
        .map(|machine| (machine.created_at, machine.destroyed_at))
        .collect();
    let at = |moment| {
        lives
            .iter()
            .filter(|(from, to)| *from <= moment && to.is_none_or(|to| to > moment))
            .count()
    };
    lives.iter().map(|(created, _)| at(*created)).max().unwrap_or_default()
}

/// Waits until one of the three says that it waits for room.
async fn until_one_waits(scene: &Scene, prefix: &str) -> String {
    let deadline = std::time::Instant::now() + crate::operator::PATIENCE;
    loop {
        for n in 1..=3 {
            let object = scene.get(Kind::GpuInstance, &format!("{prefix}-{n}")).await;
            if object.is_not_ready_for("LimitReached") {
                return object.name().to_owned();
            }
        }
        assert!(
            std::time::Instant::now() < deadline,
            "none of {prefix}-* waits: {:?}",
            scene.sim.call_counts()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_a_second_than_allowed() {
    let scene = Scene::start("requests-per-second").await;
    scene
        .add_provider("slow", json!({ "limits": { "requestsPerSecond": "2" } }))
        .await;
    for n in 0..6 {
        scene
            .apply(instance(
                &format!("i-{n}"),
                json!({ "providerRef": { "name": "slow" } }),
            ))
            .await;
    }
    for n in 0..6 {
        scene.until_ready(&format!("i-{n}")).await;
    }
    let calls = scene
        .sim
        .calls()
        .into_iter()
        .filter(|call| call.account.as_deref() == Some("u-slow"));
    let times: Vec<i64> = calls.map(|call| call.at.as_millisecond()).collect();
    let in_five_seconds = |from: &i64| times.iter().filter(|at| (*from..*from + 5000).contains(at)).count();
    let most = times.iter().map(in_five_seconds).max().unwrap();
    // One more at either end, and one for a call that was under way for longer than the one before it.
    assert!(
        times.len() >= 7 && most <= 13,
        "{most} calls within five seconds: {times:?}"
    );
}
