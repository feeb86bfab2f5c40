//! promtool, as users run it, and the files that it is run over.

use std::path::PathBuf;
use std::process::Command;

use controlplane::fed;
use serde_json::Value;

use crate::repository::{read, root};

/// What promtool says; whether it is content.
pub fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let mut promtool = Command::new(root().join("tests/promtool/promtool"));
    let output = fed(promtool.args(arguments), input).unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), said)
}

pub fn rules_file() -> PathBuf {
    root().join("charts/gpu-instance-operator/files/alerts.yaml")
}

/// The alerts of the chart.
pub fn alerts() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(rules_file()).unwrap()).unwrap();
    let groups = file["groups"].as_array().unwrap().clone();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

/// The dashboard of the chart.
pub fn dashboard() -> Value {
    serde_json::from_str(&read("charts/gpu-instance-operator/files/dashboard.json")).unwrap()
}

/// The expressions of the dashboard, each with the title of its panel.
pub fn queries() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push((title.to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    queries
}
