//! One account at one cloud: listed once for all its instances, never once for each.
//!
//! A provider's pass ([`tick`]) reads the credentials, lists the account, and wakes just those instances for which
//! something has changed. Instances never list: they say what they look for, and read the evidence.

mod annotation_list;
pub mod cache;
pub mod controller;
mod details;
mod held_secrets;
mod in_use;
mod interests;
mod ledger;
mod lists;
mod orphans;
mod outage;
mod presence;
mod remembered;
mod resolve;
mod secret_key;
mod sessions;
mod status;
mod tick;
mod verdict;

pub use in_use::{HoldError, hold};
pub use interests::{Evidence, Wake};
pub use ledger::Holding;
pub use orphans::Knowers;
pub use outage::Outage;
pub use presence::{Absence, Snapshot, Subject, attempt_of, given_name};
pub use remembered::remember_released;
pub use resolve::{ProviderKey, ProviderView};
pub use sessions::{Connected, Obstacle, Session, Sessions};
pub use tick::{Ticker, Unwanted, credentials_secret};
pub use verdict::{Retry, Verdict, verdict};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::api::Cloud;
use crate::api::instance::StopMode;
use crate::api::status::{GpuInstanceStatus, InstanceState};
use details::Details;
use interests::Interest;
use ledger::Ledger;
use orphans::Sightings;

/// What tells one account from another: the money rules compare all of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountKey {
    /// The cloud.
    pub cloud: Cloud,
    /// The base URL, where it is not the vendor's own.
    pub endpoint: Option<String>,
    /// Who the cloud says we are.
    pub id: String,
}

/// An object to look at again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// An account, shared by all who use it.
#[derive(Debug)]
pub struct Account {
    /// What tells it from others.
    pub key: AccountKey,
    state: Mutex<State>,
    details: Mutex<Details>,
    orphans: Mutex<Sightings>,
    /// Held by whoever sweeps: two providers of one account take turns.
    sweeping: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    latest: Option<Arc<Snapshot>>,
    /// When the last list was asked for, by both clocks.
    begun: Option<(Timestamp, Instant)>,
    outage: Option<Outage>,
    /// Regions that could not be read, by each spelling under which specs may name them.
    unread: BTreeMap<String, Outage>,
    interests: BTreeMap<String, Interest>,
    ledger: Ledger,
    /// A list begun after this moment is waited for.
    wanted: Option<Timestamp>,
    /// Objects that the account knows and the cache does not, and since when.
    missing: BTreeMap<String, Timestamp>,
    /// When each machine was first listed by this process.
    first_seen: BTreeMap<String, Timestamp>,
    /// Whether a machine has been seen under the very name that an installation gave it.
    names_kept: bool,
}

impl Account {
    /// An account of which nothing is known yet.
    #[must_use]
    pub fn new(key: AccountKey) -> Self {
        Self {
            key,
            state: Mutex::default(),
            details: Mutex::default(),
            orphans: Mutex::default(),
            sweeping: tokio::sync::Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under this lock is a plain assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn orphans(&self) -> MutexGuard<'_, Sightings> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a machine is about to be deleted because no object knows it: too late to adopt it.
    #[must_use]
    pub fn is_condemned(&self, instance_id: &str) -> bool {
        self.orphans().is_condemned(instance_id)
    }
}

/// Whether a machine in this state costs what a running one does.
#[must_use]
pub fn bills_as_running(state: InstanceState) -> bool {
    !matches!(
        state,
        InstanceState::Stopped | InstanceState::Pending | InstanceState::Lost | InstanceState::Frozen
    )
}

/// Whether a machine costs what a running one does: also where it is stopped, but keeps its GPU.
#[must_use]
pub fn bills(status: &GpuInstanceStatus) -> bool {
    let keeps_gpu = status.stopped_with == Some(StopMode::KeepGpu);
    keeps_gpu || bills_as_running(status.state.unwrap_or(InstanceState::Creating))
}

#[cfg(test)]
mod tests;
