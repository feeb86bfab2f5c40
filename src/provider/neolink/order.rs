//! A spec in Neolink's words.

use serde::Serialize;

use super::catalog::{self, Sku};
use super::region::Region;
use super::term::{Term, cost_time};
use crate::api::cloud::{NeolinkInstance, NeolinkRegionForm};
use crate::api::instance::{GpuInstanceSpec, PortProtocol, Snapshot, Volume};
use crate::api::{Cloud, quantity};
use crate::provider::{GpuModel, Order, Refusal};

/// The container's port of the shell.
pub(super) const SSH_PORT: u16 = 22;
/// The only disk that is known.
const DISK: &str = "1";
/// The only kind of volume that the vendor has.
const VOLUME_TYPE: &str = "shared-filesystem";
/// What a volume's `source` may say; both are the vendor's words for it.
const VOLUME_SOURCES: [&str; 2] = ["data", VOLUME_TYPE];
/// What an image is tagged with where nobody says.
const USUAL_TAG: &str = "latest";
/// How long a container may take to end, in seconds: the vendor's default.
const GRACE_SECONDS: u32 = 10;

/// The body of a create. Its members are spelled as the vendor spells them, not as answers do.
#[derive(Debug, Serialize)]
pub(super) struct Create<'a> {
    #[serde(rename = "Cost")]
    cost: Cost<'a>,
    #[serde(rename = "VolumeMount")]
    volume_mount: Vec<VolumeMount<'a>>,
    namespace: &'a str,
    #[serde(rename = "displayName")]
    display_name: &'a str,
    image: &'a str,
    #[serde(rename = "Region")]
    region: &'a str,
}

#[derive(Debug, Serialize)]
struct Cost<'a> {
    #[serde(rename = "CostType")]
    term: &'static str,
    #[serde(rename = "CouponID")]
    coupon_id: &'a str,
    #[serde(rename = "DiskSKUID")]
    disk_sku_id: &'a str,
    #[serde(rename = "GPUSKUID")]
    gpu_sku_id: &'a str,
    #[serde(rename = "CostTime")]
    time: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeMount<'a> {
    path_in_container: &'a str,
    /// In gigabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    r#type: &'static str,
}

impl<'a> Create<'a> {
    pub(super) fn new(order: &Order<'a>, user_id: &'a str, region: &'a Region, sku: &'a Sku) -> Self {
        let spec = order.spec;
        let own = spec.neolink.as_ref();
        Self {
            cost: Cost {
                term: Term::of(spec).code(),
                coupon_id: coupon(own).unwrap_or_default(),
                disk_sku_id: own
                    .and_then(|own| own.disk_sku_id.as_deref())
                    .filter(|id| !id.is_empty())
                    .unwrap_or(DISK),
                gpu_sku_id: &sku.id,
                time: cost_time(spec),
            },
            volume_mount: spec.volumes.iter().map(mount).collect(),
            namespace: user_id,
            display_name: order.name,
            image: spec.image().unwrap_or_default(),
            region: match own.and_then(|own| own.region_form).unwrap_or_default() {
                NeolinkRegionForm::Name => &region.name,
                NeolinkRegionForm::Id => &region.id,
                NeolinkRegionForm::ClusterName => &region.cluster,
            },
        }
    }
}

fn mount(volume: &Volume) -> VolumeMount<'_> {
    VolumeMount {
        path_in_container: &volume.mount_path,
        size: quantity::gibibytes(volume.size()).filter(|size| *size > 0),
        r#type: VOLUME_TYPE,
    }
}

fn coupon(own: Option<&NeolinkInstance>) -> Option<&str> {
    own?.coupon_id.as_deref().filter(|id| !id.is_empty())
}

/// The body of a stop.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PowerOff<'a> {
    grace_period_seconds: u32,
    need_snapshot: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
}

