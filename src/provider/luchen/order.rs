//! A spec in Luchen's words. Its validator refuses what is missing, so every member is sent.

use std::collections::BTreeSet;

use serde::Serialize;

use super::catalog::Choice;
use super::machine::SSH_PORT;
use super::storage::Storage;
use crate::api::billing::{BillingMode, PeriodUnit};
use crate::api::cloud::LuchenInstance;
use crate::api::instance::{GpuInstanceSpec, PortProtocol};
use crate::api::{Cloud, quantity};
use crate::provider::{GpuModel, Order, Refusal, loose};

/// The body of a create.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create<'a> {
    name: &'a str,
    image_id: &'a str,
    instance_type_id: &'a str,
    region: &'a str,
    billing: Billing,
    remote_storages: Vec<Mount<'a>>,
    instance_configuration: Configuration<'a>,
    is_spot_instance: bool,
    node_ports: BTreeSet<u16>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Billing {
    charge_mode: &'static str,
    duration: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Mount<'a> {
    mount_path: &'a str,
    #[serde(flatten)]
    storage: &'a Storage,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration<'a> {
    /// The vendor spells it so, and means gigabytes.
    #[serde(rename = "extraDataDiskSizeDB")]
    extra_data_disk_size: u64,
    enable_common_data: bool,
    enable_docker: bool,
    docker_storage_size: u64,
    init_script: &'a str,
}

impl<'a> Create<'a> {
    pub(super) fn new(order: &Order<'a>, choice: &'a Choice, storages: &'a [Storage]) -> Self {
        let spec = order.spec;
        let own = spec.luchen.as_ref();
        let gibibytes =
            |size: fn(&LuchenInstance) -> Option<&str>| quantity::gibibytes(own.and_then(size)).unwrap_or(0);
        let mode = ChargeMode::of(spec);
        Self {
            name: order.name,
            image_id: spec.image().unwrap_or_default(),
            instance_type_id: &choice.type_id,
            region: &choice.region_id,
            billing: Billing {
                charge_mode: mode.name(),
                duration: mode.duration(spec),
            },
            remote_storages: spec
                .volumes
                .iter()
                .zip(storages)
                .map(|(volume, storage)| Mount {
                    mount_path: &volume.mount_path,
                    storage,
                })
                .collect(),
            instance_configuration: Configuration {
                extra_data_disk_size: gibibytes(|own| own.extra_data_disk_size.as_deref()),
                enable_common_data: own.is_some_and(|own| own.enable_common_data),
                enable_docker: own.is_some_and(|own| own.enable_docker),
                docker_storage_size: gibibytes(|own| own.docker_storage_size.as_deref()),
                init_script: order.startup_script.unwrap_or_default(),
            },
            is_spot_instance: own.is_some_and(|own| own.spot),
            // The shell's port is published unasked.
            node_ports: spec
                .ports
                .iter()
                .map(|port| port.port)
                .filter(|port| *port != SSH_PORT)
                .collect(),
        }
    }
}

/// How a machine is paid for, in Luchen's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChargeMode {
    Hour,
    TideHour,
    Day,
    Week,
    Month,
}

impl ChargeMode {
    pub(super) fn of(spec: &GpuInstanceSpec) -> Self {
        let unit = spec
            .billing
            .as_ref()
            .and_then(|billing| billing.period.as_ref())
            .map(|period| period.unit);
        match (spec.billing_mode(), unit) {
            (BillingMode::OffPeak, _) => Self::TideHour,
            (BillingMode::Prepaid, Some(PeriodUnit::Day)) => Self::Day,
            (BillingMode::Prepaid, Some(PeriodUnit::Week)) => Self::Week,
            (BillingMode::Prepaid, Some(PeriodUnit::Month)) => Self::Month,
            (BillingMode::PayAsYouGo, _) | (BillingMode::Prepaid, None) => Self::Hour,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hour => "perHour",
            Self::TideHour => "tidePerHour",
            Self::Day => "perDay",
            Self::Week => "perWeek",
            Self::Month => "perMonth",
        }
    }

    /// Hours that one unit of its price is for; a month is taken as 30 days.
    pub(super) fn hours(self) -> u32 {
        match self {
            Self::Hour | Self::TideHour => 1,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        }
    }

    /// How many units are ordered; by the hour it is always one.
    fn duration(self, spec: &GpuInstanceSpec) -> i64 {
        match self {
            Self::Hour | Self::TideHour => 1,
            Self::Day | Self::Week | Self::Month => spec
                .billing
                .as_ref()
                .and_then(|billing| billing.period.as_ref())
                .map_or(1, |period| period.count),
        }
    }
}

/// The type that a spec pins, unless absent or empty.
pub(super) fn pinned_type(spec: &GpuInstanceSpec) -> Option<&str> {
    let id = spec.luchen.as_ref()?.instance_type_id.as_deref()?;
    (!id.is_empty()).then_some(id)
}

/// Refuses what can't be right. What only might be wrong is Luchen's to refuse.
pub(super) fn check(spec: &GpuInstanceSpec) -> Result<(), Refusal> {
    check_what(spec)?;
    if spec.image().is_some_and(|image| !loose::is_plain(image)) {
        return Err(Refusal::invalid(
            "image",
            "Luchen takes the id of an image, as in the request that the console's launch page exports, not its name",
        ));
    }
    for (n, port) in spec.ports.iter().enumerate() {
        if (port.protocol == PortProtocol::Ssh) != (port.port == SSH_PORT) {
            return Err(Refusal::unsupported(
                &format!("ports[{n}]"),
                Cloud::Luchen,
                "its shell, and nothing else, is at port 22 of the machine; publish other ports as TCP or HTTP",
            ));
        }
    }
    for (n, volume) in spec.volumes.iter().enumerate() {
        if volume.source().is_none() {
            return Err(Refusal::invalid(
                &format!("volumes[{n}].source"),
                "name the volume: its id or name, or type/name/id",
            ));
        }
    }
    check_sizes(spec.luchen.as_ref())
}

fn check_what(spec: &GpuInstanceSpec) -> Result<(), Refusal> {
    match &spec.gpu {
        None if pinned_type(spec).is_none() => Err(Refusal::invalid(
            "gpu",
            "say which GPUs the machine has, or pin spec.luchen.instanceTypeId; count 0 means none",
        )),
        Some(gpu)
            if gpu
                .model()
                .is_some_and(|model| GpuModel::new(model) == GpuModel::new("")) =>
        {
            Err(Refusal::invalid("gpu.model", "name a model, such as H800-SXM"))
        }
        _ => Ok(()),
    }
}

fn check_sizes(own: Option<&LuchenInstance>) -> Result<(), Refusal> {
    let Some(own) = own else { return Ok(()) };
    for (field, size) in [
        ("luchen.extraDataDiskSize", &own.extra_data_disk_size),
        ("luchen.dockerStorageSize", &own.docker_storage_size),
    ] {
        let written = size.as_deref().filter(|size| !size.is_empty());
        if written.is_some_and(|size| quantity::gibibytes(Some(size)).is_none_or(|size| size > 1 << 20)) {
            return Err(Refusal::invalid(field, "write it as a size, such as 50Gi"));
        }
    }
    if !own.enable_docker && quantity::bytes(own.docker_storage_size.as_deref()).is_some_and(|size| size > 0) {
        return Err(Refusal::invalid(
            "luchen.dockerStorageSize",
            "it goes with enableDocker: true",
        ));
    }
    Ok(())
}
