//! A machine that goes: for a new one in its place, or because it is too dear.

use super::patience::{is_being_deleted, is_on_its_way_down};
use super::switch::{exhausted, stop};
use super::{MOST_TRIES, Scene, price};
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::status::{InstanceState, Transition, TransitionKind};
use crate::instance::observation::{Connection, InstanceView};
use crate::instance::step::{Step, Wait};
use crate::provider::Machine;

/// Whether a machine may be replaced once more.
pub(super) fn may_replace(scene: &Scene<'_>) -> Result<(), Obstacle> {
    if exhausted(scene.object.seen().replacements.as_ref(), scene.now) {
        return Err(Obstacle::new(
            Reason::Failed,
            format!("{MOST_TRIES} machines were replaced within an hour; the next one waits until that hour is over"),
        ));
    }
    price::latched(scene).map_or(Ok(()), Err)
}

/// The machine goes, to be replaced or for good.
pub(super) fn discard(scene: &Scene<'_>, connection: &Connection, machine: &Machine, transition: &Transition) -> Step {
    let (reason, why) = if transition.kind == TransitionKind::Discard {
        (Reason::PriceAboveCap, price::why_discarded(scene))
    } else {
        (
            Reason::Replacing,
            "it is replaced, as spec.updatePolicy says".to_owned(),
        )
    };
    let under_way = machine.state == InstanceState::Deleting
        || is_being_deleted(scene, machine)
        || is_on_its_way_down(scene, connection, machine);
    if under_way {
        return Step::Wait(Wait::progress(
            reason,
            format!("machine {} is being deleted: {why}", machine.id),
        ));
    }
    if let Some(pause) = scene.pause() {
        return pause;
    }
    if machine.state == InstanceState::Running && !connection.capabilities.deletes_running {
        return stop(scene, connection, machine);
    }
    Step::Delete(machine.id.clone(), why)
}