impl<'a> PowerOff<'a> {
    pub(super) fn new(snapshot: Option<&'a Snapshot>) -> Self {
        Self {
            grace_period_seconds: GRACE_SECONDS,
            need_snapshot: snapshot.is_some(),
            image_name: snapshot.map(|snapshot| snapshot.name.as_str()),
            tag: snapshot.map(|snapshot| snapshot.tag().unwrap_or(USUAL_TAG)),
        }
    }
}

/// Refuses what can't be right. What only might be wrong is Neolink's to refuse.
pub(super) fn check(spec: &GpuInstanceSpec) -> Result<(), Refusal> {
    check_gpu(spec)?;
    if spec.image().is_some_and(|image| image.contains(char::is_whitespace)) {
        return Err(Refusal::invalid(
            "image",
            "Neolink takes an image as a registry names it, such as images.neolink-ai.com/matrixdc/pytorch:2.4",
        ));
    }
    for (n, port) in spec.ports.iter().enumerate() {
        if port.protocol == PortProtocol::Ssh && port.port != SSH_PORT {
            let why = "its shell is at port 22 of the machine, and it publishes no other port";
            return Err(Refusal::unsupported(&format!("ports[{n}]"), Cloud::Neolink, why));
        }
    }
    for (n, volume) in spec.volumes.iter().enumerate() {
        check_volume(n, volume)?;
    }
    if coupon(spec.neolink.as_ref()).is_some() && Term::of(spec) != Term::Hour {
        return Err(Refusal::invalid(
            "neolink.couponId",
            "coupons pay only for machines billed by the hour; leave it out, or billing.mode Prepaid",
        ));
    }
    spec.snapshot_on_stop.as_ref().map_or(Ok(()), check_snapshot)
}

fn check_gpu(spec: &GpuInstanceSpec) -> Result<(), Refusal> {
    match &spec.gpu {
        None if spec.instance_id().is_none() && catalog::pinned(spec).is_none() => Err(Refusal::invalid(
            "gpu",
            "say which GPUs the machine has, or pin one of the catalog by neolink.gpuSkuId",
        )),
        Some(gpu)
            if gpu
                .model()
                .is_some_and(|model| GpuModel::new(model) == GpuModel::new("")) =>
        {
            Err(Refusal::invalid("gpu.model", "name a model, such as RTX 4090"))
        }
        _ => Ok(()),
    }
}

fn check_volume(n: usize, volume: &Volume) -> Result<(), Refusal> {
    if volume.source().is_some_and(|source| !VOLUME_SOURCES.contains(&source)) {
        return Err(Refusal::invalid(
            &format!("volumes[{n}].source"),
            "Neolink makes a new volume of its one kind, shared-filesystem, and cannot mount one that exists: write data, or leave it out",
        ));
    }
    let size = quantity::gibibytes(volume.size());
    if volume.size().is_some() && size.is_none_or(|size| u32::try_from(size).is_err()) {
        return Err(Refusal::invalid(
            &format!("volumes[{n}].size"),
            "write it as a size, such as 50Gi",
        ));
    }
    Ok(())
}

/// An image that its registry would refuse would be found out only when the machine is to be stopped, and keep it
/// running.
fn check_snapshot(snapshot: &Snapshot) -> Result<(), Refusal> {
    let is_name = snapshot.name.split('/').all(|part| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        part.bytes().all(|byte| inner(byte) || b"._-".contains(&byte))
            && part.bytes().next().is_some_and(inner)
            && part.bytes().next_back().is_some_and(inner)
    });
    if !is_name {
        return Err(Refusal::invalid(
            "snapshotOnStop.name",
            "images of a registry have names of lower-case letters and digits, with . _ - in between",
        ));
    }
    if snapshot.tag().is_some_and(|tag| tag.starts_with(['.', '-'])) {
        return Err(Refusal::invalid(
            "snapshotOnStop.tag",
            "a tag begins with a letter, a digit or _",
        ));
    }
    Ok(())
}
