//! What a cloud can do, as data; and the one check of a spec against it.

use std::time::Duration;

use crate::api::billing::BillingMode;
use crate::api::condition::Reason;
use crate::api::instance::{GpuInstanceSpec, PortProtocol, StopMode};
use crate::api::{Cloud, quantity};

/// What a cloud can do. What is not here, it cannot, and a spec that asks for it is refused by the field's name.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The cloud.
    pub cloud: Cloud,
    /// Currency of its prices, ISO 4217.
    pub currency: &'static str,
    /// The ways to stop that a spec may choose from; empty where there is only one, which gives the GPU back.
    pub stop_modes: &'static [StopMode],
    /// Whether `gpu` names what is rented; else the cloud's own ids do.
    pub gpu_by_model: bool,
    /// Whether a machine without a GPU can be had.
    pub zero_gpus: bool,
    /// Most GPUs of one machine.
    pub most_gpus: i64,
    /// Whether `cpu` and `memory` size the machine apart from the GPU; then both are needed.
    pub sizes_cpu_and_memory: bool,
    /// Whether and how `region` is used.
    pub region: RegionUse,
    /// Protocols that `ports` may name.
    pub port_protocols: &'static [PortProtocol],
    /// What `volumes` may say.
    pub volumes: VolumeUse,
    /// Whether it runs a startup script.
    pub startup_script: bool,
    /// Whether it saves images; `Some(true)` where they have a tag.
    pub snapshot: Option<bool>,
    /// Whether the image is saved as part of the stop; else in a call of its own before it.
    pub snapshot_with_stop: bool,
    /// Modes of payment.
    pub billing_modes: &'static [BillingMode],
    /// Whether it renews a period by itself, if asked.
    pub auto_renew: bool,
    /// When a price is known.
    pub price: PriceKnown,
    /// Whether the list lacks what `describe` shows.
    pub detail: Detail,
    /// Whether we must choose the machine's password.
    pub chooses_password: bool,
    /// Whether it restarts a machine in one call; else it is stopped and started.
    pub restarts: bool,
    /// Whether a running machine can be deleted; else it is stopped first.
    pub deletes_running: bool,
    /// What can be changed on a machine, and when; what is not here only a new machine can have.
    pub in_place: &'static [(Field, When)],
    /// Longest name that it keeps.
    pub longest_name: usize,
    /// How long absence must last before it is believed, where the provider does not say.
    pub settle_after: Duration,
    /// The state in which a machine that was just created must have a shell to be available; `false` where a shell
    /// exists only if a port asks for one.
    pub always_ssh: bool,
}

/// Whether and how a cloud uses `region`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionUse {
    /// It has only one.
    None,
    /// It has a default.
    Optional,
    /// It must be said.
    Required,
}

/// What a cloud's volumes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeUse {
    /// Most of them.
    pub most: usize,
    /// Whether `source` names what is mounted.
    pub source: bool,
    /// Whether `size` says how large it is made.
    pub size: bool,
}

/// When a cloud tells a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceKnown {
    /// Before renting.
    BeforeOrder,
    /// Of a machine that exists.
    OnMachine,
    /// Never.
    Never,
}

/// Whether a list shows all that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// It does.
    InList,
    /// A call for one machine is needed when its row has changed.
    OnChange,
}

/// A part of a spec that describes the machine, so that changing it later means changing the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `gpu`.
    Gpu,
    /// `cpu`.
    Cpu,
    /// `memory`.
    Memory,
    /// `image`.
    Image,
    /// `ports`.
    Ports,
    /// `volumes`.
    Volumes,
    /// `startupScript` or `startupScriptFrom`.
    StartupScript,
    /// `billing`.
    Billing,
    /// The cloud's own block.
    CloudBlock,
}

impl Field {
    /// Its name in a manifest.
    #[must_use]
    pub fn name(self, cloud: Cloud) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Image => "image",
            Self::Ports => "ports",
            Self::Volumes => "volumes",
            Self::StartupScript => "startupScript",
            Self::Billing => "billing",
            Self::CloudBlock => cloud.field(),
        }
    }
}

