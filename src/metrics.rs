//! Metrics, and every label that they may have: closed sets, but for the account.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::api::money::Decimal;
use crate::api::{Cloud, InstanceState};
use crate::provider::Kind;

/// What every name of a metric begins with.
pub const PREFIX: &str = "gpu_instance_operator";

type Amount = Gauge<f64, AtomicU64>;

/// An operation of the port to the clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[allow(missing_docs, reason = "each is the method of `Provider` of that name")]
pub enum Operation {
    Identify,
    Balance,
    List,
    Describe,
    Quote,
    Create,
    Task,
    Start,
    Stop,
    Restart,
    SaveImage,
    Update,
    Delete,
}

/// What a step of the loop ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// The cloud, or the API server, did not do it.
    Failed,
    /// Another had changed the object: the loop looks again.
    Conflict,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    cloud: &'static str,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    cloud: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    cloud: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AccountLabels {
    cloud: &'static str,
    account: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MoneyLabels {
    cloud: &'static str,
    account: String,
    currency: String,
}

/// All metrics. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    cloud_calls: Family<CallLabels, Counter>,
    cloud_call_duration: Family<OperationLabels, Histogram, fn() -> Histogram>,
    steps: Family<StepLabels, Counter>,
    reconcile_duration: Histogram,
    instances: Family<StateLabels, Gauge>,
    price_per_hour: Family<MoneyLabels, Amount>,
    balance: Family<MoneyLabels, Amount>,
    orphans: Family<AccountLabels, Gauge>,
    orphans_price_per_hour: Family<MoneyLabels, Amount>,
    orphans_deleted: Family<AccountLabels, Counter>,
    listed: Family<AccountLabels, Amount>,
    leader: Gauge,
}

