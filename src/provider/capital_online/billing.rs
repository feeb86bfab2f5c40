//! How a machine is paid for, in the vendor's words.

use crate::api::billing::BillingMode;
use crate::api::instance::GpuInstanceSpec;

/// Both ways, by which goods are listed too.
pub(super) const CHARGE_TYPES: [&str; 2] = ["PostPaid", "PrePaid"];

/// How a spec is charged, in the vendor's word.
pub(super) fn charge_type(spec: &GpuInstanceSpec) -> &'static str {
    match spec.billing_mode() {
        BillingMode::Prepaid => CHARGE_TYPES[1],
        BillingMode::PayAsYouGo | BillingMode::OffPeak => CHARGE_TYPES[0],
    }
}

/// How many months are paid for in advance; `None` where the machine is billed by use.
pub(super) fn months(spec: &GpuInstanceSpec) -> Option<i64> {
    let billing = spec
        .billing
        .as_ref()
        .filter(|billing| billing.mode() == BillingMode::Prepaid)?;
    billing.period.as_ref().map(|period| period.count)
}
