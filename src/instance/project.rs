//! What status should say: a pure projection of what was seen and done.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::drift::{self, Drift};
use super::memory::ActionKind;
use super::observation::{CloudView, Connection, InstanceView, Observation};
use super::step::{Change, Standing};
use crate::account::Obstacle;
use crate::api::condition::{self, Reason, Truth, Type};
use crate::api::instance::{Power, StopMode, UpdatePolicy, connection_secret_name};
use crate::api::status::{
    Binding, Endpoints, GpuInstanceStatus, GpuStatus, InstanceState, JupyterEndpoint, Ordered, QuotedPrice,
    SnapshotStatus, SshEndpoint, TransitionKind, Tries, whole_second,
};
use crate::api::{GpuInstance, money};
use crate::environment::later;
use crate::provider::{Machine, When};

/// How things stand after a pass.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// As a waiting pass says.
    Standing(Standing),
    /// Nothing happens until somebody changes something.
    Stalled(Obstacle),
    /// The spec says that nothing is done; what differs, if anything.
    Suspended(Option<String>),
}

/// What a projection works with.
pub(super) struct Scene<'a> {
    pub(super) object: &'a GpuInstance,
    pub(super) seen: &'a Observation,
    pub(super) changes: &'a [Change],
    pub(super) verdict: &'a Verdict,
    /// Whether the connection Secret is there and ours.
    pub(super) secret_written: bool,
    pub(super) now: Timestamp,
}

/// The status that the object should have.
#[must_use]
pub(super) fn project(scene: &Scene<'_>) -> GpuInstanceStatus {
    let mut status = scene.object.seen();
    for change in scene.changes {
        apply(&mut status, change, scene);
    }
    if let CloudView::Connected(connection) = &scene.seen.cloud {
        status.cloud = Some(connection.account.cloud.name().to_owned());
        if let Some(machine) = scene.seen.machine_of(&status) {
            show(&mut status, machine, scene);
        } else if status.instance_id.is_none() {
            status = without_machine(status);
        }
    }
    status.state = Some(state(&status, scene));
    if scene.secret_written {
        let name = scene.object.metadata.name.as_deref().unwrap_or_default();
        status.binding = Some(Binding {
            name: connection_secret_name(name, &scene.object.spec),
        });
    }
    conditions(&mut status, scene);
    status
}

fn without_machine(status: GpuInstanceStatus) -> GpuInstanceStatus {
    GpuInstanceStatus {
        cloud_state: None,
        price_per_hour: None,
        endpoints: None,
        created_at: None,
        started_at: None,
        ..status
    }
}

fn apply(status: &mut GpuInstanceStatus, change: &Change, scene: &Scene<'_>) {
    match change {
        Change::Claim(claim, digests) => {
            status.attempts = claim.attempt;
            status.claim = Some(claim.clone());
            status.ordered = Some(Ordered {
                digests: digests.clone(),
            });
            status.quoted = quoted(scene);
            status.region = scene.object.spec.region().map(ToOwned::to_owned);
            bind_account(status, scene);
        }
        Change::Unclaim => {
            status.claim = None;
            status.region = None;
            status.account_id = None;
            status.endpoint = None;
        }
        Change::Task(task) => {
            if let Some(claim) = &mut status.claim {
                claim.task = Some(task.clone());
            }
        }
        Change::Bind(id) => {
            status.instance_id = Some(id.clone());
            status.replaced.retain(|replaced| replaced != id);
            status.last_restarted_at.clone_from(&scene.object.spec.restarted_at);
            // What somebody else has made was of use to somebody: it is never given back unasked.
            status.was_ready = scene.object.spec.instance_id().is_some();
            status.ordered.get_or_insert_with(|| Ordered {
                digests: scene.seen.digests.clone(),
            });
            bind_account(status, scene);
        }
        Change::Unbind => {
            status.instance_id = None;
            status.claim = None;
            status.account_id = None;
            status.endpoint = None;
            status.was_ready = false;
            status.snapshot = None;
            status.stopped_with = None;
            status.starts = None;
            status.quoted = None;
        }
        Change::Ordered(digests) => {
            status.ordered = Some(Ordered {
                digests: digests.clone(),
            });
        }
        Change::Transition(transition) => status.transition.clone_from(transition),
        Change::Restarted => status.last_restarted_at.clone_from(&scene.object.spec.restarted_at),
        Change::CountStart => {
            let fresh = status.observed_generation != Some(scene.object.generation());
            status.starts = Some(count(status.starts.take().filter(|_| !fresh), scene.now));
        }
        Change::ForgetStarts => status.starts = None,
        Change::Replaced => note_replaced(status),
        Change::CountReplacement => status.replacements = Some(count(status.replacements.take(), scene.now)),
        Change::SnapshotTaken => status.snapshot = Some(SnapshotStatus { at: Time(scene.now) }),
        Change::ForgetSnapshot => status.snapshot = None,
        Change::StoppedWith(mode) => status.stopped_with = Some(*mode),
        Change::PriceLatch(latch) => status.price_latch = Some(latch.clone()),
    }
}

/// What the cloud asked for the machine that is claimed.
fn quoted(scene: &Scene<'_>) -> Option<QuotedPrice> {
    let quote = &scene.seen.memory.quote.as_ref()?.quote;
    Some(QuotedPrice {
        per_hour: money::format(quote.price_per_hour?),
        currency: quote.currency?.to_owned(),
    })
}

fn bind_account(status: &mut GpuInstanceStatus, scene: &Scene<'_>) {
    if let (None, CloudView::Connected(connection)) = (&status.account_id, &scene.seen.cloud) {
        status.account_id = Some(
            scene
                .object
                .bound_account()
                .unwrap_or_else(|| connection.account.id.clone()),
        );
        status.endpoint.clone_from(&connection.account.endpoint);
    }
}

