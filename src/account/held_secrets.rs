//! Which Secrets are kept for a provider: written down on it before they are, for its reference to them may be edited.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::annotation_list::append;
use super::resolve::{ProviderKey, ProviderView};
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
    let sharing = others
        .iter()
        .filter(|other| other.key != provider.key && other.secret().as_ref() == Some(secret));
    for other in sharing {
        if is_held(client, &other.key).await? {
            return Ok(());
        }
    }
    let (namespace, name) = secret;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    drop_finalizer(&secrets, name, IN_USE_FINALIZER, None).await
}

/// Whether a provider is in use: one that is not would never let go of what it shares. A cache may still show one that was
/// given free a moment ago, and whoever believes it leaves the Secret to nobody.
async fn is_held(client: &Client, provider: &ProviderKey) -> Result<bool, CallError> {
    match call(provider.api(client).get_metadata(&provider.name)).await {
        Ok(found) => Ok(found.finalizers().iter().any(|held| held == IN_USE_FINALIZER)),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
