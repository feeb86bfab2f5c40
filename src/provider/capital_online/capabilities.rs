//! What Capital Online can do.

use std::time::Duration;

use crate::api::Cloud;
use crate::api::billing::BillingMode;
use crate::api::instance::{PortProtocol, StopMode};
use crate::provider::{Capabilities, Detail, Field, PriceKnown, RegionUse, VolumeUse, When};

/// Capital Online.
pub(super) const CAPITAL_ONLINE: Capabilities = Capabilities {
    cloud: Cloud::CapitalOnline,
    currency: "CNY",
    // A machine of metal is nobody else's while it is off: it is billed until it is deleted.
    stop_modes: &[StopMode::KeepGpu],
    gpu_by_model: false,
    zero_gpus: false,
    // Nobody asks: the goods say how many there are.
    most_gpus: 0,
    sizes_cpu_and_memory: false,
    region: RegionUse::Required,
    // A machine has an address of its own, behind which all its ports are.
    port_protocols: &[PortProtocol::Ssh, PortProtocol::Http, PortProtocol::Tcp],
    volumes: VolumeUse {
        most: 0,
        source: false,
        size: false,
    },
    startup_script: false,
    snapshot: None,
    snapshot_with_stop: false,
    billing_modes: &[BillingMode::PayAsYouGo, BillingMode::Prepaid],
    auto_renew: true,
    price: PriceKnown::BeforeOrder,
    detail: Detail::OnChange,
    chooses_password: true,
    restarts: true,
    // The sister product refuses to.
    deletes_running: false,
    // A reinstall is not said to need a machine that is shut down.
    in_place: &[(Field::Image, When::Running), (Field::Ports, When::Free)],
    // It becomes the machine's host name.
    longest_name: 63,
    // Orders are tasks, and lists are not said to show a machine before its task is done.
    settle_after: Duration::from_mins(2),
    always_ssh: true,
};
