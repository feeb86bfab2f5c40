//! Which Secrets are kept for a provider: written down on it before they are, for its reference to them may be edited.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::resolve::{ProviderView, SecretKey};
use crate::api::{HELD_SECRETS_ANNOTATION, IN_USE_FINALIZER};
use crate::kubernetes::{CallError, call, drop_finalizer};

/// The Secrets that an annotation names; what is no name in it is passed over.
pub(super) fn parse(list: &str) -> Vec<SecretKey> {
    let keys = list.split(',').filter_map(|entry| entry.split_once('/'));
    keys.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
        .collect()
}

fn format(secrets: &[SecretKey]) -> String {
    let entries: Vec<_> = secrets
        .iter()
        .map(|(namespace, name)| format!("{namespace}/{name}"))
        .collect();
    entries.join(",")
}

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
        .map_or_else(Vec::new, |list| parse(list));
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
    let list = (!held.is_empty()).then(|| format(held));
    let patch = json!({ "metadata": {
        "resourceVersion": seen,
        "annotations": { HELD_SECRETS_ANNOTATION: list },
    } });
    call(api.patch_metadata(&provider.key.name, &PatchParams::default(), &Patch::Merge(patch)))
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_what_is_no_name_is_not() {
        let held = vec![("ml".to_owned(), "a".to_owned()), ("ops".to_owned(), "b".to_owned())];
        assert_eq!(parse(&format(&held)), held);
        assert!(parse("").is_empty() && parse("nonsense").is_empty());
    }
}
