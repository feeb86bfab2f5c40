//! The process dies at every call to the outside, before it and after it, and every such call fails in every other way.
//!
//! The points of a life are its calls, as they come where nothing fails. Each call that changes something counts by itself,
//! and the process dies before it is sent and after it was carried out. A call that only reads changes nothing outside, so
//! that a death before it and one after it are the same; and two reads of the same thing count as one where nothing
//! outside has changed in between, neither at the API server nor in the state of any machine, since a process that dies keeps
//! nothing but what is outside.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use gpu_instance_operator::api::Cloud;

use crate::lives::{LIVES, Life};
use crate::model::{Call, Effect, Fate, live, on_all_cores};

/// The seed of every life: all that differs between two of them is the fault.
const SEED: u64 = 7;

/// One fault at one call of one life.
struct Case {
    life: &'static Life,
    cloud: Cloud,
    call: usize,
    what: String,
    fate: Fate,
}

#[test]
fn every_fault_at_every_call_of_every_life() {
    let mut cases = Vec::new();
    let mut kinds = BTreeMap::new();
    let (mut calls, mut points) = (0, 0);
    for life in LIVES {
        for cloud in Cloud::ALL.into_iter().filter(|cloud| life.is_possible_at(*cloud)) {
            let lived = live(cloud, SEED, |mut model| async move { (life.live)(&mut model).await });
            let seen = lived.calls();
            lived.told().unwrap_or_else(|why| panic!("{}: {why}", life.name));
            let of_life = points_of(&seen);
            (calls, points) = (calls + seen.len(), points + of_life.len());
            for call in of_life {
                let what = seen[call].what.clone();
                *kinds.entry(kind_of(&what)).or_insert(0) += 1;
                let case = |fate| Case {
                    life,
                    cloud,
                    call,
                    what: what.clone(),
                    fate,
                };
                cases.extend(fates(&seen[call]).iter().map(|fate| case(*fate)));
            }
        }
    }
    every_kind_is_reached(&kinds);
    println!("{calls} calls, {points} of them different:");
    for (kind, count) in &kinds {
        println!("{count:>14}  {kind}");
    }
    let all = cases.len();
    let cases: Vec<Case> = cases.into_iter().step_by(one_in()).collect();
    let begun = Instant::now();
    let (tally, failures) = on_all_cores(cases.len(), |n| lived(&cases[n]));
    println!(
        "{} of {all} faults at these calls, each in a life of its own",
        tally.lives
    );
    println!("{}", tally.told(begun.elapsed()));
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert_eq!(tally.lives, cases.len());
}

/// `make simulate` tries every fault, and sets `EVERY_FAULT`; else, as in `make test`, it is one in so many.
fn one_in() -> usize {
    if std::env::var_os("EVERY_FAULT").is_some() {
        1
    } else {
        50
    }
}

fn lived(case: &Case) -> crate::model::Lived {
    let mut lived = live(case.cloud, SEED, |mut model| async move {
        model.world.plan(case.call, case.fate);
        (case.life.live)(&mut model).await
    });
    if lived.outcome.is_ok() && lived.world.fault_count() != 1 {
        lived.outcome = Err("the fault did not come".into());
    }
    lived.outcome = lived.outcome.map_err(|why| {
        let Case {
            life, call, what, fate, ..
        } = case;
        format!("{:?} at call {call} ({what}) of the life {:?}: {why}", fate, life.name)
    });
    lived
}

/// The calls that differ from all that came before them.
pub fn points_of(calls: &[Call]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let mut is_new = |call: &Call| call.effect == Effect::Writes || seen.insert((call.what.clone(), call.outside));
    (0..calls.len()).filter(|n| is_new(&calls[*n])).collect()
}

fn fates(call: &Call) -> &'static [Fate] {
    match call.effect {
        Effect::Writes => &Fate::OF_WRITES,
        Effect::Reads => &[Fate::DiesBefore, Fate::ReplyLost],
    }
}

/// A call without the name of what it is about.
fn kind_of(what: &str) -> String {
    let words: Vec<&str> = what.split(' ').collect();
    match words[..] {
        ["cloud", verb, ..] => format!("cloud {verb}"),
        ["status", "of", kind, ..] => format!("status of {kind}"),
        ["look", "at", kind, ..] => format!("look at {kind}"),
        [verb, kind, ..] => format!("{verb} {kind}"),
        _ => what.to_owned(),
    }
}

/// What a driver is asked for, and what the API server is: a call of a new kind needs a life that makes it.
const KINDS: &[&str] = &[
    "cloud create",
    "cloud delete",
    "cloud describe",
    "cloud identify",
    "cloud list",
    "cloud quote",
    "cloud restart",
    "cloud save",
    "cloud start",
    "cloud stop",
    "cloud task",
    "cloud update",
    "get configmaps",
    "get gpuproviders",
    "get secrets",
    "list gpuinstances",
    "look at clustergpuproviders",
    "look at gpuinstances",
    "look at gpuproviders",
    "look at namespaces",
    "look at secrets",
    "patch clustergpuproviders",
    "patch gpuinstances",
    "patch gpuproviders",
    "patch secrets",
    "status of clustergpuproviders",
    "status of gpuinstances",
    "status of gpuproviders",
];

fn every_kind_is_reached(reached: &BTreeMap<String, usize>) {
    let reached: BTreeSet<&str> = reached.keys().map(String::as_str).collect();
    let missing: Vec<_> = KINDS.iter().filter(|kind| !reached.contains(*kind)).collect();
    assert!(
        missing.is_empty(),
        "no life makes these calls: {missing:?}; made: {reached:?}"
    );
}