/// When a field of an existing machine can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Nothing on the machine depends on it: a change holds at once.
    Free,
    /// By a call while it runs.
    Running,
    /// By a call while it is stopped.
    Stopped,
    /// As part of starting it.
    AtStart,
}

impl Capabilities {
    /// How a machine is stopped: as asked, else so that it costs least.
    #[must_use]
    pub fn stop_mode(&self, asked: Option<StopMode>) -> StopMode {
        asked.unwrap_or(match self.stop_modes {
            [only] => *only,
            _ => StopMode::ReleaseGpu,
        })
    }

    /// When this field of an existing machine can be changed; `None` if only a new machine can have it.
    #[must_use]
    pub fn when(&self, field: Field) -> Option<When> {
        self.in_place
            .iter()
            .find(|(changeable, _)| *changeable == field)
            .map(|(_, when)| *when)
    }
}

/// A spec that the cloud cannot honour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// [`Reason::Unsupported`] or [`Reason::Invalid`].
    pub reason: Reason,
    /// What is wrong, naming the field, and what to do.
    pub message: String,
}

impl Refusal {
    /// The cloud does not have what this field asks for.
    #[must_use]
    pub fn unsupported(field: &str, cloud: Cloud, why: &str) -> Self {
        Self {
            reason: Reason::Unsupported,
            message: format!("spec.{field} is not supported by {cloud}: {why}"),
        }
    }

    /// This field's value makes no sense to the cloud.
    #[must_use]
    pub fn invalid(field: &str, why: &str) -> Self {
        Self {
            reason: Reason::Invalid,
            message: format!("spec.{field} is invalid: {why}"),
        }
    }
}

/// Refuses a spec that asks for what the cloud does not have, or leaves out what it needs.
///
/// `adopting` says that the machine exists already: then nothing needs to describe it.
pub fn check(spec: &GpuInstanceSpec, cloud: &Capabilities, adopting: bool) -> Result<(), Refusal> {
    let unsupported = |field: &str, why: &str| Err(Refusal::unsupported(field, cloud.cloud, why));
    if let Some(other) = spec.cloud_blocks().find(|block| *block != cloud.cloud) {
        return Err(Refusal::invalid(
            other.field(),
            &format!(
                "the provider's cloud is {}, whose own block is spec.{}",
                cloud.cloud,
                cloud.cloud.field()
            ),
        ));
    }
    if spec.offer().is_some() {
        return unsupported("offer", "offers are not published for it; use spec.gpu");
    }
    if let Some(mode) = spec.stop_mode
        && !cloud.stop_modes.contains(&mode)
    {
        return unsupported("stopMode", "a stop means only one thing there; leave the field out");
    }
    check_size(spec, cloud, adopting)?;
    match (cloud.region, spec.region()) {
        (RegionUse::None, Some(_)) => return unsupported("region", "it has only one; leave the field out"),
        (RegionUse::Required, None) => {
            return Err(Refusal::invalid(
                "region",
                &format!("{} needs to be told where to rent", cloud.cloud),
            ));
        }
        _ => {}
    }
    if spec.image().is_none() && !adopting {
        return Err(Refusal::invalid("image", "say which image the machine starts from"));
    }
    check_attachments(spec, cloud)?;
    if (spec.startup_script().is_some() || spec.startup_script_from.is_some()) && !cloud.startup_script {
        let field = if spec.startup_script_from.is_some() {
            "startupScriptFrom"
        } else {
            "startupScript"
        };
        return unsupported(field, "it runs no script; put it into the image");
    }
    match (&spec.snapshot_on_stop, cloud.snapshot) {
        (Some(_), None) => return unsupported("snapshotOnStop", "it saves no images of a machine"),
        (Some(snapshot), Some(false)) if snapshot.tag().is_some() => {
            return unsupported("snapshotOnStop.tag", "its images have a name only");
        }
        _ => {}
    }
    check_money(spec, cloud)
}

