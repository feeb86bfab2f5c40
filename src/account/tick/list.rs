//! Lists an account when it is time, with all that its instances need to be in the list.

use std::time::Duration;

use futures::{StreamExt, stream};
use tracing::{info, warn};

use super::Ticker;
use crate::account::Snapshot;
use crate::account::resolve::ProviderKey;
use crate::account::sessions::{Connected, Obstacle, Session};
use crate::api::condition::Reason;
use crate::environment::has_passed;
use crate::provider::{Detail, Error, Kind, Listing, Scope};

/// A balance is read this often: it changes all the time, and status must not.
const BALANCE_INTERVAL: Duration = Duration::from_hours(1);
/// Every region is looked into this often: a machine may be where no object is any more.
const EVERYWHERE_INTERVAL: Duration = Duration::from_mins(30);
/// Machines that are described at the same time.
const DESCRIBED_AT_ONCE: usize = 4;

impl Ticker {
    /// Lists the account if it is time, and says when it will be time again.
    pub(super) async fn look(&self, connected: &Connected) -> Duration {
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
        self.backoff.forget(&provider.uid);
        self.read_balance(connected).await;
        account
            .next_list_in(self.environment.now(), provider.poll_interval())
            .max(Duration::from_millis(20))
    }

    async fn list(&self, connected: &Connected) {
        let account = &connected.account;
        let begun = self.environment.now();
        account.list_begins(begun);
        let scope = self.scope(connected);
        let concerned = match self.read_list(connected, &scope).await {
            Ok(mut listing) => {
                self.accept(&connected.provider);
                self.describe(connected, &mut listing).await;
                let snapshot = Snapshot::new(begun, listing, &self.installation);
                account.listed(snapshot, &self.installation)
            }
            Err(error) => {
                warn!(provider = %connected.provider.key, account = account.key.id, %error, "the account could not be listed");
                if error.kind == Kind::Unauthorized {
                    let obstacle = self.reject(&connected.provider, connected.credentials.clone(), &error);
                    self.sessions
                        .set(&connected.provider.key, Session::Obstructed(obstacle));
                    // No second list follows that would make an outage of it, which the instances hear of.
                    self.wake_users(&connected.provider.key);
                }
                account.unreachable(error)
            }
        };
        for instance in concerned {
            (self.wake)(instance);
        }
    }

    /// The list, if it is this account's. A machine that was there and is not shown may be hidden by the list of another
    /// account, should the key open another one by now: so it is asked once more whose it is; and while an object waits
    /// for its own account to come back, with every list.
    async fn read_list(&self, connected: &Connected, scope: &Scope) -> crate::provider::Result<Listing> {
        let listing = connected.driver.list(scope).await?;
        let account = &connected.account;
        if !account.misses_any(&listing) && !self.is_of_another_account(connected) {
            return Ok(listing);
        }
        let now = connected.driver.identify().await?.account;
        if now == account.key.id {
            return Ok(listing);
        }
        let key = &connected.provider.key;
        let why = format!(
            "{key}: its key opens account {now} by now, and no longer {}",
            account.key.id
        );
        let obstacle = Obstacle::new(Reason::CloudUnavailable, why.clone());
        self.sessions.set(key, Session::Obstructed(obstacle));
        Err(Error::new(Kind::Transient, why))
    }

    /// Whether an object that uses the provider is bound to another account than the provider speaks for.
    fn is_of_another_account(&self, connected: &Connected) -> bool {
        self.cache.users(&connected.provider.key).any(|guarded| {
            let status = guarded.0.as_ref().ok().and_then(|instance| instance.status.as_ref());
            let bound = status.filter(|status| status.holds());
            let account = bound.and_then(|status| status.account_id.as_ref());
            account.is_some_and(|account| *account != connected.account.key.id)
        })
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
    fn scope(&self, connected: &Connected) -> Scope {
        let account = connected.account.as_ref();
        let mut scope = Scope {
            regions: account.regions_of(&self.installation),
            everywhere: self.looks_everywhere(&connected.provider.key),
            ..Scope::default()
        };
        let connected = self.sessions.of_account(&account.key);
        for guarded in self.cache.instances() {
            let Ok(instance) = &guarded.0 else { continue };
            let status = instance.status.as_ref();
            let holds = status.is_some_and(|status| status.holds_of(&account.key.id));
            let provider = ProviderKey::meant_by(instance);
            if !holds && connected.iter().all(|connected| connected.provider.key != provider) {
                continue;
            }
            let Some(region) = instance.region() else {
                continue;
            };
            if holds {
                scope.held.insert(region.clone());
            }
            scope.regions.insert(region);
        }
        scope
    }

    /// Whether it is time to look into every region, also those that no object names.
    fn looks_everywhere(&self, provider: &ProviderKey) -> bool {
        let now = self.environment.now();
        let before = self.memory().get(provider).and_then(|memory| memory.everywhere_at);
        let due = before.is_none_or(|at| has_passed(EVERYWHERE_INTERVAL, at, now));
        if due {
            self.remember(provider, |memory| memory.everywhere_at = Some(now));
        }
        due
    }

    async fn read_balance(&self, connected: &Connected) {
        let now = self.environment.now();
        let read_at = self
            .memory()
            .get(&connected.provider.key)
            .and_then(|memory| memory.balance_read_at);
        let due = read_at.is_none_or(|at| has_passed(BALANCE_INTERVAL, at, now));
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
}
