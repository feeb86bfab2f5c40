//! The alerts: valid, tested, and each with an entry in the runbook.

use std::collections::BTreeSet;

use serde_json::Value;

use super::promtool::{alerts, promtool, rules_file};
use crate::repository::{read, root};

const TESTS: &str = "tests/monitoring/alerts.yaml";

fn text<'a>(alert: &'a Value, pointer: &str) -> &'a str {
    let text = alert.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    assert!(!text.is_empty(), "{pointer} is missing in {alert}");
    text
}

#[test]
fn they_are_valid() {
    let file = rules_file();
    let (fine, said) = promtool(
        &["check", "rules", "--lint=all", "--lint-fatal", file.to_str().unwrap()],
        "",
    );
    assert!(fine, "{said}");
}

#[test]
fn each_fires_when_it_should_and_only_then() {
    let file = root().join(TESTS);
    let (fine, said) = promtool(&["test", "rules", file.to_str().unwrap()], "");
    assert!(fine, "{said}");
}

#[test]
fn each_is_tested_firing_and_silent() {
    let tests: Value = serde_saphyr::from_str(&read(TESTS)).unwrap();
    let checks = tests["tests"].as_array().unwrap().iter();
    let checks: Vec<Value> = checks
        .flat_map(|test| test["promql_expr_test"].as_array().unwrap().clone())
        .collect();
    for alert in alerts() {
        let name = text(&alert, "/alert");
        let of = format!("alertname=\"{name}\"");
        let of_alert = checks
            .iter()
            .filter(|check| check["expr"].as_str().unwrap().contains(&of));
        let expected: Vec<bool> = of_alert
            .map(|check| check["exp_samples"].as_array().unwrap().is_empty())
            .collect();
        assert!(expected.contains(&true), "no test shows {name} silent");
        assert!(expected.contains(&false), "no test shows {name} firing");
    }
}

#[test]
fn each_has_its_entry_in_the_runbook_and_each_entry_its_alert() {
    let runbook = read("docs/runbook.md");
    let entries: Vec<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let alerts = alerts();
    let names: Vec<&str> = alerts.iter().map(|alert| text(alert, "/alert")).collect();
    assert_eq!(entries, names, "in the order of the rules");
    for entry in runbook.split("\n## ").skip(1) {
        for part in ["**Means:**", "**Look:**", "**Do:**"] {
            assert_eq!(entry.matches(part).count(), 1, "{part} in {entry}");
        }
    }
    for alert in &alerts {
        let anchor = text(alert, "/alert").to_lowercase();
        let url = text(alert, "/annotations/runbook_url");
        assert_eq!(url, format!("docs/runbook.md#{anchor}"));
    }
}

#[test]
fn each_says_what_it_is_and_what_to_do() {
    for alert in alerts() {
        let (summary, description) = (
            text(&alert, "/annotations/summary"),
            text(&alert, "/annotations/description"),
        );
        assert!(["critical", "warning"].contains(&text(&alert, "/labels/severity")));
        assert!(description.len() > summary.len(), "{summary}: {description}");
    }
}

/// A label that the expression has added up away is empty in the message.
#[test]
fn messages_name_labels_that_are_there() {
    for alert in alerts() {
        let expression = text(&alert, "/expr");
        let kept: BTreeSet<&str> = expression
            .split("by (")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
            .flat_map(|labels| labels.split(", "))
            .collect();
        let said = alert["annotations"].to_string();
        for label in said.split("$labels.").skip(1) {
            let label = label.split([' ', '}']).next().unwrap();
            assert!(kept.contains(label), "{label} of {} is not in {kept:?}", alert["alert"]);
        }
    }
}
