//! docs/metrics.md: every metric and every label, as they are registered.

use std::fmt::Write as _;

use gpu_instance_operator::metrics::{DESCRIPTIONS, Label, Values};
use strum::VariantArray as _;

use super::hold_to;

fn metrics() -> String {
    let mut table = "| Metric | Type | Unit | Labels | What it says |\n|---|---|---|---|---|\n".to_owned();
    for metric in DESCRIPTIONS {
        let kind: &str = metric.kind.into();
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{}`", label.name()))
            .collect();
        let (name, unit, labels, help) = (metric.full_name(), metric.unit, labels.join(", "), metric.help);
        let _ = writeln!(table, "| `{name}` | {kind} | {unit} | {labels} | {help} |");
    }
    table
}

fn labels() -> String {
    let mut table = "| Label | Of | Values |\n|---|---|---|\n".to_owned();
    for label in Label::VARIANTS {
        let of = DESCRIPTIONS.iter().filter(|metric| metric.labels.contains(label));
        let of: Vec<_> = of.map(|metric| format!("`{}`", metric.name)).collect();
        let values = match label.values() {
            Values::Bounded(by) => by.to_owned(),
            Values::Closed(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                words.join(" ")
            }
        };
        let _ = writeln!(table, "| `{}` | {} | {values} |", label.name(), of.join(", "));
    }
    table
}

#[test]
fn the_generated_tables_of_metrics_are_those_of_this_build() {
    hold_to("docs/metrics.md", &[metrics(), labels()]);
}
