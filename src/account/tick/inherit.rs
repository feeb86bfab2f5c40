//! What was there before a provider was.
//!
//! What a deletion policy lets go is remembered on the provider, and that memory goes when the provider is deleted. So
//! whoever comes after it, or begins to speak for the account, writes down at its first look which machines of this
//! installation no object knows: one of them may have been let go on purpose, and none is ever swept.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::Ticker;
use crate::account::orphans;
use crate::account::remembered::remember_inherited;
use crate::account::sessions::Connected;
use crate::kubernetes::CallError;

impl Ticker {
    /// Writes down what was there at the first look: before the status that says when that was.
    pub(super) async fn inherit(&self, connected: &Connected) -> Result<(), CallError> {
        let (provider, account) = (&connected.provider, &connected.account);
        let Some(snapshot) = account.latest() else {
            return Ok(());
        };
        // Lists may lag, or forget: a machine was not there if that lasts as long as absence must.
        let first = provider.first_listed(&account.key);
        let settle = provider.settle_after(connected.driver.capabilities());
        let settle = SignedDuration::try_from(settle).unwrap_or(SignedDuration::MAX);
        if first.is_some_and(|first| snapshot.begun.duration_since(first) > settle) {
            return Ok(());
        }
        let mut known = self.known_to_objects();
        let remembered = provider.released.iter().chain(&provider.inherited);
        known.released = remembered.cloned().collect::<BTreeSet<String>>();
        let strays = orphans::find(&snapshot, &known, &self.installation);
        let ids: Vec<&str> = strays.orphans.iter().map(|machine| machine.id.as_str()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        remember_inherited(&self.client, &provider.key, &ids).await
    }
}
