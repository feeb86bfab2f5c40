//! The loop, for a whole life and under every fault: no machine twice, none left behind, none that is not ours touched.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod model;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gpu_instance_operator::api::Cloud;
use gpu_instance_operator::api::status::InstanceState;
use gpu_instance_operator::provider::PriceKnown;
use model::{Effect, Fate, Model, Weather, run_at};
use serde_json::{Value, json};

type Outcome = Result<(), String>;

/// Lived at each of the five clouds; fails with what went wrong, and what led to it.
fn passes<F: Future<Output = Outcome>>(seed: u64, life: impl Fn(Model) -> F) {
    passes_at(&Cloud::ALL, seed, life);
}

/// Lived at these clouds.
fn passes_at<F: Future<Output = Outcome>>(clouds: &[Cloud], seed: u64, life: impl Fn(Model) -> F) {
    for cloud in clouds {
        run_at(*cloud, seed, &life).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// Created, stopped, started, deleted.
async fn whole_life(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    model.until("Ready", 900, |model| model.is_ready("a")).await?;
    model.edit("a", &json!({ "power": "Stopped" }));
    model.until("stopped", 900, |model| model.is_ready("a")).await?;
    model.edit("a", &json!({ "power": "Running" }));
    model.until("running", 900, |model| model.is_ready("a")).await?;
    model.delete("a");
    model.until("gone", 900, |model| model.instance("a").is_none()).await?;
    model.settles().await
}

/// Runs many lives on all cores, and fails with the first few that went wrong.
fn all_pass(lives: usize, life: impl Fn(usize) -> Outcome + Sync) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= lives || failures.lock().unwrap().len() >= 3 {
                        return;
                    }
                    if let Err(why) = life(n) {
                        failures.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn a_life_without_faults_ends_in_silence() {
    passes(1, |mut model| async move {
        model.create("a", &json!({}));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.settles().await?;
        assert_eq!(model.cloud.machines().len(), 1);
        model.delete("a");
        model.until("gone", 120, |model| model.instance("a").is_none()).await?;
        assert!(
            model.api.get("secrets", "a-connection").is_none(),
            "the Secret goes with its owner"
        );
        model.settles().await
    });
}

/// Every call of a whole life meets every fault, one at a time, at each cloud.
#[test]
fn every_fault_at_every_call() {
    let mut cases = Vec::new();
    for cloud in Cloud::ALL {
        let calls = Mutex::new(Vec::new());
        let seen = &calls;
        run_at(cloud, 7, |mut model| async move {
            whole_life(&mut model).await?;
            *seen.lock().unwrap() = model.world.calls();
            Ok(())
        })
        .unwrap_or_else(|why| panic!("{why}"));
        for (n, call) in calls.into_inner().unwrap().iter().enumerate() {
            let fates: &[Fate] = match call.effect {
                Effect::Writes => &[
                    Fate::DiesBefore,
                    Fate::DiesAfter,
                    Fate::ReplyLost,
                    Fate::RequestLost,
                    Fate::Refused,
                ],
                // Most reads are the same again and again.
                Effect::Reads if n % 12 == 0 => &[Fate::DiesBefore, Fate::ReplyLost],
                Effect::Reads => &[],
            };
            cases.extend(fates.iter().map(|fate| (cloud, n, call.what.clone(), *fate)));
        }
    }
    println!("{} cases", cases.len());
    all_pass(cases.len(), |n| {
        let (cloud, call, what, fate) = &cases[n];
        run_at(*cloud, 7, |mut model| async move {
            model.world.plan(*call, *fate);
            whole_life(&mut model).await
        })
        .map_err(|why| format!("{fate:?} at call {call} ({what}): {why}"))
    });
}

#[test]
fn an_order_whose_reply_is_lost_is_found_by_its_name() {
    for seed in 0..5 {
        passes(seed, |mut model| async move {
            model.world.plan_next("cloud create", Fate::ReplyLost);
            model.create("a", &json!({}));
            model.until("Ready", 300, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1);
            model.settles().await
        });
    }
}

#[test]
fn an_order_that_never_came_is_made_again_once_that_is_proven() {
    passes(3, |mut model| async move {
        model.world.plan_next("cloud create", Fate::RequestLost);
        model.create("a", &json!({}));
        model
            .until("Settling", 60, |model| model.reason("a") == "Settling")
            .await?;
        model.seconds(55).await?;
        assert_eq!(
            model.cloud.ever().len(),
            0,
            "absence is not believed before it has lasted"
        );
        model.until("Ready", 300, |model| model.is_ready("a")).await?;
        assert_eq!(model.status("a", "attempts"), json!(2));
        model.settles().await
    });
}

#[test]
fn a_refused_order_is_made_again_later_and_holds_no_place() {
    passes(3, |mut model| async move {
        model.api.change(
            "gpuproviders",
            "xgc",
            &json!({ "spec": { "limits": { "instances": 1 } } }),
        );
        model.world.plan_next("cloud create", Fate::Refused);
        model.create("a", &json!({}));
        model
            .until("refused", 60, |model| model.reason("a") == "NoCapacity")
            .await?;
        model.edit("a", &json!({ "power": "Stopped" }));
        model.create("b", &json!({}));
        model.until("Ready", 60, |model| model.is_ready("b")).await?;
        model.settles().await
    });
}

#[test]
fn death_between_claim_create_and_store_costs_nothing() {
    for (seed, fate) in (0..).zip([Fate::DiesBefore, Fate::DiesAfter].repeat(2)) {
        passes(seed, |mut model| async move {
            model.world.plan_next("cloud create", fate);
            model.create("a", &json!({}));
            model.until("Ready", 600, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1);
            model.settles().await
        });
    }
}

#[test]
fn a_stale_cache_rents_nothing_twice() {
    for seed in 0..5 {
        passes(seed, |mut model| async move {
            model.operator.staleness.store(12_000, Ordering::SeqCst);
            model.create("a", &json!({}));
            model.until("Ready", 900, |model| model.is_ready("a")).await?;
            model.edit("a", &json!({ "power": "Stopped" }));
            model.until("stopped", 900, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1);
            model.settles().await
        });
    }
}

/// The operator stands still at some moment of an order, a rival takes over, and then the operator wakes up.
#[test]
fn an_old_leader_that_wakes_up_late_rents_nothing() {
    for seed in 0..12 {
        passes(seed, |mut model| async move {
            let until_frozen = model.world.span(0, 2_500);
            model.create("a", &json!({}));
            tokio::time::sleep(until_frozen).await;
            model.operator.freeze();
            // A lease lasts fifteen seconds.
            model.seconds(15).await?;
            model.start_rival();
            let pause = u32::try_from(model.world.below(400)).unwrap();
            model.seconds(pause).await?;
            model.operator.thaw();
            model.seconds(3).await?;
            model.operator.deposed();
            model.until("Ready", 900, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1, "seed {seed}");
            model.settles().await
        });
    }
}

/// The same, at the one moment that is worst: the order is about to be sent, and the rival has long believed that none
/// was.
#[test]
fn an_old_leader_that_wakes_up_with_an_order_in_hand_does_not_send_it() {
    for seed in 0..6 {
        passes(seed, |mut model| async move {
            model.create("a", &json!({}));
            while !model
                .world
                .calls()
                .iter()
                .any(|call| call.what.starts_with("cloud create"))
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            model.operator.freeze();
            model.seconds(15).await?;
            model.start_rival();
            model.until("Ready", 900, |model| model.is_ready("a")).await?;
            model.operator.thaw();
            model.seconds(60).await?;
            model.operator.deposed();
            model.settles().await
        });
    }
}

/// Both believe that they lead for a while, and both have the same object before them.
#[test]
fn two_leaders_at_once_rent_one_machine() {
    for seed in 0..15 {
        passes(seed, |mut model| async move {
            // Lists are behind, so that neither sees in them what the other has ordered.
            model.cloud.habits(|habits| habits.lag = Duration::from_secs(8));
            model.operator.staleness.store(300, Ordering::SeqCst);
            model.start_rival();
            model.rival.as_ref().unwrap().staleness.store(300, Ordering::SeqCst);
            model.create("a", &json!({}));
            model.seconds(20).await?;
            model.rival.as_ref().unwrap().deposed();
            model.until("Ready", 900, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1, "seed {seed}");
            Ok(())
        });
    }
}

#[test]
fn one_empty_list_alarms_nobody() {
    passes(5, |mut model| async move {
        model.create("a", &json!({ "updatePolicy": "Recreate" }));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.cloud.habits(|habits| habits.forgets_once = true);
        for _ in 0..120 {
            model.second().await?;
            assert!(model.is_ready("a"));
        }
        model.cloud.habits(|habits| habits.forgets_once = true);
        model.delete("a");
        model.until("gone", 200, |model| model.instance("a").is_none()).await?;
        assert_eq!(model.cloud.ever().len(), 1);
        model.settles().await
    });
}

#[test]
fn another_account_freezes_everything_until_the_first_is_back() {
    passes(5, |mut model| async move {
        model.create("a", &json!({ "updatePolicy": "Recreate" }));
        model.create("b", &json!({ "power": "Stopped" }));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model
            .api
            .change("secrets", "xgc", &json!({ "data": { "token": "dG9rZW4tMg==" } }));
        model
            .until("noticed", 120, |model| model.reason("a") == "AccountChanged")
            .await?;
        model.delete("a");
        model.seconds(300).await?;
        assert_eq!(model.cloud.machines().len(), 1, "nothing is deleted, nothing is rented");
        assert!(model.instance("a").is_some(), "the object stays");
        model
            .api
            .change("secrets", "xgc", &json!({ "data": { "token": "dG9rZW4tMQ==" } }));
        model.until("gone", 300, |model| model.instance("a").is_none()).await?;
        model.settles().await
    });
}

#[test]
fn a_lost_machine_is_said_and_recovers() {
    passes(5, |mut model| async move {
        model.create("a", &json!({}));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.cloud.console("m-1", None);
        model.until("Lost", 200, |model| model.reason("a") == "Lost").await?;
        model.seconds(300).await?;
        assert_eq!(model.cloud.ever().len(), 1, "it is not replaced");
        model.cloud.console("m-1", Some(InstanceState::Running));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.settles().await
    });
}

#[test]
fn a_new_image_makes_a_new_machine_where_that_is_asked_for() {
    for (seed, fault) in (0..).zip([
        None,
        Some(Fate::ReplyLost),
        Some(Fate::DiesAfter),
        Some(Fate::RequestLost),
    ]) {
        for what in ["cloud create", "cloud delete", "patch gpuinstances"] {
            passes(seed, |mut model| async move {
                model.create("a", &json!({ "updatePolicy": "Recreate" }));
                model.until("Ready", 120, |model| model.is_ready("a")).await?;
                if let Some(fault) = fault {
                    model.world.plan_next(what, fault);
                }
                model.edit("a", &json!({ "image": "other" }));
                model
                    .until("replaced", 900, |model| {
                        model.is_ready("a") && model.cloud.ever().len() > 1
                    })
                    .await?;
                model.settles().await?;
                let machines = model.cloud.machines();
                assert_eq!(machines.len(), 1);
                assert_eq!(machines[0].image, "other");
                assert_eq!(model.cloud.ever().len(), 2, "replaced once");
                Ok(())
            });
        }
    }
}

#[test]
fn a_machine_destroyed_in_the_console_is_replaced_where_that_is_asked_for() {
    passes(4, |mut model| async move {
        model.create("a", &json!({ "updatePolicy": "Recreate" }));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.cloud.console("m-1", None);
        model
            .until("replaced", 300, |model| {
                model.is_ready("a") && model.status("a", "instanceId") == "m-2"
            })
            .await?;
        model.settles().await
    });
}

#[test]
fn an_object_made_anew_under_the_same_name_mid_order_gets_its_own_machine() {
    for seed in 0..5 {
        passes(seed, |mut model| async move {
            model.create("a", &json!({}));
            let wait = model.world.span(0, 3_000);
            tokio::time::sleep(wait).await;
            model.delete("a");
            model.until("gone", 300, |model| model.instance("a").is_none()).await?;
            model.create("a", &json!({}));
            model.until("Ready", 300, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.machines().len(), 1);
            model.settles().await
        });
    }
}

#[test]
fn a_retained_machine_is_kept_and_no_orphan() {
    passes(4, |mut model| async move {
        model.create("a", &json!({ "deletionPolicy": "Retain" }));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.kept.insert("m-1".into());
        model.delete("a");
        model.until("gone", 60, |model| model.instance("a").is_none()).await?;
        model.seconds(120).await?;
        assert_eq!(model.cloud.state("m-1"), Some(InstanceState::Running));
        let provider = model.api.get("gpuproviders", "xgc").unwrap();
        assert_eq!(provider["status"]["instances"]["orphans"], json!(0));
        assert!(
            model.api.get("secrets", "a-connection").is_some(),
            "its Secret is kept too"
        );
        model.settles().await
    });
}

#[test]
fn names_that_a_cloud_cuts_prove_nothing_and_a_human_decides() {
    passes(4, |mut model| async move {
        model.cloud.habits(|habits| habits.cuts_names = Some(12));
        model.world.plan_next("cloud create", Fate::ReplyLost);
        model.foreign.insert("m-1".into());
        model.create("a", &json!({}));
        model
            .until("undecided", 300, |model| model.reason("a") == "CreateOutcomeUnknown")
            .await?;
        model.seconds(300).await?;
        assert_eq!(model.cloud.ever().len(), 1, "nothing is rented meanwhile");
        let name = model.status("a", "claim")["name"].as_str().unwrap().to_owned();
        model.foreign.clear();
        let word =
            json!({ "metadata": { "annotations": { "gpuinstance.dev/create-outcome": format!("{name}=m-1") } } });
        model.api.change("gpuinstances", "a", &word);
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        assert_eq!(model.status("a", "instanceId"), json!("m-1"));
        model.settles().await
    });
}

#[test]
fn lists_that_are_not_complete_let_nothing_be_rented_or_lost() {
    passes(4, |mut model| async move {
        model.create("a", &json!({}));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.cloud.habits(|habits| habits.incomplete = true);
        model.create("b", &json!({}));
        model.seconds(300).await?;
        assert_eq!(model.cloud.ever().len(), 1);
        model.cloud.habits(|habits| habits.incomplete = false);
        model.until("Ready", 300, |model| model.is_ready("b")).await?;
        model.settles().await
    });
}

/// Where the price is known only of a machine that exists, it is found out once; where it is told before, never.
#[test]
fn a_machine_that_is_too_dear_goes_back_at_once_and_only_once() {
    let clouds = [Cloud::Xgc, Cloud::Luchen, Cloud::CapitalOnline, Cloud::Neolink];
    passes_at(&clouds, 4, |mut model| async move {
        let told_before = model.cloud.profile.capabilities.price == PriceKnown::BeforeOrder;
        model.create("a", &json!({ "maxPricePerHour": "1" }));
        model
            .until("given back", 200, |model| {
                model.reason("a") == "PriceAboveCap" && model.cloud.machines().is_empty()
            })
            .await?;
        model.seconds(1800).await?;
        assert_eq!(model.cloud.ever().len(), usize::from(!told_before), "not rented again");
        model.edit("a", &json!({ "maxPricePerHour": "2" }));
        model.until("Ready", 300, |model| model.is_ready("a")).await?;
        model.settles().await
    });
}

#[test]
fn a_cap_that_cannot_be_kept_rents_nothing() {
    passes_at(&[Cloud::Scnet], 4, |mut model| async move {
        model.create("a", &json!({ "maxPricePerHour": "100" }));
        model
            .until("refused", 60, |model| model.reason("a") == "Unsupported")
            .await?;
        model.seconds(300).await?;
        assert_eq!(model.cloud.ever().len(), 0);
        Ok(())
    });
}

#[test]
fn machines_of_others_are_left_alone_and_may_be_adopted() {
    passes(4, |mut model| async move {
        let theirs = model.cloud.rent_by_hand("u-1", "gi-other-123456789abc-1");
        let free = model.cloud.rent_by_hand("u-1", "notebook");
        model.foreign.extend([theirs.clone(), free.clone()]);
        model.create("a", &json!({ "instanceId": theirs, "deletionPolicy": "Delete" }));
        model
            .until("refused", 60, |model| model.reason("a") == "AdoptionForbidden")
            .await?;
        model.delete("a");
        model.create("b", &json!({ "instanceId": free, "power": "Running" }));
        model.until("Ready", 60, |model| model.is_ready("b")).await?;
        model.create("c", &json!({ "instanceId": free }));
        model
            .until("refused", 60, |model| model.reason("c") == "InstanceClaimed")
            .await?;
        model.delete("c");
        model.delete("b");
        model.until("gone", 60, |model| model.instance("b").is_none()).await?;
        model.seconds(60).await?;
        assert_eq!(model.cloud.machines().len(), 2);
        Ok(())
    });
}

#[test]
fn limits_hold_whatever_the_order_of_things() {
    for seed in 0..3 {
        passes(seed, |mut model| async move {
            model.api.change(
                "gpuproviders",
                "xgc",
                &json!({ "spec": { "limits": { "instances": 2 } } }),
            );
            model.operator.staleness.store(3_000, Ordering::SeqCst);
            for name in ["a", "b", "c", "d"] {
                model.create(name, &json!({}));
            }
            for _ in 0..200 {
                model.second().await?;
                assert!(model.cloud.machines().len() <= 2, "seed {seed}");
            }
            let ready: Vec<_> = ["a", "b", "c", "d"]
                .into_iter()
                .filter(|name| model.is_ready(name))
                .collect();
            assert_eq!(ready.len(), 2, "seed {seed}");
            for name in &ready {
                model.delete(name);
            }
            model
                .until("the others", 300, |model| {
                    model
                        .api
                        .all("gpuinstances")
                        .iter()
                        .all(|object| model.is_ready(object["metadata"]["name"].as_str().unwrap()))
                })
                .await?;
            model.settles().await
        });
    }
}

/// What users do, and what befalls them, for a quarter of an hour.
async fn walk(mut model: Model) -> Outcome {
    let names = ["a", "b"];
    let lag = model.world.span(0, 10_000);
    model.cloud.habits(|habits| habits.lag = lag);
    let rough = u32::try_from(model.world.below(60)).unwrap();
    model.world.set_weather(Weather {
        reads: rough,
        writes: rough * 3,
        deaths: rough / 4,
    });
    for _ in 0..25 {
        let name = names[usize::try_from(model.world.below(2)).unwrap()];
        act(&mut model, name);
        let pause = u32::try_from(model.world.below(60)).unwrap();
        model.seconds(pause).await?;
    }
    for name in names {
        model.edit(name, &json!({ "suspend": false, "updatePolicy": "Report" }));
    }
    model.settles().await?;
    for name in names {
        model.delete(name);
    }
    model
        .until("gone", 600, |model| model.api.all("gpuinstances").is_empty())
        .await?;
    model.settles().await
}

fn act(model: &mut Model, name: &str) {
    let Some(object) = model.instance(name) else {
        let policy = ["Report", "Recreate"][usize::try_from(model.world.below(2)).unwrap()];
        let power = ["Running", "Running", "Stopped"][usize::try_from(model.world.below(3)).unwrap()];
        model.create(name, &json!({ "updatePolicy": policy, "power": power }));
        return;
    };
    let flip = |field: &str, one: Value, other: Value| {
        let next = if object["spec"][field] == one { other } else { one };
        json!({ field: next })
    };
    match model.world.below(10) {
        0..3 => model.edit(name, &flip("power", json!("Stopped"), json!("Running"))),
        3 => model.delete(name),
        4 => model.edit(name, &flip("image", json!("img"), json!("other"))),
        5 => model.edit(name, &flip("suspend", json!(true), json!(false))),
        6 => {
            let at = format!("{:.0}", model.world.now());
            model.edit(name, &json!({ "restartedAt": at }));
        }
        7 => model
            .operator
            .staleness
            .store(model.world.below(5_000), Ordering::SeqCst),
        8 => model.restart(),
        _ => model.cloud.habits(|habits| habits.forgets_once = true),
    }
}

/// `SEEDS=n` walks more of them, `FIRST_SEED=n` begins elsewhere: with `SEEDS=1`, one walk again.
#[test]
fn random_walks() {
    let seeds: usize = std::env::var("SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(20);
    let first: u64 = std::env::var("FIRST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(0);
    all_pass(seeds * Cloud::ALL.len(), |n| {
        let cloud = Cloud::ALL[n % Cloud::ALL.len()];
        run_at(cloud, first + (n / Cloud::ALL.len()) as u64, walk)
    });
}
