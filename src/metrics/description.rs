//! What each metric is: the registry and docs/metrics.md are both made of this.

use strum::VariantNames as _;

use super::{Cause, Operation, Outcome};
use crate::api::Cloud;
use crate::api::condition::Reason;
use crate::api::status::InstanceState;
use crate::provider::Kind;

/// A metric as it is registered.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Its name without the prefix that all have, and without the `_total` of a counter.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// What a value of 1 is.
    pub unit: &'static str,
    /// What it says, without a full stop.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [Label],
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often which values came.
    Histogram,
    /// Always 1; its labels say something.
    Info,
}

impl Description {
    /// The name as Prometheus stores it; that of a histogram without `_bucket`, `_count` and `_sum`.
    #[must_use]
    pub fn full_name(&self) -> String {
        let suffix = match self.kind {
            MetricKind::Counter => "_total",
            MetricKind::Info => "_info",
            MetricKind::Gauge | MetricKind::Histogram => "",
        };
        format!("{}_{}{suffix}", super::PREFIX, self.name)
    }
}

/// A label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray)]
pub enum Label {
    /// `cloud`.
    Cloud,
    /// `account`.
    Account,
    /// `currency`.
    Currency,
    /// `operation`.
    Operation,
    /// `outcome` of a call to a cloud.
    CallOutcome,
    /// `step`.
    Step,
    /// `outcome` of a step.
    StepOutcome,
    /// `state`.
    State,
    /// `reason`.
    Reason,
    /// `cause`.
    Cause,
    /// `version`.
    Version,
}

/// What a label may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// One of these.
    Closed(Vec<&'static str>),
    /// Anything; what bounds how many there are.
    Bounded(&'static str),
}

impl Label {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::Account => "account",
            Self::Currency => "currency",
            Self::Operation => "operation",
            Self::CallOutcome | Self::StepOutcome => "outcome",
            Self::Step => "step",
            Self::State => "state",
            Self::Reason => "reason",
            Self::Cause => "cause",
            Self::Version => "version",
        }
    }

    /// What it may say.
    #[must_use]
    pub fn values(self) -> Values {
        Values::Closed(match self {
            Self::Cloud => Cloud::ALL.map(Cloud::name).to_vec(),
            Self::Account => {
                return Values::Bounded(
                    "the account's id, as in `status.account.id`; only of accounts that a provider speaks for",
                );
            }
            Self::Currency => return Values::Bounded("ISO 4217, such as `CNY`; one for each account"),
            Self::Version => return Values::Bounded("the operator's own; one for each replica"),
            Self::Operation => Operation::VARIANTS.to_vec(),
            Self::CallOutcome => std::iter::once("ok").chain(Kind::VARIANTS.iter().copied()).collect(),
            Self::Step => crate::instance::STEPS.to_vec(),
            Self::StepOutcome => Outcome::VARIANTS.to_vec(),
            Self::State => InstanceState::VARIANTS.to_vec(),
            Self::Reason => Reason::VARIANTS.to_vec(),
            Self::Cause => Cause::VARIANTS.to_vec(),
        })
    }
}

const fn metric(
    name: &'static str,
    kind: MetricKind,
    unit: &'static str,
    labels: &'static [Label],
    help: &'static str,
) -> Description {
    Description {
        name,
        kind,
        unit,
        help,
        labels,
    }
}

use MetricKind::{Counter, Gauge, Histogram, Info};

const OF_MONEY: &[Label] = &[Label::Cloud, Label::Account, Label::Currency];
const OF_ACCOUNT: &[Label] = &[Label::Cloud, Label::Account];

