//! Every state that an object can be in, as it was recorded from the projection of status.

use std::collections::BTreeSet;

use serde_json::Value;

use super::judged::judge;
use crate::repository::read;

/// By the words that a recording begins with: what Flux waits by, and what Argo CD shows.
const EXPECTED: [(&str, (&str, &str)); 10] = [
    ("created", ("InProgress", "Progressing")),
    ("progressing ", ("InProgress", "Progressing")),
    ("ready ", ("Current", "Healthy")),
    ("changed", ("InProgress", "Progressing")),
    ("unreachable CloudUnavailable", ("InProgress", "Healthy")),
    ("unreachable since a change", ("InProgress", "Progressing")),
    ("suspended as asked", ("Current", "Suspended")),
    ("suspended and different", ("InProgress", "Suspended")),
    ("stalled ", ("Failed", "Degraded")),
    ("deleting", ("Terminating", "Progressing")),
];

fn recorded() -> Vec<(String, Value)> {
    let rows: Vec<Value> = serde_json::from_str(&read("tests/gitops/recorded.json")).unwrap();
    let rows = rows.into_iter().map(|mut row| {
        let object = row["object"].take();
        (row["when"].as_str().unwrap().to_owned(), object)
    });
    rows.collect()
}

#[test]
fn every_state_is_what_the_tools_take_it_for() {
    let recorded = recorded();
    let objects: Vec<Value> = recorded.iter().map(|(_, object)| object.clone()).collect();
    let mut met = BTreeSet::new();
    for ((when, object), judged) in recorded.iter().zip(judge(&objects)) {
        let expected = EXPECTED.iter().find(|(start, _)| when.starts_with(start));
        let (start, expected) = expected.unwrap_or_else(|| panic!("nothing is expected of: {when}"));
        assert_eq!(judged.both(), *expected, "{when}: {judged:?}\n{object}");
        met.insert(*start);
    }
    let all: BTreeSet<&str> = EXPECTED.iter().map(|(start, _)| *start).collect();
    assert_eq!(met, all, "each was recorded");
}

#[test]
fn the_reason_is_said() {
    for (when, object) in recorded() {
        let Some(reason) = when.strip_prefix("stalled ") else {
            continue;
        };
        let judged = judge(&[object]).remove(0);
        assert!(judged.argo_message.starts_with(&format!("{reason}: ")), "{judged:?}");
        assert!(!judged.kstatus_message.is_empty(), "{judged:?}");
    }
}
