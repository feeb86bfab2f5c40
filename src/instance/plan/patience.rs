//! After a call, the lists may lag: how long they are not yet believed to show what it did.

use super::{DELETE_PATIENCE, PATIENCE, Scene};
use crate::api::condition::Reason;
use crate::api::status::InstanceState;
use crate::environment::later;
use crate::instance::memory::ActionKind;
use crate::instance::observation::Connection;
use crate::instance::step::{Step, Wait};
use crate::provider::Machine;
use std::time::Duration;

/// Whether this was asked of the cloud so lately that its lists may not show it yet.
pub(super) fn asked_lately(scene: &Scene<'_>, id: &str, kind: ActionKind, patience: Duration) -> bool {
    scene.seen.memory.action.as_ref().is_some_and(|action| {
        action.instance_id == id && action.kind == kind && scene.now < later(action.ended, patience)
    })
}

/// Whether a machine was told to go so lately that it may still be at it. One that has failed since is not.
pub(super) fn is_being_deleted(scene: &Scene<'_>, machine: &Machine) -> bool {
    let was_failed = || {
        scene
            .seen
            .memory
            .action
            .as_ref()
            .is_some_and(|action| action.before == InstanceState::Failed)
    };
    asked_lately(scene, &machine.id, ActionKind::Delete, DELETE_PATIENCE)
        && (machine.state != InstanceState::Failed || was_failed())
}

/// Whether a machine that must be stopped before it is deleted was told to so lately that it may still be at it.
pub(super) fn is_on_its_way_down(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> bool {
    let is_stopping = matches!(machine.state, InstanceState::Stopping | InstanceState::SavingImage);
    let was_told = || asked_lately(scene, &machine.id, ActionKind::Stop, DELETE_PATIENCE);
    !connection.capabilities.deletes_running && is_stopping && was_told()
}

/// Whether two lists agree that a machine is gone whose delete the cloud has acknowledged. Not while one of them may be as
/// old as the machine: it could show what was before that was made.
pub(super) fn shows_its_delete(scene: &Scene<'_>, connection: &Connection) -> bool {
    let evidence = &scene.seen.evidence;
    let acknowledged = scene.seen.memory.delete_acknowledged.is_some();
    let made = evidence.known_since;
    acknowledged && made.is_some_and(|made| evidence.absence.confirmed_from(later(made, connection.settle_after)))
}

/// After a call, lists may show the state from before for a while: the call is not repeated meanwhile.
pub(super) fn until_it_shows(scene: &Scene<'_>, machine: &Machine) -> Option<Step> {
    let action = scene
        .seen
        .memory
        .action
        .as_ref()
        .filter(|action| action.instance_id == machine.id)?;
    let listed_since = scene.seen.evidence.listed.is_some_and(|listed| listed > action.ended);
    let unchanged = machine.state == action.before;
    let patience = if action.kind == ActionKind::Delete {
        DELETE_PATIENCE
    } else {
        PATIENCE
    };
    let waiting = !listed_since || (unchanged && scene.now < later(action.ended, patience));
    waiting.then(|| {
        let (reason, doing) = match action.kind {
            ActionKind::Start => (Reason::Starting, "starting"),
            ActionKind::Stop => (Reason::Stopping, "stopping"),
            ActionKind::Restart => (Reason::Restarting, "restarting"),
            ActionKind::SaveImage => (Reason::SavingImage, "being saved as an image"),
            ActionKind::Update => (Reason::Reshaping, "being changed"),
            ActionKind::Delete => (Reason::Deleting, "being deleted"),
        };
        Step::Wait(
            Wait::progress(reason, format!("machine {} is {doing}", machine.id))
                .until(later(action.ended, patience))
                .list_after(action.ended),
        )
    })
}
