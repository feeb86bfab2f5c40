//! Helm and kubectl, as users run them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use controlplane::ControlPlane;
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::repository::root;

/// What releases are called here, and the namespace that they are installed into.
pub const RELEASE: &str = "gpu-instance-operator";
pub const NAMESPACE: &str = "gpu-system";

pub fn chart() -> PathBuf {
    root().join("charts/gpu-instance-operator")
}

/// Helm; for a cluster if one is given. It keeps nothing from run to run.
pub struct Helm {
    home: TempDir,
    kubeconfig: PathBuf,
}

impl Helm {
    pub fn without_cluster() -> Self {
        Self::with(Path::new("/dev/null"))
    }

    pub fn on(plane: &ControlPlane) -> Self {
        Self::with(plane.kubeconfig())
    }

    fn with(kubeconfig: &Path) -> Self {
        Self {
            home: TempDir::with_prefix("helm-").unwrap(),
            kubeconfig: kubeconfig.to_owned(),
        }
    }

    /// What it prints, or what it complains of.
    pub fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(root().join("tests/helm/helm"))
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HELM_CACHE_HOME", self.home.path())
            .env("HELM_CONFIG_HOME", self.home.path())
            .env("HELM_DATA_HOME", self.home.path())
            .output()
            .unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// A command about the release, from a folder with a chart, with values.
    pub fn with_chart(&self, command: &[&str], chart: &Path, values: &Value) -> Result<String, String> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(values.to_string().as_bytes()).unwrap();
        let values = file.path().to_str().unwrap();
        let place = ["--namespace", NAMESPACE, "--values", values];
        self.run(&[command, &[RELEASE, chart.to_str().unwrap()], &place].concat())
    }

    /// What this repository's chart renders with these values.
    pub fn render(&self, values: &Value) -> Result<String, String> {
        self.with_chart(&["template"], &chart(), values)
    }
}

/// The objects of a rendered manifest.
pub fn objects(manifest: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap();
    documents.into_iter().filter(|object| !object.is_null()).collect()
}

/// The one object of this kind.
pub fn the<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let object = found.next().unwrap_or_else(|| panic!("there is no {kind}"));
    assert!(found.next().is_none(), "there are several {kind}");
    object
}

/// What `kubectl get ... --output=json` tells.
pub fn get(plane: &ControlPlane, what: &[&str]) -> Value {
    let json = plane.kubectl(&[&["get", "--output=json"], what].concat()).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// Makes a namespace that admits only Pods that keep to Kubernetes' strictest standard.
pub fn create_restricted_namespace(plane: &ControlPlane, name: &str) {
    let label = "pod-security.kubernetes.io/enforce=restricted";
    plane.kubectl(&["create", "namespace", name]).unwrap();
    plane.kubectl(&["label", "namespace", name, label]).unwrap();
}
