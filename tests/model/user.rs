//! What users do.

use std::sync::Arc;

use serde_json::{Value, json};

use super::look::condition;
use super::{ApiServer, Model, Profile};

/// The provider of the namespace, its Secret, and the provider of the cluster.
pub const PROVIDER: &str = "xgc";
pub const SHARED: &str = "shared";
/// Tokens of two accounts, as Secrets hold them.
const TOKENS: [&str; 2] = ["dG9rZW4tMQ==", "dG9rZW4tMg=="];

/// What is there before anybody asks for a machine.
pub fn furnish(api: &ApiServer, profile: &Profile) {
    api.create("namespaces", namespace());
    api.create("secrets", secret(PROVIDER, TOKENS[0]));
    api.create("gpuproviders", provider(profile, PROVIDER));
}

fn instance(profile: &Profile, name: &str, spec: &Value, annotations: &Value) -> Value {
    let mut whole = profile.order();
    whole["providerRef"] = json!({ "name": PROVIDER });
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let mut object = json!({
        "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuInstance",
        "metadata": { "name": name, "annotations": annotations }, "spec": whole,
    });
    if let Some((namespace, name)) = name.split_once('/') {
        object["metadata"]["namespace"] = json!(namespace);
        object["metadata"]["name"] = json!(name);
    }
    object
}

fn namespace() -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ml", "labels": { "team": "vision" } } })
}

fn secret(name: &str, token: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "data": { "token": token } })
}

fn provider(profile: &Profile, name: &str) -> Value {
    json!({
        "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuProvider", "metadata": { "name": name },
        "spec": profile.account(name),
    })
}

/// Instances.
impl Model {
    /// A user creates an instance.
    pub fn create(&self, name: &str, spec: &Value) {
        self.apply(name, spec, &json!({}));
    }

    /// The same, with annotations that came from somewhere.
    pub fn apply(&self, name: &str, spec: &Value, annotations: &Value) {
        self.world.note(format!("user: create {name} {spec} {annotations}"));
        self.oracles.edited(name, self.world.now());
        let object = instance(&self.cloud.profile, name, spec, annotations);
        self.api.create("gpuinstances", object);
    }

    /// A user creates an instance in the second cluster.
    pub fn create_elsewhere(&self, name: &str, spec: &Value) {
        self.world.note(format!("user: create {name} elsewhere"));
        let (api, _) = self.elsewhere.as_ref().unwrap();
        let object = instance(&self.cloud.profile, name, spec, &json!({}));
        api.create("gpuinstances", object);
    }

    /// A user changes the spec of an instance.
    pub fn edit(&self, name: &str, spec: &Value) {
        self.world.note(format!("user: edit {name} {spec}"));
        self.oracles.edited(name, self.world.now());
        self.api.change("gpuinstances", name, &json!({ "spec": spec }));
    }

    /// A user sets, or with null removes, an annotation of an instance.
    pub fn annotate(&self, name: &str, key: &str, value: &Value) {
        self.world.note(format!("user: annotate {name} {key}={value}"));
        let patch = json!({ "metadata": { "annotations": { format!("gpuinstance.dev/{key}"): value } } });
        self.api.change("gpuinstances", name, &patch);
    }

    pub fn delete(&self, name: &str) {
        self.world.note(format!("user: delete {name}"));
        self.oracles.edited(name, self.world.now());
        self.api.delete("gpuinstances", name);
    }
}

/// Questions that only a human can answer.
impl Model {
    /// Whoever is asked what became of an order looks into the cloud's console, and answers; whether anybody was asked.
    pub fn somebody_answers(&self) -> bool {
        let objects = self.api.all("gpuinstances");
        let asks = |object: &&Arc<Value>| condition(object, "Ready")["reason"] == "CreateOutcomeUnknown";
        let mut asked = false;
        for object in objects.iter().filter(asks) {
            let Some(claim) = object["status"]["claim"]["name"].as_str() else {
                continue;
            };
            let machines = self.cloud.machines();
            let made = machines.iter().find(|machine| machine.name == claim);
            let answer = format!("{claim}={}", made.map_or("absent", |machine| &machine.id));
            let key = "gpuinstance.dev/create-outcome";
            if object["metadata"]["annotations"][key] != answer.as_str() {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                self.annotate(name, "create-outcome", &json!(answer));
                asked = true;
            }
        }
        asked
    }
}

