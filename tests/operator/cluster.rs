//! A namespace of the API server, as a test reads and writes it.

use controlplane::AuditEvent;
use gpu_instance_operator::api::{ClusterGpuProvider, GpuInstance, GpuProvider};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::api::events::v1::Event as ApiEvent;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use super::object::{Event, Object};
use super::plane::Plane;

/// How the operator's calls begin to name themselves in the audit log.
pub const USER_AGENT: &str = "gpu-instance-operator/";

/// The kinds that tests deal with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    GpuInstance,
    GpuProvider,
    ClusterGpuProvider,
    Secret,
    ConfigMap,
    Namespace,
    Lease,
}

impl Kind {
    fn resource(self) -> ApiResource {
        match self {
            Self::GpuInstance => ApiResource::erase::<GpuInstance>(&()),
            Self::GpuProvider => ApiResource::erase::<GpuProvider>(&()),
            Self::ClusterGpuProvider => ApiResource::erase::<ClusterGpuProvider>(&()),
            Self::Secret => ApiResource::erase::<Secret>(&()),
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::Namespace => ApiResource::erase::<Namespace>(&()),
            Self::Lease => ApiResource::erase::<Lease>(&()),
        }
    }

    fn of(object: &Value) -> Self {
        match object["kind"].as_str().unwrap_or_default() {
            "GpuInstance" => Self::GpuInstance,
            "GpuProvider" => Self::GpuProvider,
            "ClusterGpuProvider" => Self::ClusterGpuProvider,
            "Secret" => Self::Secret,
            "ConfigMap" => Self::ConfigMap,
            "Namespace" => Self::Namespace,
            "Lease" => Self::Lease,
            other => panic!("no kind {other}"),
        }
    }

    fn has_namespace(self) -> bool {
        !matches!(self, Self::Namespace | Self::ClusterGpuProvider)
    }
}

/// A namespace of an API server, with an administrator's rights.
pub struct Cluster {
    pub plane: Plane,
    pub client: Client,
    pub namespace: String,
}

impl Cluster {
    /// With a new namespace of this name.
    pub async fn new(plane: Plane, namespace: &str) -> Self {
        // Fails where it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
        let usual = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &usual).await;
        let client = Client::try_from(config.unwrap()).unwrap();
        let cluster = Self {
            plane,
            client,
            namespace: namespace.to_owned(),
        };
        cluster.create_namespace(namespace, json!({})).await;
        cluster
    }

    pub async fn create_namespace(&self, name: &str, labels: Value) {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels },
        });
        self.apply(namespace).await;
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        if kind.has_namespace() {
            Api::namespaced_with(self.client.clone(), namespace, &kind.resource())
        } else {
            Api::all_with(self.client.clone(), &kind.resource())
        }
    }

    /// Applies an object on the server's side, in this namespace unless it names another.
    pub async fn apply(&self, object: Value) -> Object {
        self.try_apply(object).await.unwrap()
    }

    pub async fn try_apply(&self, object: Value) -> Result<Object, kube::Error> {
        let kind = Kind::of(&object);
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&self.namespace);
        let name = object["metadata"]["name"].as_str().unwrap();
        let parameters = PatchParams::apply("a-user").force();
        let api = self.api(kind, namespace);
        let applied = api.patch(name, &parameters, &Patch::Apply(&object)).await;
        applied.map(object_of)
    }

    /// Merges this into an object.
    pub async fn patch(&self, kind: Kind, name: &str, patch: Value) -> Object {
        self.try_patch(kind, name, patch).await.unwrap()
    }

    pub async fn try_patch(&self, kind: Kind, name: &str, patch: Value) -> Result<Object, kube::Error> {
        let api = self.api(kind, &self.namespace);
        let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        patched.map(object_of)
    }

    /// Merges this into the spec of an instance.
    pub async fn change(&self, instance: &str, spec: Value) -> Object {
        self.patch(Kind::GpuInstance, instance, json!({ "spec": spec })).await
    }

    /// Asks for the deletion of an object; who waits for its end uses `until_gone`.
    pub async fn delete(&self, kind: Kind, name: &str) {
        let api = self.api(kind, &self.namespace);
        api.delete(name, &DeleteParams::background()).await.unwrap();
    }

    pub async fn find(&self, kind: Kind, name: &str) -> Option<Object> {
        self.find_in(&self.namespace, kind, name).await
    }

    pub async fn find_in(&self, namespace: &str, kind: Kind, name: &str) -> Option<Object> {
        self.api(kind, namespace).get_opt(name).await.unwrap().map(object_of)
    }

    pub async fn get(&self, kind: Kind, name: &str) -> Object {
        let found = self.find(kind, name).await;
        found.unwrap_or_else(|| panic!("no {kind:?} {name} in {}", self.namespace))
    }

    pub async fn list(&self, kind: Kind) -> Vec<Object> {
        let list = self.api(kind, &self.namespace).list(&ListParams::default()).await;
        list.unwrap().items.into_iter().map(object_of).collect()
    }

    /// The connection Secret of an instance.
    pub async fn connection(&self, instance: &str) -> Object {
        self.get(Kind::Secret, &format!("{instance}-connection")).await
    }

    /// What was told in this namespace, in order.
    pub async fn events(&self) -> Vec<Event> {
        let api: Api<ApiEvent> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut events: Vec<Event> = api
            .list(&ListParams::default())
            .await
            .unwrap()
            .into_iter()
            .map(event_of)
            .collect();
        events.sort_by_key(|event| event.at);
        events
    }

    /// What was told of one object.
    pub async fn events_of(&self, name: &str) -> Vec<Event> {
        let mut events = self.events().await;
        events.retain(|event| event.about == name);
        events
    }

    /// What operators wrote into this namespace since then, but for Leases.
    pub fn writes_since(&self, since: Timestamp) -> Vec<AuditEvent> {
        let mut calls = self.plane.audit_log().unwrap();
        calls.retain(|call| {
            call.at >= since
                && call.user_agent.starts_with(USER_AGENT)
                && call.namespace == self.namespace
                && call.resource != "leases"
                && !matches!(call.verb.as_str(), "get" | "list" | "watch")
        });
        calls
    }

    /// Asks by annotation to look at the cloud now.
    pub async fn request_reconcile(&self, kind: Kind, name: &str) {
        let now = Timestamp::now().to_string();
        let annotations = json!({ "gpuinstance.dev/reconcile-requested-at": now });
        self.patch(kind, name, json!({ "metadata": { "annotations": annotations } }))
            .await;
    }

    /// kubectl in this namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let namespace = format!("--namespace={}", self.namespace);
        let arguments = [&[namespace.as_str()], arguments].concat();
        tokio::task::block_in_place(|| self.plane.kubectl(&arguments).unwrap())
    }
}

fn object_of(object: DynamicObject) -> Object {
    Object(serde_json::to_value(object).unwrap())
}

fn event_of(event: ApiEvent) -> Event {
    Event {
        about: event.regarding.and_then(|object| object.name).unwrap_or_default(),
        kind: event.type_.unwrap_or_default(),
        reason: event.reason.unwrap_or_default(),
        note: event.note.unwrap_or_default(),
        at: event.event_time.map(|time| time.0),
    }
}
