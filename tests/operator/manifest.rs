//! Objects as a user would write them.

use cloudsim::Cloudsim;
use serde_json::{Value, json};

/// A public image that the simulator has.
pub const IMAGE: &str = "7fd1f863-c2e2-4af6-b41b-cf92a034c2d3";

/// Another one.
pub const OTHER_IMAGE: &str = "a0607405-d0fd-4efc-b34e-de0872d4a633";

const API: &str = "gpuinstance.dev/v1alpha1";

/// One RTX 4090 at the provider `xgc`; `spec` is merged in, where `null` takes a member away.
pub fn instance(name: &str, spec: Value) -> Value {
    let usual = json!({
        "providerRef": { "name": "xgc" },
        "gpu": { "model": "RTX 4090", "count": 1 },
        "image": IMAGE,
    });
    json!({
        "apiVersion": API, "kind": "GpuInstance",
        "metadata": { "name": name },
        "spec": merged(usual, spec),
    })
}

/// A provider that looks often and believes soon, with the Secret `<name>-credentials`.
pub fn provider(name: &str, sim: &Cloudsim, spec: Value) -> Value {
    let usual = json!({
        "xgc": { "credentialsSecretRef": { "name": format!("{name}-credentials") }, "endpoint": sim.xgc().url() },
        "pollInterval": "1s",
        "settleAfter": "5s",
    });
    json!({
        "apiVersion": API, "kind": "GpuProvider",
        "metadata": { "name": name },
        "spec": merged(usual, spec),
    })
}

/// The same, shared; `secret_namespace` holds the credentials.
pub fn cluster_provider(name: &str, sim: &Cloudsim, secret_namespace: &str, spec: Value) -> Value {
    let mut provider = provider(name, sim, spec);
    provider["kind"] = "ClusterGpuProvider".into();
    provider["spec"]["xgc"]["credentialsSecretRef"]["namespace"] = secret_namespace.into();
    provider
}

/// The Secret of the provider of this name.
pub fn credentials(provider: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": format!("{provider}-credentials") },
        "stringData": { "token": token },
    })
}

/// A merge patch applied (RFC 7386).
pub fn merged(mut base: Value, patch: Value) -> Value {
    merge(&mut base, patch);
    base
}

fn merge(base: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *base = patch;
        return;
    };
    if !base.is_object() {
        *base = json!({});
    }
    let members = base.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            members.remove(&key);
        } else {
            merge(members.entry(key).or_insert(Value::Null), value);
        }
    }
}
