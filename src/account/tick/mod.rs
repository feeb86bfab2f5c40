//! One pass over a provider: credentials, list, wake, publish.

mod census;
mod connect;
mod inherit;
mod list;
mod publish;
mod rejected;
mod sweep;
mod vanished;

pub use census::Unwanted;
pub use connect::credentials_secret;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::{Client, ResourceExt};
use tracing::{debug, warn};

use super::cache::Cache;
use super::resolve::{ProviderKey, ProviderView};
use super::sessions::{Session, Sessions};
use super::{InstanceRef, held_secrets, in_use};
use crate::api::IN_USE_FINALIZER;
use crate::api::remote_name::Installation;
use crate::environment::Environment;
use crate::kubernetes::{Backoff, CallError, Events, Namespaces, Pace};
use crate::metrics::Metrics;
use crate::provider::{Balance, Connect};
use rejected::Rejected;

/// All that a pass over a provider needs.
pub struct Ticker {
    /// The API server.
    pub client: Client,
    /// The namespaces that are watched.
    pub namespaces: Namespaces,
    /// Who drivers are made by.
    pub connector: Box<dyn Connect>,
    /// Which provider speaks for which account.
    pub sessions: Arc<Sessions>,
    /// What the watches have brought.
    pub cache: Cache,
    /// Who we are in remote names.
    pub installation: Installation,
    /// Time and chance.
    pub environment: Arc<dyn Environment>,
    /// Where figures go.
    pub metrics: Metrics,
    /// Where events go.
    pub events: Events,
    /// Whether this process leads, asked right before anything is changed at a cloud.
    pub leads: Box<dyn Fn() -> bool + Send + Sync>,
    /// Wakes an instance.
    pub wake: Box<dyn Fn(InstanceRef) + Send + Sync>,
    /// How long to leave a cloud alone that could not be asked.
    pub backoff: Backoff,
    /// What is remembered of each provider from pass to pass.
    pub memory: Mutex<BTreeMap<ProviderKey, Memory>>,
    /// Machines that cost money though they should not.
    pub unwanted: Unwanted,
    /// Providers are given free one after the other: of two that share a Secret, each would leave it to the other.
    pub giving_free: tokio::sync::Mutex<()>,
}

/// What is remembered of a provider from pass to pass.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    requested_at: Option<String>,
    balance: Option<Balance>,
    balance_read_at: Option<Timestamp>,
    everywhere_at: Option<Timestamp>,
    rejected: Option<Rejected>,
    /// The Secret lacks the finalizer that keeps it for as long as the provider is in use.
    secret_bare: bool,
    /// Orphans that were told of, and whether it was said that they are kept.
    orphans_told: BTreeMap<String, bool>,
}

impl Ticker {
    /// Looks at a provider, and says when to look again.
    pub async fn tick(&self, key: &ProviderKey) -> Duration {
        let Some(provider) = self.cache.provider(key) else {
            self.sessions.remove(key);
            self.memory().remove(key);
            self.wake_users(key);
            self.count();
            return Duration::from_hours(1);
        };
        let session = self.session(&provider).await;
        if let Err(error) = self.keep_finalizers(&provider).await {
            if error.is_conflict() {
                // The cache lags behind what was just written: the next pass does it.
                debug!(provider = %key, %error, "the in-use finalizer is kept up to date later");
            } else {
                warn!(provider = %key, %error, "the in-use finalizer could not be kept up to date");
            }
        }
        let next = match &session {
            Session::Connected(connected) => {
                let next = self.look(connected).await;
                if let Err(error) = self.inherit(connected).await {
                    warn!(provider = %key, %error, "what was there before the provider could not be written down");
                    return self.pause_after_failure(&provider);
                }
                self.sweep(connected).await;
                self.forget_vanished(&connected.account).await;
                next
            }
            Session::Obstructed(_) => self.pause_after_failure(&provider),
        };
        self.publish(&provider, &session).await;
        next
    }

    fn memory(&self) -> MutexGuard<'_, BTreeMap<ProviderKey, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, key: &ProviderKey, change: impl FnOnce(&mut Memory)) {
        change(self.memory().entry(key.clone()).or_default());
    }

    fn wake_users(&self, key: &ProviderKey) {
        for guarded in self.cache.users(key) {
            (self.wake)(InstanceRef {
                namespace: guarded.namespace().unwrap_or_default(),
                name: guarded.name_any(),
            });
        }
    }

    fn pause_after_failure(&self, provider: &ProviderView) -> Duration {
        let pause = self.backoff.next(&provider.uid, provider.generation, Pace::Quick);
        pause.min(provider.poll_interval())
    }

    async fn keep_finalizers(&self, provider: &ProviderView) -> Result<(), CallError> {
        let held = provider
            .finalizers
            .iter()
            .any(|finalizer| finalizer == IN_USE_FINALIZER);
        let used = self
            .cache
            .instances()
            .any(|guarded| in_use::uses(&guarded, &provider.key));
        let secret_bare = self
            .memory()
            .get(&provider.key)
            .is_some_and(|memory| memory.secret_bare);
        if held && !used {
            let _alone = self.giving_free.lock().await;
            return in_use::release(&self.client, &self.namespaces, provider, &self.cache.providers()).await;
        }
        if used && (!held || secret_bare) && !provider.deleting {
            return match in_use::hold(&self.client, provider).await {
                Ok(()) | Err(in_use::HoldError::Going(_)) => Ok(()),
                Err(in_use::HoldError::Api(_, error)) => Err(error),
            };
        }
        if secret_bare {
            return Ok(());
        }
        held_secrets::free_former(&self.client, provider, || self.cache.providers()).await
    }
}
