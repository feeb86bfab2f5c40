//! What the model's cloud can do.

use std::time::Duration;

use gpu_instance_operator::api::Cloud;
use gpu_instance_operator::api::billing::BillingMode;
use gpu_instance_operator::api::instance::{PortProtocol, StopMode};
use gpu_instance_operator::provider::{Capabilities, Detail, PriceKnown, RegionUse, VolumeUse};

pub const MODEL: Capabilities = Capabilities {
    cloud: Cloud::Xgc,
    currency: "CNY",
    stop_modes: &[StopMode::ReleaseGpu, StopMode::KeepGpu],
    gpu_by_model: true,
    zero_gpus: true,
    most_gpus: 8,
    sizes_cpu_and_memory: false,
    region: RegionUse::None,
    port_protocols: &[PortProtocol::Ssh],
    volumes: VolumeUse {
        most: 1,
        source: false,
        size: false,
    },
    startup_script: false,
    snapshot: None,
    snapshot_with_stop: false,
    billing_modes: &[BillingMode::PayAsYouGo],
    auto_renew: false,
    price: PriceKnown::OnMachine,
    detail: Detail::InList,
    chooses_password: false,
    restarts: false,
    deletes_running: true,
    in_place: &[],
    longest_name: 64,
    settle_after: Duration::from_mins(1),
    always_ssh: true,
};
