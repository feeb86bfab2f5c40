//! What can be rented: the list behind the console's launch page, which the vendor documents nowhere. Where it is not
//! to be had, a spec names the type and the region by their ids.

use std::collections::BTreeSet;

use serde_json::Value;

use super::order::{ChargeMode, pinned_type};
use crate::api::instance::GpuInstanceSpec;
use crate::api::money::{self, Decimal};
use crate::provider::{Error, GpuModel, Kind, Result, loose, market_name};

/// The list, or why there is none.
#[derive(Debug)]
pub(super) enum Catalog {
    /// It was read.
    Known(Vec<Type>),
    /// The host does not have it, or not for this user.
    Missing(String),
}

/// An instance type in one region.
#[derive(Clone, Debug)]
pub(super) struct Type {
    id: String,
    region_id: String,
    region_name: String,
    /// Empty for a machine without a GPU.
    gpu_name: String,
    gpu_count: i64,
    spot: bool,
    in_stock: bool,
    /// By charge mode, for the mode's own unit of time; `None` where the cloud says null.
    prices: Vec<(String, Option<Decimal>)>,
}

/// What is to be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) type_id: String,
    pub(super) region_id: String,
    /// For an hour.
    pub(super) price: Option<Decimal>,
}

/// All types that an answer shows; `None` where it is not the list at all.
pub(super) fn read(body: &Value) -> Option<Vec<Type>> {
    let mut types = Vec::new();
    for family in body.get("instanceInfos")?.as_array()? {
        let gpu_name = loose::word(family, "gpuName").unwrap_or_default();
        let spot =
            loose::boolean(family, "isSpotInstance").unwrap_or(false) || gpu_name.to_uppercase().contains("SPOT");
        for region in items(family, "regionInfos") {
            for kind in items(region, "instanceTypeInfos") {
                let (Some(id), Some(region_id)) = (loose::id(kind, "instanceTypeId"), loose::id(region, "regionId"))
                else {
                    continue;
                };
                types.push(Type {
                    id,
                    region_id,
                    region_name: loose::word(region, "regionName").unwrap_or_default(),
                    gpu_name: gpu_name.clone(),
                    gpu_count: loose::integer(kind, "gpuNum").unwrap_or(0),
                    spot,
                    in_stock: loose::word(kind, "stockStatus").is_none_or(|word| word.eq_ignore_ascii_case("InStock")),
                    prices: items(kind, "price").filter_map(price).collect(),
                });
            }
        }
    }
    Some(types)
}

fn items<'a>(object: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    object.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn price(entry: &Value) -> Option<(String, Option<Decimal>)> {
    let price = loose::number(entry, "price").and_then(money::from_vendor);
    Some((loose::word(entry, "chargeMode")?, price))
}

impl Type {
    fn price_per_hour(&self, mode: ChargeMode) -> Option<Decimal> {
        let (_, price) = self.prices.iter().find(|(name, _)| name == mode.name())?;
        price.map(|price| (price / Decimal::from(mode.hours())).round_dp(4))
    }

    /// Whether it is sold so; where no prices are shown at all, nothing speaks against it.
    fn is_sold(&self, mode: ChargeMode) -> bool {
        self.prices.is_empty() || self.prices.iter().any(|(name, _)| name == mode.name())
    }

    /// The model, without the word for spot that some names end in.
    fn model(&self) -> GpuModel {
        let words = self
            .gpu_name
            .split(['-', ' '])
            .filter(|word| !word.eq_ignore_ascii_case("SPOT"));
        GpuModel::new(&words.collect::<Vec<_>>().join("-"))
    }

    fn is_in(&self, region: &str) -> bool {
        self.region_id == region || self.region_name.eq_ignore_ascii_case(region)
    }

    fn is_like(&self, model: Option<&GpuModel>, count: i64) -> bool {
        let same_model = match model {
            None => self.gpu_name.is_empty(),
            Some(model) => self.model() == *model,
        };
        self.gpu_count == count && same_model
    }

    /// In words: `8 x H800-SXM`.
    fn summary(&self) -> String {
        let spot = if self.spot { " (spot)" } else { "" };
        match (self.gpu_count, self.gpu_name.as_str()) {
            (0, _) => format!("no GPU{spot}"),
            (count, name) => format!("{count} x {}{spot}", market_name(name)),
        }
    }
}

/// Chooses what a spec asks for: the pinned type, else the cheapest that fits and is in stock.
pub(super) fn choose(catalog: &Catalog, spec: &GpuInstanceSpec) -> Result<Choice> {
    let choice = match (catalog, pinned_type(spec)) {
        (Catalog::Known(types), Some(id)) => pinned(types, spec, id)?,
        (Catalog::Known(types), None) => cheapest(types, spec)?,
        (Catalog::Missing(_), Some(id)) if is_uuid(spec.region().unwrap_or_default()) => Choice {
            type_id: id.to_owned(),
            region_id: spec.region().unwrap_or_default().to_owned(),
            price: None,
        },
        (Catalog::Missing(why), _) => return Err(must_pin(why)),
    };
    keep_cap(choice, spec, catalog)
}

