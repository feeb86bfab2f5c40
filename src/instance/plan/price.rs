//! What a machine may cost, and what is said where it costs more.

use super::Scene;
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::status::PriceLatch;
use crate::instance::observation::InstanceView;

/// Why nothing is rented or started: the price was found to be above the cap of this very spec.
pub(super) fn latched(scene: &Scene<'_>) -> Option<Obstacle> {
    latch(scene).map(|latch| above_cap(scene.object.spec.max_price_per_hour.as_deref(), &latch.price))
}

/// The obstacle of a machine that costs too much.
pub(super) fn above_cap(cap: Option<&str>, price: &str) -> Obstacle {
    Obstacle::new(
        Reason::PriceAboveCap,
        format!(
            "the machine costs {price} an hour, more than spec.maxPricePerHour {}; nothing is rented or started until the spec changes",
            cap.unwrap_or_default()
        ),
    )
}

/// Why a machine goes back that was too dear and never used.
pub(super) fn why_discarded(scene: &Scene<'_>) -> String {
    let cap = scene.object.spec.max_price_per_hour.as_deref();
    match latch(scene).zip(cap) {
        Some((latch, cap)) => format!(
            "it costs {} an hour, more than spec.maxPricePerHour {cap}, and nobody has used it",
            latch.price
        ),
        // The spec has changed since, and with it the cap.
        None => "it costs more than spec.maxPricePerHour was when it came, and nobody has used it".to_owned(),
    }
}

fn latch(scene: &Scene<'_>) -> Option<PriceLatch> {
    let object = scene.object;
    let latch = object.seen().price_latch;
    latch.filter(|latch| latch.generation == object.generation())
}
