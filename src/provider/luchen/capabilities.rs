//! What Luchen can do.

use std::time::Duration;

use crate::api::Cloud;
use crate::api::billing::BillingMode;
use crate::api::instance::PortProtocol;
use crate::provider::{Capabilities, Detail, PriceKnown, RegionUse, VolumeUse};

/// Luchen.
pub(super) const LUCHEN: Capabilities = Capabilities {
    cloud: Cloud::Luchen,
    currency: "CNY",
    stop_modes: &[],
    gpu_by_model: true,
    zero_gpus: true,
    most_gpus: 64,
    sizes_cpu_and_memory: false,
    region: RegionUse::Required,
    port_protocols: &[PortProtocol::Ssh, PortProtocol::Http, PortProtocol::Tcp],
    volumes: VolumeUse {
        most: 16,
        source: true,
        size: false,
    },
    startup_script: true,
    snapshot: None,
    snapshot_with_stop: false,
    billing_modes: &[BillingMode::PayAsYouGo, BillingMode::OffPeak, BillingMode::Prepaid],
    auto_renew: false,
    price: PriceKnown::BeforeOrder,
    detail: Detail::InList,
    chooses_password: false,
    restarts: false,
    // Nothing says that a running machine is not taken; where it is refused, the driver stops it first.
    deletes_running: true,
    in_place: &[],
    // The vendor names no limit.
    longest_name: 63,
    settle_after: Duration::from_mins(1),
    always_ssh: true,
};
