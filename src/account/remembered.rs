//! Machines that a provider remembers, so that they are never swept as orphans.

use kube::Client;

use super::annotation_list::append;
use super::resolve::ProviderKey;
use crate::api::{INHERITED_ANNOTATION, RELEASED_ANNOTATION};
use crate::kubernetes::CallError;

/// Most machines remembered: the annotation stays far below what an object may hold.
pub(super) const MOST_REMEMBERED: usize = 2_000;

/// Writes down, on the provider, that a machine was let go on purpose.
pub async fn remember_released(client: &Client, provider: &ProviderKey, instance_id: &str) -> Result<(), CallError> {
    append(client, provider, RELEASED_ANNOTATION, &[instance_id], MOST_REMEMBERED).await
}

/// Writes down, on the provider, which machines no object knew when the account was first listed for it.
pub(super) async fn remember_inherited(
    client: &Client,
    provider: &ProviderKey,
    instance_ids: &[&str],
) -> Result<(), CallError> {
    append(client, provider, INHERITED_ANNOTATION, instance_ids, MOST_REMEMBERED).await
}
