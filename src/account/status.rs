//! What is published of a provider: a pure projection of what is known.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::orphans::Strays;
use super::resolve::ProviderView;
use super::sessions::Obstacle;
use super::verdict::verdict;
use super::{Account, bills_as_running};
use crate::api::condition::{self, Reason, Truth, Type};
use crate::api::instance::ProviderKind;
use crate::api::money;
use crate::api::provider::{AccountStatus, InstanceCounts, Orphan, ProviderStatus};
use crate::api::status::{GpuInstanceStatus, InstanceState, whole_second};
use crate::provider::Balance;

/// Most orphans that are named one by one.
const MOST_ORPHANS: usize = 32;

/// What is known of a provider.
pub(super) struct Known<'a> {
    pub(super) account: Option<&'a Account>,
    pub(super) obstacle: Option<&'a Obstacle>,
    pub(super) balance: Option<&'a Balance>,
    /// Statuses of the instances that use the provider.
    pub(super) users: &'a [GpuInstanceStatus],
    /// `None` while the account has not been listed.
    pub(super) strays: Option<&'a Strays>,
    /// The orphans among them, one by one.
    pub(super) orphans: Option<Vec<Orphan>>,
    pub(super) now: Timestamp,
}

/// The status that a provider should have. The same as before if nothing worth writing has changed.
pub(super) fn project(provider: &ProviderView, known: &Known<'_>) -> ProviderStatus {
    let old = &provider.status;
    let mut status = ProviderStatus {
        cloud: provider.spec.cloud().map(|cloud| cloud.name().to_owned()),
        account: known.account.map(|account| AccountStatus {
            id: account.key.id.clone(),
            ..balance(provider, known.balance)
        }),
        instances: known
            .strays
            .map(|strays| counts(known.users, strays))
            .or_else(|| old.instances.clone()),
        first_listed_at: first_listed(provider, known),
        orphans: known.orphans.as_ref().map_or_else(
            || old.orphans.clone(),
            |orphans| orphans.iter().take(MOST_ORPHANS).cloned().collect(),
        ),
        observed_generation: Some(provider.generation),
        conditions: old.conditions.clone(),
    };
    if status.account.is_none() {
        status.account.clone_from(&old.account);
    }
    conditions(&mut status, provider.generation, known);
    status
}

/// When this account was listed for the first time: now, if it never was and its last list is whole.
fn first_listed(provider: &ProviderView, known: &Known<'_>) -> Option<Time> {
    let Some(account) = known.account else {
        return provider.status.first_listed_at.clone();
    };
    if let Some(first) = provider.first_listed(&account.key) {
        return Some(Time(first));
    }
    let latest = account.latest()?;
    latest
        .listing
        .proof
        .gap(None)
        .is_none()
        .then(|| whole_second(latest.begun))
}

fn balance(provider: &ProviderView, balance: Option<&Balance>) -> AccountStatus {
    let shown = balance.filter(|_| provider.key.kind == ProviderKind::GpuProvider);
    AccountStatus {
        id: String::new(),
        balance: shown.map(|balance| money::format(balance.amount)),
        currency: shown.map(|balance| balance.currency.to_owned()),
    }
}

fn counts(users: &[GpuInstanceStatus], strays: &Strays) -> InstanceCounts {
    let count = |fits: &dyn Fn(&GpuInstanceStatus) -> bool| {
        i64::try_from(users.iter().filter(|status| fits(status)).count()).unwrap_or(i64::MAX)
    };
    let state = |status: &GpuInstanceStatus| status.state.unwrap_or(InstanceState::Pending);
    InstanceCounts {
        claimed: count(&GpuInstanceStatus::holds),
        running: count(&|status| status.instance_id.is_some() && bills_as_running(state(status))),
        stopped: count(&|status| status.instance_id.is_some() && state(status) == InstanceState::Stopped),
        foreign: i64::try_from(strays.foreign).unwrap_or(i64::MAX),
        orphans: i64::try_from(strays.count()).unwrap_or(i64::MAX),
    }
}

fn conditions(status: &mut ProviderStatus, generation: i64, known: &Known<'_>) {
    let now = known.now;
    let outage = known.account.and_then(Account::outage);
    let mut set = |kind, truth, reason, message: &str| {
        condition::set(&mut status.conditions, kind, truth, reason, message, generation, now);
    };
    let (stalled, reconciling) = match (known.obstacle, &outage) {
        (Some(obstacle), _) if obstacle.reason.is_outage() => {
            set(Type::Synced, Truth::False, obstacle.reason, &obstacle.message);
            set(Type::Ready, Truth::Unknown, obstacle.reason, &obstacle.message);
            (None, Some(obstacle.clone()))
        }
        (Some(obstacle), _) => {
            set(Type::Ready, Truth::False, obstacle.reason, &obstacle.message);
            set(Type::Synced, Truth::False, obstacle.reason, &obstacle.message);
            (Some(obstacle.clone()), None)
        }
        (None, Some(outage)) => {
            let obstacle = Obstacle::new(verdict(&outage.error).reason, outage.error.message.clone());
            set(Type::Synced, Truth::False, obstacle.reason, &obstacle.message);
            (None, Some(obstacle))
        }
        (None, None) => {
            set(
                Type::Ready,
                Truth::True,
                Reason::AccountUsable,
                "the account can be used",
            );
            set(Type::Synced, Truth::True, Reason::CloudAnswered, "the cloud answered");
            (None, None)
        }
    };
    for (kind, obstacle) in [(Type::Stalled, stalled), (Type::Reconciling, reconciling)] {
        let (reason, message) = obstacle.as_ref().map_or((Reason::AsSpecified, ""), |obstacle| {
            (obstacle.reason, obstacle.message.as_str())
        });
        condition::set_while(
            &mut status.conditions,
            obstacle.is_some(),
            kind,
            reason,
            message,
            generation,
            now,
        );
    }
}
