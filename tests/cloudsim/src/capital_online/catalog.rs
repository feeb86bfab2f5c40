//! What can be looked up without a machine: regions, goods, prices, images, networks.

use serde_json::{Value, json};

use crate::{exchange::Reply, world::World};

use super::{
    settings::Goods,
    signature::Query,
    wire::{self, Members, Refused},
};

/// Family, id and name of each public image.
const IMAGES: [(&str, &str, &str); 3] = [
    ("Ubuntu", "d32af696-5774-4936-8f09-e9f4cf069b31", "ubuntu14.04_64"),
    (
        "Ubuntu",
        "e43bf7a7-6885-4a47-9f1a-fa05d0a7ac42",
        "ubuntu22.04_64_cuda12.2",
    ),
    ("Redhat", "232af696-5774-4936-8f09-e9f4cf069b31", "rhel7.6_64"),
];

/// The account's own image.
const PRIVATE_IMAGE: (&str, &str, &str) = ("Ubuntu", "bd597daa-2157-4a6f-8e29-8c212eb86d00", "mine");

/// A VPC, its region and its subnet.
const VPCS: [(&str, &str, &str); 2] = [
    (
        "6d323aa0-9a46-11ee-9a07-622ad4e5a137",
        "CN_Qingyang",
        "6d323aa1-9a46-11ee-9a07-622ad4e5a137",
    ),
    (
        "b2ca7892-a329-11ef-943a-66fdd349a9b1",
        "CN_Huhhot",
        "b2cc9168-a329-11ef-943a-66fdd349a9b1",
    ),
];

/// One row a page, so that whoever reads only the first page misses what it looks for.
const VPCS_A_PAGE: usize = 1;

pub(super) fn image_name(id: &str) -> Option<&'static str> {
    let mut all = IMAGES.iter().chain([&PRIVATE_IMAGE]);
    all.find(|(_, known, _)| *known == id).map(|(.., name)| *name)
}

pub(super) fn check_network(vpc: &str, subnet: &str) -> Result<(), Refused> {
    let (.., known) = VPCS
        .iter()
        .find(|(id, ..)| *id == vpc)
        .ok_or_else(|| Refused::new("VdcNotFound", "VPC不存在"))?;
    if *known == subnet {
        Ok(())
    } else {
        Err(Refused::new("PipeIdNotFound", "子网不存在"))
    }
}

/// What was ordered, if the region has it.
pub(super) fn goods(world: &World, members: &Members) -> Result<Goods, Refused> {
    let settings = &world.capital_online.settings;
    let id = members.integer("GoodsId")?;
    let compute = members.text("ComputeId")?;
    let prepaid = match members.text("InstanceChargeType")? {
        "PrePaid" => true,
        "PostPaid" => false,
        _ => return Err(Refused::parameter("InstanceChargeType")),
    };
    let sold_here = settings.regions.first().map(String::as_str) == Some(members.text("RegionId")?);
    settings
        .goods
        .iter()
        .filter(|_| sold_here)
        .find(|goods| goods.id == id && goods.compute_id == compute && goods.prepaid == prepaid)
        .cloned()
        .ok_or_else(|| Refused::new("OrderGoodsConfEmpty", "商品配置不存在"))
}

pub(super) fn regions(world: &World) -> Reply {
    let regions = &world.capital_online.settings.regions;
    let rows: Vec<Value> = regions
        .iter()
        .map(|id| json!({"RegionId": id, "RegionName": format!("中国大陆-{id}")}))
        .collect();
    wire::data(&json!(rows))
}

pub(super) fn list_goods(world: &World, query: &Query) -> Result<Reply, Refused> {
    let region = query.get("RegionId").ok_or_else(|| Refused::parameter("RegionId"))?;
    let settings = &world.capital_online.settings;
    let rows = |prepaid: bool| {
        let rows: Vec<Value> = settings
            .goods
            .iter()
            .filter(|goods| goods.prepaid == prepaid && settings.regions.first() == Some(region))
            .map(|goods| {
                show_goods(
                    goods,
                    goods.capacity.saturating_sub(super::machines::rented(world, goods)),
                )
            })
            .collect();
        if rows.is_empty() { Value::Null } else { json!(rows) }
    };
    Ok(wire::data(&json!({"PostPaid": rows(false), "PrePaid": rows(true)})))
}

