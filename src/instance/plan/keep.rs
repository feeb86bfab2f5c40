//! An object with a machine: keep it as the spec asks.

use super::{MOST_TRIES, PATIENCE, Scene, WINDOW, price, reinstall, update};
use crate::account::{Obstacle, attempt_of};
use crate::api::condition::Reason;
use crate::api::instance::{StopMode, UpdatePolicy};
use crate::api::status::{InstanceState, PriceLatch, Transition, TransitionKind, Tries};
use crate::api::{BINDING_ANNOTATION, money};
use crate::instance::memory::ActionKind;
use crate::instance::observation::{Connection, InstanceView, later};
use crate::instance::step::{Change, Standing, Step, Wait};
use crate::provider::Machine;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

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
    if let Some(extra) = extra(scene, &id) {
        return Step::Delete(
            extra,
            "it was made for this object a second time, after a reply was lost".to_owned(),
        );
    }
    match scene.seen.evidence.machines.iter().find(|machine| machine.id == id) {
        Some(machine) => present(scene, connection, machine),
        None => absent(scene, connection, &id),
    }
}

/// A second machine of this object's: made by an order whose reply was lost, never the one in use.
fn extra(scene: &Scene<'_>, bound: &str) -> Option<String> {
    let machines = scene.seen.evidence.machines.iter();
    let extra = machines
        .filter(|machine| machine.id != bound && machine.state != InstanceState::Deleting)
        .find(|machine| attempt_of(machine, scene.object.id(), &scene.seen.installation).is_some())?;
    let later = asked_lately(scene, &extra.id, ActionKind::Delete, super::DELETE_PATIENCE) || scene.pause().is_some();
    (!later).then(|| extra.id.clone())
}

/// Whether this was asked of the cloud so lately that its lists may not show it yet.
pub(super) fn asked_lately(scene: &Scene<'_>, id: &str, kind: ActionKind, patience: std::time::Duration) -> bool {
    scene.seen.memory.action.as_ref().is_some_and(|action| {
        action.instance_id == id && action.kind == kind && scene.now < later(action.ended, patience)
    })
}

fn absent(scene: &Scene<'_>, connection: &Connection, id: &str) -> Step {
    let object = scene.object;
    let leaving = object
        .seen()
        .transition
        .filter(|transition| matches!(transition.kind, TransitionKind::Replace | TransitionKind::Discard));
    let absence = &scene.seen.evidence.absence;
    let acknowledged = scene.seen.memory.delete_acknowledged.is_some();
    let gone = absence.lasted(connection.settle()) || (acknowledged && leaving.is_some() && absence.confirmed());
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
    if object.spec.update_policy == UpdatePolicy::Recreate && scene.wants_running() {
        return match update::may_replace(scene) {
            Ok(()) => Step::Forget(
                vec![Change::Unbind, Change::Transition(None), Change::CountReplacement],
                Obstacle::new(
                    Reason::Replacing,
                    format!("machine {id} is gone; a new one is rented, as spec.updatePolicy says"),
                ),
            ),
            Err(obstacle) => Step::Halt(obstacle),
        };
    }
    Step::Halt(Obstacle::new(
        Reason::Lost,
        format!(
            "account {} no longer has machine {id}: complete lists, {} s apart, do not show it; it is not replaced unless spec.updatePolicy is Recreate",
            connection.account.id,
            connection.settle_after.as_secs()
        ),
    ))
}

fn present(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Step {
    if let Some(wait) = until_it_shows(scene, machine) {
        return wait;
    }
    if let Some(step) = price(scene, connection, machine) {
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
            match update::may_replace(scene) {
                Ok(()) => begin(
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
        InstanceState::Expired => expired(machine),
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

/// After a call, lists may show the state from before for a while: the call is not repeated meanwhile.
fn until_it_shows(scene: &Scene<'_>, machine: &Machine) -> Option<Step> {
    let action = scene
        .seen
        .memory
        .action
        .as_ref()
        .filter(|action| action.instance_id == machine.id)?;
    let listed_since = scene.seen.evidence.listed.is_some_and(|listed| listed > action.ended);
    let unchanged = machine.state == action.before;
    let patience = if action.kind == ActionKind::Delete {
        super::DELETE_PATIENCE
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

fn note(machine: &Machine) -> String {
    machine
        .note
        .as_ref()
        .map_or_else(String::new, |note| format!(": {note}"))
}

/// A machine above the cap: never started, never kept running. One that nobody has used is given back.
fn price(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Option<Step> {
    let object = scene.object;
    let status = object.seen();
    let latched = price::latched(scene);
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
            price::above_cap(object.spec.max_price_per_hour.as_deref(), &latch.price),
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

/// The way to stop that costs least.
pub(super) fn cheapest_stop(connection: &Connection) -> StopMode {
    connection.capabilities.stop_mode(None)
}

fn expired(machine: &Machine) -> Step {
    Step::Halt(Obstacle::new(
        Reason::Expired,
        format!(
            "the paid or allowed time of machine {} is over ({}); it is not started again unasked",
            machine.id, machine.cloud_state
        ),
    ))
}

fn running(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Step {
    let object = scene.object;
    let status = object.seen();
    if !scene.wants_running() {
        return stop(scene, connection, machine);
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
        return begin(
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
    by_us || scene.now > later(taken, std::time::Duration::from_mins(2))
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
    start(scene, connection, machine)
}

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
    Step::Start(update::at_start(scene))
}

/// Whether something was tried as often as it may be.
pub(super) fn exhausted(tries: Option<&Tries>, now: Timestamp) -> bool {
    tries.is_some_and(|tries| tries.count >= MOST_TRIES && now < later(tries.since.0, WINDOW))
}

/// Writes down the beginning of a change in several steps.
pub(super) fn begin(scene: &Scene<'_>, kind: TransitionKind, why: String) -> Step {
    let reason = match kind {
        TransitionKind::Restart => Reason::Restarting,
        TransitionKind::Reshape => Reason::Reshaping,
        TransitionKind::Discard => Reason::PriceAboveCap,
        TransitionKind::Reinstall => Reason::Reinstalling,
        TransitionKind::Replace | TransitionKind::Unknown => Reason::Replacing,
    };
    let mut changes = vec![transition(scene, kind)];
    // What the user asks for is not a start against the cloud's will.
    if matches!(kind, TransitionKind::Restart | TransitionKind::Reshape) && scene.object.seen().starts.is_some() {
        changes.push(Change::ForgetStarts);
    }
    Step::Record(changes, Obstacle::new(reason, why))
}

fn transition(scene: &Scene<'_>, kind: TransitionKind) -> Change {
    Change::Transition(Some(Transition {
        kind,
        since: Time(scene.now),
        stopped: false,
    }))
}