/// Most machines that are remembered as replaced.
const MOST_REPLACED: usize = 8;

/// Remembers a machine that was used and is replaced, among the latest of them.
fn note_replaced(status: &mut GpuInstanceStatus) {
    let Some(id) = status.instance_id.clone().filter(|_| status.was_ready) else {
        return;
    };
    status.replaced.retain(|replaced| *replaced != id);
    status.replaced.push(id);
    let too_many = status.replaced.len().saturating_sub(MOST_REPLACED);
    status.replaced.drain(..too_many);
}

fn count(tries: Option<Tries>, now: Timestamp) -> Tries {
    match tries.filter(|tries| now < later(tries.since.0, super::plan::WINDOW)) {
        Some(tries) => Tries {
            count: tries.count + 1,
            ..tries
        },
        None => Tries {
            count: 1,
            since: Time(now),
        },
    }
}

fn show(status: &mut GpuInstanceStatus, machine: &Machine, scene: &Scene<'_>) {
    let running = machine.state == InstanceState::Running;
    status.cloud_state = Some(machine.cloud_state.chars().take(64).collect());
    status.region = machine
        .region
        .clone()
        .or_else(|| status.region.take())
        .or_else(|| scene.object.spec.region().map(ToOwned::to_owned));
    status.gpu = gpu(machine, scene.object);
    let billed = machine.state != InstanceState::Stopped || status.stopped_with == Some(StopMode::KeepGpu);
    let quoted = status.quoted.as_ref();
    let price = machine.price_per_hour.or_else(|| status.quoted_price());
    let currency = machine.currency.or_else(|| Some(quoted?.currency.as_str()));
    status.currency = currency.map(ToOwned::to_owned);
    status.price_per_hour = price.filter(|_| billed).map(money::format);
    status.created_at = machine.created_at.map(whole_second);
    status.started_at = machine.started_at.map(whole_second);
    status.endpoints = running
        .then(|| endpoints(machine, scene))
        .filter(|endpoints| *endpoints != Endpoints::default());
}

fn gpu(machine: &Machine, object: &GpuInstance) -> Option<GpuStatus> {
    let asked = object.spec.gpu.as_ref();
    let count = machine.gpu_count.or_else(|| asked.map(|gpu| gpu.count))?;
    let model = machine
        .gpu_model
        .clone()
        .or_else(|| asked.and_then(|gpu| gpu.model().map(ToOwned::to_owned)));
    let summary = match &model {
        _ if count == 0 => "none".to_owned(),
        Some(model) => format!("{count} x {model}"),
        None => count.to_string(),
    };
    Some(GpuStatus {
        model: model.filter(|_| count > 0),
        count,
        summary,
    })
}

fn endpoints(machine: &Machine, scene: &Scene<'_>) -> Endpoints {
    Endpoints {
        ssh: machine.ssh.as_ref().map(|ssh| SshEndpoint {
            host: ssh.host.clone(),
            port: ssh.port,
            user: ssh.user.clone(),
            address: format!("{}@{}:{}", ssh.user, ssh.host, ssh.port),
        }),
        jupyter: machine.jupyter_url.clone().map(|url| JupyterEndpoint { url }),
        ports: scene.seen.ports.clone(),
    }
}

fn state(status: &GpuInstanceStatus, scene: &Scene<'_>) -> InstanceState {
    let before = status.state.unwrap_or(InstanceState::Pending);
    if let Verdict::Stalled(obstacle) = scene.verdict
        && obstacle.reason == Reason::Lost
    {
        return InstanceState::Lost;
    }
    if status.instance_id.is_none() {
        return match (&status.claim, scene.object.metadata.deletion_timestamp.is_some()) {
            (_, true) => InstanceState::Deleting,
            (Some(_), _) => InstanceState::Creating,
            (None, _) if scene.object.spec.power == Power::Stopped => InstanceState::Stopped,
            (None, _) => InstanceState::Pending,
        };
    }
    let Some(machine) = scene.seen.machine_of(status) else {
        let new = scene.changes.iter().any(|change| matches!(change, Change::Bind(_)));
        return if new { InstanceState::Creating } else { before };
    };
    let shown = asked_for(machine, scene).unwrap_or(machine.state);
    match (shown, status.transition.as_ref().map(|transition| transition.kind)) {
        (InstanceState::Stopped, _) if machine.expired => InstanceState::Expired,
        (InstanceState::Stopping | InstanceState::Stopped | InstanceState::Starting, Some(TransitionKind::Restart)) => {
            InstanceState::Restarting
        }
        (shown, _) => shown,
    }
}

/// The state that a call has asked for, while the cloud still shows the one from before.
fn asked_for(machine: &Machine, scene: &Scene<'_>) -> Option<InstanceState> {
    let action = scene.seen.memory.action.as_ref()?;
    let waiting = action.instance_id == machine.id
        && action.before == machine.state
        && scene.now < later(action.ended, super::plan::PATIENCE);
    waiting.then_some(match action.kind {
        ActionKind::Start => InstanceState::Starting,
        ActionKind::Stop => InstanceState::Stopping,
        ActionKind::Restart => InstanceState::Restarting,
        ActionKind::SaveImage => InstanceState::SavingImage,
        ActionKind::Update => machine.state,
        ActionKind::Delete => InstanceState::Deleting,
    })
}

fn conditions(status: &mut GpuInstanceStatus, scene: &Scene<'_>) {
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

#[cfg(test)]
#[allow(clippy::pedantic, reason = "tables that are read as sentences")]
mod tests;
