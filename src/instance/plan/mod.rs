//! Decides. Pure: no clock, no client, no chance, so that every decision is a row in a table.

mod difference;
mod extra;
mod keep;
mod patience;
mod price;
mod reinstall;
mod release;
mod rent;
mod replace;
mod settle;
mod switch;
mod transition;
mod update;

use jiff::Timestamp;
use std::time::Duration;

use super::observation::{CloudView, Connection, InstanceView, Observation};
use super::step::{Step, Wait};
use crate::account::{Obstacle, attempt_of, verdict};
use crate::api::condition::Reason;
use crate::api::instance::Power;
use crate::api::{BINDING_ANNOTATION, GpuInstance};
use crate::provider::Machine;
pub(super) use settle::unclear_order;

/// How long a claim may wait for its call to be sent. Whoever finds somebody else's claim waits this long, and more.
pub const CLAIM_WINDOW: Duration = Duration::from_mins(1);
/// How long the cloud may go on showing the state from before a call that it accepted.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long a machine may go on being there after a delete was accepted, before it is asked for again.
pub const DELETE_PATIENCE: Duration = Duration::from_mins(1);
/// How many starts against the cloud's will, and how many replacements of a machine, there may be in [`WINDOW`].
pub const MOST_TRIES: i64 = 3;
/// The span over which tries are counted.
pub const WINDOW: Duration = Duration::from_hours(1);

/// What a pass works with.
pub(super) struct Scene<'a> {
    pub(super) object: &'a GpuInstance,
    pub(super) seen: &'a Observation,
    pub(super) now: Timestamp,
}

/// What to do with an instance, as it is seen now.
#[must_use]
pub fn plan(object: &GpuInstance, seen: &Observation, now: Timestamp) -> Step {
    let scene = Scene { object, seen, now };
    if let Some(step) = scene.hearsay() {
        return step;
    }
    if object.metadata.deletion_timestamp.is_some() {
        return release::plan(&scene);
    }
    let connection = match scene.connection() {
        Ok(connection) => connection,
        Err(step) => return step,
    };
    if object.spec.suspend {
        return scene.suspended(connection);
    }
    if object.machine_id().is_some() {
        keep::plan(&scene, connection)
    } else if object.claim().is_some() {
        settle::plan(&scene, connection)
    } else {
        rent::plan(&scene, connection)
    }
}

