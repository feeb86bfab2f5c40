//! What a region has: goods, images, prices. An order is checked against it, so that a refusal says what there is.

use serde_json::{Value, json};

use super::billing::{CHARGE_TYPES, charge_type, months};
use super::envelope::Answer;
use super::{CapitalOnline, Operation};
use crate::api::cloud::{CapitalOnlineInstance, CapitalOnlinePriceUnit};
use crate::api::instance::GpuInstanceSpec;
use crate::api::money::Decimal;
use crate::provider::{Error, Kind, Quote, Result, loose};

/// Hours that a month surely has: those of February, so that a cap holds in any month.
const HOURS_OF_A_MONTH: i64 = 28 * 24;
const HOURS_OF_A_DAY: i64 = 24;
/// How many of what there is are named; the message is cut anyway.
const NAMED: usize = 6;

impl CapitalOnline {
    /// Refuses goods that the region does not have in this way of paying, or has none of.
    pub(super) async fn find_goods(&self, spec: &GpuInstanceSpec, own: &CapitalOnlineInstance) -> Result<()> {
        let region = spec.region().unwrap_or_default();
        let answer = self.get(Operation::Goods, &[("RegionId", region)]).await?;
        let data = answer.data();
        if !CHARGE_TYPES
            .iter()
            .any(|kind| data.get(kind).is_some_and(Value::is_array))
        {
            return Err(self.no_goods(&answer, region).await);
        }
        judge_goods(&answer, spec, own)
    }

    /// Nothing can be rented in this region; perhaps there is no such region.
    async fn no_goods(&self, answer: &Answer, region: &str) -> Error {
        let regions = self.get(Operation::Regions, &[]).await;
        let names: Vec<String> = match &regions {
            Ok(regions) => rows(regions.data())
                .filter_map(|row| loose::word(row, "RegionId"))
                .collect(),
            Err(_) => Vec::new(),
        };
        let why = if names.is_empty() {
            format!("region {region} has no machines to rent")
        } else {
            format!(
                "region {region} has no machines to rent; there are regions {}",
                names.join(", ")
            )
        };
        answer.refusal(Kind::Invalid, &why)
    }

    /// Refuses an image that neither the vendor nor the account has for these goods.
    pub(super) async fn find_image(&self, spec: &GpuInstanceSpec, compute: Option<&str>) -> Result<()> {
        let Some(wanted) = spec.image() else { return Ok(()) };
        let mut known = Vec::new();
        let mut last = None;
        for kind in ["public", "private"] {
            let mut body = json!({ "ImageType": kind, "RegionId": spec.region().unwrap_or_default() });
            if let (Some(compute), "public") = (compute, kind) {
                body["ComputeId"] = json!(compute);
            }
            let answer = self.ask(Operation::Images, &body).await?;
            for image in images(answer.data()) {
                let Some(id) = loose::word(image, "Id") else { continue };
                if id == wanted {
                    return Ok(());
                }
                known.push(match loose::word(image, "Name") {
                    Some(name) => format!("{id} ({name})"),
                    None => id,
                });
            }
            last = Some(answer);
        }
        let have = listed(known, "none");
        let why = format!("there is no image {wanted} for these goods; there are: {have}");
        Err(last.map_or_else(
            || Error::new(Kind::Invalid, &why),
            |answer| answer.refusal(Kind::Invalid, &why),
        ))
    }

    /// What an hour costs; no price where the cloud tells none and nobody has set a cap.
    pub(super) async fn price(&self, spec: &GpuInstanceSpec, own: &CapitalOnlineInstance) -> Result<Quote> {
        let mut body = json!({
            "RegionId": spec.region().unwrap_or_default(),
            "GoodsId": own.goods_id,
            "ComputeId": own.compute_id,
            "InstanceChargeType": charge_type(spec),
            "Amount": 1,
        });
        if let Some(months) = months(spec) {
            body["PrepaidMonth"] = json!(months);
        }
        let asked = self.ask(Operation::Price, &body).await;
        let capped = spec.max_price_per_hour().is_some();
        match asked {
            Ok(answer) => match per_hour(answer.data(), spec, own) {
                None if capped => Err(answer.unreadable("no price, and spec.maxPricePerHour needs one")),
                price => Ok(Quote {
                    price_per_hour: price,
                    currency: price.map(|_| currency(answer.data())),
                }),
            },
            Err(error) if matches!(error.kind, Kind::Invalid | Kind::Unsupported) && !capped => Ok(Quote::default()),
            Err(error) => Err(error),
        }
    }
}

