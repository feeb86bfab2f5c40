//! Manifests out of the rows.

use serde_json::{Map, Value, json};

use super::rows::Kind;

pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// An object of this kind: the valid spec with the fragment laid over it.
pub fn object(kind: Kind, name: &str, fragment: &str) -> Value {
    let mut spec = yaml(kind.valid());
    lay_over(spec.as_object_mut().unwrap(), fragment);
    let mut metadata = json!({ "name": name });
    if kind != Kind::ClusterProvider {
        metadata["namespace"] = "ml".into();
    }
    json!({ "apiVersion": "gpuinstance.dev/v1alpha1", "kind": kind.name(), "metadata": metadata, "spec": spec })
}

fn lay_over(spec: &mut Map<String, Value>, fragment: &str) {
    if fragment.is_empty() {
        return;
    }
    for (field, value) in yaml(fragment).as_object().unwrap() {
        if value.is_null() {
            spec.remove(field);
        } else {
            spec.insert(field.clone(), value.clone());
        }
    }
}
