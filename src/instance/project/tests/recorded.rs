//! What objects look like in every state, recorded for who judges them from outside: `tests/gitops.rs` holds the file to
//! what Flux and Argo CD make of it. `UPDATE=1 cargo test --lib recorded` writes it anew.

use std::path::Path;

use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use super::{Object, Seen, outage, progress, ready, running, stalled, status};
use crate::api::InstanceState;
use crate::api::condition::Reason;
use crate::api::crds;
use crate::instance::plan::tests::scenes::{bound, claimed, held_object, new_object, seen};
use crate::instance::project::Verdict;

/// Where it is written; what it says is for people, too.
const FILE: &str = "tests/gitops/recorded.json";

/// On the way, each with the state that the machine is in.
const ON_THE_WAY: [(Reason, InstanceState); 14] = [
    (Reason::Pending, InstanceState::Pending),
    (Reason::Claimed, InstanceState::Pending),
    (Reason::Creating, InstanceState::Creating),
    (Reason::Settling, InstanceState::Pending),
    (Reason::Starting, InstanceState::Starting),
    (Reason::Stopping, InstanceState::Stopping),
    (Reason::Restarting, InstanceState::Starting),
    (Reason::SavingImage, InstanceState::SavingImage),
    (Reason::Reinstalling, InstanceState::Reinstalling),
    (Reason::EndpointsPending, InstanceState::Running),
    (Reason::UnknownState, InstanceState::Unknown),
    (Reason::NoCapacity, InstanceState::Pending),
    (Reason::InsufficientBalance, InstanceState::Frozen),
    (Reason::LimitReached, InstanceState::Pending),
];

/// An object, and what became of it.
fn published(object: Object, seen: &Seen, verdict: &Verdict) -> Value {
    let status = status(&object, seen, verdict);
    serde_json::to_value(object.status(|old| *old = status).0).unwrap()
}

/// As the API server makes it, before the operator has looked.
fn created() -> Value {
    let kind = crds::all().swap_remove(0);
    let schema = kind.spec.versions[0].schema.as_ref().unwrap();
    let properties = schema.open_api_v3_schema.as_ref().unwrap().properties.as_ref().unwrap();
    let mut object = serde_json::to_value(new_object().0).unwrap();
    object["status"] = properties["status"].default.as_ref().unwrap().0.clone();
    object
}

fn on_the_way() -> Vec<(String, Value)> {
    let ways = ON_THE_WAY.iter().map(|(reason, state)| {
        let object = match state {
            InstanceState::Pending => claimed(),
            _ => bound(),
        };
        let seen = seen().m(*state);
        (
            format!("progressing {reason}"),
            published(object, &seen, &progress(*reason)),
        )
    });
    ways.collect()
}

fn as_asked() -> Vec<(String, Value)> {
    let suspended = |differs: Option<&str>| {
        let object = bound().spec(|spec| spec.suspend = true);
        published(object, &running(), &Verdict::Suspended(differs.map(Into::into)))
    };
    let known = bound();
    let as_known = status(&known, &running(), &ready());
    let known = known.status(|status| *status = as_known);
    let changed = serde_json::to_value(known.clone().generation(2).0).unwrap();
    vec![
        ("ready Running".to_owned(), published(bound(), &running(), &ready())),
        (
            "ready Stopped".to_owned(),
            published(bound().stopped(), &seen().m(InstanceState::Stopped), &ready()),
        ),
        (
            "ready Stopped, nothing rented".to_owned(),
            published(held_object().stopped(), &seen(), &ready()),
        ),
        ("changed, and not looked at".to_owned(), changed),
        (
            "unreachable CloudUnavailable".to_owned(),
            published(known.clone(), &running(), &outage(Reason::CloudUnavailable)),
        ),
        (
            "unreachable since a change".to_owned(),
            published(known.generation(2), &running(), &outage(Reason::RateLimited)),
        ),
        ("suspended as asked".to_owned(), suspended(None)),
        (
            "suspended and different".to_owned(),
            suspended(Some("it would be stopped")),
        ),
    ]
}

fn stalled_or_going() -> Vec<(String, Value)> {
    let reasons = Reason::iter().filter(|reason| reason.is_stalled());
    let mut found: Vec<_> = reasons
        .map(|reason| {
            (
                format!("stalled {reason}"),
                published(bound(), &running(), &stalled(reason)),
            )
        })
        .collect();
    let going = |verdict: &Verdict| published(bound().deleted(), &seen().m(InstanceState::Running), verdict);
    found.push(("deleting".to_owned(), going(&progress(Reason::Deleting))));
    let refused = going(&stalled(Reason::CredentialsRejected));
    found.push(("deleting, and the keys are refused".to_owned(), refused));
    found
}

#[test]
fn statuses_are_recorded_for_others_to_judge() {
    let created = std::iter::once(("created".to_owned(), created()));
    let all = created
        .chain(on_the_way())
        .chain(as_asked())
        .chain(stalled_or_going())
        .map(|(when, object)| json!({ "when": when, "object": object }));
    let text = serde_json::to_string_pretty(&all.collect::<Vec<_>>()).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let recorded = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(recorded == text, "{FILE} is stale: run `make generate`");
}
