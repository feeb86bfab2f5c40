//! Renting a machine, and what it may cost.

use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    machine::{Detail as MachineDetail, Phase, Rented, Tariff},
    money::{Money, Rate},
    twin::NewMachine,
    world::{Key, World},
};

use super::{
    catalog::{free, is_discounted, price_per_hour},
    instance::Detail,
    settings::{Region, Settings, Sku},
    wire::Refused,
};

const USUAL_PATH: &str = "/root/data";
const USUAL_SIZE_GB: i64 = 50;

/// What was ordered, once it is known to make sense.
struct Order {
    sku: Sku,
    cluster: String,
    cost: Value,
    volumes: Vec<(String, i64)>,
    image: String,
    name: String,
}

/// Rents a machine; gives its id.
pub(super) fn create(world: &mut World, account: &Key, cluster: &str, body: &[u8]) -> Result<String, Refused> {
    let settings = &world.neolink.settings;
    let region = settings
        .region_of_cluster(cluster)
        .ok_or_else(|| Refused::new(404, "cluster not found"))?
        .clone();
    let body: Value = serde_json::from_slice(body).map_err(|_| Refused::parameter("body"))?;
    let order = read(settings, account, &region, &body)?;
    can_pay(world, account)?;
    has_free(world, &region, &order.sku.model, order.sku.count)?;
    Ok(place(world, &account.1, order, Phase::Creating, false))
}

/// Refused once there is no money left, at all: how much is needed to begin is not known.
pub(super) fn can_pay(world: &World, account: &Key) -> Result<(), Refused> {
    let has_money = world
        .accounts
        .get(account)
        .is_some_and(|account| account.balance > Money::ZERO);
    if has_money { Ok(()) } else { Err(Refused::low_balance()) }
}

pub(super) fn has_free(world: &World, region: &Region, model: &str, count: u32) -> Result<(), Refused> {
    if count <= free(world, region, model) {
        Ok(())
    } else {
        Err(Refused::no_gpu())
    }
}

fn read(settings: &Settings, account: &Key, region: &Region, body: &Value) -> Result<Order, Refused> {
    let text = |value: &Value, name: &str| {
        value[name]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Refused::parameter(name))
    };
    let filled = |value: &Value, name: &str| {
        text(value, name).and_then(|text| {
            if text.is_empty() {
                Err(Refused::parameter(name))
            } else {
                Ok(text)
            }
        })
    };
    let cost = &body["Cost"];
    for name in ["CouponID", "CostTime"] {
        text(cost, name)?;
    }
    filled(cost, "DiskSKUID")?;
    let cost_type = filled(cost, "CostType")?;
    let sku_id = filled(cost, "GPUSKUID")?;
    let sku = settings
        .skus
        .iter()
        .find(|sku| sku.id == sku_id && sku.region == region.id && sku.selling_type == cost_type)
        .ok_or_else(|| Refused::parameter("GPUSKUID"))?;
    if filled(body, "namespace")? != account.1 {
        return Err(Refused::parameter("namespace"));
    }
    let said = text(body, "Region")?;
    if !["", &region.id, &region.name, &region.cluster].contains(&said.as_str()) {
        return Err(Refused::parameter("Region"));
    }
    Ok(Order {
        sku: sku.clone(),
        cluster: region.cluster.clone(),
        cost: json!({
            "CostType": cost_type, "CostTime": cost["CostTime"], "DiscountID": "",
            "GPUSKUID": sku_id, "DiskSKUID": cost["DiskSKUID"], "CouponID": cost["CouponID"],
        }),
        volumes: volumes(&body["VolumeMount"])?,
        image: filled(body, "image")?,
        name: filled(body, "displayName")?,
    })
}

fn volumes(mounts: &Value) -> Result<Vec<(String, i64)>, Refused> {
    let wrong = || Refused::parameter("VolumeMount");
    let mounts = mounts.as_array().ok_or_else(wrong)?;
    mounts
        .iter()
        .map(|mount| {
            if !matches!(mount["Type"].as_str(), None | Some("shared-filesystem")) {
                return Err(wrong());
            }
            let path = mount["PathInContainer"].as_str().unwrap_or(USUAL_PATH);
            let size = match &mount["Size"] {
                Value::Null => USUAL_SIZE_GB,
                size => size.as_i64().filter(|size| *size > 0).ok_or_else(wrong)?,
            };
            Ok((path.to_owned(), size))
        })
        .collect()
}

/// A machine that somebody else rented in the same account.
pub(super) fn plant(world: &mut World, machine: &NewMachine) -> Result<String, String> {
    let settings = &world.neolink.settings;
    let fits = |sku: &&Sku| {
        machine.gpu_model.as_ref().is_none_or(|model| sku.model == *model)
            && machine.gpu_count.is_none_or(|count| sku.count == count)
    };
    let sku = settings.skus.iter().find(fits).ok_or("no such GPUs")?.clone();
    let region = settings
        .regions
        .iter()
        .find(|region| region.id == sku.region)
        .ok_or("no such region")?;
    let order = Order {
        cluster: region.cluster.clone(),
        cost: json!({
            "CostType": sku.selling_type, "CostTime": "", "DiscountID": "",
            "GPUSKUID": sku.id, "DiskSKUID": "1", "CouponID": "",
        }),
        sku,
        volumes: Vec::new(),
        image: "images.neolink-ai.com/matrixdc/pytorch:2.4".to_owned(),
        name: machine.name.clone(),
    };
    Ok(place(world, &machine.account, order, Phase::Running, true))
}

/// Storage is paid for whether the machine runs or not; what is paid in advance likewise.
fn tariff(settings: &Settings, order: &Order) -> Tariff {
    let gigabytes: i64 = order.volumes.iter().map(|(_, size)| size).sum();
    let paid = u32::try_from((gigabytes - settings.storage_gift_gb).max(0)).unwrap_or(u32::MAX);
    let storage = f64::from(paid) * settings.storage_price_per_gb_day / 24.0;
    let gpu = price_per_hour(&order.sku);
    let by_use = order.sku.selling_type == "1";
    Tariff {
        running: Rate::per_hour(gpu + storage),
        released: Rate::per_hour(if by_use { storage } else { gpu + storage }),
    }
}

fn place(world: &mut World, account: &str, order: Order, phase: Phase, foreign: bool) -> String {
    let tariff = tariff(&world.neolink.settings, &order);
    let id = format!("instance-{}", hex(world, 8));
    #[allow(clippy::cast_possible_truncation, reason = "no price has so many fen")]
    let unit_price = (order.sku.price * 100.0).round() as i64;
    let detail = Detail {
        cluster: order.cluster,
        uid: uuid(world),
        order_id: uuid(world),
        image: order.image,
        cost: order.cost,
        volumes: order.volumes,
        discount_id: if is_discounted(&order.sku) {
            "10000".to_owned()
        } else {
            String::new()
        },
        unit_price,
        ssh_port: 0,
        password: hex(world, 12),
        jupyter_token: hex(world, 32),
    };
    world.rent(Rented {
        cloud: Cloud::Neolink,
        id,
        account: account.to_owned(),
        name: order.name,
        gpu_model: order.sku.model,
        gpu_count: order.sku.count,
        foreign,
        phase,
        tariff,
        fee: Money::ZERO,
        detail: MachineDetail::Neolink(detail),
    })
}

fn hex(world: &mut World, length: usize) -> String {
    (0..length).map(|_| world.random.digit(16)).collect()
}

fn uuid(world: &mut World) -> String {
    [8, 4, 4, 4, 12].map(|length| hex(world, length)).join("-")
}