fn judge_goods(answer: &Answer, spec: &GpuInstanceSpec, own: &CapitalOnlineInstance) -> Result<()> {
    let data = answer.data();
    let mode = charge_type(spec);
    let region = spec.region().unwrap_or_default();
    if let Some(compute) = find(&data[mode], own) {
        return match loose::integer(compute, "PurchaseNum") {
            Some(left) if left <= 0 => Err(answer.refusal(
                Kind::NoCapacity,
                &format!("region {region} has goods {}, but none is free now", own.goods_id),
            )),
            _ => Ok(()),
        };
    }
    let other = CHARGE_TYPES
        .into_iter()
        .find(|other| *other != mode && find(&data[*other], own).is_some());
    let why = match other {
        Some(other) => format!(
            "goods {} with configuration {} are rented {other} only; see spec.billing.mode",
            own.goods_id, own.compute_id
        ),
        None => format!(
            "region {region} does not rent goods {} with configuration {} ({mode}); it has: {}",
            own.goods_id,
            own.compute_id,
            listed(offers(&data[mode]), "nothing")
        ),
    };
    Err(answer.refusal(Kind::Invalid, &why))
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn find<'a>(goods: &'a Value, own: &CapitalOnlineInstance) -> Option<&'a Value> {
    rows(goods)
        .filter(|goods| loose::integer(goods, "GoodsId") == Some(own.goods_id))
        .flat_map(|goods| rows(&goods["Computes"]))
        .find(|compute| loose::word(compute, "Id").as_deref() == Some(own.compute_id.as_str()))
}

fn offers(goods: &Value) -> Vec<String> {
    rows(goods)
        .flat_map(|goods| rows(&goods["Computes"]).map(move |compute| (goods, compute)))
        .filter_map(|(goods, compute)| {
            let id = loose::integer(goods, "GoodsId")?;
            let name = loose::word(goods, "GoodsName").unwrap_or_default();
            let configuration = loose::word(compute, "Id")?;
            Some(format!("goodsId {id} {name} with computeId {configuration}"))
        })
        .collect()
}

fn listed(mut what: Vec<String>, none: &str) -> String {
    if what.is_empty() {
        return none.to_owned();
    }
    let more = what.len().saturating_sub(NAMED);
    what.truncate(NAMED);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{rest}", what.join(", "))
}

/// All images of all families of operating systems.
fn images(data: &Value) -> impl Iterator<Item = &Value> {
    data.as_object()
        .into_iter()
        .flat_map(|families| families.values())
        .flat_map(rows)
}

/// What an hour costs at most.
///
/// In advance, the whole order is divided by the fewest hours that it can buy: the vendor's pages disagree on whether
/// the rest of the running month comes on top. By use, it is the larger of both prices, for one may be of a discount.
fn per_hour(data: &Value, spec: &GpuInstanceSpec, own: &CapitalOnlineInstance) -> Option<Decimal> {
    let amount = |name| -> Option<Decimal> {
        let amount: Decimal = loose::word(data, name)?.parse().ok()?;
        (amount > Decimal::ZERO).then_some(amount)
    };
    let (price, hours) = if let Some(months) = months(spec) {
        (amount("TradeAmount")?, months.max(1) * HOURS_OF_A_MONTH)
    } else {
        let hours = match own.price_unit.unwrap_or_default() {
            CapitalOnlinePriceUnit::Hour => 1,
            CapitalOnlinePriceUnit::Day => HOURS_OF_A_DAY,
            CapitalOnlinePriceUnit::Month => HOURS_OF_A_MONTH,
        };
        (amount("TradeAmount").max(amount("UnitPrice"))?, hours)
    };
    Some(round_up(price / Decimal::from(hours)))
}

fn round_up(amount: Decimal) -> Decimal {
    let scale = Decimal::from(10_000);
    ((amount * scale).ceil() / scale).normalize()
}

/// The currency of a price, ISO 4217.
fn currency(data: &Value) -> &'static str {
    match loose::word(data, "Currency").as_deref() {
        Some("US" | "USD") => "USD",
        _ => CapitalOnline::CAPABILITIES.currency,
    }
}
