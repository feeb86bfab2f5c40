use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::AuditEvent;

/// One verb on one resource, in a namespace; the namespace is empty for a right everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Empty for a right in all of them.
    pub namespace: String,
    /// As `leases.coordination.k8s.io` or `gpuinstances/status.gpuinstance.dev`.
    pub resource: String,
    /// As in the audit log.
    pub verb: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            resource,
            verb,
        } = self;
        write!(f, "{verb} {resource}")?;
        if namespace.is_empty() {
            Ok(())
        } else {
            write!(f, " in {namespace}")
        }
    }
}

/// What a service account may do, against what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rights {
    /// What its bindings give.
    pub granted: BTreeSet<Right>,
    /// What its calls needed.
    pub used: BTreeSet<Right>,
    /// The calls that were refused for want of a right or a valid token.
    pub denied: Vec<AuditEvent>,
}

impl Rights {
    /// Of the account NAMESPACE/NAME. `rbac` is what `kubectl get clusterrolebindings,rolebindings,clusterroles,roles
    /// --all-namespaces --output=json` tells; the calls may be those of others, too.
    #[must_use]
    pub fn of(namespace: &str, name: &str, rbac: &Value, calls: &[AuditEvent]) -> Self {
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let granted = granted(rbac, namespace, name);
        let calls = || calls.iter().filter(|call| call.user == user);
        let used = calls().filter(|call| !call.resource.is_empty()).map(|call| {
            let right = needed(call);
            let everywhere = Right {
                namespace: String::new(),
                ..right.clone()
            };
            if granted.contains(&everywhere) {
                everywhere
            } else {
                right
            }
        });
        Self {
            used: used.collect(),
            denied: calls().filter(|call| matches!(call.code, 401 | 403)).cloned().collect(),
            granted,
        }
    }

    /// What is wrong with them, a line each: a call that was denied, a right that was never used, and one that something
    /// else than its own bindings gave.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let denied = self
            .denied
            .iter()
            .map(|call| format!("denied: {} {} at {}", call.verb, call.uri, call.at));
        let unused = self.granted.difference(&self.used);
        let beyond = self.used.difference(&self.granted);
        denied
            .chain(unused.map(|right| format!("granted, but never used: {right}")))
            .chain(beyond.map(|right| format!("used, but granted by no binding of its own: {right}")))
            .collect()
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What bindings give a service account.
fn granted(rbac: &Value, namespace: &str, name: &str) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for binding in items(&rbac["items"]) {
        let bound = items(&binding["subjects"]).any(|subject| {
            subject["kind"] == "ServiceAccount" && subject["name"] == name && subject["namespace"] == namespace
        });
        if !bound {
            continue;
        }
        let place = text(&binding["metadata"]["namespace"]);
        let reference = &binding["roleRef"];
        let is_bound = |role: &&Value| {
            role["kind"] == reference["kind"]
                && role["metadata"]["name"] == reference["name"]
                && (role["kind"] == "ClusterRole" || text(&role["metadata"]["namespace"]) == place)
        };
        for role in items(&rbac["items"]).filter(is_bound) {
            items(&role["rules"]).for_each(|rule| rights.extend(rights_of(rule, place)));
        }
    }
    rights
}

fn rights_of(rule: &Value, namespace: &str) -> Vec<Right> {
    let mut rights = Vec::new();
    for group in items(&rule["apiGroups"]) {
        for resource in items(&rule["resources"]) {
            rights.extend(items(&rule["verbs"]).map(|verb| Right {
                namespace: namespace.to_owned(),
                resource: qualified(text(resource), "", text(group)),
                verb: text(verb).to_owned(),
            }));
        }
    }
    rights
}

/// What a call needs, in its namespace.
fn needed(call: &AuditEvent) -> Right {
    Right {
        namespace: call.namespace.clone(),
        resource: qualified(&call.resource, &call.subresource, &call.api_group),
        verb: call.verb.clone(),
    }
}

/// As people write it, and rules do: `pods`, `pods/log`, `leases.coordination.k8s.io`.
fn qualified(resource: &str, part: &str, group: &str) -> String {
    let mut name = resource.to_owned();
    for (mark, more) in [('/', part), ('.', group)] {
        if !more.is_empty() {
            name.push(mark);
            name.push_str(more);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Rights;
    use crate::AuditEvent;

    fn rbac() -> Value {
        let about = json!({ "name": "operator", "namespace": "ml" });
        json!({ "items": [
            { "kind": "Role", "metadata": about,
              "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"] }] },
            { "kind": "RoleBinding", "metadata": about, "roleRef": { "kind": "Role", "name": "operator" },
              "subjects": [{ "kind": "ServiceAccount", "name": "operator", "namespace": "system" }] },
            { "kind": "Role", "metadata": { "name": "operator", "namespace": "dev" },
              "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }] },
        ] })
    }

    fn call(verb: &str, namespace: &str, code: u16) -> AuditEvent {
        AuditEvent {
            verb: verb.to_owned(),
            uri: "/api/v1/secrets".to_owned(),
            api_group: String::new(),
            resource: "secrets".to_owned(),
            subresource: String::new(),
            namespace: namespace.to_owned(),
            name: String::new(),
            user: "system:serviceaccount:system:operator".to_owned(),
            impersonated_user: None,
            user_agent: String::new(),
            code,
            complete: true,
            at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn complaints(calls: &[AuditEvent]) -> Vec<String> {
        Rights::of("system", "operator", &rbac(), calls).complaints()
    }

    #[test]
    fn rights_that_are_all_used_are_no_reason_to_complain() {
        assert!(complaints(&[call("get", "ml", 200), call("list", "ml", 200)]).is_empty());
    }

    #[test]
    fn what_is_unused_or_denied_or_given_by_others_is_named() {
        let calls = [call("get", "ml", 200), call("get", "dev", 403)];
        let expected = [
            "denied: get /api/v1/secrets at 1970-01-01T00:00:00Z",
            "granted, but never used: list secrets in ml",
            "used, but granted by no binding of its own: get secrets in dev",
        ];
        assert_eq!(complaints(&calls), expected);
    }
}
