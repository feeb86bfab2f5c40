//! Machines that were made for this object besides the one that it has: one that nobody has used goes, one that was
//! used is not thrown away with what is on it.

use super::patience::{asked_lately, is_being_deleted, is_on_its_way_down};
use super::{PATIENCE, Scene};
use crate::account::attempt_of;
use crate::api::status::InstanceState;
use crate::instance::memory::ActionKind;
use crate::instance::observation::{Connection, InstanceView};
use crate::instance::step::Step;
use crate::provider::Machine;

/// What is to be done about them.
pub(super) enum Extra {
    /// Nothing: there is none, or it may stay as it is.
    None,
    /// This.
    Now(Step),
    /// Nothing yet: the cloud is at it, or has refused it lately.
    Later,
}

/// What to do about them.
pub(super) fn plan(scene: &Scene<'_>, connection: &Connection, bound: &str) -> Extra {
    let machines = scene.seen.evidence.machines.iter();
    let extras = machines
        .filter(|machine| machine.id != bound && machine.state != InstanceState::Deleting)
        .filter(|machine| attempt_of(machine, scene.object.id(), &scene.seen.installation).is_some());
    let mut all = Extra::None;
    for machine in extras {
        match clear(scene, connection, machine) {
            Extra::None => {}
            Extra::Now(step) if scene.pause().is_none() => return Extra::Now(step),
            Extra::Now(_) | Extra::Later => all = Extra::Later,
        }
    }
    all
}

fn clear(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Extra {
    let came_back = scene.object.seen().replaced.contains(&machine.id);
    let goes = !came_back || connection.deletes_orphans;
    let runs = machine.state == InstanceState::Running;
    let why = || why(came_back, connection).to_owned();
    if runs && !(goes && connection.capabilities.deletes_running) {
        return if asked_lately(scene, &machine.id, ActionKind::Stop, PATIENCE) {
            Extra::Later
        } else {
            Extra::Now(Step::StopExtra(machine.id.clone(), why()))
        };
    }
    if !goes {
        return Extra::None;
    }
    let under_way = is_being_deleted(scene, machine) || is_on_its_way_down(scene, connection, machine);
    if under_way {
        Extra::Later
    } else {
        Extra::Now(Step::Delete(machine.id.clone(), why()))
    }
}

fn why(came_back: bool, connection: &Connection) -> &'static str {
    match (came_back, connection.deletes_orphans) {
        (false, _) => "it was made for this object a second time, after a reply was lost",
        (true, true) => "it was gone, was replaced, and came back; spec.orphans of the provider is Delete",
        (true, false) => {
            "it was gone, was replaced, and came back: it is kept, stopped, for what may be on it, until you delete it in the cloud's console or set spec.orphans of the provider to Delete"
        }
    }
}
