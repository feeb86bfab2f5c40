//! Every value of the chart does something: set otherwise, it is seen in what is rendered.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::helm::{Helm, chart};

/// A row of `every_value.yaml`, which says what its members are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    value: String,
    is: Value,
    #[serde(default)]
    with: Option<Value>,
    shows: Option<String>,
    hides: Option<String>,
}

fn rows() -> Vec<Row> {
    serde_saphyr::from_str(include_str!("every_value.yaml")).unwrap()
}

#[test]
fn every_value_has_an_effect() {
    let helm = Helm::without_cluster();
    for row in rows() {
        let before = row.with.unwrap_or_else(|| json!({}));
        let mut after = before.clone();
        *row.value.split('.').fold(&mut after, |inner, key| &mut inner[key]) = row.is;
        let (before, after) = (helm.render(&before).unwrap(), helm.render(&after).unwrap());
        let (without, with, words) = match (row.shows, row.hides) {
            (Some(words), None) => (before, after, words),
            (None, Some(words)) => (after, before, words),
            _ => panic!("{}: shows or hides, one of them", row.value),
        };
        assert!(with.contains(&words), "{}: {words} is never rendered", row.value);
        assert!(!without.contains(&words), "{}: {words} is rendered anyhow", row.value);
    }
}

/// Paths of all values that hold no others; where a user names the members, they are none of ours.
fn paths(values: &Map<String, Value>, above: &str, found: &mut BTreeSet<String>) {
    for (key, value) in values {
        let path = format!("{above}{key}");
        match value.as_object() {
            Some(inner) if !inner.is_empty() && !["resources", "dashboard.labels"].contains(&path.as_str()) => {
                paths(inner, &format!("{path}."), found);
            }
            _ => _ = found.insert(path),
        }
    }
}

#[test]
fn every_value_is_tried() {
    let values = std::fs::read_to_string(chart().join("values.yaml")).unwrap();
    let values: Map<String, Value> = serde_saphyr::from_str(&values).unwrap();
    let mut all = BTreeSet::new();
    paths(&values, "", &mut all);
    let tried: BTreeSet<String> = rows().into_iter().map(|row| row.value).collect();
    assert_eq!(tried, all);
}
