//! Metrics, and every label that they may have: closed sets, but for the account.

mod description;
mod gauges;

pub use description::{DESCRIPTIONS, Description, Label, MetricKind, Values};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::api::Cloud;
use crate::api::money::Decimal;
use crate::provider::Kind;
use gauges::Gauges;

/// What every name of a metric begins with.
pub const PREFIX: &str = "gpu_instance_operator";

/// An operation of the port to the clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantNames)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// The cloud's answer, or our own rules, say that it cannot be done: it has none free, a limit is reached.
    Refused,
    /// The cloud, or the API server, did not do it.
    Failed,
    /// Another had changed the object: the loop looks again.
    Conflict,
}

/// Why a machine should not cost anything, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
    /// Its object is being deleted, and is not to leave it running.
    Deleting,
    /// Its object says `power: Stopped`.
    Stopped,
    /// It is above the price that its object names.
    OverPrice,
}

/// How many objects are in some way, and since when the first of them has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// How many.
    pub count: i64,
    /// Since when.
    pub earliest: Timestamp,
}

/// How things stand with all objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Instances by state.
    pub instances: BTreeMap<(Cloud, &'static str), i64>,
    /// Instances that are not Ready, by reason.
    pub not_ready: BTreeMap<(Cloud, &'static str), Since>,
    /// Machines that cost though they should not, by cause.
    pub unwanted: BTreeMap<(Cloud, &'static str), Since>,
    /// Providers by what is in their way.
    pub providers: BTreeMap<(Cloud, &'static str), i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloudLabels {
    cloud: &'static str,
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

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct StateLabels {
    cloud: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct ReasonLabels {
    cloud: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct CauseLabels {
    cloud: &'static str,
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct AccountLabels {
    cloud: &'static str,
    account: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct MoneyLabels {
    cloud: &'static str,
    account: String,
    currency: String,
}

/// All metrics. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    instances: Gauges<StateLabels, i64>,
    not_ready: Gauges<ReasonLabels, i64>,
    not_ready_since: Gauges<ReasonLabels, f64>,
    unwanted: Gauges<CauseLabels, i64>,
    unwanted_since: Gauges<CauseLabels, f64>,
    time_to_ready: Durations<CloudLabels>,
    providers: Gauges<ReasonLabels, i64>,
    price_per_hour: Gauges<MoneyLabels, f64>,
    balance: Gauges<MoneyLabels, f64>,
    listed: Gauges<AccountLabels, f64>,
    orphans: Gauges<AccountLabels, i64>,
    orphans_price: Gauges<MoneyLabels, f64>,
    orphans_deleted: Family<AccountLabels, Counter>,
    cloud_calls: Family<CallLabels, Counter>,
    cloud_call_duration: Durations<OperationLabels>,
    cloud_turn_wait: Durations<CloudLabels>,
    steps: Family<StepLabels, Counter>,
    reconcile_duration: Histogram,
    leader: Gauge,
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

impl Metrics {
    /// All of them, at zero.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            instances: Gauges::default(),
            not_ready: Gauges::default(),
            not_ready_since: Gauges::default(),
            unwanted: Gauges::default(),
            unwanted_since: Gauges::default(),
            time_to_ready: Family::new_with_constructor(time_to_ready_buckets),
            providers: Gauges::default(),
            price_per_hour: Gauges::default(),
            balance: Gauges::default(),
            listed: Gauges::default(),
            orphans: Gauges::default(),
            orphans_price: Gauges::default(),
            orphans_deleted: Family::default(),
            cloud_calls: Family::default(),
            cloud_call_duration: Family::new_with_constructor(cloud_call_buckets),
            cloud_turn_wait: Family::new_with_constructor(turn_buckets),
            steps: Family::default(),
            reconcile_duration: reconcile_buckets(),
            leader: Gauge::default(),
        };
        Self {
            registry: Arc::new(metrics.registered()),
            ..metrics
        }
    }

    /// A registry in which all of these are, as they are described.
    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        register(&mut registry, description::INSTANCES, self.instances.clone());
        register(&mut registry, description::INSTANCES_NOT_READY, self.not_ready.clone());
        register(
            &mut registry,
            description::NOT_READY_SINCE,
            self.not_ready_since.clone(),
        );
        register(&mut registry, description::UNWANTED_MACHINES, self.unwanted.clone());
        register(&mut registry, description::UNWANTED_SINCE, self.unwanted_since.clone());
        register(&mut registry, description::TIME_TO_READY, self.time_to_ready.clone());
        register(&mut registry, description::PROVIDERS, self.providers.clone());
        register(&mut registry, description::PRICE_PER_HOUR, self.price_per_hour.clone());
        register(&mut registry, description::ACCOUNT_BALANCE, self.balance.clone());
        register(&mut registry, description::ACCOUNT_LISTED, self.listed.clone());
        register(&mut registry, description::ORPHANS, self.orphans.clone());
        register(&mut registry, description::ORPHANS_PRICE, self.orphans_price.clone());
        register(
            &mut registry,
            description::ORPHANS_DELETED,
            self.orphans_deleted.clone(),
        );
        register(&mut registry, description::CLOUD_CALLS, self.cloud_calls.clone());
        register(
            &mut registry,
            description::CLOUD_CALL_DURATION,
            self.cloud_call_duration.clone(),
        );
        register(
            &mut registry,
            description::CLOUD_TURN_WAIT,
            self.cloud_turn_wait.clone(),
        );
        register(&mut registry, description::RECONCILE_STEPS, self.steps.clone());
        register(
            &mut registry,
            description::RECONCILE_DURATION,
            self.reconcile_duration.clone(),
        );
        register(&mut registry, description::LEADER, self.leader.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        register(&mut registry, description::BUILD, build);
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

    /// A request waited for its turn.
    pub fn waited_for_turn(&self, cloud: Cloud, waited: Duration) {
        let cloud = cloud.name();
        self.cloud_turn_wait
            .get_or_create(&CloudLabels { cloud })
            .observe(waited.as_secs_f64());
    }

    /// A machine has become Ready for the first time, so long after it was claimed.
    pub fn became_ready(&self, cloud: Cloud, took: Duration) {
        let cloud = cloud.name();
        self.time_to_ready
            .get_or_create(&CloudLabels { cloud })
            .observe(took.as_secs_f64());
    }

    /// How things stand with all objects now; what is not here, there is none of.
    pub fn set_census(&self, census: &Census) {
        let by_reason = |&(cloud, reason): &(Cloud, &'static str)| ReasonLabels {
            cloud: cloud.name(),
            reason,
        };
        let by_cause = |&(cloud, cause): &(Cloud, &'static str)| CauseLabels {
            cloud: cloud.name(),
            cause,
        };
        self.instances
            .replace(census.instances.iter().map(|(&(cloud, state), &count)| {
                let cloud = cloud.name();
                (StateLabels { cloud, state }, count)
            }));
        let not_ready = || census.not_ready.iter().map(|(key, since)| (by_reason(key), since));
        self.not_ready
            .replace(not_ready().map(|(labels, since)| (labels, since.count)));
        self.not_ready_since
            .replace(not_ready().map(|(labels, since)| (labels, seconds(since.earliest))));
        let unwanted = || census.unwanted.iter().map(|(key, since)| (by_cause(key), since));
        self.unwanted
            .replace(unwanted().map(|(labels, since)| (labels, since.count)));
        self.unwanted_since
            .replace(unwanted().map(|(labels, since)| (labels, seconds(since.earliest))));
        self.providers
            .replace(census.providers.iter().map(|(key, &count)| (by_reason(key), count)));
    }

    /// What an account's machines cost an hour.
    pub fn set_price_per_hour(&self, cloud: Cloud, account: &str, currency: &str, price: Decimal) {
        set_money(&self.price_per_hour, cloud, account, currency, price);
    }

    /// What is left on an account.
    pub fn set_balance(&self, cloud: Cloud, account: &str, currency: &str, balance: Decimal) {
        set_money(&self.balance, cloud, account, currency, balance);
    }

    /// An account was listed, and this many machines are orphans.
    pub fn listed(&self, cloud: Cloud, account: &str, at: Timestamp, orphans: i64) {
        let labels = AccountLabels {
            cloud: cloud.name(),
            account: account.to_owned(),
        };
        self.orphans.set(labels.clone(), orphans);
        self.listed.set(labels, seconds(at));
    }

    /// What an account's orphans cost an hour.
    pub fn set_orphans_price(&self, cloud: Cloud, account: &str, currency: &str, price: Decimal) {
        set_money(&self.orphans_price, cloud, account, currency, price);
    }

    /// A delete of an orphan was asked for.
    pub fn orphan_deleted(&self, cloud: Cloud, account: &str) {
        let account = account.to_owned();
        let cloud = cloud.name();
        self.orphans_deleted
            .get_or_create(&AccountLabels { cloud, account })
            .inc();
    }

    /// These are the accounts in use: nothing more is said of others.
    pub fn keep_accounts(&self, used: &BTreeSet<(Cloud, String)>) {
        let is_used = |cloud: &str, account: &str| used.iter().any(|(of, id)| of.name() == cloud && id == account);
        for amounts in [&self.price_per_hour, &self.balance, &self.orphans_price] {
            amounts.retain(|labels| is_used(labels.cloud, &labels.account));
        }
        self.orphans.retain(|labels| is_used(labels.cloud, &labels.account));
        self.listed.retain(|labels| is_used(labels.cloud, &labels.account));
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

fn register(registry: &mut Registry, description: Description, metric: impl Metric) {
    registry.register(description.name, description.help, metric);
}

/// From the answer of a cache nearby to the longest deadline of a call.
fn cloud_call_buckets() -> Histogram {
    Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

/// From a pass that finds nothing to do to one that waits for a slow cloud.
fn reconcile_buckets() -> Histogram {
    Histogram::new([0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0])
}

/// From the wait of a request alone to the longest that is put up with.
fn turn_buckets() -> Histogram {
    Histogram::new([0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// From a machine that was at hand to one that was queued for half a day.
fn time_to_ready_buckets() -> Histogram {
    Histogram::new([15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 43200.0])
}

/// Tells an amount. An account has one currency, whatever was thought before.
fn set_money(amounts: &Gauges<MoneyLabels, f64>, cloud: Cloud, account: &str, currency: &str, amount: Decimal) {
    let labels = MoneyLabels {
        cloud: cloud.name(),
        account: account.to_owned(),
        currency: currency.to_owned(),
    };
    amounts
        .retain(|old| (old.cloud, &old.account) != (labels.cloud, &labels.account) || old.currency == labels.currency);
    amounts.set(labels, approximate(amount));
}

fn seconds(moment: Timestamp) -> f64 {
    let since = Duration::try_from(moment.duration_since(Timestamp::UNIX_EPOCH));
    since.unwrap_or_default().as_secs_f64()
}

/// Good enough for a graph; nothing is decided by it.
fn approximate(amount: Decimal) -> f64 {
    amount.try_into().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
