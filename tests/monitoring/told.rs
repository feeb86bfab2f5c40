//! What the operator tells after it has lived through everything: all that is described, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use cloudsim::Fault;
use gpu_instance_operator::metrics::{DESCRIPTIONS, Description, MetricKind, PREFIX, Values};
use serde_json::json;

use crate::operator::{Scene, Setup, instance};

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_described_is_told_and_nothing_else() {
    let mut scene = Setup::new("eyes")
        .provider(json!({ "orphans": "Delete" }))
        .start()
        .await;
    let mut told = Told::default();
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    cost_unwanted(&scene, &mut told).await;
    be_refused(&scene, &mut told).await;
    leave_an_orphan(&mut scene, &mut told).await;
    let described: BTreeSet<String> = DESCRIPTIONS.iter().map(Description::full_name).collect();
    let said: BTreeSet<String> = told.families.keys().cloned().collect();
    assert_eq!(said, described);
}

/// The cloud does not stop a machine whose object says `Stopped`.
async fn cost_unwanted(scene: &Scene, told: &mut Told) {
    let broken = Fault::on("xgc.shutdown_release_gpu").status_before_commit(500);
    scene.sim.fault(broken.until_cleared());
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    let metric = metric(r#"unwanted_machines{cloud="XGC",cause="stopped"} 1"#);
    scene.operator.until_metric(&metric).await;
    told.note(&scene.operator.metrics().await);
    scene.sim.clear_faults();
    scene.change("train-1", json!({ "power": "Running" })).await;
    scene.until_ready("train-1").await;
}

/// An object that no machine can be rented for.
async fn be_refused(scene: &Scene, told: &mut Told) {
    scene.apply(instance("odd", json!({ "region": "nowhere" }))).await;
    scene.until_not_ready("odd", "Unsupported").await;
    let metric = metric(r#"instances_not_ready{cloud="XGC",reason="Unsupported"} 1"#);
    scene.operator.until_metric(&metric).await;
    told.note(&scene.operator.metrics().await);
}

/// An object is torn out by force while nobody looks; its machine is swept.
async fn leave_an_orphan(scene: &mut Scene, told: &mut Told) {
    scene.until_bound("train-1").await;
    told.note(&scene.operator.metrics().await);
    scene.operator.kill9();
    scene.tear_out("train-1").await;
    scene.operator.restart().await;
    let metric = metric(r#"orphans_deleted_total{cloud="XGC",account="u-1"} 1"#);
    scene.operator.until_metric(&metric).await;
    told.note(&scene.operator.metrics().await);
}

fn metric(line: &str) -> String {
    format!("{PREFIX}_{line}")
}

/// Every metric that was told, with every value of its labels.
#[derive(Default)]
struct Told {
    families: BTreeMap<String, BTreeSet<(String, String)>>,
}

impl Told {
    fn note(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let end = line.find(['{', ' ']).unwrap();
            let (name, rest) = line.split_at(end);
            let metric = DESCRIPTIONS.iter().find(|metric| match metric.kind {
                MetricKind::Histogram => ["_bucket", "_count", "_sum"]
                    .iter()
                    .any(|suffix| name == format!("{}{suffix}", metric.full_name())),
                _ => name == metric.full_name(),
            });
            let metric = metric.unwrap_or_else(|| panic!("{name} is told, and not described"));
            let labels = self.families.entry(metric.full_name()).or_default();
            let inside = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let mut parts = inside.map_or("", |(inside, _)| inside).split('"');
            while let (Some(label), Some(value)) = (parts.next(), parts.next()) {
                let label = label.trim_matches([',', '=']);
                if label == "le" {
                    continue;
                }
                let described = metric.labels.iter().find(|described| described.name() == label);
                let described = described.unwrap_or_else(|| panic!("{name} has {label}, which is not described"));
                if let Values::Closed(values) = described.values() {
                    assert!(
                        values.contains(&value),
                        "{label} of {name} says {value}, which is not described"
                    );
                }
                labels.insert((label.to_owned(), value.to_owned()));
            }
        }
    }
}
