//! Regions and what can be rented there.

use serde_json::{Value, json};

use crate::{cloud::Cloud, machine::Detail as MachineDetail, world::World};

use super::settings::{Region, Sku};

pub(super) fn regions(world: &World) -> Value {
    let regions = world.neolink.settings.regions.iter().map(|region| {
        json!({
            "id": region.id, "region": region.name, "clusterName": region.cluster,
            "harborAddr": "images.neolink-ai.com", "howlerID": "69e377a7-99d1-cca0-ef58-cfce14a336b2",
            "createdAt": "2024-07-15T12:00:23.227+08:00", "updatedAt": "2024-07-15T12:00:23.227+08:00",
        })
    });
    regions.collect()
}

/// GPUs of a model that are free in a region.
pub(super) fn free(world: &World, region: &Region, model: &str) -> u32 {
    let capacity = world.neolink.settings.capacity.get(model).copied().unwrap_or_default();
    let is_there =
        |detail: &MachineDetail| matches!(detail, MachineDetail::Neolink(detail) if detail.cluster == region.cluster);
    let used: u32 = world
        .machines
        .iter()
        .filter(|((cloud, _), machine)| {
            *cloud == Cloud::Neolink && machine.gpu_model == model && machine.holds_gpu() && is_there(&machine.detail)
        })
        .map(|(_, machine)| machine.gpu_count)
        .sum();
    capacity.saturating_sub(used)
}

/// The SKUs of a region; none for one that does not exist.
pub(super) fn skus(world: &World, region_id: &str) -> Value {
    let settings = &world.neolink.settings;
    let Some(region) = settings.regions.iter().find(|region| region.id == region_id) else {
        return json!([]);
    };
    let here = settings.skus.iter().filter(|sku| sku.region == region.id);
    here.map(|sku| show(sku, region, free(world, region, &sku.model)))
        .collect()
}

fn show(sku: &Sku, region: &Region, free: u32) -> Value {
    json!({
        "name": sku.model, "regionID": region.id, "cpuArch": "x86-64", "cpuSeries": "Inter Xeon",
        "cpucores": 24 * sku.count, "memoryCount": 192 * sku.count, "cpuVendor": "Inter",
        "gpuSeries": sku.model, "gpuProduct": sku.model,
        "gpuResourceKey": format!("nvidia.com/gpu-{}", sku.model.to_lowercase()),
        "gpuCounts": sku.count, "gpuMemory": 96, "systemstorage": 30, "datastorage": 50,
        "skusID": sku.id, "regionName": region.name, "clusterName": region.cluster,
        "sellingType": sku.selling_type, "ratio": sku.ratio,
        "discountID": if is_discounted(sku) { "10000" } else { "" },
        "discountStartTime": "2024-08-15T15:26:38+08:00", "discountEndTime": "2099-10-01T00:05:00+08:00",
        "price": sku.price, "remainGPUCount": free,
    })
}

pub(super) fn is_discounted(sku: &Sku) -> bool {
    sku.ratio < 1.0
}

/// What a SKU costs an hour, in yuan.
pub(super) fn price_per_hour(sku: &Sku) -> f64 {
    let hours = match sku.selling_type.as_str() {
        "2" => 720.0,
        "3" => 168.0,
        "4" => 24.0,
        _ => 1.0,
    };
    sku.price * sku.ratio / hours
}
