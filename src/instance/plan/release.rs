//! An object that is being deleted: its machine first, by its policy. The finalizer stays on every error.

use super::extra::{self, Extra};
use super::patience::{asked_lately, is_being_deleted, is_on_its_way_down, shows_its_delete, until_it_shows};
use super::{Scene, settle};
use crate::account::{Obstacle, attempt_of};
use crate::api::condition::Reason;
use crate::api::instance::DeletionPolicy;
use crate::api::status::InstanceState;
use crate::environment::later;
use crate::instance::memory::ActionKind;
use crate::instance::observation::{Connection, InstanceView};
use crate::instance::step::{Change, Step, Wait};
use crate::provider::Machine;

/// The next step towards letting the object go.
pub(super) fn plan(scene: &Scene<'_>) -> Step {
    let object = scene.object;
    if !object.holds_finalizer() {
        return Step::Rest;
    }
    match (object.machine_id(), object.claim()) {
        (None, None) => nothing_held(scene),
        (None, Some(_)) => unsettled(scene),
        (Some(id), _) => match object.spec.deletion_policy() {
            DeletionPolicy::Retain => others_first(scene, &id).unwrap_or(Step::LetGo),
            DeletionPolicy::Stop => others_first(scene, &id).unwrap_or_else(|| stop_first(scene)),
            DeletionPolicy::Delete => delete(scene),
        },
    }
}

/// One machine is kept: what else was made for this object goes while there still is somebody who knows of it.
fn others_first(scene: &Scene<'_>, kept: &str) -> Option<Step> {
    let connection = scene.connection().ok()?;
    scene.seen.machine(kept)?;
    match extra::plan(scene, connection, kept) {
        Extra::None => None,
        Extra::Now(step) => Some(step),
        Extra::Later => Some(Step::Wait(Wait::progress(
            Reason::Deleting,
            format!("machine {kept} is kept; another that was made for this object goes first"),
        ))),
    }
}

/// Nothing was claimed, or every claim came to nothing. A machine of this object's name is its own all the same; one that
/// it only wished to adopt is not.
fn nothing_held(scene: &Scene<'_>) -> Step {
    let named = |machine: &&Machine| attempt_of(machine, scene.object.id(), &scene.seen.installation).is_some();
    if let Some(machine) = scene.seen.evidence.machines.iter().find(named) {
        return Step::Record(
            vec![Change::Bind(machine.id.clone())],
            Obstacle::new(
                Reason::Deleting,
                format!("found machine {}, which was made for this object", machine.id),
            ),
        );
    }
    Step::DropFinalizer("no machine was rented".to_owned())
}

/// An order whose outcome is not known is settled first, whatever the policy.
fn unsettled(scene: &Scene<'_>) -> Step {
    let ours = scene
        .object
        .claim()
        .zip(scene.seen.memory.own_claim.as_ref())
        .is_some_and(|(claim, own)| own.name == claim.name);
    if ours && scene.seen.memory.sent.is_none() && scene.object.claim().is_some_and(|claim| claim.task.is_none()) {
        return Step::Record(
            vec![Change::Unclaim],
            Obstacle::new(Reason::Deleting, "the order was not sent"),
        );
    }
    match scene.connection() {
        Ok(connection) => settle::plan(scene, connection),
        Err(step) => step,
    }
}

fn stop_first(scene: &Scene<'_>) -> Step {
    let connection = match scene.connection() {
        Ok(connection) => connection,
        Err(step) => return step,
    };
    let Some(machine) = bound_machine(scene) else {
        return gone_or_wait(scene, connection);
    };
    match machine.state {
        InstanceState::Stopped | InstanceState::Frozen | InstanceState::Expired | InstanceState::Failed => {
            let_go_once_proven(scene, connection, machine)
        }
        InstanceState::Running => {
            until_it_shows(scene, machine).unwrap_or_else(|| super::switch::stop(scene, connection, machine))
        }
        _ => Step::Wait(Wait::progress(
            Reason::Stopping,
            format!("machine {} is stopped before this object goes", machine.id),
        )),
    }
}

/// A list that was begun before the last call proves nothing of the machine, and one begun later may lag; and a process
/// that has just started does not know what was called. Once a stop of ours shows, it holds; else what lists show is
/// believed when it has lasted as long as absence must.
fn let_go_once_proven(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Step {
    let evidence = &scene.seen.evidence;
    let Some((listed, since)) = evidence.listed.zip(evidence.unchanged_since) else {
        return Step::Wait(Wait::quietly());
    };
    let action = scene.seen.memory.action.as_ref();
    let action = action.filter(|action| action.instance_id == machine.id);
    let shows_our_stop =
        action.is_some_and(|action| action.kind == ActionKind::Stop && action.acknowledged && since > action.ended);
    let begun = action.map_or(since, |action| since.max(action.ended));
    let proven = later(begun, connection.settle_after);
    if shows_our_stop || listed >= proven {
        return Step::LetGo;
    }
    let message = format!(
        "machine {} is shown as {}; a list begun after {proven:.0} must show so too before this object goes",
        machine.id, machine.cloud_state
    );
    Step::Wait(Wait::progress(Reason::Stopping, message).list_after(proven))
}

fn bound_machine<'a>(scene: &'a Scene<'_>) -> Option<&'a Machine> {
    let id = scene.object.machine_id()?;
    scene.seen.machine(&id)
}

fn delete(scene: &Scene<'_>) -> Step {
    let connection = match scene.connection() {
        Ok(connection) => connection,
        Err(step) => return step,
    };
    // The bound machine, and any other that was made for this object.
    let remaining = scene
        .seen
        .evidence
        .machines
        .iter()
        .find(|machine| machine.state != InstanceState::Deleting);
    let Some(machine) = remaining else {
        return gone_or_wait(scene, connection);
    };
    if is_being_deleted(scene, machine) {
        return Step::Wait(deleting(&machine.id));
    }
    if machine.state == InstanceState::Running && !connection.capabilities.deletes_running {
        if asked_lately(scene, &machine.id, ActionKind::Stop, super::PATIENCE) {
            return Step::Wait(deleting(&machine.id));
        }
        return Step::Stop(super::switch::cheapest_stop(connection));
    }
    if is_on_its_way_down(scene, connection, machine) {
        return Step::Wait(deleting(&machine.id));
    }
    if let Some(pause) = scene.pause() {
        return pause;
    }
    Step::Delete(machine.id.clone(), "its object was deleted".to_owned())
}

fn deleting(id: &str) -> Wait {
    Wait::progress(Reason::Deleting, format!("machine {id} is being deleted"))
}

fn gone_or_wait(scene: &Scene<'_>, connection: &Connection) -> Step {
    let id = scene.object.machine_id().unwrap_or_default();
    let absence = &scene.seen.evidence.absence;
    let acknowledged = scene.seen.memory.delete_acknowledged.is_some();
    if absence.lasted(connection.settle()) || shows_its_delete(scene, connection) {
        return Step::DropFinalizer(format!("machine {id} is gone"));
    }
    Step::Wait(match absence.since {
        Some(since) if !acknowledged => deleting(&id).list_after(later(since, connection.settle_after)),
        _ => deleting(&id),
    })
}