fn show_goods(goods: &Goods, left: usize) -> Value {
    json!({
        "GoodsId": goods.id,
        "GoodsName": goods.name,
        "Computes": [{
            "Id": goods.compute_id,
            "Cpu": 32,
            "CpuInfo": "Intel Xeon Silver 4110",
            "Ram": 64,
            "Frequency": "2.1GHz",
            "PurchaseNum": left,
            "Disks": [{"Id": "ab72e15b-f3ab-4448-9094-ab271813f405", "Type": "SSD", "Capacity": 480, "Count": 1}],
        }],
    })
}

/// How many months are paid for, where the order is prepaid.
pub(super) fn months(members: &Members) -> Result<u32, Refused> {
    match members.get("PrepaidMonth") {
        None => Ok(0),
        Some(_) => u32::try_from(members.integer("PrepaidMonth")?)
            .ok()
            .filter(|months| *months <= 36)
            .ok_or_else(|| Refused::parameter("PrepaidMonth")),
    }
}

pub(super) fn price(world: &World, members: &Members) -> Result<Reply, Refused> {
    let goods = goods(world, members)?;
    let amount = members.integer("Amount")?;
    if amount < 1 {
        return Err(Refused::parameter("Amount"));
    }
    let months = if goods.prepaid { months(members)?.max(1) } else { 1 };
    #[allow(clippy::cast_precision_loss, reason = "a hundred machines at most")]
    let trade = goods.price * f64::from(months) * amount as f64;
    Ok(wire::data(&json!({
        "Currency": "CN",
        "TradeAmount": format!("{trade:.2}"),
        "UnitPrice": format!("{:.2}", goods.price),
    })))
}

pub(super) fn images(world: &World, members: &Members) -> Result<Reply, Refused> {
    let region = members.text("RegionId")?;
    if !world
        .capital_online
        .settings
        .regions
        .iter()
        .any(|known| known == region)
    {
        return Err(Refused::parameter("RegionId"));
    }
    let kind = members.text("ImageType")?;
    let rows: Vec<_> = match kind {
        "public" => {
            members.text("ComputeId")?;
            IMAGES.to_vec()
        }
        "private" => vec![PRIVATE_IMAGE],
        _ => return Err(Refused::parameter("ImageType")),
    };
    let mut families = json!({});
    for (family, id, name) in rows {
        let row = json!({"Id": id, "Name": name, "Type": kind});
        match families[family].as_array_mut() {
            Some(list) => list.push(row),
            None => families[family] = json!([row]),
        }
    }
    Ok(wire::data(&families))
}

pub(super) fn vpcs(members: &Members) -> Result<Reply, Refused> {
    let page = match members.get("PageNumber") {
        None => 1,
        Some(_) => members.integer("PageNumber")?.max(1),
    };
    let skipped = usize::try_from(page - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(VPCS_A_PAGE);
    let rows: Vec<Value> = VPCS
        .iter()
        .skip(skipped)
        .take(VPCS_A_PAGE)
        .map(|(id, region, _)| {
            json!({"VPCId": id, "VPCNmae": "sim", "VPCSegment": "10.0.0.0/16", "RegionCode": region, "Status": "ok"})
        })
        .collect();
    Ok(wire::data(&json!({"Total": VPCS.len(), "VPCList": rows})))
}

pub(super) fn subnets(members: &Members) -> Result<Reply, Refused> {
    let region = members.text("RegionCode")?;
    if members.get("PageNumber").is_some() {
        // A text, unlike that of the other list.
        members.text("PageNumber")?;
    }
    let vpc = members.get("VPCId").and_then(Value::as_str);
    let rows: Vec<Value> = VPCS
        .iter()
        .filter(|(id, known, _)| *known == region && vpc.is_none_or(|vpc| vpc == *id))
        .map(|(id, _, subnet)| {
            json!({"SubnetId": subnet, "SubnetName": "sim", "VPCId": id, "AvailableZoneCode": "CN_Hohhot_B"})
        })
        .collect();
    Ok(wire::data(&json!({"Total": rows.len(), "SubnetList": rows})))
}
