//! Which Secrets are kept for a provider: written down on it before they are, for its reference to them may be edited.

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::annotation_list::append;
use super::resolve::ProviderView;
use super::secret_key::{self, SecretKey};
use crate::api::{HELD_SECRETS_ANNOTATION, IN_USE_FINALIZER};
use crate::kubernetes::{CallError, call, drop_finalizer};

/// Writes down that a Secret is about to be kept for a provider.
pub(super) async fn note(client: &Client, provider: &ProviderView, secret: &SecretKey) -> Result<(), CallError> {
    if provider.held_secrets.contains(secret) {
        return Ok(());
    }
    let entry = secret_key::format(std::slice::from_ref(secret));
    // All of them: one that is forgotten would never be given free.
    append(client, &provider.key, HELD_SECRETS_ANNOTATION, &[&entry], usize::MAX).await
}

/// Gives free what a provider's reference no longer names. The others are asked for only when there is something so.
pub(super) async fn free_former(
    client: &Client,
    provider: &ProviderView,
    others: impl FnOnce() -> Vec<ProviderView>,
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
    let others = others();
    for secret in &former {
        free(client, provider, secret, &others).await?;
    }
    let list = (!current.is_empty()).then(|| secret_key::format(&current));
    let patch = json!({ "metadata": {
        "resourceVersion": provider.resource_version,
        "annotations": { HELD_SECRETS_ANNOTATION: list },
    } });
    let api = provider.key.api(client);
    call(api.patch_metadata(&provider.key.name, &PatchParams::default(), &Patch::Merge(patch)))
        .await
        .map(drop)
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
