//! The conditions of status: whether the machine is as the spec asks, whether it can be used, and what differs.

use std::collections::BTreeMap;

use super::{Scene, Verdict};
use crate::account::Obstacle;
use crate::api::GpuInstance;
use crate::api::condition::{self, Reason, Truth, Type};
use crate::api::instance::{Power, UpdatePolicy};
use crate::api::status::{GpuInstanceStatus, InstanceState};
use crate::instance::drift::{self, Drift};
use crate::instance::observation::{CloudView, Connection, InstanceView};
use crate::instance::step::Standing;
use crate::provider::{Machine, When};

/// Sets all of them.
pub(super) fn set(status: &mut GpuInstanceStatus, scene: &Scene<'_>) {
    let generation = scene.object.generation();
    let first = status.conditions.is_empty();
    let old_generation = status.observed_generation;
    let mut set = |kind, truth, reason, message: &str| {
        condition::set(
            &mut status.conditions,
            kind,
            truth,
            reason,
            message,
            generation,
            scene.now,
        );
    };
    let mut reconciling = None;
    let mut stalled = None;
    match scene.verdict {
        Verdict::Standing(Standing::Unchanged) if first => {
            let waiting = Obstacle::new(Reason::Pending, "the operator is about to look");
            set(Type::Ready, Truth::False, waiting.reason, &waiting.message);
            set(Type::Synced, Truth::Unknown, waiting.reason, &waiting.message);
            reconciling = Some(waiting);
        }
        // Nothing new is known: what was said stays, for the generation for which it was said.
        Verdict::Standing(Standing::Unchanged) => return,
        Verdict::Standing(Standing::Ready) => {
            set(Type::Synced, Truth::True, Reason::CloudAnswered, "the cloud answered");
            let (reason, message) = as_specified(scene.object.spec.power, status.instance_id.is_some());
            set(Type::Ready, Truth::True, reason, message);
        }
        Verdict::Standing(Standing::Progress(why)) => {
            set(Type::Synced, Truth::True, Reason::CloudAnswered, "the cloud answered");
            set(Type::Ready, Truth::False, why.reason, &why.message);
            reconciling = Some(why.clone());
        }
        Verdict::Standing(Standing::Outage(why)) => {
            set(Type::Synced, Truth::False, why.reason, &why.message);
            if first || old_generation != Some(generation) {
                set(Type::Ready, Truth::Unknown, why.reason, &why.message);
            }
            reconciling = Some(why.clone());
        }
        Verdict::Stalled(why) => {
            let synced = if why.reason.is_provider_side() {
                Truth::False
            } else {
                Truth::True
            };
            let (reason, message) = match synced {
                Truth::True => (Reason::CloudAnswered, "the cloud answered"),
                _ => (why.reason, why.message.as_str()),
            };
            set(Type::Synced, synced, reason, message);
            set(Type::Ready, Truth::False, why.reason, &why.message);
            stalled = Some(why.clone());
        }
        Verdict::Suspended(differs) => {
            set(Type::Synced, Truth::True, Reason::CloudAnswered, "the cloud answered");
            match differs {
                None => set(
                    Type::Ready,
                    Truth::True,
                    Reason::Suspended,
                    "suspended; the machine is as the spec asks",
                ),
                Some(what) => set(Type::Ready, Truth::False, Reason::Suspended, what),
            }
        }
    }
    let ready = condition::get(&status.conditions, Type::Ready).is_some_and(|ready| ready.status == "True");
    status.was_ready |= ready && status.instance_id.is_some();
    for (kind, why) in [(Type::Reconciling, reconciling), (Type::Stalled, stalled)] {
        let (reason, message) = why
            .as_ref()
            .map_or((Reason::AsSpecified, ""), |why| (why.reason, why.message.as_str()));
        condition::set_while(
            &mut status.conditions,
            why.is_some(),
            kind,
            reason,
            message,
            generation,
            scene.now,
        );
    }
    available(status, scene);
    drifted(status, scene);
    status.observed_generation = Some(generation);
}

fn as_specified(power: Power, rented: bool) -> (Reason, &'static str) {
    match power {
        Power::Running => (Reason::Running, "the machine runs"),
        Power::Stopped if rented => (Reason::Stopped, "the machine is stopped, as the spec asks"),
        Power::Stopped => (Reason::Stopped, "nothing is rented: spec.power is Stopped"),
    }
}

