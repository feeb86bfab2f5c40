//! One pass over a provider: credentials, list, wake, publish.

mod connect;
mod list;
mod publish;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::{Client, ResourceExt};
use tracing::warn;

use super::cache::Cache;
use super::resolve::{ProviderKey, ProviderView};
use super::sessions::{Session, Sessions};
use super::{InstanceRef, in_use};
use crate::api::IN_USE_FINALIZER;
use crate::api::remote_name::Installation;
use crate::environment::Environment;
use crate::kubernetes::{CallError, Events, Namespaces};
use crate::metrics::Metrics;
use crate::provider::{Balance, Connect};

/// First and longest pause after a cloud could not be asked; they double in between.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

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
    /// Wakes an instance.
    pub wake: Box<dyn Fn(InstanceRef) + Send + Sync>,
    /// What is remembered of each provider from pass to pass.
    pub memory: Mutex<BTreeMap<ProviderKey, Memory>>,
}

/// What is remembered of a provider from pass to pass.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    requested_at: Option<String>,
    balance: Option<Balance>,
    balance_read_at: Option<Timestamp>,
    failures: u32,
    orphans_told: Vec<String>,
}

impl Ticker {
    /// Looks at a provider, and says when to look again.
    pub async fn tick(&self, key: &ProviderKey) -> Duration {
        let Some(provider) = self.cache.provider(key) else {
            self.sessions.remove(key);
            self.memory().remove(key);
            self.wake_users(key);
            return Duration::from_hours(1);
        };
        let session = self.session(&provider).await;
        if let Err(error) = self.keep_finalizers(&provider).await {
            warn!(provider = %key, %error, "the in-use finalizer could not be kept up to date");
        }
        let next = match &session {
            Session::Connected(connected) => self.look(connected).await,
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
        let mut failures = 0;
        self.remember(&provider.key, |memory| {
            failures = memory.failures;
            memory.failures = memory.failures.saturating_add(1);
        });
        let pause = RETRY
            .0
            .saturating_mul(1 << failures.min(6))
            .min(RETRY.1)
            .min(provider.poll_interval());
        // Up to a quarter less, so that many providers do not ask all at once.
        let share = 0.25 * f64::from((self.environment.random() >> 32) as u32) / f64::from(u32::MAX);
        pause.saturating_sub(pause.mul_f64(share))
    }

    async fn keep_finalizers(&self, provider: &ProviderView) -> Result<(), CallError> {
        let held = provider
            .finalizers
            .iter()
            .any(|finalizer| finalizer == IN_USE_FINALIZER);
        let used = self
            .cache
            .instances()
            .any(|guarded| in_use::is_user(&guarded, &provider.key));
        if used && !held && !provider.deleting {
            match in_use::hold(&self.client, provider).await {
                Ok(()) | Err(in_use::HoldError::Going(_)) => Ok(()),
                Err(in_use::HoldError::Api(_, error)) => Err(error),
            }
        } else if held && !used {
            in_use::release(&self.client, &self.namespaces, provider, &self.cache.providers()).await
        } else {
            Ok(())
        }
    }
}
