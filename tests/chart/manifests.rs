//! `deploy/`: what is rendered from the chart is that of this checkout.

use super::helm::{Helm, RELEASE, chart};
use crate::repository::root;

/// What stands above a rendered file.
const HEADER: &str = "# Rendered from charts/gpu-instance-operator by `make generate`; not to be edited.\n";

/// The CRDs, and all else. Nothing in them says that Helm looks after them, nor that it should keep them.
fn rendered() -> [(&'static str, String); 2] {
    let chart = chart();
    let arguments = [
        "template",
        RELEASE,
        chart.to_str().unwrap(),
        "--namespace=gpu-instance-operator",
    ];
    let all = Helm::without_cluster()
        .run(&[&arguments[..], &["--set=crds.keep=false"]].concat())
        .unwrap();
    let documents = all.split("---\n").filter(|document| !document.trim().is_empty());
    let (crds, others): (Vec<_>, Vec<_>) =
        documents.partition(|document| document.contains("\nkind: CustomResourceDefinition\n"));
    [
        ("deploy/crds.yaml", file(&crds)),
        ("deploy/operator.yaml", file(&others)),
    ]
}

fn file(documents: &[&str]) -> String {
    let text = documents.join("---\n");
    let of_helm = |line: &&str| line.contains("helm.sh/") || line.contains("managed-by: Helm");
    let kept: Vec<_> = text.lines().filter(|line| !of_helm(line)).collect();
    format!("{HEADER}{}\n", kept.join("\n").trim_end())
}

#[test]
fn the_generated_manifests_are_those_of_the_chart() {
    for (path, wanted) in rendered() {
        let file = root().join(path);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &wanted).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == wanted, "{path} is stale: run `make generate`");
    }
}