/// Providers, credentials, namespaces.
impl Model {
    /// Every provider wants orphans to be deleted, from now on.
    pub fn sweep_orphans(&mut self) {
        self.sweeps = true;
        self.edit_provider(&json!({ "orphans": "Delete" }));
    }

    /// A provider of the namespace, as it is applied.
    fn provider(&self, name: &str) -> Value {
        let mut object = provider(&self.cloud.profile, name);
        if self.sweeps {
            object["spec"]["orphans"] = json!("Delete");
        }
        object
    }

    /// A user changes the spec of the provider.
    pub fn edit_provider(&self, spec: &Value) {
        self.world.note(format!("user: edit the provider {spec}"));
        self.oracles.limits_change(self.world.now());
        self.api.change("gpuproviders", PROVIDER, &json!({ "spec": spec }));
    }

    /// One more provider, with a Secret of its own, for the first account or the second.
    pub fn add_provider(&self, name: &str, account: usize) {
        self.world.note(format!("user: provider {name} for account {account}"));
        self.api.create("secrets", secret(name, TOKENS[account]));
        self.api.create("gpuproviders", self.provider(name));
    }

    pub fn delete_provider(&self) {
        self.world.note("user: delete the provider");
        self.api.delete("gpuproviders", PROVIDER);
    }

    /// The provider speaks for the first account or the second, or for nobody.
    pub fn speak_for(&self, account: Option<usize>) {
        self.world
            .note(format!("user: the provider speaks for account {account:?}"));
        let token = account.map_or("bm9ib2R5", |account| TOKENS[account]);
        self.api
            .change("secrets", PROVIDER, &json!({ "data": { "token": token } }));
    }

    pub fn delete_secret(&self) {
        self.world.note("user: delete the Secret");
        self.api.delete("secrets", PROVIDER);
    }

    /// Puts back what is missing of provider and Secret, as they were in the beginning.
    pub fn furnish(&self) {
        self.world.note("user: provider and Secret are applied");
        if self.api.get("secrets", PROVIDER).is_none() {
            self.api.create("secrets", secret(PROVIDER, TOKENS[0]));
        }
        if self.api.get("gpuproviders", PROVIDER).is_none() {
            self.oracles.limits_change(self.world.now());
            self.api.create("gpuproviders", self.provider(PROVIDER));
        }
    }

    /// A provider for the cluster, of the same account, with this as its `allowedNamespaces`.
    pub fn share(&self, allowed: &Value) {
        self.world.note(format!("user: a shared provider, allowed: {allowed}"));
        let mut spec = self.cloud.profile.account(PROVIDER);
        for account in spec.as_object_mut().unwrap().values_mut() {
            account["credentialsSecretRef"]["namespace"] = json!("ml");
        }
        spec["allowedNamespaces"] = allowed.clone();
        if self.sweeps {
            spec["orphans"] = json!("Delete");
        }
        if self.api.get("clustergpuproviders", SHARED).is_some() {
            let patch = json!({ "spec": { "allowedNamespaces": null } });
            self.api.change("clustergpuproviders", SHARED, &patch);
            self.api.change(
                "clustergpuproviders",
                SHARED,
                &json!({ "spec": { "allowedNamespaces": allowed } }),
            );
            return;
        }
        self.api.create(
            "clustergpuproviders",
            json!({
                "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "ClusterGpuProvider",
                "metadata": { "name": SHARED }, "spec": spec,
            }),
        );
    }

    /// The namespace is deleted, with all that is in it.
    pub fn delete_namespace(&self) {
        self.world.note("user: delete the namespace");
        for object in self.api.all("gpuinstances") {
            self.oracles
                .edited(object["metadata"]["name"].as_str().unwrap(), self.world.now());
        }
        self.oracles.limits_change(self.world.now());
        self.api.delete_all();
    }
}
