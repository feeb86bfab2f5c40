//! What an account may do, and what it did.

use std::collections::BTreeSet;

use controlplane::{AuditEvent, ControlPlane};
use serde_json::Value;

use super::helm::get;

/// One verb on one resource, in a namespace; the namespace is empty for a right everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    pub namespace: String,
    pub resource: String,
    pub verb: String,
}

fn texts<'a>(value: &'a Value, member: &str) -> Vec<&'a str> {
    value[member]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// What bindings give a service account.
pub fn granted(plane: &ControlPlane, namespace: &str, account: &str) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    let bindings = get(plane, &["clusterrolebindings,rolebindings", "--all-namespaces"]);
    for binding in bindings["items"].as_array().unwrap() {
        let bound = binding["subjects"].as_array().into_iter().flatten().any(|subject| {
            subject["kind"] == "ServiceAccount" && subject["name"] == account && subject["namespace"] == namespace
        });
        if !bound {
            continue;
        }
        let place = binding["metadata"]["namespace"].as_str().unwrap_or_default();
        let (kind, name) = (
            &binding["roleRef"]["kind"],
            binding["roleRef"]["name"].as_str().unwrap(),
        );
        let role = if kind == "ClusterRole" {
            get(plane, &["clusterrole", name])
        } else {
            get(plane, &["role", name, "--namespace", place])
        };
        for rule in role["rules"].as_array().unwrap() {
            for group in texts(rule, "apiGroups") {
                for resource in texts(rule, "resources") {
                    rights.extend(texts(rule, "verbs").into_iter().map(|verb| Right {
                        namespace: place.to_owned(),
                        resource: format!("{resource}.{group}"),
                        verb: verb.to_owned(),
                    }));
                }
            }
        }
    }
    rights
}

/// What a call needs, in its namespace.
pub fn needed(call: &AuditEvent) -> Right {
    let part = if call.subresource.is_empty() {
        String::new()
    } else {
        format!("/{}", call.subresource)
    };
    Right {
        namespace: call.namespace.clone(),
        resource: format!("{}{part}.{}", call.resource, call.api_group),
        verb: call.verb.clone(),
    }
}
