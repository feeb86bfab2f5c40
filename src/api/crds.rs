//! The custom resource definitions, as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use super::{ClusterGpuProvider, GpuInstance, GpuProvider};

/// All of them, in the order in which they are written everywhere.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![GpuInstance::crd(), GpuProvider::crd(), ClusterGpuProvider::crd()]
}

/// All of them as YAML, one document each.
pub fn yaml() -> Result<String, serde_saphyr::ser::Error> {
    let documents: Result<Vec<_>, _> = all().iter().map(serde_saphyr::to_string).collect();
    Ok(documents?.join("---\n"))
}
