//! Machines that a provider remembers, so that they are never swept as orphans.

use kube::api::{Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::resolve::ProviderKey;
use crate::api::{INHERITED_ANNOTATION, RELEASED_ANNOTATION};
use crate::kubernetes::{CallError, call};

/// Most machines remembered: the annotation stays far below what an object may hold.
pub(super) const MOST_REMEMBERED: usize = 2_000;

/// Writes down, on the provider, that a machine was let go on purpose.
pub async fn remember_released(client: &Client, provider: &ProviderKey, instance_id: &str) -> Result<(), CallError> {
    remember(client, provider, RELEASED_ANNOTATION, &[instance_id]).await
}

/// Writes down, on the provider, which machines no object knew when the account was first listed for it.
pub(super) async fn remember_inherited(
    client: &Client,
    provider: &ProviderKey,
    instance_ids: &[&str],
) -> Result<(), CallError> {
    remember(client, provider, INHERITED_ANNOTATION, instance_ids).await
}

async fn remember(client: &Client, provider: &ProviderKey, annotation: &str, ids: &[&str]) -> Result<(), CallError> {
    let (api, name) = (provider.api(client), &provider.name);
    let Some(object) = call(api.get_metadata_opt(name)).await? else {
        return Ok(());
    };
    let list = object.annotations().get(annotation).cloned().unwrap_or_default();
    let mut remembered: Vec<&str> = list.split(',').filter(|id| !id.is_empty()).collect();
    let news: Vec<&str> = ids.iter().copied().filter(|id| !remembered.contains(id)).collect();
    if news.is_empty() {
        return Ok(());
    }
    remembered.extend(news);
    let newest = &remembered[remembered.len().saturating_sub(MOST_REMEMBERED)..];
    let patch = json!({ "metadata": {
        "resourceVersion": object.metadata.resource_version,
        "annotations": { annotation: newest.join(",") },
    } });
    call(api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)))
        .await
        .map(drop)
}
