//! Objects that are gone though their finalizer was not taken off by us: somebody tore it off. What they held of the
//! account is free, and nobody needs lists for them any more.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use tracing::{info, warn};

use super::Ticker;
use crate::account::Account;
use crate::api::GpuInstance;
use crate::kubernetes::{CallError, call};

/// An order that was under way when its object vanished is over after this time, and a cache that was behind is not.
const GRACE: Duration = Duration::from_mins(3);

impl Ticker {
    /// Forgets the objects that neither the cache nor, asked once more, the API server has.
    pub(super) async fn forget_vanished(&self, account: &Account) {
        let shown = self.cache.instances().filter_map(|guarded| guarded.uid()).collect();
        let missing = account.missing_for(&shown, self.environment.now(), GRACE);
        if missing.is_empty() {
            return;
        }
        match self.uids().await {
            Ok(there) => {
                for uid in missing.iter().filter(|uid| !there.contains(*uid)) {
                    info!(
                        account = account.key.id,
                        uid, "an object is gone without our leave; what it held is free"
                    );
                    account.forget(uid);
                }
                for waiting in account.next_for_room() {
                    (self.wake)(waiting);
                }
            }
            Err(error) => {
                warn!(account = account.key.id, %error, "whether objects are gone could not be learned");
            }
        }
    }

    async fn uids(&self) -> Result<BTreeSet<String>, CallError> {
        let mut uids = BTreeSet::new();
        for api in self.namespaces.apis::<DeserializeGuard<GpuInstance>>(&self.client) {
            let list = call(api.list(&ListParams::default())).await?;
            uids.extend(list.items.iter().filter_map(ResourceExt::uid));
        }
        Ok(uids)
    }
}
