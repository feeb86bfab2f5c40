//! A provider and its credentials outlive the machines that only they can delete.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::{Client, ResourceExt};
use serde_json::json;

use super::held_secrets;
use super::resolve::{ProviderKey, ProviderView};
use crate::api::{GpuInstance, HELD_SECRETS_ANNOTATION, IN_USE_FINALIZER, INSTANCE_FINALIZER};
use crate::crash_point;
use crate::kubernetes::{CallError, Namespaces, Taken, call, take_finalizer};

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
    let taken = take_finalizer(&key.api(client), &key.name, IN_USE_FINALIZER).await;
    demand(taken, &key.to_string())?;
    crash_point::reached(format_args!("protect the provider: its Secret not yet"));
    if let Some(secret) = provider.secret() {
        held_secrets::note(client, provider, &secret)
            .await
            .map_err(|error| HoldError::Api(key.to_string(), error))?;
        let (namespace, name) = secret;
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
    let mut secrets = provider.held_secrets.clone();
    secrets.extend(
        provider
            .secret()
            .filter(|secret| !provider.held_secrets.contains(secret)),
    );
    for secret in &secrets {
        held_secrets::free(client, provider, secret, others).await?;
    }
    crash_point::reached(format_args!("give the provider free: its Secret is"));
    let finalizers: Vec<_> = provider
        .finalizers
        .iter()
        .filter(|held| *held != IN_USE_FINALIZER)
        .collect();
    let patch = json!({ "metadata": {
        "resourceVersion": provider.resource_version,
        "finalizers": finalizers,
        "annotations": { HELD_SECRETS_ANNOTATION: null },
    } });
    let name = &provider.key.name;
    let api = provider.key.api(client);
    match call(api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch))).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
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
pub(super) fn uses(guarded: &DeserializeGuard<GpuInstance>, provider: &ProviderKey) -> bool {
    let holds = guarded
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == INSTANCE_FINALIZER);
    let means = |instance| ProviderKey::meant_by(instance) == *provider;
    holds && guarded.0.as_ref().map_or(true, means)
}