fn available(status: &mut GpuInstanceStatus, scene: &Scene<'_>) {
    let generation = scene.object.generation();
    let outage = matches!(scene.verdict, Verdict::Standing(Standing::Outage(_)));
    if outage && condition::get(&status.conditions, Type::Available).is_some() {
        return;
    }
    let (truth, reason, message) = match missing_endpoint(status, scene) {
        None => (Truth::True, Reason::Running, reachable(scene.seen.machine_of(status))),
        Some((reason, what)) => (Truth::False, reason, what),
    };
    condition::set(
        &mut status.conditions,
        Type::Available,
        truth,
        reason,
        &message,
        generation,
        scene.now,
    );
}

/// That the machine can be used, and what its cloud has to say about that, such as who can log in.
fn reachable(machine: Option<&Machine>) -> String {
    let note = machine.and_then(|machine| machine.note.as_ref());
    let note = note.map_or_else(String::new, |note| format!("; {note}"));
    format!("the machine runs, and every endpoint is published{note}")
}

fn missing_endpoint(status: &GpuInstanceStatus, scene: &Scene<'_>) -> Option<(Reason, String)> {
    if status.state != Some(InstanceState::Running) {
        let state = status.state.unwrap_or(InstanceState::Pending);
        let reason = if state == InstanceState::Stopped {
            Reason::Stopped
        } else {
            Reason::Pending
        };
        return Some((reason, "the machine does not run".to_owned()));
    }
    let endpoints = status.endpoints.clone().unwrap_or_default();
    let wants_ssh = match &scene.seen.cloud {
        CloudView::Connected(connection) => wants_ssh(connection, scene.object),
        _ => endpoints.ssh.is_some(),
    };
    let pending = |what: &str| {
        Some((
            Reason::EndpointsPending,
            format!("the machine runs, but the cloud does not tell {what} yet"),
        ))
    };
    if wants_ssh && endpoints.ssh.is_none() {
        return pending("where its shell is");
    }
    let published = |port: u16| endpoints.ports.iter().any(|endpoint| endpoint.port == port);
    if let Some(port) = scene.object.spec.ports.iter().find(|port| !published(port.port)) {
        return pending(&format!("where port {} is reached", port.port));
    }
    if !scene.secret_written && status.binding.is_none() {
        return Some((
            Reason::EndpointsPending,
            "the connection Secret is not written yet".to_owned(),
        ));
    }
    None
}

fn wants_ssh(connection: &Connection, object: &GpuInstance) -> bool {
    use crate::api::instance::PortProtocol::Ssh;
    connection.capabilities.always_ssh || object.spec.ports.iter().any(|port| port.protocol == Ssh)
}

fn drifted(status: &mut GpuInstanceStatus, scene: &Scene<'_>) {
    let CloudView::Connected(connection) = &scene.seen.cloud else {
        return;
    };
    let none = BTreeMap::new();
    let held = status.instance_id.is_some();
    let ordered = status.ordered.as_ref().map_or(&none, |ordered| &ordered.digests);
    let drift = drift::compare(ordered, &scene.seen.digests, connection.capabilities);
    let message = drift_message(&drift, scene.object, connection);
    condition::set_while(
        &mut status.conditions,
        held && !drift.is_none(),
        Type::Drifted,
        Reason::SpecChanged,
        &message,
        scene.object.generation(),
        scene.now,
    );
}

fn drift_message(drift: &Drift, object: &GpuInstance, connection: &Connection) -> String {
    let cloud = connection.account.cloud;
    let names = drift::names(drift.fields(), cloud);
    match object.spec.update_policy {
        UpdatePolicy::Report => {
            format!("{names} changed since the machine was made; spec.updatePolicy Report changes nothing")
        }
        UpdatePolicy::Recreate => {
            format!("{names} changed since the machine was made; it is replaced when it is next to run")
        }
        UpdatePolicy::InPlace if drift.never.is_empty() => {
            let at_start = drift
                .fields()
                .all(|field| connection.capabilities.when(field) == Some(When::AtStart));
            let when = if at_start {
                "when the machine is next started"
            } else {
                "on the same machine"
            };
            format!("{names} changed since the machine was made, and is changed {when}")
        }
        UpdatePolicy::InPlace => format!(
            "{} cannot be changed on the same machine at {cloud}; spec.updatePolicy Recreate replaces it",
            drift::names(drift.never.iter().copied(), cloud)
        ),
    }
}