fn pinned(types: &[Type], spec: &GpuInstanceSpec, id: &str) -> Result<Choice> {
    let region = spec.region().unwrap_or_default();
    let Some(found) = types.iter().find(|found| found.id == id && found.is_in(region)) else {
        let elsewhere = types.iter().find(|found| found.id == id);
        // A type that the launch page hides may be had all the same; one that it shows elsewhere may not.
        return match (elsewhere, region_id(types, region)) {
            (Some(elsewhere), _) => Err(invalid(&format!(
                "spec.luchen.instanceTypeId {id} is a type of region {}, not of {region}",
                elsewhere.region_name
            ))),
            (None, Some(region_id)) => Ok(Choice {
                type_id: id.to_owned(),
                region_id,
                price: None,
            }),
            (None, None) => Err(no_region(types, region)),
        };
    };
    if let Some(gpu) = &spec.gpu {
        let model = gpu.model().filter(|_| gpu.count > 0).map(GpuModel::new);
        if !found.is_like(model.as_ref(), gpu.count) {
            return Err(invalid(&format!(
                "spec.luchen.instanceTypeId {id} has {}, and spec.gpu says otherwise: leave spec.gpu out, or correct it",
                found.summary()
            )));
        }
    }
    in_stock(std::slice::from_ref(&found), spec).map(|found| found.choice(spec))
}

fn cheapest(types: &[Type], spec: &GpuInstanceSpec) -> Result<Choice> {
    let region = spec.region().unwrap_or_default();
    let there: Vec<&Type> = types.iter().filter(|found| found.is_in(region)).collect();
    if there.is_empty() {
        return Err(no_region(types, region));
    }
    let gpu = spec.gpu.as_ref();
    let count = gpu.map_or(0, |gpu| gpu.count);
    let model = gpu.and_then(|gpu| gpu.model()).filter(|_| count > 0).map(GpuModel::new);
    let spot = spec.luchen.as_ref().is_some_and(|own| own.spot);
    let fitting: Vec<&Type> = there
        .iter()
        .filter(|found| found.spot == spot && found.is_like(model.as_ref(), count))
        .copied()
        .collect();
    if fitting.is_empty() {
        let have: BTreeSet<String> = there.iter().map(|found| found.summary()).collect();
        return Err(invalid(&format!(
            "region {region} has no type with the GPUs of spec.gpu{}; it has: {}",
            if spot { " at the spot price" } else { "" },
            listed(have)
        )));
    }
    in_stock(&fitting, spec).map(|found| found.choice(spec))
}

/// The cheapest of these that is sold as asked and in stock; an unknown price comes last.
fn in_stock<'a>(fitting: &[&'a Type], spec: &GpuInstanceSpec) -> Result<&'a Type> {
    let mode = ChargeMode::of(spec);
    let sold: Vec<&'a Type> = fitting.iter().filter(|found| found.is_sold(mode)).copied().collect();
    if sold.is_empty() {
        let modes: BTreeSet<String> = fitting
            .iter()
            .flat_map(|found| found.prices.iter().map(|(name, _)| name.clone()))
            .collect();
        return Err(invalid(&format!(
            "{} is not sold {} there, which is what spec.billing means; it is sold {}",
            fitting[0].summary(),
            mode.name(),
            listed(modes)
        )));
    }
    sold.iter()
        .filter(|found| found.in_stock)
        .min_by_key(|found| {
            let price = found.price_per_hour(mode);
            (price.is_none(), price, found.id.clone())
        })
        .copied()
        .ok_or_else(|| {
            Error::new(
                Kind::NoCapacity,
                format!(
                    "luchen.types: {} is out of stock in region {}",
                    sold[0].summary(),
                    sold[0].region_name
                ),
            )
        })
}

impl Type {
    fn choice(&self, spec: &GpuInstanceSpec) -> Choice {
        Choice {
            type_id: self.id.clone(),
            region_id: self.region_id.clone(),
            price: self.price_per_hour(ChargeMode::of(spec)),
        }
    }
}

/// A cap can be kept only where the price is known before anything is rented: no row of the list tells one later.
fn keep_cap(choice: Choice, spec: &GpuInstanceSpec, catalog: &Catalog) -> Result<Choice> {
    if choice.price.is_some() || spec.max_price_per_hour().is_none() {
        return Ok(choice);
    }
    let why = match catalog {
        Catalog::Missing(why) => why.clone(),
        Catalog::Known(_) => format!(
            "the console's list has no price of type {} {}",
            choice.type_id,
            ChargeMode::of(spec).name()
        ),
    };
    Err(Error::new(
        Kind::Unsupported,
        format!(
            "spec.maxPricePerHour cannot be kept, for Luchen tells no price: {why}; leave the cap out, or rent what has a price"
        ),
    ))
}

fn region_id(types: &[Type], region: &str) -> Option<String> {
    let known = types
        .iter()
        .find(|found| found.is_in(region))
        .map(|found| found.region_id.clone());
    known.or_else(|| is_uuid(region).then(|| region.to_owned()))
}

fn no_region(types: &[Type], region: &str) -> Error {
    let regions: BTreeSet<String> = types
        .iter()
        .map(|found| format!("{} ({})", found.region_name, found.region_id))
        .collect();
    invalid(&format!("Luchen has no region {region}; it has: {}", listed(regions)))
}

fn must_pin(why: &str) -> Error {
    invalid(&format!(
        "Luchen's list of types is not to be had ({why}): pin spec.luchen.instanceTypeId, and give spec.region as its \
         id; the request that the console's launch page exports has both"
    ))
}

fn invalid(what: &str) -> Error {
    Error::new(Kind::Invalid, format!("luchen.types: {what}"))
}

fn listed(names: BTreeSet<String>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.into_iter().take(8).collect::<Vec<_>>().join(", ")
}

/// Shaped like the ids of regions and types.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|b| b.is_ascii_alphanumeric()))
}
