//! A spec in XGC's words.

use serde::Serialize;

use super::envelope::Answer;
use super::machine::SSH_PORT;
use crate::api::cloud::{XgcImageType, XgcInstance};
use crate::api::instance::{Gpu, GpuInstanceSpec, PortProtocol};
use crate::api::{Cloud, quantity};
use crate::provider::{GpuModel, Kind, Machine, Order, Refusal, Result, loose, market_name};

/// The full names that deploy wants, as far as they are known. There is no list to ask for.
const GPU_MODELS: [&str; 4] = [
    "NVIDIA GeForce RTX 4090",
    "NVIDIA GeForce RTX 4090 D",
    "NVIDIA GeForce RTX 4090 D 48G",
    "NVIDIA GeForce RTX 4090 48G",
];

/// The only data centre that is known.
const DATA_CENTER: i64 = 1;

/// The body of a deploy. What is absent is left out: the API may not take null.
#[derive(Debug, Serialize)]
pub(super) struct Deploy<'a> {
    gpu_model: String,
    gpu_count: i64,
    data_center_id: i64,
    image: &'a str,
    image_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_mount_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_disk_expand: Option<bool>,
    /// In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    system_disk_expand_size: Option<u64>,
    name: &'a str,
}

impl<'a> Deploy<'a> {
    pub(super) fn new(order: &Order<'a>) -> Self {
        let spec = order.spec;
        let own = spec.xgc.as_ref();
        let mount_path = spec.volumes.first().map(|volume| volume.mount_path.as_str());
        let disk = own
            .and_then(|own| quantity::bytes(own.system_disk_expand.as_deref()))
            .filter(|bytes| *bytes > 0);
        Self {
            gpu_model: gpu_model(spec.gpu.as_ref()),
            gpu_count: spec.gpu.as_ref().map_or(0, |gpu| gpu.count),
            data_center_id: own.and_then(|own| own.data_center_id).unwrap_or(DATA_CENTER),
            image: spec.image().unwrap_or_default(),
            image_type: image_type(spec).into(),
            storage: mount_path.map(|_| true),
            storage_mount_path: mount_path,
            ssh_key: own
                .and_then(|own| own.ssh_key_id.as_deref())
                .filter(|id| !id.is_empty()),
            system_disk_expand: disk.map(|_| true),
            system_disk_expand_size: disk,
            name: order.name,
        }
    }
}

/// The body of a boot. Here the number of GPUs is a text.
#[derive(Debug, Serialize)]
pub(super) struct Boot<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_count: Option<String>,
}

impl<'a> Boot<'a> {
    pub(super) fn new(machine: &'a Machine, reshape: Option<&GpuInstanceSpec>) -> Self {
        let gpu = reshape.and_then(|spec| spec.gpu.as_ref());
        Self {
            id: &machine.id,
            gpu_model: gpu.map(|gpu| gpu_model(Some(gpu))),
            gpu_count: gpu.map(|gpu| gpu.count.to_string()),
        }
    }
}

/// Where the image is from.
pub(super) fn image_type(spec: &GpuInstanceSpec) -> XgcImageType {
    spec.xgc.as_ref().and_then(|own| own.image_type).unwrap_or_default()
}

/// The full name of a model. What is not known is passed on, for new cards appear: with the maker's words in front of
/// it where it is an RTX card, else as the user wrote it. A machine without a GPU needs the member all the same.
fn gpu_model(gpu: Option<&Gpu>) -> String {
    let Some(said) = gpu.and_then(Gpu::model) else {
        return GPU_MODELS[0].to_owned();
    };
    let wanted = GpuModel::new(said);
    if let Some(known) = GPU_MODELS.iter().find(|known| GpuModel::new(known) == wanted) {
        return (*known).to_owned();
    }
    let market_name = market_name(said);
    if market_name.to_uppercase().starts_with("RTX") {
        format!("NVIDIA GeForce {market_name}")
    } else {
        said.trim().to_owned()
    }
}

/// Refuses what can't be right. What only might be wrong is XGC's to refuse.
pub(super) fn check(spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
    let known = GPU_MODELS.map(market_name).join(", ");
    match &spec.gpu {
        None if spec.instance_id().is_none() => {
            return Err(Refusal::invalid(
                "gpu",
                &format!("say which GPUs the machine has: known at XGC are {known}; count 0 means none"),
            ));
        }
        Some(gpu)
            if gpu
                .model()
                .is_some_and(|model| GpuModel::new(model) == GpuModel::new("")) =>
        {
            return Err(Refusal::invalid(
                "gpu.model",
                &format!("name a model: known at XGC are {known}"),
            ));
        }
        _ => {}
    }
    if spec.image().is_some_and(|image| !loose::is_plain(image)) {
        return Err(Refusal::invalid(
            "image",
            "XGC takes the id of an image, such as 7fd1f863-c2e2-4af6-b41b-cf92a034c2d3, not its name",
        ));
    }
    for (n, port) in spec.ports.iter().enumerate() {
        if port.protocol == PortProtocol::Ssh && port.port != SSH_PORT {
            return Err(Refusal::unsupported(
                &format!("ports[{n}]"),
                Cloud::Xgc,
                "its shell is at port 22 of the machine; publish other ports as HTTP",
            ));
        }
    }
    check_disk(spec.xgc.as_ref())
}

fn check_disk(own: Option<&XgcInstance>) -> std::result::Result<(), Refusal> {
    let Some(size) = own.and_then(|own| own.system_disk_expand.as_deref()) else {
        return Ok(());
    };
    match quantity::bytes(Some(size)) {
        Some(bytes) if i64::try_from(bytes).is_ok() => Ok(()),
        None if size.is_empty() => Ok(()),
        _ => Err(Refusal::invalid(
            "xgc.systemDiskExpand",
            "write it as a size, such as 50Gi",
        )),
    }
}

/// Refuses a private image that the account does not have; only a list that is whole can tell.
pub(super) fn find_image(answer: &Answer, wanted: &str) -> Result<()> {
    let data = answer.data();
    let Some(rows) = data["list"].as_array() else {
        return Ok(());
    };
    let is_whole = loose::integer(data, "total").and_then(|total| usize::try_from(total).ok()) == Some(rows.len());
    let ids: Vec<String> = rows.iter().filter_map(|row| loose::word(row, "id")).collect();
    if !is_whole || ids.len() < rows.len() || ids.iter().any(|id| id == wanted) {
        return Ok(());
    }
    let images: Vec<String> = rows
        .iter()
        .zip(&ids)
        .take(8)
        .map(|(row, id)| loose::word(row, "name").map_or_else(|| id.clone(), |name| format!("{id} ({name})")))
        .collect();
    let have = if images.is_empty() {
        "none".to_owned()
    } else {
        images.join(", ")
    };
    Err(answer.refusal(
        Kind::Invalid,
        &format!("the account has no private image {wanted}; it has: {have}"),
    ))
}
