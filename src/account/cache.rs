//! What the watches have brought: every object of the three kinds, as last seen.
//!
//! A cache lags. Whoever is about to spend money on what it says reads the object once more from the API server.

use std::sync::Arc;

use kube::Resource;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};

use super::resolve::{ProviderKey, ProviderView};
use crate::api::instance::ProviderKind;
use crate::api::{ClusterGpuProvider, GpuInstance, GpuProvider};
use crate::kubernetes::FirstLists;

/// An object of ours that need not be readable: one from another version must not stop the watch.
pub type Guarded<K> = DeserializeGuard<K>;

/// All caches.
#[derive(Clone, Default)]
pub struct Cache {
    /// Instances, one store for each watched scope.
    pub instances: Vec<Store<Guarded<GpuInstance>>>,
    /// Providers, likewise.
    pub providers: Vec<Store<Guarded<GpuProvider>>>,
    /// Cluster providers; none while only namespaces are watched.
    pub cluster_providers: Option<Store<Guarded<ClusterGpuProvider>>>,
    /// The first lists of all of them.
    pub first_lists: FirstLists,
}

impl Cache {
    /// Every readable instance.
    pub fn instances(&self) -> impl Iterator<Item = Arc<Guarded<GpuInstance>>> {
        self.instances.iter().flat_map(Store::state)
    }

    /// The provider of this key, if it is there and readable.
    #[must_use]
    pub fn provider(&self, key: &ProviderKey) -> Option<ProviderView> {
        match key.kind {
            ProviderKind::GpuProvider => {
                let namespace = key.namespace.as_deref()?;
                let reference = ObjectRef::new(&key.name).within(namespace);
                let found = self.providers.iter().find_map(|store| store.get(&reference))?;
                found.0.as_ref().ok().map(ProviderView::of_namespace)
            }
            ProviderKind::ClusterGpuProvider => {
                let found = self.cluster_providers.as_ref()?.get(&ObjectRef::new(&key.name))?;
                found.0.as_ref().ok().map(ProviderView::of_cluster)
            }
        }
    }

    /// Why there is no provider of this key, and what to do about it.
    #[must_use]
    pub fn why_missing(&self, key: &ProviderKey) -> String {
        if key.kind == ProviderKind::ClusterGpuProvider && self.cluster_providers.is_none() {
            format!(
                "{key} is not used: this operator looks after some namespaces only (--namespace); refer to a GpuProvider \
                 of this namespace"
            )
        } else {
            format!("{key} does not exist; create it, or correct spec.providerRef")
        }
    }

    /// Every readable provider of both kinds.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderView> {
        let local = self.providers.iter().flat_map(Store::state);
        let shared = self.cluster_providers.iter().flat_map(Store::state);
        local
            .filter_map(|guarded| guarded.0.as_ref().ok().map(ProviderView::of_namespace))
            .chain(shared.filter_map(|guarded| guarded.0.as_ref().ok().map(ProviderView::of_cluster)))
            .collect()
    }

    /// The readable instances that use this provider.
    pub fn users(&self, provider: &ProviderKey) -> impl Iterator<Item = Arc<Guarded<GpuInstance>>> {
        let provider = provider.clone();
        self.instances().filter(move |guarded| {
            guarded
                .0
                .as_ref()
                .is_ok_and(|instance| ProviderKey::meant_by(instance) == provider)
        })
    }
}

/// UID of an object from the API server, which always has one.
#[must_use]
pub fn uid<K: Resource>(object: &K) -> String {
    object.meta().uid.clone().unwrap_or_default()
}
