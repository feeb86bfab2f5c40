//! What can be rented in a region, and what it costs.

use jiff::Timestamp;
use serde_json::Value;

use super::region::Region;
use super::term::Term;
use crate::api::GpuInstanceSpec;
use crate::api::cloud::NeolinkPriceUnit;
use crate::api::money::{self, Decimal};
use crate::provider::{GpuModel, Kind, loose};

/// One thing that can be rented.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sku {
    pub(super) id: String,
    /// Its GPU model under every name that the catalog has for it; the first is for readers.
    models: Vec<String>,
    count: Option<i64>,
    /// What its price is for; `None` where the catalog has a number that is not known.
    term: Option<Term>,
    /// GPUs that are free now.
    free: Option<i64>,
    /// With the discount of this moment, in the catalog's unit.
    price: Option<Decimal>,
}

/// A SKU that cannot be had, and why.
pub(super) type Refused = (Kind, String);

/// The SKUs of an answer; `None` where it has no list of them. Some servers may leave the region out of account, so
/// rows of others are taken out here.
pub(super) fn read(body: &Value, region: &Region, now: Timestamp) -> Option<Vec<Sku>> {
    let rows = body.as_array()?.iter();
    let here = rows.filter(|row| loose::word(row, "regionID").is_none_or(|id| id == region.id));
    Some(here.filter_map(|row| sku(row, now)).collect())
}

fn sku(row: &Value, now: Timestamp) -> Option<Sku> {
    let words = ["name", "gpuProduct", "gpuSeries"];
    Some(Sku {
        id: loose::id(row, "skusID")?,
        models: words.iter().filter_map(|name| loose::word(row, name)).collect(),
        count: loose::integer(row, "gpuCounts"),
        term: loose::word(row, "sellingType").and_then(|code| Term::from_code(&code)),
        free: loose::integer(row, "remainGPUCount"),
        price: price(row, now),
    })
}

/// The price times the discount, if the discount holds now. A discount whose time cannot be read does not hold, and
/// neither does one that is no share of the price: what is too high is refused by a cap, what is too low is paid.
fn price(row: &Value, now: Timestamp) -> Option<Decimal> {
    let full = loose::number(row, "price")
        .and_then(money::from_vendor)
        .filter(|price| !price.is_sign_negative())?;
    let ratio = loose::number(row, "ratio")
        .and_then(money::from_vendor)
        .filter(|ratio| *ratio > Decimal::ZERO && *ratio < Decimal::ONE);
    let holds = || {
        let from = bound(row, "discountStartTime").ok()?;
        let until = bound(row, "discountEndTime").ok()?;
        Some(from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until))
    };
    match ratio {
        Some(ratio) if holds() == Some(true) => Some((full * ratio).normalize()),
        _ => Some(full),
    }
}

/// One end of the discount's time, if it has one; an error where it cannot be read.
fn bound(row: &Value, name: &str) -> Result<Option<Timestamp>, jiff::Error> {
    let Some(text) = loose::word(row, name) else {
        return Ok(None);
    };
    let at: Timestamp = text.parse()?;
    // How the vendor's language writes a time that was never set.
    Ok((at > Timestamp::UNIX_EPOCH).then_some(at))
}

/// The SKU that a spec means: the one that it pins, or of those with its GPUs and its way to pay the cheapest that is
/// in stock. How many are free decides only where none is.
pub(super) fn choose<'a>(skus: &'a [Sku], spec: &GpuInstanceSpec, region: &Region) -> Result<&'a Sku, Refused> {
    let term = Term::of(spec);
    let fits = |sku: &&Sku| pinned(spec).is_none_or(|id| id == sku.id) && has_gpus(sku, spec) && sku.term == Some(term);
    let mut fitting: Vec<&Sku> = skus.iter().filter(fits).collect();
    if fitting.is_empty() {
        return Err((Kind::Invalid, no_such(skus, spec, region, term)));
    }
    fitting.sort_by_key(|sku| (sku.price.is_none(), sku.price, sku.id.as_str()));
    let in_stock = fitting.iter().find(|sku| sku.free.is_none_or(|free| free > 0));
    in_stock.copied().ok_or_else(|| {
        let why = format!(
            "no {} is free in {} now",
            describe(fitting[0], spec),
            region_name(region)
        );
        (Kind::NoCapacity, why)
    })
}

/// The SKU that the spec pins.
pub(super) fn pinned(spec: &GpuInstanceSpec) -> Option<&str> {
    let own = spec.neolink.as_ref()?;
    own.gpu_sku_id.as_deref().filter(|id| !id.is_empty())
}

fn has_gpus(sku: &Sku, spec: &GpuInstanceSpec) -> bool {
    let Some(gpu) = &spec.gpu else { return true };
    let wanted = gpu.model().map(GpuModel::new);
    let is_model = wanted.is_none_or(|wanted| sku.models.iter().any(|model| GpuModel::new(model) == wanted));
    is_model && sku.count == Some(gpu.count)
}

/// What the SKU costs an hour, in yuan.
pub(super) fn price_per_hour(sku: &Sku, spec: &GpuInstanceSpec) -> Option<Decimal> {
    let unit = spec.neolink.as_ref().and_then(|own| own.price_unit).unwrap_or_default();
    let parts = match unit {
        NeolinkPriceUnit::Yuan => Decimal::ONE,
        NeolinkPriceUnit::Fen => Decimal::ONE_HUNDRED,
    };
    // Rounded up, so that a cap is never kept by rounding only.
    let price = sku.price? / parts / Decimal::from(sku.term?.hours());
    Some(
        price
            .round_dp_with_strategy(6, rust_decimal::RoundingStrategy::AwayFromZero)
            .normalize(),
    )
}

fn no_such(skus: &[Sku], spec: &GpuInstanceSpec, region: &Region, term: Term) -> String {
    let gpu = spec
        .gpu
        .as_ref()
        .map(|gpu| format!("{} x {}", gpu.count, gpu.model().unwrap_or("GPU")));
    let sku = pinned(spec).map(|id| format!("SKU {id}"));
    let wanted = [gpu, sku].into_iter().flatten().collect::<Vec<_>>().join(" as ");
    // Those of the wanted model first: only a few fit into a message.
    let mut skus: Vec<&Sku> = skus.iter().collect();
    let model = spec.gpu.as_ref().and_then(|gpu| gpu.model()).map(GpuModel::new);
    skus.sort_by_key(|sku| !sku.models.iter().any(|name| Some(GpuModel::new(name)) == model));
    let have: Vec<String> = skus.iter().take(8).map(|sku| describe(sku, spec)).collect();
    let have = if have.is_empty() {
        "nothing".to_owned()
    } else {
        have.join(", ")
    };
    format!(
        "{} has no {wanted} by the {}; it has: {have}",
        region_name(region),
        term.name()
    )
}

/// `1 x H20 by the hour for 4.80 an hour (SKU 2)`.
fn describe(sku: &Sku, spec: &GpuInstanceSpec) -> String {
    let count = sku.count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let model = sku.models.first().map_or("GPU", String::as_str);
    let term = sku
        .term
        .map_or_else(String::new, |term| format!(" by the {}", term.name()));
    let price =
        price_per_hour(sku, spec).map_or_else(String::new, |price| format!(" for {} an hour", money::format(price)));
    format!("{count} x {model}{term}{price} (SKU {})", sku.id)
}

fn region_name(region: &Region) -> &str {
    if region.name.is_empty() {
        &region.id
    } else {
        &region.name
    }
}