fn check_size(spec: &GpuInstanceSpec, cloud: &Capabilities, adopting: bool) -> Result<(), Refusal> {
    let unsupported = |field: &str, why: &str| Err(Refusal::unsupported(field, cloud.cloud, why));
    match &spec.gpu {
        Some(_) if !cloud.gpu_by_model => {
            return unsupported(
                "gpu",
                &format!(
                    "its catalog names no GPU models; spec.{} says what is rented",
                    cloud.cloud.field()
                ),
            );
        }
        Some(gpu) if gpu.count == 0 && !cloud.zero_gpus => {
            return unsupported("gpu.count", "it has no machines without a GPU");
        }
        Some(gpu) if gpu.count > cloud.most_gpus => {
            return unsupported(
                "gpu.count",
                &format!("a machine has at most {} GPUs there", cloud.most_gpus),
            );
        }
        _ => {}
    }
    if cloud.sizes_cpu_and_memory {
        if !adopting && (spec.cpu.is_none() || spec.memory().is_none()) {
            let field = if spec.cpu.is_none() { "cpu" } else { "memory" };
            return Err(Refusal::invalid(
                field,
                &format!("{} sizes cpu and memory apart from the GPU: say both", cloud.cloud),
            ));
        }
    } else if spec.cpu.is_some() {
        return unsupported("cpu", "the size comes with the GPU; leave the field out");
    } else if spec.memory().is_some() {
        return unsupported("memory", "the size comes with the GPU; leave the field out");
    }
    Ok(())
}

fn check_attachments(spec: &GpuInstanceSpec, cloud: &Capabilities) -> Result<(), Refusal> {
    let unsupported = |field: &str, why: &str| Err(Refusal::unsupported(field, cloud.cloud, why));
    for (n, port) in spec.ports.iter().enumerate() {
        if !cloud.port_protocols.contains(&port.protocol) {
            let have = cloud
                .port_protocols
                .iter()
                .map(<&str>::from)
                .collect::<Vec<_>>()
                .join(", ");
            let why = if have.is_empty() {
                "it publishes no ports of choice".to_owned()
            } else {
                format!("it publishes {have}")
            };
            return unsupported(&format!("ports[{n}].protocol"), &why);
        }
    }
    if spec.volumes.len() > cloud.volumes.most {
        return unsupported(
            "volumes",
            &match cloud.volumes.most {
                0 => "it mounts no volumes".to_owned(),
                1 => "it mounts one volume only".to_owned(),
                most => format!("it mounts {most} volumes at most"),
            },
        );
    }
    for (n, volume) in spec.volumes.iter().enumerate() {
        if volume.source().is_some() && !cloud.volumes.source {
            return unsupported(
                &format!("volumes[{n}].source"),
                "there is nothing to choose from; leave the field out",
            );
        }
        if volume.size().is_some_and(|size| quantity::bytes(Some(size)) != Some(0)) && !cloud.volumes.size {
            return unsupported(
                &format!("volumes[{n}].size"),
                "the volume exists already; leave the field out",
            );
        }
    }
    Ok(())
}

fn check_money(spec: &GpuInstanceSpec, cloud: &Capabilities) -> Result<(), Refusal> {
    let unsupported = |field: &str, why: &str| Err(Refusal::unsupported(field, cloud.cloud, why));
    if !cloud.billing_modes.contains(&spec.billing_mode()) {
        let have = cloud
            .billing_modes
            .iter()
            .map(<&str>::from)
            .collect::<Vec<_>>()
            .join(", ");
        return unsupported("billing.mode", &format!("it has {have}"));
    }
    if spec
        .billing
        .as_ref()
        .is_some_and(|billing| billing.auto_renew == Some(true))
        && !cloud.auto_renew
    {
        return unsupported("billing.autoRenew", "it renews nothing by itself");
    }
    if spec.max_price_per_hour().is_some() && cloud.price == PriceKnown::Never {
        return unsupported("maxPricePerHour", "it tells no price, so a cap cannot be kept");
    }
    Ok(())
}
