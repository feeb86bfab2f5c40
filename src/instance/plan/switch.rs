//! Switching a machine on and off.

use super::{MOST_TRIES, Scene, WINDOW, difference, note};
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::instance::StopMode;
use crate::api::status::{InstanceState, Tries};
use crate::environment::later;
use crate::instance::memory::ActionKind;
use crate::instance::observation::{Connection, InstanceView};
use crate::instance::step::{Change, Step};
use crate::provider::Machine;
use jiff::Timestamp;
use std::time::Duration;

/// Starts a stopped machine, unless its time is over, its namespace may not, or it was tried too often.
pub(super) fn start(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Step {
    let status = scene.object.seen();
    if machine.expired {
        return expired(machine);
    }
    if let Some(bar) = &connection.forbidden {
        return Step::Halt(bar.clone());
    }
    if let Some(pause) = scene.pause() {
        return pause;
    }
    let new_spec = status.observed_generation != Some(scene.object.generation());
    if !new_spec && exhausted(status.starts.as_ref(), scene.now) {
        return Step::Halt(Obstacle::new(
            Reason::Failed,
            format!(
                "machine {} was started {MOST_TRIES} times within an hour and is stopped again ({}{}); it is not started again until the spec changes or an hour has passed",
                machine.id,
                machine.cloud_state,
                note(machine)
            ),
        ));
    }
    Step::Start(difference::at_start(scene))
}

/// Why a machine whose time is over is left as it is.
pub(super) fn expired(machine: &Machine) -> Step {
    Step::Halt(Obstacle::new(
        Reason::Expired,
        format!(
            "the paid or allowed time of machine {} is over ({}); it is not started again unasked",
            machine.id, machine.cloud_state
        ),
    ))
}

/// Whether something was tried as often as it may be.
pub(super) fn exhausted(tries: Option<&Tries>, now: Timestamp) -> bool {
    tries.is_some_and(|tries| tries.count >= MOST_TRIES && now < later(tries.since.0, WINDOW))
}

/// Stops a running machine, with an image saved first where the spec asks for it.
pub(super) fn stop(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Step {
    let wants_snapshot = scene.object.spec.snapshot_on_stop.is_some() && !connection.capabilities.snapshot_with_stop;
    if wants_snapshot && machine.state == InstanceState::Running {
        match &scene.object.seen().snapshot {
            None => {
                return Step::Record(
                    vec![Change::SnapshotTaken],
                    Obstacle::new(Reason::SavingImage, "an image is saved before the stop"),
                );
            }
            // Written down, but not yet carried out by this process or shown by the cloud.
            Some(taken) if !image_was_asked_for(scene, machine, taken.at.0) => return Step::SaveImage,
            Some(_) => {}
        }
    }
    Step::Stop(connection.capabilities.stop_mode(scene.object.spec.stop_mode))
}

/// Whether the image was asked for: by this process, or long enough ago that another must have done it.
fn image_was_asked_for(scene: &Scene<'_>, machine: &Machine, taken: Timestamp) -> bool {
    let by_us = scene.seen.memory.action.as_ref().is_some_and(|action| {
        action.kind == ActionKind::SaveImage && action.instance_id == machine.id && action.ended >= taken
    });
    by_us || scene.now > later(taken, Duration::from_mins(2))
}

/// The way to stop that costs least.
pub(super) fn cheapest_stop(connection: &Connection) -> StopMode {
    connection.capabilities.stop_mode(None)
}
