//! An object with a machine: keep it as the spec asks.

use super::extra::{self, Extra};
use super::{PATIENCE, Scene, note, patience, price, reinstall, replace, switch, transition, update};
use crate::account::Obstacle;
use crate::api::BINDING_ANNOTATION;
use crate::api::condition::Reason;
use crate::api::instance::{StopMode, UpdatePolicy};
use crate::api::status::{InstanceState, TransitionKind};
use crate::environment::later;
use crate::instance::observation::{Connection, InstanceView};
use crate::instance::step::{Change, Standing, Step, Wait};
use crate::provider::Machine;

/// The next step for a machine.
pub(super) fn plan(scene: &Scene<'_>, connection: &Connection) -> Step {
    let object = scene.object;
    let Some(id) = object.machine_id() else {
        return Step::Wait(Wait::quietly());
    };
    if object.seen().instance_id.is_none() {
        return Step::Record(
            vec![Change::Bind(id.clone())],
            Obstacle::new(
                Reason::Pending,
                format!("machine {id} is known by the annotation {BINDING_ANNOTATION}"),
            ),
        );
    }
    if !object.holds_finalizer() {
        return Step::TakeFinalizer;
    }
    let bound = object
        .binding()
        .is_some_and(|binding| binding.uid == object.id() && binding.instance_id == id);
    if !bound {
        return Step::WriteBinding;
    }
    let extra = extra::plan(scene, connection, &id);
    if let Extra::Now(step) = extra {
        return step;
    }
    let step = match scene.seen.machine(&id) {
        Some(machine) => present(scene, connection, machine),
        None => absent(scene, connection, &id),
    };
    match (extra, step) {
        // It costs until it is gone: the next list tells whether it can be deleted by now.
        (Extra::Later, Step::Rest) => Step::Wait(Wait {
            standing: Standing::Ready,
            ..Wait::quietly().until(later(scene.now, PATIENCE))
        }),
        (_, step) => step,
    }
}

fn absent(scene: &Scene<'_>, connection: &Connection, id: &str) -> Step {
    let object = scene.object;
    let leaving = object
        .seen()
        .transition
        .filter(|transition| matches!(transition.kind, TransitionKind::Replace | TransitionKind::Discard));
    let absence = &scene.seen.evidence.absence;
    let acknowledged = scene.seen.memory.delete_acknowledged.is_some();
    let gone =
        absence.lasted(connection.settle()) || (leaving.is_some() && patience::shows_its_delete(scene, connection));
    if !gone {
        // Not said before it is proven: one odd list must not alarm anyone.
        return Step::Wait(match absence.since {
            Some(since) if !acknowledged => Wait::quietly().list_after(later(since, connection.settle_after)),
            _ => Wait::quietly(),
        });
    }
    if let Some(transition) = leaving {
        let mut changes = vec![Change::Unbind, Change::Transition(None)];
        let reason = if transition.kind == TransitionKind::Replace {
            changes.push(Change::CountReplacement);
            Reason::Replacing
        } else {
            Reason::Deleting
        };
        return Step::Forget(changes, Obstacle::new(reason, format!("machine {id} is gone")));
    }
    let why_not_replaced = if object.spec.update_policy != UpdatePolicy::Recreate {
        "unless spec.updatePolicy is Recreate".to_owned()
    } else if !scene.wants_running() {
        "while it is to be stopped".to_owned()
    } else if let Err(obstacle) = replace::may_replace(scene) {
        format!("now: {}", obstacle.message)
    } else {
        return Step::Forget(
            vec![
                Change::Replaced,
                Change::Unbind,
                Change::Transition(None),
                Change::CountReplacement,
            ],
            Obstacle::new(
                Reason::Replacing,
                format!("machine {id} is gone; a new one is rented, as spec.updatePolicy says"),
            ),
        );
    };
    Step::Halt(Obstacle::new(
        Reason::Lost,
        format!(
            "account {} no longer has machine {id}: complete lists, {} s apart, do not show it; it is not replaced {why_not_replaced}",
            connection.account.id,
            connection.settle_after.as_secs()
        ),
    ))
}

