//! Publishes what is known of a provider: its status, figures, and machines that nobody knows.

use tracing::warn;

use super::Ticker;
use crate::account::orphans::Strays;
use crate::account::resolve::ProviderView;
use crate::account::sessions::Session;
use crate::account::{Account, AccountKey, bills, bills_as_running, controller, status};
use crate::api::money::{self, Decimal};
use crate::api::status::GpuInstanceStatus;
use crate::provider::Balance;

impl Ticker {
    pub(super) async fn publish(&self, provider: &ProviderView, session: &Session) {
        let (account, obstacle) = match session {
            Session::Connected(connected) => (Some(connected.account.as_ref()), None),
            Session::Obstructed(obstacle) => (None, Some(obstacle)),
        };
        let strays = account.and_then(|account| self.strays(account));
        let rows = account
            .zip(strays.as_ref())
            .map(|(account, strays)| self.orphan_rows(account, strays));
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
            orphans: rows,
            now: self.environment.now(),
        };
        let wanted = status::project(provider, &known);
        if let Some(account) = account {
            self.measure(account, balance.as_ref(), strays.as_ref());
        }
        if let (Session::Connected(connected), Some(strays)) = (session, &strays) {
            self.tell_orphans(connected, strays);
        }
        self.count();
        if wanted != provider.status
            && let Err(error) = controller::write_status(&self.client, &provider.key, wanted).await
            && !error.is_conflict()
            && !error.is_not_found()
        {
            warn!(provider = %provider.key, %error, "the provider's status could not be written");
        }
    }

    fn measure(&self, account: &Account, balance: Option<&Balance>, strays: Option<&Strays>) {
        let AccountKey { cloud, id, .. } = &account.key;
        let (price, currency) = self.price_of(&account.key);
        self.metrics
            .set_price_per_hour(*cloud, id, currency.as_deref().unwrap_or("CNY"), price);
        if let Some(balance) = balance {
            self.metrics.set_balance(*cloud, id, balance.currency, balance.amount);
        }
        if let (Some(strays), Some(snapshot)) = (strays, account.latest()) {
            let orphans = i64::try_from(strays.count()).unwrap_or(i64::MAX);
            self.metrics.listed(*cloud, id, snapshot.begun, orphans);
            let priced = strays.orphans.iter().filter(|machine| bills_as_running(machine.state));
            let price = priced.filter_map(|machine| machine.price_per_hour).sum();
            let currency = strays.orphans.iter().find_map(|machine| machine.currency);
            self.metrics
                .set_orphans_price(*cloud, id, currency.unwrap_or("CNY"), price);
        }
    }

    /// What all machines of an account cost an hour, whichever of its providers they are rented with, and in what.
    fn price_of(&self, account: &AccountKey) -> (Decimal, Option<String>) {
        let (mut price, mut currency) = (Decimal::ZERO, None);
        for guarded in self.cache.instances() {
            let status = guarded.0.as_ref().ok().and_then(|instance| instance.status.as_ref());
            let Some(status) = status.filter(|status| {
                status.cloud() == Some(account.cloud)
                    && status.account_id.as_ref() == Some(&account.id)
                    && status.endpoint == account.endpoint
            }) else {
                continue;
            };
            currency = currency.or_else(|| status.currency.clone());
            if bills(status) {
                price += money::parse(status.price_per_hour.as_deref()).unwrap_or_default();
            }
        }
        (price, currency)
    }
}
