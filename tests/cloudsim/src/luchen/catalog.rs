//! What can be rented, as the console's launch page reads it.

use serde_json::{Value, json};

use crate::{cloud::Cloud, machine::Detail as MachineDetail, world::World};

use super::settings::InstanceType;

/// Prices of longer terms, in hours of the price by the hour.
const HOURS_OF: [(&str, f64); 5] = [
    ("perHour", 1.0),
    ("tidePerHour", 0.66),
    ("perDay", 20.0),
    ("perWeek", 126.0),
    ("perMonth", 480.0),
];

/// What one unit of a charge mode costs; `None` for a mode that there is not.
pub(super) fn price(kind: &InstanceType, charge_mode: &str) -> Option<f64> {
    let (_, hours) = HOURS_OF.iter().find(|(mode, _)| *mode == charge_mode)?;
    // To the cent, as prices are.
    Some((kind.price_per_hour * hours * 100.0).round() / 100.0)
}

/// How many machines of a type are left, once those that hold their GPUs are taken off.
pub(super) fn left(world: &World, kind: &InstanceType, except: Option<&str>) -> u32 {
    let held = world.machines.values().filter(|machine| {
        let is_of_kind = matches!(&machine.detail, MachineDetail::Luchen(detail) if detail.type_id == kind.id);
        machine.cloud == Cloud::Luchen && is_of_kind && machine.holds_gpu() && Some(machine.id.as_str()) != except
    });
    kind.capacity
        .saturating_sub(u32::try_from(held.count()).unwrap_or(u32::MAX))
}

/// Every type in every region, in families of one GPU model.
pub(super) fn show(world: &World) -> Value {
    let settings = &world.luchen.settings;
    let mut names: Vec<(&str, bool)> = settings
        .types
        .iter()
        .map(|kind| (kind.gpu_name.as_str(), kind.spot))
        .collect();
    names.sort_unstable();
    names.dedup();
    let families: Vec<Value> = names
        .into_iter()
        .map(|(gpu_name, spot)| {
            let kinds = |region: &str| -> Vec<Value> {
                settings
                    .types
                    .iter()
                    .filter(|kind| kind.gpu_name == gpu_name && kind.spot == spot && kind.region == region)
                    .map(|kind| show_type(world, kind))
                    .collect()
            };
            let regions: Vec<Value> = settings
                .regions
                .iter()
                .map(|region| (region, kinds(&region.id)))
                .filter(|(_, kinds)| !kinds.is_empty())
                .map(|(region, kinds)| {
                    json!({"regionName": region.name, "regionId": region.id, "instanceTypeInfos": kinds})
                })
                .collect();
            json!({"gpuName": gpu_name, "isSpotInstance": spot, "regionInfos": regions})
        })
        .collect();
    json!({ "instanceInfos": families })
}

fn show_type(world: &World, kind: &InstanceType) -> Value {
    let prices: Vec<Value> = HOURS_OF
        .iter()
        .map(|(mode, _)| json!({"chargeMode": mode, "price": price(kind, mode)}))
        .collect();
    let stock = if left(world, kind, None) > 0 {
        "InStock"
    } else {
        "OutOfStock"
    };
    json!({"instanceTypeId": kind.id, "gpuNum": kind.gpu_count, "stockStatus": stock, "price": prices})
}
