//! Calls that are held until somebody lets them go.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct HeldCalls {
    waiting: BTreeMap<u64, Arc<Notify>>,
}

impl HeldCalls {
    /// What the call of this number has to wait for.
    pub(crate) fn hold(&mut self, seq: u64) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.waiting.insert(seq, Arc::clone(&notify));
        notify
    }

    pub(crate) fn forget(&mut self, seq: u64) {
        self.waiting.remove(&seq);
    }

    pub(crate) fn list(&self) -> Vec<u64> {
        self.waiting.keys().copied().collect()
    }

    /// Lets one call go.
    pub(crate) fn release(&mut self, seq: u64) -> bool {
        match self.waiting.remove(&seq) {
            Some(notify) => {
                notify.notify_one();
                true
            }
            None => false,
        }
    }

    /// Lets all calls go; gives how many.
    pub(crate) fn release_all(&mut self) -> usize {
        let waiting = std::mem::take(&mut self.waiting);
        for notify in waiting.values() {
            notify.notify_one();
        }
        waiting.len()
    }
}