impl<'a> Scene<'a> {
    /// The account, if it can be used and is the one that the object is bound to; else what to do without.
    pub(super) fn connection(&self) -> Result<&'a Connection, Step> {
        let connection = match &self.seen.cloud {
            CloudView::NotYet => {
                return Err(Step::Wait(Wait {
                    every_list: false,
                    ..Wait::quietly()
                }));
            }
            CloudView::Obstructed(obstacle) if obstacle.reason.is_outage() => {
                return Err(Step::Wait(Wait::outage(obstacle.clone())));
            }
            CloudView::Obstructed(obstacle) => return Err(Step::Halt(obstacle.clone())),
            CloudView::Connected(connection) => connection,
        };
        if let Some(changed) = self.account_changed(connection) {
            return Err(Step::Halt(changed));
        }
        if let Some(outage) = &self.seen.evidence.outage {
            let obstacle = Obstacle::new(verdict(&outage.error).reason, outage.error.message.clone());
            return Err(match obstacle.reason {
                reason if reason.is_outage() => Step::Wait(Wait::outage(obstacle)),
                reason if reason.is_stalled() => Step::Halt(obstacle),
                reason => Step::Wait(Wait::progress(reason, obstacle.message)),
            });
        }
        if self.seen.evidence.listed.is_none() {
            return Err(Step::Wait(Wait::quietly()));
        }
        Ok(connection)
    }

    fn account_changed(&self, connection: &Connection) -> Option<Obstacle> {
        let bound = self.object.bound_account()?;
        let status = self.object.seen();
        let holds = self.object.claim().is_some() || self.object.machine_id().is_some();
        let moved =
            status.account_id.is_some() && status.endpoint.as_deref().unwrap_or_default() != endpoint_of(connection);
        (holds && (bound != connection.account.id || moved)).then(|| {
            Obstacle::new(
                Reason::AccountChanged,
                format!(
                    "the machine belongs to account {bound}{}, but the provider now speaks for account {}{}; nothing is done until the provider speaks for {bound} again, or deletionPolicy Retain gives the machine up",
                    status.endpoint.filter(|_| moved).map_or_else(String::new, |endpoint| format!(" at {endpoint}")),
                    connection.account.id,
                    if moved { format!(" at {}", endpoint_of(connection)) } else { String::new() },
                ),
            )
        })
    }

    /// What to do with an object of which nothing but its annotation says that it has a machine. Whoever may edit the object
    /// can write that of any machine, so it is believed of one that bears this object's name, and of no other.
    fn hearsay(&self) -> Option<Step> {
        let id = self.object.machine_id()?;
        if self.object.seen().instance_id.is_some() {
            return None;
        }
        if let Err(step) = self.connection() {
            return Some(step);
        }
        let own = |machine: &Machine| attempt_of(machine, self.object.id(), &self.seen.installation).is_some();
        if self.seen.machine(&id).is_some_and(own) {
            return None;
        }
        Some(Step::Halt(Obstacle::new(
            Reason::AdoptionUnconfirmed,
            format!(
                "the annotation {BINDING_ANNOTATION} says that machine {id} is this object's, but status does not know it and no machine of that id bears this object's name; remove the annotation to rent a new one, and set spec.instanceId before that to adopt that machine"
            ),
        )))
    }

    /// What a suspended object does: it looks, and says what it would do.
    fn suspended(&self, connection: &Connection) -> Step {
        let mut awake = self.object.clone();
        awake.spec.suspend = false;
        let scene = Scene {
            object: &awake,
            ..*self
        };
        let step = if awake.machine_id().is_some() {
            keep::plan(&scene, connection)
        } else if awake.claim().is_some() {
            settle::plan(&scene, connection)
        } else {
            rent::plan(&scene, connection)
        };
        match step {
            // Knowing more changes nothing at the cloud.
            Step::WriteBinding => step,
            Step::Record(..) | Step::FollowTask(_) if awake.machine_id().is_none() && awake.claim().is_some() => step,
            Step::Rest => Step::Suspended(None),
            Step::Wait(wait) => match wait.standing {
                super::step::Standing::Progress(why) => Step::Suspended(Some(why.message)),
                _ => Step::Wait(wait),
            },
            Step::Halt(obstacle) => Step::Halt(obstacle),
            step => Step::Suspended(Some(format!("suspended: {} is not done", verb(&step)))),
        }
    }

    /// The pause after a failure that still holds, if this is the generation that it is for, and the machine is still in
    /// the state in which something was refused.
    pub(super) fn pause(&self) -> Option<Step> {
        let pause = self.seen.memory.pause.as_ref()?;
        let same_state = pause.refused_in.as_ref().is_none_or(|(machine, before)| {
            let state = self.seen.state_of(Some(machine));
            state.is_none_or(|now| now == *before)
        });
        let holds = pause.generation == self.object.generation() && self.now < pause.until && same_state;
        holds.then(|| {
            let why = pause.why.clone();
            if why.reason.is_outage() {
                Step::Wait(
                    Wait {
                        every_list: false,
                        ..Wait::outage(why)
                    }
                    .until(pause.until),
                )
            } else if why.reason.is_stalled() {
                Step::Halt(why)
            } else {
                Step::Wait(
                    Wait {
                        every_list: false,
                        ..Wait::progress(why.reason, why.message)
                    }
                    .until(pause.until),
                )
            }
        })
    }

    pub(super) fn wants_running(&self) -> bool {
        self.object.spec.power == Power::Running
    }
}

/// Why nothing new may be rented: the namespace is not allowed, or the provider is going away.
pub(super) fn bar(connection: &Connection) -> Option<Obstacle> {
    connection.forbidden.clone().or_else(|| connection.closing.clone())
}

/// The base URL through which an account is reached; empty for the vendor's own.
pub(super) fn endpoint_of(connection: &Connection) -> &str {
    connection.account.endpoint.as_deref().unwrap_or_default()
}

/// What a step does, in words for a message or a log line.
#[must_use]
pub fn verb(step: &Step) -> &'static str {
    step.into()
}

/// What the cloud adds to a machine's state, to be put behind it.
fn note(machine: &Machine) -> String {
    machine
        .note
        .as_ref()
        .map_or_else(String::new, |note| format!(": {note}"))
}

#[cfg(test)]
#[allow(clippy::pedantic, reason = "tables that are read as sentences")]
pub(super) mod tests;