impl Metrics {
    /// All of them, at zero.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            cloud_calls: Family::default(),
            cloud_call_duration: Family::new_with_constructor(cloud_call_buckets),
            steps: Family::default(),
            reconcile_duration: reconcile_buckets(),
            instances: Family::default(),
            price_per_hour: Family::default(),
            balance: Family::default(),
            orphans: Family::default(),
            orphans_price_per_hour: Family::default(),
            orphans_deleted: Family::default(),
            listed: Family::default(),
            leader: Gauge::default(),
        };
        Self {
            registry: Arc::new(metrics.registered()),
            ..metrics
        }
    }

    /// A registry in which all of these are, with what each one means.
    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        let calls = "Calls to a cloud; outcome is ok or the meaning of the error";
        registry.register("cloud_calls", calls, self.cloud_calls.clone());
        let duration = "How long calls to a cloud took, in seconds";
        registry.register(
            "cloud_call_duration_seconds",
            duration,
            self.cloud_call_duration.clone(),
        );
        let steps = "Steps that the loop took, one at most in each pass";
        registry.register("reconcile_steps", steps, self.steps.clone());
        let duration = "How long a pass of the loop over one object took, in seconds";
        registry.register("reconcile_duration_seconds", duration, self.reconcile_duration.clone());
        let instances = "GpuInstances by the state that their status says";
        registry.register("instances", instances, self.instances.clone());
        let price = "Sum of the hourly prices of an account's running machines";
        registry.register("price_per_hour", price, self.price_per_hour.clone());
        registry.register("account_balance", "What is left on an account", self.balance.clone());
        let orphans = "Machines of this installation that no object knows";
        registry.register("orphans", orphans, self.orphans.clone());
        let price = "Sum of the hourly prices of an account's orphans, as far as the cloud tells them";
        registry.register("orphans_price_per_hour", price, self.orphans_price_per_hour.clone());
        let deleted = "Deletes of orphans that were asked for, where spec.orphans is Delete";
        registry.register("orphans_deleted", deleted, self.orphans_deleted.clone());
        let listed = "When an account was last listed in full, in seconds since 1970";
        registry.register("account_listed_timestamp_seconds", listed, self.listed.clone());
        registry.register("leader", "1 where this replica leads", self.leader.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        registry
    }

    /// Everything as text, in the OpenMetrics format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }

    /// A call to a cloud has ended.
    pub fn called(&self, cloud: Cloud, operation: Operation, error: Option<Kind>, took: Duration) {
        let (cloud, operation) = (cloud.name(), operation.into());
        let outcome = error.map_or("ok", Kind::label);
        let labels = CallLabels {
            cloud,
            operation,
            outcome,
        };
        self.cloud_calls.get_or_create(&labels).inc();
        let labels = OperationLabels { cloud, operation };
        self.cloud_call_duration
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// The loop took a step; its name is one of a closed set.
    pub fn stepped(&self, step: &'static str, outcome: Outcome) {
        let outcome = outcome.into();
        self.steps.get_or_create(&StepLabels { step, outcome }).inc();
    }

    /// A pass of the loop over one object has ended.
    pub fn reconciled(&self, took: Duration) {
        self.reconcile_duration.observe(took.as_secs_f64());
    }

    /// How many objects are in each state now, of all clouds; what is not here has none.
    pub fn set_instances(&self, counts: &HashMap<(Cloud, InstanceState), i64>) {
        self.instances.clear();
        for (&(cloud, state), &count) in counts {
            let labels = StateLabels {
                cloud: cloud.name(),
                state: state.into(),
            };
            self.instances.get_or_create(&labels).set(count);
        }
    }

    /// What an account's running machines cost an hour.
    pub fn set_price_per_hour(&self, cloud: Cloud, account: &str, currency: &str, price: Decimal) {
        let labels = money(cloud, account, currency);
        self.price_per_hour.get_or_create(&labels).set(approximate(price));
    }

    /// What is left on an account.
    pub fn set_balance(&self, cloud: Cloud, account: &str, currency: &str, balance: Decimal) {
        let labels = money(cloud, account, currency);
        self.balance.get_or_create(&labels).set(approximate(balance));
    }

    /// An account was listed in full, and this many machines are orphans.
    pub fn listed(&self, cloud: Cloud, account: &str, at: Timestamp, orphans: i64) {
        let labels = AccountLabels {
            cloud: cloud.name(),
            account: account.to_owned(),
        };
        self.orphans.get_or_create(&labels).set(orphans);
        let seconds = Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
        self.listed.get_or_create(&labels).set(seconds.as_secs_f64());
    }

    /// What an account's orphans cost an hour.
    pub fn set_orphans_price(&self, cloud: Cloud, account: &str, currency: &str, price: Decimal) {
        let labels = money(cloud, account, currency);
        self.orphans_price_per_hour
            .get_or_create(&labels)
            .set(approximate(price));
    }

    /// A delete of an orphan was asked for.
    pub fn orphan_deleted(&self, cloud: Cloud, account: &str) {
        let account = account.to_owned();
        let cloud = cloud.name();
        self.orphans_deleted
            .get_or_create(&AccountLabels { cloud, account })
            .inc();
    }

    /// An account is used no longer: nothing more is said of it.
    pub fn forget_account(&self, cloud: Cloud, account: &str, currency: &str) {
        let labels = money(cloud, account, currency);
        self.price_per_hour.remove(&labels);
        self.balance.remove(&labels);
        self.orphans_price_per_hour.remove(&labels);
        let labels = AccountLabels {
            cloud: cloud.name(),
            account: account.to_owned(),
        };
        self.orphans.remove(&labels);
        self.listed.remove(&labels);
    }

    /// Whether this replica leads.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(leads.into());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// From the answer of a cache nearby to the longest deadline of a call.
fn cloud_call_buckets() -> Histogram {
    Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

/// From a pass that finds nothing to do to one that waits for a slow cloud.
fn reconcile_buckets() -> Histogram {
    Histogram::new([0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0])
}

fn money(cloud: Cloud, account: &str, currency: &str) -> MoneyLabels {
    MoneyLabels {
        cloud: cloud.name(),
        account: account.to_owned(),
        currency: currency.to_owned(),
    }
}

/// Good enough for a graph; nothing is decided by it.
fn approximate(amount: Decimal) -> f64 {
    amount.try_into().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
