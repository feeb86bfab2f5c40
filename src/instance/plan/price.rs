//! What a machine may cost, and what is said where it costs more.

use super::Scene;
use super::switch::cheapest_stop;
use super::transition::transition;
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::money;
use crate::api::status::{InstanceState, PriceLatch, TransitionKind};
use crate::instance::observation::{Connection, InstanceView};
use crate::instance::step::{Change, Step};
use crate::provider::Machine;

/// A machine above the cap: never started, never kept running. One that nobody has used is given back.
pub(super) fn keep_to_cap(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Option<Step> {
    let object = scene.object;
    let status = object.seen();
    let latched = latched(scene);
    let cap = object.spec.max_price_per_hour()?;
    if latched.is_none() {
        let price = machine
            .price_per_hour
            .or_else(|| status.quoted_price())
            .filter(|price| *price > cap)?;
        let latch = PriceLatch {
            price: money::format(price),
            generation: object.generation(),
        };
        let mut changes = vec![Change::PriceLatch(latch.clone())];
        if !status.was_ready {
            changes.push(transition(scene, TransitionKind::Discard));
        }
        return Some(Step::Record(
            changes,
            above_cap(object.spec.max_price_per_hour.as_deref(), &latch.price),
        ));
    }
    if status
        .transition
        .as_ref()
        .is_some_and(|transition| transition.kind == TransitionKind::Discard)
    {
        return None;
    }
    let why = latched?;
    match machine.state {
        InstanceState::Running => Some(Step::Stop(cheapest_stop(connection))),
        InstanceState::Stopped if scene.wants_running() => Some(Step::Halt(why)),
        _ => None,
    }
}

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
