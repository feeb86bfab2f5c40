//! The files in `deploy/gitops/`: what they say fits the chart and the health script.

use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use super::judged::HEALTH;
use crate::repository::{read, root};

fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).unwrap()
}

fn named<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut of_name = documents
        .iter()
        .filter(|document| document["kind"] == kind && document["metadata"]["name"] == name);
    of_name.next().unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// The chart takes these values.
fn rendered_with(values: &Value) {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    file.write_all(values.to_string().as_bytes()).unwrap();
    let helm = Command::new(root().join("tests/helm/helm"))
        .args([
            "template",
            "gpu-instance-operator",
            "charts/gpu-instance-operator",
            "--values",
        ])
        .arg(file.path())
        .current_dir(root())
        .env("KUBECONFIG", "/dev/null")
        .output()
        .unwrap();
    assert!(helm.status.success(), "{}", String::from_utf8_lossy(&helm.stderr));
    let manifest = String::from_utf8(helm.stdout).unwrap();
    for kind in ["ServiceMonitor", "PrometheusRule", "Deployment"] {
        assert!(manifest.contains(&format!("kind: {kind}\n")), "{kind}");
    }
}

#[test]
fn flux_installs_the_chart_and_waits_for_machines() {
    let operator = documents("deploy/gitops/flux/operator.yaml");
    let release = named(&operator, "HelmRelease", "gpu-instance-operator");
    rendered_with(&release["spec"]["values"]);
    let source = &release["spec"]["chart"]["spec"];
    assert!(
        root()
            .join(source["chart"].as_str().unwrap())
            .join("Chart.yaml")
            .exists()
    );
    named(
        &operator,
        "GitRepository",
        source["sourceRef"]["name"].as_str().unwrap(),
    );

    let machines = documents("deploy/gitops/flux/machines.yaml");
    let applied = named(&machines, "Kustomization", "gpu-machines");
    assert_eq!(applied["spec"]["wait"], true);
    named(
        &machines,
        "Kustomization",
        applied["spec"]["dependsOn"][0]["name"].as_str().unwrap(),
    );
    for kustomization in machines.iter().filter(|document| document["kind"] == "Kustomization") {
        named(
            &machines,
            "GitRepository",
            kustomization["spec"]["sourceRef"]["name"].as_str().unwrap(),
        );
    }
    let first = named(&machines, "Kustomization", "gpu-operator");
    assert_eq!(
        first["spec"]["prune"], false,
        "nobody could delete the machines any more"
    );
}

#[test]
fn argo_cd_installs_the_chart() {
    let applications = documents("deploy/gitops/argo-cd/application.yaml");
    let operator = named(&applications, "Application", "gpu-instance-operator");
    rendered_with(&operator["spec"]["source"]["helm"]["valuesObject"]);
    assert_eq!(operator["spec"]["syncPolicy"]["automated"]["prune"], false);
    let path = operator["spec"]["source"]["path"].as_str().unwrap();
    assert!(root().join(path).join("Chart.yaml").exists());
    named(&applications, "Application", "gpu-machines");
}

#[test]
fn argo_cd_is_told_the_health_script_for_each_kind() {
    let settings = documents("deploy/gitops/argo-cd/argocd-cm.yaml").remove(0);
    let data = settings["data"].as_object().unwrap();
    let kinds: Vec<String> = gpu_instance_operator::api::crds::all()
        .into_iter()
        .map(|kind| {
            format!(
                "resource.customizations.health.gpuinstance.dev_{}",
                kind.spec.names.kind
            )
        })
        .collect();
    assert_eq!(data.len(), kinds.len());
    for kind in kinds {
        assert_eq!(data[&kind].as_str().unwrap(), read(HEALTH), "{kind}");
    }
}
