//! How a machine is paid for.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the machine is paid for. Clouds refuse the modes that they do not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.mode) && self.mode == 'Prepaid') == has(self.period)")
        .message("billing.period goes with mode Prepaid, and Prepaid needs one"),
    validation = Rule::new("!has(self.autoRenew) || !self.autoRenew || (has(self.mode) && self.mode == 'Prepaid')")
        .message("billing.autoRenew goes with mode Prepaid"),
)]
pub struct Billing {
    /// `PayAsYouGo` (what happens when left out), `OffPeak` (cheaper, only at the hours that the cloud sets) or `Prepaid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<BillingMode>,
    /// How long is paid for in advance; only with `Prepaid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<BillingPeriod>,
    /// Let the cloud renew the period by itself. Sent as false unless asked for, whatever the cloud's default is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_renew: Option<bool>,
}

impl Billing {
    /// The mode, said or not.
    #[must_use]
    pub fn mode(&self) -> BillingMode {
        self.mode.unwrap_or_default()
    }
}

/// Mode of payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr)]
pub enum BillingMode {
    /// By the time used.
    #[default]
    PayAsYouGo,
    /// By the time used, at the cloud's cheap hours.
    OffPeak,
    /// For a period, in advance.
    Prepaid,
}

/// A period paid for in advance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BillingPeriod {
    /// Unit of the period.
    pub unit: PeriodUnit,
    /// Number of units.
    #[schemars(range(min = 1, max = 36))]
    pub count: i64,
}

/// Unit of a period paid for in advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum PeriodUnit {
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months, as the cloud counts them.
    Month,
}
