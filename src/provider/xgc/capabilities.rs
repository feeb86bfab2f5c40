//! What XGC can do.

use std::time::Duration;

use crate::api::Cloud;
use crate::api::billing::BillingMode;
use crate::api::instance::{PortProtocol, StopMode};
use crate::provider::{Capabilities, Detail, Field, PriceKnown, RegionUse, VolumeUse, When};

/// XGC.
pub(super) const XGC: Capabilities = Capabilities {
    cloud: Cloud::Xgc,
    currency: "CNY",
    stop_modes: &[StopMode::ReleaseGpu, StopMode::KeepGpu],
    gpu_by_model: true,
    zero_gpus: true,
    most_gpus: 8,
    sizes_cpu_and_memory: false,
    region: RegionUse::None,
    port_protocols: &[PortProtocol::Ssh, PortProtocol::Http],
    volumes: VolumeUse {
        most: 1,
        source: false,
        size: false,
    },
    startup_script: false,
    snapshot: Some(false),
    snapshot_with_stop: false,
    billing_modes: &[BillingMode::PayAsYouGo],
    auto_renew: false,
    price: PriceKnown::OnMachine,
    detail: Detail::InList,
    chooses_password: false,
    restarts: false,
    deletes_running: true,
    // Every port is published under a name of its own, whether anyone asks or not.
    in_place: &[(Field::Gpu, When::AtStart), (Field::Ports, When::Free)],
    // The vendor names no limit.
    longest_name: 64,
    settle_after: Duration::from_mins(1),
    always_ssh: true,
};
