//! Which provider an instance means, and what a provider says, whichever of the two kinds it is.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::{Client, ResourceExt};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::AccountKey;
use super::annotation_list::entries;
use super::secret_key::{self, SecretKey};
use crate::api::instance::{ProviderKind, ProviderRef};
use crate::api::provider::{Adoption, AllowedNamespaces, NamespacesFrom, ProviderStatus};
use crate::api::{
    Cloud, ClusterGpuProvider, GoDuration, GpuInstance, GpuProvider, GpuProviderSpec, HELD_SECRETS_ANNOTATION,
    INHERITED_ANNOTATION, RECONCILE_REQUESTED_ANNOTATION, RELEASED_ANNOTATION,
};
use crate::provider::{Capabilities, Identity};

/// Names one provider of either kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderKey {
    /// Its kind.
    pub kind: ProviderKind,
    /// Its namespace; none for a cluster provider.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ProviderKey {
    /// The provider that a reference in this namespace means.
    #[must_use]
    pub fn of(reference: &ProviderRef, namespace: &str) -> Self {
        Self {
            kind: reference.kind,
            namespace: (reference.kind == ProviderKind::GpuProvider).then(|| namespace.to_owned()),
            name: reference.name.clone(),
        }
    }

    /// The provider that an instance means.
    #[must_use]
    pub fn meant_by(instance: &GpuInstance) -> Self {
        Self::of(&instance.spec.provider_ref, &instance.namespace().unwrap_or_default())
    }

    /// Where its object is, whichever kind it is of.
    pub(super) fn api(&self, client: &Client) -> Api<DynamicObject> {
        match self.kind {
            ProviderKind::GpuProvider => Api::namespaced_with(
                client.clone(),
                self.namespace.as_deref().unwrap_or_default(),
                &ApiResource::erase::<GpuProvider>(&()),
            ),
            ProviderKind::ClusterGpuProvider => {
                Api::all_with(client.clone(), &ApiResource::erase::<ClusterGpuProvider>(&()))
            }
        }
    }
}

impl fmt::Display for ProviderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind: &str = self.kind.into();
        match &self.namespace {
            Some(namespace) => write!(f, "{kind} {namespace}/{}", self.name),
            None => write!(f, "{kind} {}", self.name),
        }
    }
}

/// Poll interval where a provider does not say one.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// A provider of either kind, as its object says.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderView {
    /// Which one.
    pub key: ProviderKey,
    /// Its object's UID.
    pub uid: String,
    /// When its object was made.
    pub made: Option<Timestamp>,
    /// Its object's generation.
    pub generation: i64,
    /// Its object's resource version.
    pub resource_version: Option<String>,
    /// The account, and what may be done with it.
    pub spec: GpuProviderSpec,
    /// The namespaces that may use it; none for a provider of its own namespace.
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Secrets that are kept from deletion for it.
    pub held_secrets: Vec<SecretKey>,
    /// Machines that were let go, by id.
    pub released: Vec<String>,
    /// Machines that no object knew when the account was first listed for it, by id.
    pub inherited: Vec<String>,
    /// The last request to look at the cloud now.
    pub requested_at: Option<String>,
    /// What was published of it.
    pub status: ProviderStatus,
}

impl ProviderView {
    /// A provider of a namespace.
    #[must_use]
    pub fn of_namespace(object: &GpuProvider) -> Self {
        Self::new(
            object,
            ProviderKind::GpuProvider,
            object.spec.clone(),
            None,
            object.status.clone(),
        )
    }

    /// A provider of the cluster.
    #[must_use]
    pub fn of_cluster(object: &ClusterGpuProvider) -> Self {
        let allowed = Some(object.spec.allowed_namespaces.clone());
        Self::new(
            object,
            ProviderKind::ClusterGpuProvider,
            object.spec.account.clone(),
            allowed,
            object.status.clone(),
        )
    }

    fn new(
        object: &impl ResourceExt,
        kind: ProviderKind,
        spec: GpuProviderSpec,
        allowed_namespaces: Option<AllowedNamespaces>,
        status: Option<ProviderStatus>,
    ) -> Self {
        let meta = object.meta();
        let annotation = |key| object.annotations().get(key);
        let list = |key| annotation(key).map_or("", String::as_str);
        let ids = |key| entries(list(key)).map(ToOwned::to_owned).collect();
        Self {
            key: ProviderKey {
                kind,
                namespace: object.namespace(),
                name: object.name_any(),
            },
            uid: object.uid().unwrap_or_default(),
            made: meta.creation_timestamp.as_ref().map(|made| made.0),
            generation: meta.generation.unwrap_or_default(),
            resource_version: meta.resource_version.clone(),
            spec,
            allowed_namespaces,
            deleting: meta.deletion_timestamp.is_some(),
            finalizers: object.finalizers().to_vec(),
            held_secrets: secret_key::parse(list(HELD_SECRETS_ANNOTATION)),
            released: ids(RELEASED_ANNOTATION),
            inherited: ids(INHERITED_ANNOTATION),
            requested_at: annotation(RECONCILE_REQUESTED_ANNOTATION).cloned(),
            status: status.unwrap_or_default(),
        }
    }

    /// How often the account is listed.
    #[must_use]
    pub fn poll_interval(&self) -> Duration {
        self.spec
            .poll_interval
            .map_or(POLL_INTERVAL, |interval| interval.get().max(Duration::from_secs(1)))
    }