fn present(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Step {
    if let Some(wait) = patience::until_it_shows(scene, machine) {
        return wait;
    }
    if let Some(step) = price::keep_to_cap(scene, connection, machine) {
        return step;
    }
    if let Some(transition) = &scene.object.seen().transition {
        return update::carry_on(scene, connection, machine, transition);
    }
    if let Some(step) = reinstall::unrecorded(scene, connection, machine) {
        return step;
    }
    if let Some(step) = on_its_way(machine) {
        return step;
    }
    match machine.state {
        InstanceState::Failed if scene.object.spec.update_policy == UpdatePolicy::Recreate && scene.wants_running() => {
            match replace::may_replace(scene) {
                Ok(()) => transition::begin(
                    scene,
                    TransitionKind::Replace,
                    format!("machine {} failed; it is replaced", machine.id),
                ),
                Err(obstacle) => Step::Halt(obstacle),
            }
        }
        InstanceState::Failed => Step::Halt(Obstacle::new(
            Reason::Failed,
            format!(
                "the cloud says that machine {} failed ({}{}); it is kept until this object is deleted",
                machine.id,
                machine.cloud_state,
                note(machine)
            ),
        )),
        InstanceState::Frozen => Step::Wait(Wait::progress(
            Reason::InsufficientBalance,
            format!(
                "the cloud has frozen machine {} ({}), usually for arrears: top up account {}",
                machine.id, machine.cloud_state, connection.account.id
            ),
        )),
        InstanceState::Expired => switch::expired(machine),
        InstanceState::Running => {
            update::plan(scene, connection, machine).unwrap_or_else(|| running(scene, connection, machine))
        }
        InstanceState::Stopped => {
            update::plan(scene, connection, machine).unwrap_or_else(|| stopped(scene, connection, machine))
        }
        _ => Step::Wait(Wait {
            every_list: false,
            ..Wait::progress(
                Reason::UnknownState,
                format!(
                    "the cloud says that machine {} is {:?}, a word that is not known; nothing is done",
                    machine.id, machine.cloud_state
                ),
            )
        }),
    }
}

fn on_its_way(machine: &Machine) -> Option<Step> {
    let (reason, doing) = match machine.state {
        InstanceState::Creating | InstanceState::Pending => (Reason::Creating, "being made"),
        InstanceState::Starting | InstanceState::Restarting => (Reason::Starting, "starting"),
        InstanceState::Stopping => (Reason::Stopping, "stopping"),
        InstanceState::SavingImage => (Reason::SavingImage, "being saved as an image"),
        InstanceState::Reinstalling => (Reason::Reinstalling, "getting a new image"),
        InstanceState::Deleting => (Reason::Deleting, "being deleted, not by this operator"),
        _ => return None,
    };
    Some(Step::Wait(Wait::progress(
        reason,
        format!("machine {} is {doing}{}", machine.id, note(machine)),
    )))
}

fn running(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Step {
    let object = scene.object;
    let status = object.seen();
    if !scene.wants_running() {
        return switch::stop(scene, connection, machine);
    }
    if status.snapshot.is_some() {
        return Step::Record(
            vec![Change::ForgetSnapshot],
            Obstacle::new(Reason::Running, "the machine runs again"),
        );
    }
    if let Some(bar) = &connection.forbidden {
        return Step::Halt(bar.clone());
    }
    if object.spec.restarted_at.is_some() && object.spec.restarted_at != status.last_restarted_at {
        return transition::begin(
            scene,
            TransitionKind::Restart,
            "spec.restartedAt has a new time".to_owned(),
        );
    }
    if connection.capabilities.always_ssh && machine.ssh.is_none() {
        return Step::Wait(Wait {
            standing: Standing::Ready,
            ..Wait::quietly()
        });
    }
    Step::Rest
}

fn stopped(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Step {
    let object = scene.object;
    let status = object.seen();
    if !scene.wants_running() {
        let keeps_gpu = status.stopped_with == Some(StopMode::KeepGpu);
        if keeps_gpu && connection.capabilities.stop_mode(object.spec.stop_mode) == StopMode::ReleaseGpu {
            return Step::Stop(StopMode::ReleaseGpu);
        }
        if object.spec.restarted_at.is_some() && object.spec.restarted_at != status.last_restarted_at {
            return Step::Record(
                vec![Change::Restarted],
                Obstacle::new(
                    Reason::Stopped,
                    "spec.restartedAt needs nothing while the machine is stopped",
                ),
            );
        }
        if status.starts.is_some() {
            return Step::Record(
                vec![Change::ForgetStarts],
                Obstacle::new(Reason::Stopped, "the machine is stopped"),
            );
        }
        return Step::Rest;
    }
    switch::start(scene, connection, machine)
}
