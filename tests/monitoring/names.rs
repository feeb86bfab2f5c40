//! Alerts and dashboard ask for metrics, labels and values that there are; and every metric is asked for.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gpu_instance_operator::metrics::{DESCRIPTIONS, Label, Values};

use super::expression::{Selector, selectors};
use super::promtool::{alerts, dashboard, promtool, queries};

/// Added by whoever scrapes.
const OF_SCRAPING: [&str; 4] = ["namespace", "job", "pod", "le"];

/// Every expression that there is, with the name of what it is in.
fn expressions() -> Vec<(String, String)> {
    let alerts = alerts();
    let of_alerts = alerts.iter().map(|alert| {
        let text = |member: &str| alert[member].as_str().unwrap().to_owned();
        (text("alert"), text("expr"))
    });
    of_alerts.chain(queries()).collect()
}

#[test]
fn every_metric_that_is_asked_for_is_told() {
    for (place, expression) in expressions() {
        let selectors = selectors(&expression);
        assert!(!selectors.is_empty(), "{place} asks for nothing: {expression}");
        for selector in selectors {
            assert!(
                selector.description().is_some(),
                "{place}: there is no {}",
                selector.metric
            );
        }
    }
    for variable in dashboard()["templating"]["list"].as_array().unwrap() {
        for selector in selectors(&variable["query"].to_string()) {
            assert!(selector.description().is_some(), "there is no {}", selector.metric);
        }
    }
}

#[test]
fn every_metric_that_is_told_is_asked_for() {
    let expressions = expressions();
    let selectors = expressions.iter().flat_map(|(_, expression)| selectors(expression));
    let asked: BTreeSet<&str> = selectors
        .filter_map(|selector| Some(selector.description()?.name))
        .collect();
    let told: BTreeSet<&str> = DESCRIPTIONS.iter().map(|metric| metric.name).collect();
    assert_eq!(told, asked, "a metric that nobody looks at is only paid for");
}

/// Whether a matcher lets one of the label's values through, each alternative one of its own.
fn matches_something(label: Label, operator: &str, wanted: &str) -> bool {
    let Values::Closed(values) = label.values() else {
        return true;
    };
    let lets = |alternative: &str| match alternative.strip_suffix(".+") {
        Some(start) => values.iter().any(|value| value.starts_with(start)),
        None => values.contains(&alternative),
    };
    match operator {
        "=~" | "!~" => wanted.trim().split('|').all(lets),
        _ => lets(wanted),
    }
}

fn check(place: &str, selector: &Selector) {
    let description = selector.description().unwrap();
    for (label, operator, wanted) in &selector.matchers {
        if OF_SCRAPING.contains(&label.as_str()) || wanted.starts_with('$') {
            continue;
        }
        let described = description.labels.iter().find(|described| described.name() == label);
        let described = described.unwrap_or_else(|| panic!("{place}: {} has no {label}", selector.metric));
        assert!(
            matches_something(*described, operator, wanted),
            "{place}: {label} of {} is never {wanted}",
            selector.metric
        );
    }
}

#[test]
fn every_value_of_a_label_that_is_asked_for_exists() {
    for (place, expression) in expressions() {
        for selector in selectors(&expression) {
            check(&place, &selector);
        }
    }
    assert!(!matches_something(Label::Reason, "=~", "Credentials.+|Kaput"));
    assert!(matches_something(Label::Reason, "=~", "Credentials.+|Lost"));
}

#[test]
fn every_label_that_is_kept_exists() {
    for (place, expression) in expressions() {
        let all: Vec<&str> = selectors(&expression)
            .iter()
            .flat_map(|selector| selector.description().unwrap().labels)
            .map(|label| label.name())
            .chain(OF_SCRAPING)
            .collect();
        for labels in expression.split("by (").skip(1) {
            for label in labels.split(')').next().unwrap().split(", ") {
                assert!(all.contains(&label), "{place}: none of its metrics has {label}");
            }
        }
    }
}

/// What Prometheus' own linter thinks of the names and of what they say.
#[test]
fn names_are_those_that_prometheus_wants() {
    let mut text = String::new();
    for metric in DESCRIPTIONS {
        let (name, kind) = (metric.full_name(), metric.kind.into());
        let kind = if kind == "info" { "gauge" } else { kind };
        let samples = match kind {
            "histogram" => format!("{name}_bucket{{le=\"+Inf\"}} 1\n{name}_sum 1\n{name}_count 1\n"),
            _ => format!("{name} 1\n"),
        };
        let _ = write!(text, "# HELP {name} {}\n# TYPE {name} {kind}\n{samples}", metric.help);
    }
    let (fine, said) = promtool(&["check", "metrics"], &text);
    assert!(fine && said.trim().is_empty(), "{said}");
    let (fine, said) = promtool(&["check", "metrics"], &text.replace("_steps_total", "_steps_number"));
    assert!(!fine, "were nothing checked, that would prove nothing: {said}");
}
