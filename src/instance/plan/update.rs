//! Changes that take several steps: a restart, new GPUs on the same machine, a new machine in its place.

use super::keep::{asked_lately, begin, cheapest_stop, exhausted, start, stop};
use super::{DELETE_PATIENCE, MOST_TRIES, Scene, price, reinstall};
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::instance::{StopMode, UpdatePolicy};
use crate::api::status::{InstanceState, Transition, TransitionKind};
use crate::instance::drift::{self, Drift};
use crate::instance::memory::ActionKind;
use crate::instance::observation::{Connection, InstanceView};
use crate::instance::step::{Change, Step, Wait};
use crate::provider::{Field, Machine};

/// What the spec now has otherwise than the machine was ordered.
pub(in crate::instance) fn drift(scene: &Scene<'_>, connection: &Connection) -> Drift {
    let ordered = scene
        .object
        .seen()
        .ordered
        .map(|ordered| ordered.digests)
        .unwrap_or_default();
    drift::compare(&ordered, &scene.seen.digests, connection.capabilities)
}

/// The first step of a change of the machine, if the policy wants one now.
pub(super) fn plan(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Option<Step> {
    let drift = drift(scene, connection);
    if drift.is_none() || scene.seen.refusal.is_some() {
        return scene
            .seen
            .refusal
            .as_ref()
            .filter(|_| !drift.is_none())
            .map(|refusal| Step::Halt(Obstacle::new(refusal.reason, refusal.message.clone())));
    }
    match scene.object.spec.update_policy {
        UpdatePolicy::Report => None,
        UpdatePolicy::Recreate if !scene.wants_running() => None,
        UpdatePolicy::Recreate => Some(match may_replace(scene) {
            Ok(()) => begin(
                scene,
                TransitionKind::Replace,
                format!(
                    "{} changed; machine {} is replaced",
                    drift::names(drift.fields(), connection.account.cloud),
                    machine.id
                ),
            ),
            Err(obstacle) => Step::Halt(obstacle),
        }),
        UpdatePolicy::InPlace => in_place(scene, connection, machine, &drift),
    }
}

fn in_place(scene: &Scene<'_>, connection: &Connection, machine: &Machine, drift: &Drift) -> Option<Step> {
    if let Some(pause) = scene.pause() {
        return Some(pause);
    }
    match machine.state {
        InstanceState::Running if !drift.running.is_empty() => Some(reinstall::plan(scene, connection, &drift.running)),
        InstanceState::Stopped if !drift.stopped.is_empty() => Some(Step::Update(drift.stopped.clone())),
        InstanceState::Running if !(drift.at_start.is_empty() && drift.stopped.is_empty()) && scene.wants_running() => {
            let fields = drift.at_start.iter().chain(&drift.stopped).copied();
            Some(begin(
                scene,
                TransitionKind::Reshape,
                format!(
                    "{} changed; machine {} is stopped and started with it",
                    drift::names(fields, connection.account.cloud),
                    machine.id
                ),
            ))
        }
        _ => None,
    }
}

/// The fields to change as part of a start.
pub(super) fn at_start(scene: &Scene<'_>) -> Vec<Field> {
    match &scene.seen.cloud {
        crate::instance::observation::CloudView::Connected(connection)
            if scene.object.spec.update_policy == UpdatePolicy::InPlace =>
        {
            drift(scene, connection).at_start
        }
        _ => Vec::new(),
    }
}

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

/// The next step of a change that was begun.
pub(super) fn carry_on(scene: &Scene<'_>, connection: &Connection, machine: &Machine, transition: &Transition) -> Step {
    match transition.kind {
        TransitionKind::Restart | TransitionKind::Reshape if !scene.wants_running() => {
            end(scene, transition, "the machine is to be stopped")
        }
        TransitionKind::Restart | TransitionKind::Reshape => cycle(scene, connection, machine, transition),
        TransitionKind::Replace | TransitionKind::Discard => discard(scene, connection, machine, transition),
        TransitionKind::Reinstall => reinstall::carry_on(scene, connection, machine, transition),
        TransitionKind::Unknown => Step::Wait(Wait {
            every_list: false,
            ..Wait::progress(
                Reason::UnknownState,
                "a newer version of the operator has begun a change that this one does not know",
            )
        }),
    }
}

/// Stop, then start.
fn cycle(scene: &Scene<'_>, connection: &Connection, machine: &Machine, transition: &Transition) -> Step {
    let restart = transition.kind == TransitionKind::Restart;
    let reason = if restart { Reason::Restarting } else { Reason::Reshaping };
    match (machine.state, transition.stopped) {
        (InstanceState::Running, false) if restart && connection.capabilities.restarts => {
            scene.pause().unwrap_or(Step::Restart)
        }
        (InstanceState::Running, false) => {
            // Keeping the GPU over a restart means that it cannot be lost to somebody else meanwhile.
            let keep = restart && connection.capabilities.stop_modes.contains(&StopMode::KeepGpu);
            Step::Stop(if keep {
                StopMode::KeepGpu
            } else {
                cheapest_stop(connection)
            })
        }
        (InstanceState::Stopped, false) => {
            let stopped = Transition {
                stopped: true,
                ..transition.clone()
            };
            Step::Record(
                vec![Change::Transition(Some(stopped))],
                Obstacle::new(reason, "the machine is stopped, to be started again"),
            )
        }
        (InstanceState::Stopped, true) => {
            let drift = drift(scene, connection);
            if restart || drift.stopped.is_empty() {
                return start(scene, connection, machine);
            }
            scene.pause().unwrap_or(Step::Update(drift.stopped))
        }
        (InstanceState::Running, true) => end(scene, transition, "the machine runs again"),
        (InstanceState::Failed | InstanceState::Frozen | InstanceState::Expired | InstanceState::Unknown, _) => end(
            scene,
            transition,
            &format!("the machine is {} instead", machine.cloud_state),
        ),
        _ => Step::Wait(Wait::progress(
            reason,
            format!("machine {} is {}", machine.id, machine.cloud_state),
        )),
    }
}

/// Writes down that a change is over.
pub(super) fn end(scene: &Scene<'_>, transition: &Transition, why: &str) -> Step {
    let mut changes = vec![Change::Transition(None)];
    if transition.kind == TransitionKind::Restart {
        changes.push(Change::Restarted);
    }
    let reason = if scene.wants_running() {
        Reason::Running
    } else {
        Reason::Stopped
    };
    Step::Record(changes, Obstacle::new(reason, why))
}

/// The machine goes, to be replaced or for good.
fn discard(scene: &Scene<'_>, connection: &Connection, machine: &Machine, transition: &Transition) -> Step {
    let (reason, why) = if transition.kind == TransitionKind::Discard {
        (Reason::PriceAboveCap, price::why_discarded(scene))
    } else {
        (
            Reason::Replacing,
            "it is replaced, as spec.updatePolicy says".to_owned(),
        )
    };
    let under_way = machine.state == InstanceState::Deleting
        || asked_lately(scene, &machine.id, ActionKind::Delete, DELETE_PATIENCE)
        || super::release::is_on_its_way_down(scene, connection, machine);
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
