//! Publishes what is known of a provider: its status, figures, and machines that nobody knows.

use std::collections::HashMap;

use kube::ResourceExt;
use tracing::warn;

use super::Ticker;
use crate::account::orphans::{self, Strays};
use crate::account::resolve::ProviderView;
use crate::account::sessions::Session;
use crate::account::{Account, AccountKey, bills_as_running, controller, status};
use crate::api::BINDING_ANNOTATION;
use crate::api::money;
use crate::api::provider::OrphanPolicy;
use crate::api::remote_name::{BindingAnnotation, object_key};
use crate::api::status::GpuInstanceStatus;
use crate::provider::Balance;

impl Ticker {
    pub(super) async fn publish(&self, provider: &ProviderView, session: &Session) {
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
            && let Err(error) = controller::write_status(&self.client, &provider.key, wanted).await
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
                &controller::reference(provider),
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
