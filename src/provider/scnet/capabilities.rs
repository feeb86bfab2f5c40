//! What `SCNet` can do.

use std::time::Duration;

use crate::api::Cloud;
use crate::api::billing::BillingMode;
use crate::api::instance::PortProtocol;
use crate::provider::{Capabilities, Detail, Field, PriceKnown, RegionUse, VolumeUse, When};

/// `SCNet`.
pub(super) const SCNET: Capabilities = Capabilities {
    cloud: Cloud::Scnet,
    currency: "CNY",
    stop_modes: &[],
    gpu_by_model: true,
    zero_gpus: true,
    // The vendor names no limit; a node's own is asked for before an order.
    most_gpus: 64,
    sizes_cpu_and_memory: true,
    region: RegionUse::Required,
    port_protocols: &[PortProtocol::Ssh, PortProtocol::Http],
    volumes: VolumeUse {
        most: 16,
        source: true,
        size: false,
    },
    startup_script: true,
    snapshot: None,
    snapshot_with_stop: false,
    billing_modes: &[BillingMode::PayAsYouGo],
    auto_renew: false,
    price: PriceKnown::Never,
    detail: Detail::OnChange,
    chooses_password: false,
    // What the vendor calls a restart starts what is stopped.
    restarts: false,
    // Nobody says that it may run: stopping first works either way.
    deletes_running: false,
    in_place: &[
        (Field::StartupScript, When::Running),
        (Field::Gpu, When::Stopped),
        (Field::Cpu, When::Stopped),
        (Field::Memory, When::Stopped),
    ],
    // The vendor names no limit.
    longest_name: 64,
    settle_after: Duration::from_mins(1),
    always_ssh: false,
};
