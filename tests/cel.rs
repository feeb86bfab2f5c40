//! The rules of the kinds, each in a table, evaluated here as an API server does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where it finds something wrong"
)]

use gpu_instance_operator::api::crds;
use kube::core::cel::Validator;
use serde_json::{Value, json};

#[path = "bad_input/manifest.rs"]
mod manifest;
#[path = "bad_input/rows.rs"]
mod rows;

use manifest::manifest;
use rows::{CHANGES, FoundBy, Kind, ROWS};

/// A manifest of this kind, read.
fn object(kind: Kind, name: &str, fragment: &str) -> Value {
    let manifest = manifest(kind, name, fragment);
    serde_saphyr::from_str(&manifest).unwrap_or_else(|error| panic!("{manifest}: {error}"))
}

/// What the rules say of an object, or of a change to it.
fn complaints(kind: Kind, new: &Value, old: Option<&Value>) -> Vec<String> {
    let crd = crds::all()
        .into_iter()
        .find(|crd| crd.spec.names.kind == kind.name())
        .unwrap();
    let schema = crd.spec.versions[0].schema.clone().unwrap().open_api_v3_schema.unwrap();
    let schema = serde_json::to_value(schema).unwrap();
    match Validator::new().validate_with_defaults(&schema, new, old) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec().into_iter().map(|error| error.message).collect(),
    }
}

#[test]
fn every_wrong_manifest_is_refused_for_one_reason() {
    for row in ROWS.iter().filter(|row| row.found_by == FoundBy::Rule) {
        let said = complaints(row.kind, &object(row.kind, "train-1", row.fragment), None);
        assert_eq!(said, [row.says], "{}", row.what);
    }
}

#[test]
fn every_right_manifest_is_accepted() {
    for (kind, fragment) in [
        (Kind::Instance, ""),
        (Kind::Instance, "gpu: { count: 0 }"),
        (Kind::Instance, "gpu: null\noffer: rtx-4090"),
        (Kind::Instance, "offer: ''\nregion: r-1"),
        (Kind::Instance, "gpu: null\noffer: rtx-4090\nregion: ''\ninstanceId: ''"),
        (Kind::Instance, "instanceId: m-1"),
        (Kind::Instance, "startupScript: echo"),
        (
            Kind::Instance,
            "startupScript: ''\nstartupScriptFrom: { configMapKeyRef: { name: a, key: sh } }",
        ),
        (Kind::Instance, "billing: {}"),
        (Kind::Instance, "billing: { mode: OffPeak }"),
        (Kind::Instance, "billing: { mode: PayAsYouGo, autoRenew: false }"),
        (
            Kind::Instance,
            "billing: { mode: Prepaid, period: { unit: Week, count: 3 }, autoRenew: true }",
        ),
        (Kind::Instance, "xgc: { dataCenterId: 1 }"),
        (Kind::Instance, "neolink: {}"),
        (Kind::Provider, ""),
        (Kind::Provider, "pollInterval: 1s\nsettleAfter: 5s"),
        (Kind::Provider, "pollInterval: 1m30s\nsettleAfter: 2h"),
        (Kind::ClusterProvider, ""),
        (Kind::ClusterProvider, "allowedNamespaces: { names: [ml] }"),
        (
            Kind::ClusterProvider,
            "allowedNamespaces: { selector: { matchLabels: { team: ml } } }",
        ),
    ] {
        let said = complaints(kind, &object(kind, "train-1", fragment), None);
        assert!(said.is_empty(), "{}: {fragment}: {said:?}", kind.name());
    }
}

#[test]
fn every_rule_is_in_the_tables() {
    for crd in crds::all() {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
        let kind = &crd.spec.names.kind;
        let mut said: Vec<_> = ROWS
            .iter()
            .filter(|row| row.kind.name() == kind)
            .map(|row| row.says)
            .collect();
        if kind == Kind::Instance.name() {
            said.extend(CHANGES.iter().map(|change| change.says));
        }
        for rule in rules(&schema) {
            let message = rule["message"]
                .as_str()
                .unwrap_or_else(|| panic!("a rule of {kind} has no message: {rule}"));
            assert!(said.contains(&message), "no row breaks this rule of {kind}: {message}");
        }
    }
}

/// Every rule in a schema, wherever it is.
fn rules(schema: &Value) -> Vec<Value> {
    let below = match schema {
        Value::Object(fields) => fields.values().flat_map(rules).collect(),
        Value::Array(items) => items.iter().flat_map(rules).collect(),
        _ => Vec::new(),
    };
    schema["x-kubernetes-validations"]
        .as_array()
        .cloned()
        .unwrap_or_default()
        .into_iter()
        .chain(below)
        .collect()
}

/// What makes a machine claimed: an intent that is written, or an id that is known.
fn claims() -> [Value; 2] {
    let claim = json!({
        "name": "gi-1-2-1", "attempt": 1, "since": "2026-01-01T00:00:00Z", "deadline": "2026-01-01T00:01:00Z"
    });
    [json!({ "claim": claim }), json!({ "instanceId": "m-1" })]
}

#[test]
fn what_names_the_machine_cannot_change_once_it_is_claimed() {
    for change in CHANGES {
        for status in claims() {
            let mut old = object(Kind::Instance, "train-1", change.before);
            let mut new = object(Kind::Instance, "train-1", change.after);
            old["status"] = status.clone();
            new["status"] = status;
            assert_eq!(
                complaints(Kind::Instance, &new, Some(&old)),
                [change.says],
                "{}",
                change.what
            );
            assert_eq!(
                complaints(Kind::Instance, &old, Some(&new)),
                [change.says],
                "back: {}",
                change.what
            );
        }
    }
}

#[test]
fn before_the_claim_everything_can_change() {
    for change in CHANGES {
        for status in [json!(null), json!({}), json!({ "state": "Pending" })] {
            let mut old = object(Kind::Instance, "train-1", change.before);
            let new = object(Kind::Instance, "train-1", change.after);
            if !status.is_null() {
                old["status"] = status;
            }
            assert_eq!(complaints(Kind::Instance, &new, Some(&old)), [""; 0], "{}", change.what);
        }
    }
}

#[test]
fn after_the_claim_the_rest_can_change() {
    for (before, after) in [
        ("", "power: Stopped"),
        ("", "gpu: { model: RTX 4090, count: 2 }"),
        ("", "image: other\nmaxPricePerHour: '3'\nsuspend: true"),
        ("region: null", "region: ''"),
        ("instanceId: ''", "instanceId: null"),
        ("", "providerRef: { kind: GpuProvider, name: xgc }"),
    ] {
        for status in claims() {
            let mut old = object(Kind::Instance, "train-1", before);
            old["status"] = status.clone();
            let mut new = object(Kind::Instance, "train-1", after);
            new["status"] = status;
            assert_eq!(complaints(Kind::Instance, &new, Some(&old)), [""; 0], "{after}");
        }
    }
}

#[test]
fn status_can_always_be_written() {
    let old = object(Kind::Instance, "train-1", "region: r-1");
    for status in claims() {
        let mut new = old.clone();
        new["status"] = status;
        assert_eq!(complaints(Kind::Instance, &new, Some(&old)), [""; 0]);
        assert_eq!(complaints(Kind::Instance, &old, Some(&new)), [""; 0]);
    }
}
