//! The holes that others fell into: each is a life, lived well, and then once for every change that the operator makes
//! outside, with its process dying before the call is sent, and after it was carried out.

mod account;
mod adoption;
mod copies;
mod letting_go;
mod limits;
mod orders;
mod passwords;
mod prices;
mod sharing;
mod teardown;
mod words;

use std::time::Duration;

use gpu_instance_operator::api::Cloud;
use gpu_instance_operator::api::remote_name::object_key;

use crate::crash_points::points_of;
use crate::lives::{LONG, Life};
use crate::model::{Effect, Fate, Model, Outcome, live, on_all_cores};

/// All that differs between two lives is the moment of death.
const SEED: u64 = 7;

/// Lives it wherever it can be, well and with every death.
fn holds(life: &Life) {
    with_every(&[Fate::DiesBefore, Fate::DiesAfter], life);
}

/// Lives it wherever it can be; and with each of these fates at each call that changes something at one of these clouds,
/// or with `EVERY_FAULT=1` at all of them.
fn with_every(fates: &[Fate], life: &Life) {
    let everywhere = std::env::var_os("EVERY_FAULT").is_some();
    let clouds: Vec<Cloud> = Cloud::ALL
        .into_iter()
        .filter(|cloud| life.is_possible_at(*cloud))
        .collect();
    // Another one for each life, so that none is left out.
    let chosen = clouds[life.name.len() % clouds.len()];
    let mut cases = Vec::new();
    for cloud in clouds {
        let lived = live(cloud, SEED, |mut model| async move { (life.live)(&mut model).await });
        let calls = lived.calls();
        lived.told().unwrap_or_else(|why| panic!("{}: {why}", life.name));
        if !everywhere && cloud != chosen {
            continue;
        }
        let points = points_of(&calls).into_iter();
        for call in points.filter(|call| calls[*call].effect == Effect::Writes) {
            cases.extend(fates.iter().map(|fate| (cloud, call, *fate)));
        }
    }
    let (tally, failures) = on_all_cores(cases.len(), |n| {
        let (cloud, call, fate) = cases[n];
        let mut lived = live(cloud, SEED, |mut model| async move {
            model.world.plan(call, fate);
            (life.live)(&mut model).await
        });
        lived.outcome = lived
            .outcome
            .map_err(|why| format!("{:?}, {fate:?} at call {call}: {why}", life.name));
        lived
    });
    println!("{}: {} lives", life.name, tally.lives);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Something is so, or the life is over.
pub fn must(model: &Model, holds: bool, what: &str) -> Outcome {
    if !holds {
        model.world.wrong(format!("{what}; {}", model.described()));
    }
    model.world.verdict()
}

/// So many machines were ever made.
pub fn ever(model: &Model, count: usize) -> Outcome {
    let made = model.cloud.ever().len();
    must(model, made == count, &format!("{made} machines were made, not {count}"))
}

/// Waits for a call whose description begins so, and is there while it is under way.
async fn under_way(model: &mut Model, what: &str) -> Outcome {
    for _ in 0..LONG {
        for _ in 0..50 {
            if model.world.has_called(what) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        model.second().await?;
    }
    must(model, false, &format!("nobody called: {what}"))
}

/// How an order for this instance is called.
fn order_of(model: &Model, name: &str) -> String {
    let uid = model.instance(name).unwrap()["metadata"]["uid"].clone();
    format!("cloud create gi-model-{}", object_key(uid.as_str().unwrap()))
}

/// Waits until an instance gives this reason for not being Ready.
pub async fn says(model: &mut Model, name: &str, reason: &str) -> Outcome {
    let what = format!("{name} says {reason}");
    model.until(&what, LONG, |model| model.reason(name) == reason).await
}

/// A life for every cloud.
fn any(_: &gpu_instance_operator::provider::Capabilities) -> bool {
    true
}
