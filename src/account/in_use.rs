//! A provider and its credentials outlive the machines that only they can delete.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::resolve::{ProviderKey, ProviderView};
use crate::api::instance::ProviderKind;
use crate::api::{
    ClusterGpuProvider, GpuInstance, GpuProvider, IN_USE_FINALIZER, INSTANCE_FINALIZER, RELEASED_ANNOTATION,
};
use crate::crash_point;
use crate::kubernetes::{CallError, Namespaces, Taken, call, drop_finalizer, take_finalizer};

/// Why a provider cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// It, or its Secret, is gone or going: nothing new may be rented with it.
    #[error("{0}")]
    Going(String),
    /// The API server did not do it.
    #[error("the {0} could not be protected from deletion: {1}")]
    Api(String, CallError),
}

/// Puts the finalizer on a provider and its Secret, before anything is rented with them.
pub async fn hold(client: &Client, provider: &ProviderView) -> Result<(), HoldError> {
    let key = &provider.key;
    let taken = match key.kind {
        ProviderKind::GpuProvider => {
            let api: Api<GpuProvider> = Api::namespaced(client.clone(), key.namespace.as_deref().unwrap_or_default());
            take_finalizer(&api, &key.name, IN_USE_FINALIZER).await
        }
        ProviderKind::ClusterGpuProvider => {
            take_finalizer(
                &Api::<ClusterGpuProvider>::all(client.clone()),
                &key.name,
                IN_USE_FINALIZER,
            )
            .await
        }
    };
    demand(taken, &key.to_string())?;
    crash_point::reached(format_args!("protect the provider: its Secret not yet"));
    if let Some((namespace, name)) = provider.secret() {
        let api: Api<Secret> = Api::namespaced(client.clone(), &namespace);
        demand(
            take_finalizer(&api, &name, IN_USE_FINALIZER).await,
            &format!("Secret {namespace}/{name}"),
        )?;
    }
    Ok(())
}

fn demand(taken: Result<Taken, CallError>, what: &str) -> Result<(), HoldError> {
    match taken {
        Ok(Taken::Held) => Ok(()),
        Ok(Taken::Deleting) => Err(HoldError::Going(format!(
            "{what} is being deleted: nothing new is rented with it"
        ))),
        Ok(Taken::Missing) => Err(HoldError::Going(format!("{what} does not exist"))),
        Err(error) => Err(HoldError::Api(what.to_owned(), error)),
    }
}

/// Takes the finalizer off a provider and its Secret, if no instance needs them.
///
/// Asks the API server, not a cache, who there is: an instance takes its own finalizer before it relies on this one,
/// so whoever is not listed here will find the provider unprotected, and protect it again.
pub async fn release(
    client: &Client,
    namespaces: &Namespaces,
    provider: &ProviderView,
    others: &[ProviderView],
) -> Result<(), CallError> {
    if is_used(client, namespaces, &provider.key).await? {
        return Ok(());
    }
    let key = &provider.key;
    // A provider that is not in use itself would never let go of what it shares.
    let is_held = |other: &ProviderView| other.finalizers.iter().any(|held| held == IN_USE_FINALIZER);
    let secret_is_shared = others
        .iter()
        .any(|other| other.key != *key && other.secret() == provider.secret() && is_held(other));
    if let Some((namespace, name)) = provider.secret().filter(|_| !secret_is_shared) {
        drop_finalizer(
            &Api::<Secret>::namespaced(client.clone(), &namespace),
            &name,
            IN_USE_FINALIZER,
            None,
        )
        .await?;
    }
    crash_point::reached(format_args!("give the provider free: its Secret is"));
    let seen = provider.resource_version.as_deref();
    match key.kind {
        ProviderKind::GpuProvider => {
            let api: Api<GpuProvider> = Api::namespaced(client.clone(), key.namespace.as_deref().unwrap_or_default());
            drop_finalizer(&api, &key.name, IN_USE_FINALIZER, seen).await
        }
        ProviderKind::ClusterGpuProvider => {
            drop_finalizer(
                &Api::<ClusterGpuProvider>::all(client.clone()),
                &key.name,
                IN_USE_FINALIZER,
                seen,
            )
            .await
        }
    }
}

async fn is_used(client: &Client, namespaces: &Namespaces, provider: &ProviderKey) -> Result<bool, CallError> {
    for api in namespaces.apis::<DeserializeGuard<GpuInstance>>(client) {
        let list = call(api.list(&ListParams::default())).await?;
        if list.items.iter().any(|instance| uses(instance, provider)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an instance may need the provider. One that cannot be read may need any.
fn uses(guarded: &DeserializeGuard<GpuInstance>, provider: &ProviderKey) -> bool {
    let holds = guarded
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == INSTANCE_FINALIZER);
    let namespace = guarded.namespace().unwrap_or_default();
    holds
        && guarded.0.as_ref().map_or(true, |instance| {
            ProviderKey::of(&instance.spec.provider_ref, &namespace) == *provider
        })
}

/// Whether an instance that is in the cache uses this provider.
#[must_use]
pub(super) fn is_user(guarded: &DeserializeGuard<GpuInstance>, provider: &ProviderKey) -> bool {
    uses(guarded, provider)
}

/// Most machines remembered as let go: the annotation stays far below what an object may hold.
pub(super) const MOST_REMEMBERED: usize = 2_000;

/// Writes down, on the provider, that a machine was let go on purpose: it is never swept as an orphan.
pub async fn remember_released(client: &Client, provider: &ProviderKey, instance_id: &str) -> Result<(), CallError> {
    match provider.kind {
        ProviderKind::GpuProvider => {
            let namespace = provider.namespace.as_deref().unwrap_or_default();
            append_released(
                &Api::<GpuProvider>::namespaced(client.clone(), namespace),
                &provider.name,
                instance_id,
            )
            .await
        }
        ProviderKind::ClusterGpuProvider => {
            append_released(
                &Api::<ClusterGpuProvider>::all(client.clone()),
                &provider.name,
                instance_id,
            )
            .await
        }
    }
}

async fn append_released<K>(api: &Api<K>, name: &str, instance_id: &str) -> Result<(), CallError>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let Some(object) = call(api.get_metadata_opt(name)).await? else {
        return Ok(());
    };
    let list = object
        .annotations()
        .get(RELEASED_ANNOTATION)
        .cloned()
        .unwrap_or_default();
    let mut released: Vec<&str> = list.split(',').filter(|id| !id.is_empty()).collect();
    if released.contains(&instance_id) {
        return Ok(());
    }
    released.push(instance_id);
    let newest = &released[released.len().saturating_sub(MOST_REMEMBERED)..];
    let patch = json!({ "metadata": {
        "resourceVersion": object.metadata.resource_version,
        "annotations": { RELEASED_ANNOTATION: newest.join(",") },
    } });
    call(api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)))
        .await
        .map(drop)
}
