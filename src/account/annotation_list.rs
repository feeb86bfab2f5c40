//! Lists in a provider's annotations: their entries, with commas between them.

use kube::api::{Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::resolve::ProviderKey;
use crate::kubernetes::{CallError, call};

/// The entries of such a list.
pub(super) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|entry| !entry.is_empty())
}

/// Adds entries to the end of a list, unless they are in it, and keeps so many of the newest. A provider that is gone
/// has nothing to remember.
pub(super) async fn append(
    client: &Client,
    provider: &ProviderKey,
    annotation: &str,
    news: &[&str],
    most: usize,
) -> Result<(), CallError> {
    let (api, name) = (provider.api(client), &provider.name);
    // Read anew: this process itself has changed the object since the watch has brought it.
    let Some(object) = call(api.get_metadata_opt(name)).await? else {
        return Ok(());
    };
    let mut list: Vec<&str> = entries(object.annotations().get(annotation).map_or("", String::as_str)).collect();
    let news: Vec<&str> = news.iter().copied().filter(|entry| !list.contains(entry)).collect();
    if news.is_empty() {
        return Ok(());
    }
    list.extend(news);
    let newest = &list[list.len().saturating_sub(most)..];
    let patch = json!({ "metadata": {
        "resourceVersion": object.metadata.resource_version,
        "annotations": { annotation: newest.join(",") },
    } });
    call(api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)))
        .await
        .map(drop)
}
