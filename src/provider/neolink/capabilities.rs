//! What Neolink can do.

use std::time::Duration;

use crate::api::Cloud;
use crate::api::billing::BillingMode;
use crate::api::instance::PortProtocol;
use crate::provider::{Capabilities, Detail, Field, PriceKnown, RegionUse, VolumeUse, When};

/// Neolink.
pub(super) const NEOLINK: Capabilities = Capabilities {
    cloud: Cloud::Neolink,
    currency: "CNY",
    stop_modes: &[],
    gpu_by_model: true,
    // The console has machines without a GPU, the API does not.
    zero_gpus: false,
    // The catalog says which counts there are.
    most_gpus: 64,
    sizes_cpu_and_memory: false,
    region: RegionUse::Required,
    port_protocols: &[PortProtocol::Ssh],
    volumes: VolumeUse {
        most: 16,
        source: true,
        size: true,
    },
    startup_script: false,
    snapshot: Some(true),
    snapshot_with_stop: true,
    billing_modes: &[BillingMode::PayAsYouGo, BillingMode::Prepaid],
    auto_renew: false,
    price: PriceKnown::BeforeOrder,
    detail: Detail::InList,
    chooses_password: false,
    restarts: false,
    // The vendor describes deleting as what follows a shutdown.
    deletes_running: false,
    in_place: &[(Field::Ports, When::Free)],
    // The vendor names no limit.
    longest_name: 64,
    settle_after: Duration::from_mins(1),
    always_ssh: true,
};
