//! The dashboard: what Grafana imports, each query of it one that Prometheus understands.

use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::promtool::{dashboard, promtool, queries};

fn variables() -> Vec<Value> {
    dashboard()["templating"]["list"].as_array().unwrap().clone()
}

/// As Grafana would send it.
fn filled_in(query: &str) -> String {
    [
        ("$__rate_interval", "5m"),
        ("$__range", "1d"),
        ("$namespace", ".*"),
        ("$cloud", ".*"),
    ]
    .iter()
    .fold(query.to_owned(), |query, (variable, value)| {
        query.replace(variable, value)
    })
}

#[test]
fn every_query_is_understood() {
    let queries = queries();
    assert!(queries.len() > 20);
    let rules: Vec<Value> = queries
        .iter()
        .enumerate()
        .map(|(at, (_, query))| json!({ "record": format!("panel:query:{at}"), "expr": filled_in(query) }))
        .collect();
    let mut file = NamedTempFile::with_suffix(".yaml").unwrap();
    let groups = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    file.write_all(groups.to_string().as_bytes()).unwrap();
    let (fine, said) = promtool(&["check", "rules", file.path().to_str().unwrap()], "");
    assert!(fine, "{said}");
    assert!(said.contains(&format!("{} rules found", queries.len())), "{said}");
    for (title, query) in queries {
        assert!(
            !filled_in(&query).contains('$'),
            "{title}: an unknown variable in {query}"
        );
    }
}

#[test]
fn panels_are_what_grafana_draws() {
    let dashboard = dashboard();
    assert!(dashboard["uid"].is_string() && dashboard["title"].is_string());
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        let (x, w) = (&panel["gridPos"]["x"], &panel["gridPos"]["w"]);
        assert!(x.as_u64().unwrap() + w.as_u64().unwrap() <= 24, "{title} sticks out");
        if panel["type"] == "row" {
            continue;
        }
        assert!(
            ["stat", "timeseries"].contains(&panel["type"].as_str().unwrap()),
            "{title}"
        );
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(
                target["datasource"],
                json!({ "type": "prometheus", "uid": "${datasource}" }),
                "{title}"
            );
        }
    }
}

#[test]
fn panels_do_not_overlap() {
    let mut taken = BTreeSet::new();
    for panel in dashboard()["panels"].as_array().unwrap() {
        let at = |member: &str| panel["gridPos"][member].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} overlaps at {x}, {y}", panel["title"]);
            }
        }
    }
}

#[test]
fn whoever_looks_chooses_the_data_source() {
    let variables = variables();
    let named = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
    assert_eq!(named("datasource")["type"], "datasource");
    assert_eq!(named("datasource")["query"], "prometheus");
    for name in ["namespace", "cloud"] {
        assert_eq!(named(name)["allValue"], ".*", "also where there is no such label");
    }
}
