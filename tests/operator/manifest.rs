//! Objects as a user would write them, at XGC where nothing else is said.

use cloudsim::Cloudsim;
use serde_json::{Value, json};

use super::clouds::{self, XGC};

/// A public image that the simulator has.
pub const IMAGE: &str = "7fd1f863-c2e2-4af6-b41b-cf92a034c2d3";

/// Another one.
pub const OTHER_IMAGE: &str = "a0607405-d0fd-4efc-b34e-de0872d4a633";

/// Group and version of our kinds.
pub const API: &str = "gpuinstance.dev/v1alpha1";

/// One RTX 4090 at the provider `xgc`; `spec` is merged in, where `null` takes a member away.
pub fn instance(name: &str, spec: Value) -> Value {
    XGC.instance(name, spec)
}

/// A provider at XGC that looks often and believes soon, with the Secret `<name>-credentials`.
pub fn provider(name: &str, sim: &Cloudsim, spec: Value) -> Value {
    XGC.provider(name, sim, spec)
}

/// The same, shared; `secret_namespace` holds the credentials.
pub fn cluster_provider(name: &str, sim: &Cloudsim, secret_namespace: &str, spec: Value) -> Value {
    let mut provider = provider(name, sim, spec);
    provider["kind"] = "ClusterGpuProvider".into();
    provider["spec"]["xgc"]["credentialsSecretRef"]["namespace"] = secret_namespace.into();
    provider
}

/// The Secret of the provider at XGC of this name.
pub fn credentials(provider: &str, token: &str) -> Value {
    clouds::credentials(provider, &json!({ "token": token }))
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
