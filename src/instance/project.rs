//! What status should say: a pure projection of what was seen and done.

mod conditions;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::memory::ActionKind;
use super::observation::{CloudView, InstanceView, Observation};
use super::step::{Change, Standing};
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::instance::{Power, StopMode, connection_secret_name};
use crate::api::status::{
    Binding, Endpoints, GpuInstanceStatus, GpuStatus, InstanceState, JupyterEndpoint, Ordered, QuotedPrice,
    SnapshotStatus, SshEndpoint, TransitionKind, Tries, whole_second,
};
use crate::api::{GpuInstance, money};
use crate::environment::later;
use crate::provider::Machine;

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
    conditions::set(&mut status, scene);
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

#[cfg(test)]
#[allow(clippy::pedantic, reason = "tables that are read as sentences")]
mod tests;