pub(super) const INSTANCES: Description = metric(
    "instances",
    Gauge,
    "objects",
    &[Label::Cloud, Label::State],
    "GpuInstances by the state that their status says",
);
pub(super) const INSTANCES_NOT_READY: Description = metric(
    "instances_not_ready",
    Gauge,
    "objects",
    &[Label::Cloud, Label::Reason],
    "GpuInstances that are not Ready, by the reason that their status gives",
);
pub(super) const NOT_READY_SINCE: Description = metric(
    "not_ready_since_timestamp_seconds",
    Gauge,
    "seconds since 1970",
    &[Label::Cloud, Label::Reason],
    "When the GpuInstance that has waited the longest stopped being Ready, by its reason now",
);
pub(super) const UNWANTED_MACHINES: Description = metric(
    "unwanted_machines",
    Gauge,
    "machines",
    &[Label::Cloud, Label::Cause],
    "Machines that cost money though their object is being deleted, says Stopped, or names a lower price",
);
pub(super) const UNWANTED_SINCE: Description = metric(
    "unwanted_since_timestamp_seconds",
    Gauge,
    "seconds since 1970",
    &[Label::Cloud, Label::Cause],
    "When the machine that has cost money unwanted for the longest began to",
);
pub(super) const TIME_TO_READY: Description = metric(
    "time_to_ready_seconds",
    Histogram,
    "seconds",
    &[Label::Cloud],
    "How long it took from the claim of a machine until it was Ready for the first time",
);
pub(super) const PROVIDERS: Description = metric(
    "providers",
    Gauge,
    "objects",
    &[Label::Cloud, Label::Reason],
    "GpuProviders and ClusterGpuProviders by what is in their way: the reason of Synced if that is not True, else of Ready",
);
pub(super) const PRICE_PER_HOUR: Description = metric(
    "price_per_hour",
    Gauge,
    "currency units an hour",
    OF_MONEY,
    "Sum of the hourly prices of an account's machines that cost what running ones do, as far as the cloud tells them",
);
pub(super) const ACCOUNT_BALANCE: Description = metric(
    "account_balance",
    Gauge,
    "currency units",
    OF_MONEY,
    "What is left on an account, read once an hour, where the cloud tells it",
);
pub(super) const ACCOUNT_LISTED: Description = metric(
    "account_listed_timestamp_seconds",
    Gauge,
    "seconds since 1970",
    OF_ACCOUNT,
    "When an account was last listed",
);
pub(super) const ORPHANS: Description = metric(
    "orphans",
    Gauge,
    "machines",
    OF_ACCOUNT,
    "Machines of this installation that no object knows",
);
pub(super) const ORPHANS_PRICE: Description = metric(
    "orphans_price_per_hour",
    Gauge,
    "currency units an hour",
    OF_MONEY,
    "Sum of the hourly prices of an account's orphans, as far as the cloud tells them",
);
pub(super) const ORPHANS_DELETED: Description = metric(
    "orphans_deleted",
    Counter,
    "calls",
    OF_ACCOUNT,
    "Deletes of orphans that were asked for, where spec.orphans is Delete",
);
pub(super) const CLOUD_CALLS: Description = metric(
    "cloud_calls",
    Counter,
    "calls",
    &[Label::Cloud, Label::Operation, Label::CallOutcome],
    "Calls to a cloud; outcome is ok or the meaning of the error",
);
pub(super) const CLOUD_CALL_DURATION: Description = metric(
    "cloud_call_duration_seconds",
    Histogram,
    "seconds",
    &[Label::Cloud, Label::Operation],
    "How long calls to a cloud took, with the wait for their turn",
);
pub(super) const CLOUD_TURN_WAIT: Description = metric(
    "cloud_turn_wait_seconds",
    Histogram,
    "seconds",
    &[Label::Cloud],
    "How long requests waited for their turn within limits.requestsPerSecond",
);
pub(super) const RECONCILE_STEPS: Description = metric(
    "reconcile_steps",
    Counter,
    "steps",
    &[Label::Step, Label::StepOutcome],
    "Steps that the loop took, one at most in each pass",
);
pub(super) const RECONCILE_DURATION: Description = metric(
    "reconcile_duration_seconds",
    Histogram,
    "seconds",
    &[],
    "How long a pass of the loop over one object took",
);
pub(super) const LEADER: Description = metric("leader", Gauge, "", &[], "1 where this replica leads, else 0");
pub(super) const BUILD: Description = metric("build", Info, "", &[Label::Version], "The version that runs");

/// All metrics, in the order of `/metrics`.
pub const DESCRIPTIONS: [Description; 20] = [
    INSTANCES,
    INSTANCES_NOT_READY,
    NOT_READY_SINCE,
    UNWANTED_MACHINES,
    UNWANTED_SINCE,
    TIME_TO_READY,
    PROVIDERS,
    PRICE_PER_HOUR,
    ACCOUNT_BALANCE,
    ACCOUNT_LISTED,
    ORPHANS,
    ORPHANS_PRICE,
    ORPHANS_DELETED,
    CLOUD_CALLS,
    CLOUD_CALL_DURATION,
    CLOUD_TURN_WAIT,
    RECONCILE_STEPS,
    RECONCILE_DURATION,
    LEADER,
    BUILD,
];