    /// How long absence must last in the lists of this cloud before it is believed.
    #[must_use]
    pub fn settle_after(&self, capabilities: &Capabilities) -> Duration {
        self.spec
            .settle_after
            .map_or(capabilities.settle_after, GoDuration::get)
    }

    /// When this account was first listed in full for it, by what was published of it.
    #[must_use]
    pub fn first_listed(&self, account: &AccountKey) -> Option<Timestamp> {
        let speaks_for = self.status.account.as_ref()?;
        let first = self.status.first_listed_at.as_ref()?;
        (speaks_for.id == account.id).then_some(first.0)
    }

    /// Whether `instanceId` may take over machines of the account.
    #[must_use]
    pub fn allows_adoption(&self) -> bool {
        match (self.spec.adoption, self.key.kind) {
            (Some(adoption), _) => adoption == Adoption::Allowed,
            (None, kind) => kind == ProviderKind::GpuProvider,
        }
    }

    /// Whether it speaks for this account, or did when it last could: by what was published of it.
    #[must_use]
    pub fn spoke_for(&self, account: &AccountKey) -> bool {
        self.status.account.is_some() && self.may_speak_for(account)
    }

    /// The account that its key opens, by what the cloud has said of it.
    #[must_use]
    pub fn account(&self, cloud: Cloud, identity: Identity) -> AccountKey {
        AccountKey {
            cloud,
            endpoint: self.endpoint().map(ToOwned::to_owned),
            id: identity.account,
        }
    }

    /// The base URL, where it is not the vendor's own.
    fn endpoint(&self) -> Option<&str> {
        Some(self.spec.endpoint()?.trim_end_matches('/'))
    }

    /// Whether it may speak for this account, by all that is known of it.
    #[must_use]
    pub fn may_speak_for(&self, account: &AccountKey) -> bool {
        let known = self.status.account.as_ref();
        self.spec.cloud() == Some(account.cloud)
            && self.endpoint() == account.endpoint.as_deref()
            && known.is_none_or(|known| known.id == account.id)
    }

    /// Name and namespace of the Secret with the credentials.
    #[must_use]
    pub fn secret(&self) -> Option<SecretKey> {
        let reference = self.spec.credentials_secret_ref()?;
        let namespace = self.key.namespace.clone().or_else(|| reference.namespace.clone())?;
        Some((namespace, reference.name.clone()))
    }

    /// Whether instances of this namespace, with these labels, may use the provider.
    #[must_use]
    pub fn allows(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        let Some(allowed) = &self.allowed_namespaces else {
            return self.key.namespace.as_deref() == Some(namespace);
        };
        allowed.from == Some(NamespacesFrom::All)
            || allowed
                .names
                .as_ref()
                .is_some_and(|names| names.iter().any(|name| name == namespace))
            || allowed
                .selector
                .as_ref()
                .is_some_and(|selector| selects(selector, labels))
    }

    /// Whether the labels of a namespace decide who may use the provider.
    #[must_use]
    pub fn asks_for_labels(&self) -> bool {
        self.allowed_namespaces
            .as_ref()
            .is_some_and(|allowed| allowed.selector.is_some())
    }
}

/// Whether a selector matches, as `metav1.LabelSelector` defines it. One that selects by nothing matches all.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector
            .match_expressions
            .iter()
            .flatten()
            .all(|requirement| meets(requirement, labels))
}

fn meets(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let listed = |value: &String| requirement.values.iter().flatten().any(|wanted| wanted == value);
    match requirement.operator.as_str() {
        "In" => value.is_some_and(listed),
        "NotIn" => !value.is_some_and(listed),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // An operator of a later version: nobody is let in by what is not understood.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[allow(clippy::needless_pass_by_value, reason = "made where it is passed")]
    fn provider(allowed: serde_json::Value) -> ProviderView {
        let object = json!({
            "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "ClusterGpuProvider", "metadata": { "name": "shared" },
            "spec": {
                "xgc": { "credentialsSecretRef": { "name": "s", "namespace": "ops" } },
                "allowedNamespaces": allowed,
            },
        });
        ProviderView::of_cluster(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn namespaces_are_allowed_in_three_ways() {
        let labels = BTreeMap::from([("team".to_owned(), "ml".to_owned())]);
        assert!(provider(json!({ "from": "All" })).allows("any", &BTreeMap::new()));
        let named = provider(json!({ "names": ["ml"] }));
        assert!(named.allows("ml", &BTreeMap::new()) && !named.allows("web", &labels));
        for (selector, expected) in [
            (json!({ "matchLabels": { "team": "ml" } }), true),
            (json!({ "matchLabels": { "team": "web" } }), false),
            (
                json!({ "matchExpressions": [{ "key": "team", "operator": "In", "values": ["ml"] }] }),
                true,
            ),
            (
                json!({ "matchExpressions": [{ "key": "team", "operator": "NotIn", "values": ["ml"] }] }),
                false,
            ),
            (
                json!({ "matchExpressions": [{ "key": "team", "operator": "Exists" }] }),
                true,
            ),
            (
                json!({ "matchExpressions": [{ "key": "team", "operator": "DoesNotExist" }] }),
                false,
            ),
            (
                json!({ "matchExpressions": [{ "key": "team", "operator": "Newer" }] }),
                false,
            ),
        ] {
            assert_eq!(
                provider(json!({ "selector": selector })).allows("x", &labels),
                expected,
                "{selector}"
            );
        }
    }

    #[test]
    fn a_shared_provider_does_not_let_machines_be_adopted_unless_it_says_so() {
        assert!(!provider(json!({ "from": "All" })).allows_adoption());
    }
}
