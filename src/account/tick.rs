//! One pass over a provider: credentials, list, wake, publish.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, ResourceExt};
use tracing::{info, warn};

use super::cache::Cache;
use super::orphans::{self, Strays};
use super::resolve::{ProviderKey, ProviderView};
use super::sessions::{Connected, Obstacle, Session, Sessions};
use super::verdict::verdict;
use super::{Account, AccountKey, InstanceRef, Snapshot, bills_as_running, in_use, status};
use crate::api::condition::Reason;
use crate::api::money;
use crate::api::provider::OrphanPolicy;
use crate::api::remote_name::{Installation, object_key};
use crate::api::status::GpuInstanceStatus;
use crate::api::{BINDING_ANNOTATION, IN_USE_FINALIZER, remote_name::BindingAnnotation};
use crate::environment::Environment;
use crate::kubernetes::{CallError, Events, Namespaces, call};
use crate::metrics::Metrics;
use crate::provider::{Balance, Connect, Credentials, Detail, Kind, Listing, Observed, Provider, Scope};

/// A balance is read this often: it changes all the time, and status must not.
const BALANCE_INTERVAL: Duration = Duration::from_hours(1);
/// Machines that are described at the same time.
const DESCRIBED_AT_ONCE: usize = 4;
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

    fn memory(&self) -> std::sync::MutexGuard<'_, BTreeMap<ProviderKey, Memory>> {
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

    /// The provider's session: the one that it has, unless its spec or its credentials have changed.
    async fn session(&self, provider: &ProviderView) -> Session {
        let before = self.sessions.get(&provider.key);
        let session = match (self.credentials(provider).await, before.clone()) {
            // The API server does not answer: what was known goes on, since no cloud is out of order.
            (Err(obstacle), Some(Session::Connected(connected))) if obstacle.reason.is_outage() => {
                Session::Connected(connected)
            }
            (Err(obstacle), _) => Session::Obstructed(obstacle),
            (Ok(credentials), Some(Session::Connected(connected)))
                if connected.credentials == credentials.digest() && same_account(&connected.provider, provider) =>
            {
                Session::Connected(Box::new(Connected {
                    provider: provider.clone(),
                    ..*connected
                }))
            }
            (Ok(credentials), _) => self.connect(provider, &credentials).await,
        };
        self.sessions.set(&provider.key, session.clone());
        if news(before.as_ref(), &session) {
            match &session {
                Session::Connected(connected) => {
                    info!(provider = %provider.key, account = connected.account.key.id, "the provider speaks for its account");
                }
                Session::Obstructed(obstacle) => {
                    warn!(provider = %provider.key, reason = %obstacle.reason, "{}", obstacle.message);
                }
            }
            self.wake_users(&provider.key);
        }
        session
    }

    async fn credentials(&self, provider: &ProviderView) -> Result<Credentials, Obstacle> {
        let Some((namespace, name)) = provider.secret() else {
            return Err(Obstacle::new(
                Reason::Invalid,
                format!("{} names no Secret with credentials", provider.key),
            ));
        };
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &namespace);
        match call(api.get_opt(&name)).await {
            Ok(Some(secret)) => Ok(Credentials::from_secret(&secret)),
            Ok(None) => Err(Obstacle::new(
                Reason::CredentialsNotFound,
                format!("{} needs Secret {namespace}/{name}, which does not exist", provider.key),
            )),
            Err(error) if error.is_forbidden() => Err(Obstacle::new(
                Reason::CredentialsNotFound,
                format!(
                    "{} needs Secret {namespace}/{name}, which the operator may not read: {error}",
                    provider.key
                ),
            )),
            Err(error) => Err(Obstacle::new(
                Reason::CloudUnavailable,
                format!(
                    "Secret {namespace}/{name} of {} could not be read: {error}",
                    provider.key
                ),
            )),
        }
    }

    async fn connect(&self, provider: &ProviderView, credentials: &Credentials) -> Session {
        let driver: Arc<dyn Provider> = match self.connector.connect(&provider.spec, credentials) {
            Ok(driver) => Arc::new(Observed::new(driver, self.metrics.clone(), provider.key.to_string())),
            Err(error) => {
                return Session::Obstructed(Obstacle::new(error.reason(), format!("{}: {error}", provider.key)));
            }
        };
        let identity = match driver.identify().await {
            Ok(identity) => identity,
            Err(error) => {
                let verdict = verdict(&error);
                return Session::Obstructed(Obstacle::new(verdict.reason, format!("{}: {error}", provider.key)));
            }
        };
        self.remember(&provider.key, |memory| {
            memory.failures = 0;
            memory.balance_read_at = None;
        });
        let key = AccountKey {
            cloud: driver.capabilities().cloud,
            endpoint: provider.spec.endpoint().map(|url| url.trim_end_matches('/').to_owned()),
            id: identity.account,
        };
        let account = self.sessions.account(key);
        self.enter_holdings(&account);
        Session::Connected(Box::new(Connected {
            provider: provider.clone(),
            account,
            driver,
            credentials: credentials.digest(),
        }))
    }

    /// Enters what the cache's instances hold in the account's ledger, before anything is reserved in it.
    fn enter_holdings(&self, account: &Account) {
        for guarded in self.cache.instances() {
            let Ok(instance) = &guarded.0 else { continue };
            let Some(status) = instance
                .status
                .as_ref()
                .filter(|status| status.account_id.as_ref() == Some(&account.key.id))
            else {
                continue;
            };
            if status.claim.is_some() || status.instance_id.is_some() {
                account.record(&guarded.uid().unwrap_or_default(), super::Holding::of(instance, status));
            }
        }
    }

    /// Lists the account if it is time, and says when it will be time again.
    async fn look(&self, connected: &Connected) -> Duration {
        let provider = &connected.provider;
        let account = &connected.account;
        let now = self.environment.now();
        let requested = self
            .memory()
            .get(&provider.key)
            .and_then(|memory| memory.requested_at.clone());
        if provider.requested_at != requested {
            self.remember(&provider.key, |memory| {
                memory.requested_at.clone_from(&provider.requested_at);
            });
            account.want_list_after(now);
        }
        if account.failures() > 0 || account.next_list_in(now, provider.poll_interval()).is_zero() {
            self.list(connected).await;
        }
        if account.failures() > 0 {
            return self.pause_after_failure(provider);
        }
        self.remember(&provider.key, |memory| memory.failures = 0);
        self.read_balance(connected).await;
        account
            .next_list_in(self.environment.now(), provider.poll_interval())
            .max(Duration::from_millis(20))
    }

    async fn list(&self, connected: &Connected) {
        let account = &connected.account;
        let begun = self.environment.now();
        let scope = self.scope(account);
        let concerned = match connected.driver.list(&scope).await {
            Ok(mut listing) => {
                self.describe(connected, &mut listing).await;
                let snapshot = Snapshot::new(begun, listing, &self.installation);
                account.listed(snapshot, &self.installation)
            }
            Err(error) => {
                warn!(provider = %connected.provider.key, account = account.key.id, %error, "the account could not be listed");
                if error.kind == Kind::Unauthorized {
                    // Whether the key was changed, or really is no good, is found out at once by connecting anew.
                    self.sessions.set(
                        &connected.provider.key,
                        Session::Obstructed(Obstacle::new(Reason::CredentialsRejected, error.message.clone())),
                    );
                }
                account.unreachable(error)
            }
        };
        for instance in concerned {
            (self.wake)(instance);
        }
    }

    /// Adds what the list does not show, where the cloud tells it machine by machine.
    async fn describe(&self, connected: &Connected, listing: &mut Listing) {
        let (account, driver) = (&connected.account, &connected.driver);
        if driver.capabilities().detail == Detail::InList {
            return;
        }
        let due = account.to_describe(&listing.machines, &self.installation);
        let asked = due.into_iter().map(|row| async move {
            let answer = driver.describe(&row).await;
            (row.id, answer)
        });
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(DESCRIBED_AT_ONCE).collect().await;
        account.described(&mut listing.machines, answers);
    }

    /// The regions of all instances that use the account, through whichever provider; also through one that cannot be
    /// used just now, if they hold something: a list without their region would prove their machines absent.
    fn scope(&self, account: &Account) -> Scope {
        let connected = self.sessions.of_account(&account.key);
        let mut scope = Scope::default();
        for guarded in self.cache.instances() {
            let Ok(instance) = &guarded.0 else { continue };
            let status = instance.status.as_ref();
            let holds = status.is_some_and(|status| {
                let is_bound = status.claim.is_some() || status.instance_id.is_some();
                is_bound && status.account_id.as_ref() == Some(&account.key.id)
            });
            let namespace = guarded.namespace().unwrap_or_default();
            let provider = ProviderKey::of(&instance.spec.provider_ref, &namespace);
            if !holds && connected.iter().all(|connected| connected.provider.key != provider) {
                continue;
            }
            let told = status.and_then(|status| status.region.clone());
            let Some(region) = instance.spec.region().map(ToOwned::to_owned).or(told) else {
                continue;
            };
            if holds {
                scope.held.insert(region.clone());
            }
            scope.regions.insert(region);
        }
        scope
    }

    async fn read_balance(&self, connected: &Connected) {
        let now = self.environment.now();
        let read_at = self
            .memory()
            .get(&connected.provider.key)
            .and_then(|memory| memory.balance_read_at);
        let due = read_at
            .is_none_or(|at| Duration::try_from(now.duration_since(at)).is_ok_and(|age| age >= BALANCE_INTERVAL));
        if !due {
            return;
        }
        let balance = connected.driver.balance().await;
        self.remember(&connected.provider.key, |memory| {
            memory.balance_read_at = Some(now);
            match balance {
                Ok(balance) => memory.balance = balance,
                Err(error) => info!(provider = %connected.provider.key, %error, "the balance could not be read"),
            }
        });
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

    async fn publish(&self, provider: &ProviderView, session: &Session) {
        let (account, obstacle) = match session {
            Session::Connected(connected) => (Some(connected.account.as_ref()), None),
            Session::Obstructed(obstacle) => (None, Some(obstacle)),
        };
        let strays = account.and_then(|account| self.strays(account));
        let users: Vec<GpuInstanceStatus> = self
            .cache
            .users(&provider.key)
            .filter_map(|guarded| guarded.0.as_ref().ok().and_then(|instance| instance.status.clone()))
            .collect();
        let balance = self
            .memory()
            .get(&provider.key)
            .and_then(|memory| memory.balance.clone());
        let known = status::Known {
            account,
            obstacle,
            balance: balance.as_ref(),
            users: &users,
            strays: strays.as_ref(),
            now: self.environment.now(),
        };
        let wanted = status::project(provider, &known);
        if let Some(account) = account {
            self.measure(account, &users, balance.as_ref(), strays.as_ref());
        }
        if let Some(strays) = &strays {
            self.tell_orphans(provider, strays);
        }
        self.count_instances();
        if wanted != provider.status
            && let Err(error) = super::controller::write_status(&self.client, &provider.key, wanted).await
            && !error.is_conflict()
            && !error.is_not_found()
        {
            warn!(provider = %provider.key, %error, "the provider's status could not be written");
        }
    }

    fn count_instances(&self) {
        let mut counts = HashMap::new();
        for guarded in self.cache.instances() {
            let status = guarded.0.as_ref().ok().and_then(|instance| instance.status.as_ref());
            if let Some((cloud, state)) = status.and_then(|status| status.cloud().zip(status.state)) {
                *counts.entry((cloud, state)).or_default() += 1;
            }
        }
        self.metrics.set_instances(&counts);
    }

    fn strays(&self, account: &Account) -> Option<Strays> {
        let snapshot = account.latest()?;
        let mut known = orphans::Known::default();
        for guarded in self.cache.instances() {
            known.objects.insert(object_key(&guarded.uid().unwrap_or_default()));
            let binding = guarded
                .annotations()
                .get(BINDING_ANNOTATION)
                .and_then(|text| BindingAnnotation::parse(text));
            known.instance_ids.extend(binding.map(|binding| binding.instance_id));
            if let Ok(instance) = &guarded.0 {
                known
                    .instance_ids
                    .extend(instance.status.as_ref().and_then(|status| status.instance_id.clone()));
                known
                    .instance_ids
                    .extend(instance.spec.instance_id().map(ToOwned::to_owned));
            }
        }
        for connected in self.sessions.of_account(&account.key) {
            known.released.extend(connected.provider.released.iter().cloned());
        }
        Some(orphans::find(&snapshot, &known, &self.installation))
    }

    fn tell_orphans(&self, provider: &ProviderView, strays: &Strays) {
        let ids: Vec<String> = strays.orphans.iter().map(|orphan| orphan.instance_id.clone()).collect();
        let told = self
            .memory()
            .get(&provider.key)
            .map(|memory| memory.orphans_told.clone())
            .unwrap_or_default();
        for orphan in strays
            .orphans
            .iter()
            .filter(|orphan| !told.contains(&orphan.instance_id))
        {
            let price = orphan
                .price_per_hour
                .as_deref()
                .map_or_else(String::new, |price| format!(" at {price} an hour"));
            self.events.warning(
                &super::controller::reference(provider),
                "OrphanFound",
                "Sweep",
                format!(
                    "machine {} ({}, {}){price} was made by this installation, but no object knows it; delete it in the cloud's console, or adopt it with spec.instanceId{}",
                    orphan.instance_id,
                    orphan.name,
                    orphan.cloud_state,
                    if provider.spec.orphans == OrphanPolicy::Delete { " (this version does not carry out spec.orphans Delete)" } else { "" }
                ),
            );
            warn!(provider = %provider.key, instance = orphan.instance_id, name = orphan.name, "a machine of this installation has no object");
        }
        self.remember(&provider.key, |memory| memory.orphans_told = ids);
    }

    fn measure(
        &self,
        account: &Account,
        users: &[GpuInstanceStatus],
        balance: Option<&Balance>,
        strays: Option<&Strays>,
    ) {
        let AccountKey { cloud, id, .. } = &account.key;
        let running = users.iter().filter(|status| status.state.is_some_and(bills_as_running));
        let price = running
            .filter_map(|status| money::parse(status.price_per_hour.as_deref()))
            .sum();
        let currency = users.iter().find_map(|status| status.currency.clone());
        self.metrics
            .set_price_per_hour(*cloud, id, currency.as_deref().unwrap_or("CNY"), price);
        if let Some(balance) = balance {
            self.metrics.set_balance(*cloud, id, balance.currency, balance.amount);
        }
        if let (Some(strays), Some(snapshot)) = (strays, account.latest()) {
            let orphans = i64::try_from(strays.orphans.len()).unwrap_or(i64::MAX);
            self.metrics.listed(*cloud, id, snapshot.begun, orphans);
        }
    }
}

/// Whether two versions of a provider mean the same account, so that its session may go on.
fn same_account(before: &ProviderView, now: &ProviderView) -> bool {
    before.uid == now.uid
        && before.spec.cloud() == now.spec.cloud()
        && before.spec.endpoint() == now.spec.endpoint()
        && before.spec.second_endpoint() == now.spec.second_endpoint()
        && before.spec.scnet == now.spec.scnet
        && before.spec.limits == now.spec.limits
        && before.secret() == now.secret()
}

/// Whether instances must be told of a session.
fn news(before: Option<&Session>, now: &Session) -> bool {
    match (before, now) {
        (Some(Session::Connected(before)), Session::Connected(now)) => {
            before.account.key != now.account.key
                || before.provider.spec != now.provider.spec
                || before.provider.deleting != now.provider.deleting
                || before.provider.allowed_namespaces != now.provider.allowed_namespaces
        }
        (Some(Session::Obstructed(before)), Session::Obstructed(now)) => before != now,
        _ => true,
    }
}
