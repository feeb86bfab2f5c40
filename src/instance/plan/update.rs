//! Changes that take several steps: a restart, new GPUs on the same machine, a new machine in its place.

use super::difference::drift;
use super::switch::{cheapest_stop, start};
use super::transition::{begin, end};
use super::{Scene, reinstall, replace};
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::instance::{StopMode, UpdatePolicy};
use crate::api::status::{InstanceState, Transition, TransitionKind};
use crate::instance::drift::{self, Drift};
use crate::instance::observation::Connection;
use crate::instance::step::{Change, Step, Wait};
use crate::provider::Machine;

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
        UpdatePolicy::Recreate => Some(match replace::may_replace(scene) {
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

/// The next step of a change that was begun.
pub(super) fn carry_on(scene: &Scene<'_>, connection: &Connection, machine: &Machine, transition: &Transition) -> Step {
    match transition.kind {
        TransitionKind::Restart | TransitionKind::Reshape if !scene.wants_running() => {
            end(scene, transition, "the machine is to be stopped")
        }
        TransitionKind::Restart | TransitionKind::Reshape => cycle(scene, connection, machine, transition),
        TransitionKind::Replace | TransitionKind::Discard => replace::discard(scene, connection, machine, transition),
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
