//! Which Secrets are kept for a provider: written down on it before they are, for its reference to them may be edited.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::resolve::ProviderView;
use super::secret_key::{self, SecretKey};
use crate::api::{HELD_SECRETS_ANNOTATION, IN_USE_FINALIZER};
use crate::kubernetes::{CallError, call, drop_finalizer};

/// Writes down that a Secret is about to be kept for a provider.
pub(super) async fn note(client: &Client, provider: &ProviderView, secret: &SecretKey) -> Result<(), CallError> {
    if provider.held_secrets.contains(secret) {
        return Ok(());
    }
    let api = provider.key.api(client);
    // Read anew: the finalizer has just been written.
    let Some(object) = call(api.get_metadata_opt(&provider.key.name)).await? else {
        return Ok(());
    };
    let mut held = object
        .annotations()
        .get(HELD_SECRETS_ANNOTATION)
        .map_or_else(Vec::new, |list| secret_key::parse(list));
    if held.contains(secret) {
        return Ok(());
    }
    held.push(secret.clone());
    write(&api, provider, object.metadata.resource_version.as_deref(), &held).await
}

/// Gives free what a provider's reference no longer names.
pub(super) async fn free_former(
    client: &Client,
    provider: &ProviderView,
    others: &[ProviderView],
) -> Result<(), CallError> {
    let now = provider.secret();
    let (current, former): (Vec<_>, Vec<_>) = provider
        .held_secrets
        .iter()
        .cloned()
        .partition(|held| Some(held) == now.as_ref());
    if former.is_empty() {
        return Ok(());
    }
    for secret in &former {
        free(client, provider, secret, others).await?;
    }
    let seen = provider.resource_version.as_deref();
    write(&provider.key.api(client), provider, seen, &current).await
}

/// Takes the finalizer off a Secret, unless another provider keeps it too.
pub(super) async fn free(
    client: &Client,
    provider: &ProviderView,
    secret: &SecretKey,
    others: &[ProviderView],
) -> Result<(), CallError> {
    // A provider that is not in use itself would never let go of what it shares.
    let is_held = |other: &ProviderView| other.finalizers.iter().any(|held| held == IN_USE_FINALIZER);
    let is_shared = others
        .iter()
        .any(|other| other.key != provider.key && other.secret().as_ref() == Some(secret) && is_held(other));
    if is_shared {
        return Ok(());
    }
    let (namespace, name) = secret;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    drop_finalizer(&secrets, name, IN_USE_FINALIZER, None).await
}

async fn write(
    api: &Api<DynamicObject>,
    provider: &ProviderView,
    seen: Option<&str>,
    held: &[SecretKey],
) -> Result<(), CallError> {
    let list = (!held.is_empty()).then(|| secret_key::format(held));
    let patch = json!({ "metadata": {
        "resourceVersion": seen,
        "annotations": { HELD_SECRETS_ANNOTATION: list },
    } });
    call(api.patch_metadata(&provider.key.name, &PatchParams::default(), &Patch::Merge(patch)))
        .await
        .map(drop)
}
