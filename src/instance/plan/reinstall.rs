//! A new image on the same machine, where the password is ours to choose. The new one is stored beside the old one
//! before the call that sets it, and takes its place once the cloud shows that the reinstall is over.

use super::difference::drift;
use super::transition::end;
use super::{PATIENCE, Scene, rent};
use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::instance::UpdatePolicy;
use crate::api::status::{InstanceState, Transition, TransitionKind};
use crate::environment::later;
use crate::instance::connection::NEXT_PASSWORD;
use crate::instance::observation::{Connection, InstanceView, SecretView};
use crate::instance::step::{Change, Step, Wait};
use crate::provider::{Field, Machine};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The next step towards changing these fields on a machine that runs.
pub(super) fn plan(scene: &Scene<'_>, connection: &Connection, fields: &[Field]) -> Step {
    if !(connection.capabilities.chooses_password && fields.contains(&Field::Image)) {
        return Step::Update(fields.to_vec());
    }
    if let Some(step) = rent::foreign_secret(scene) {
        return step;
    }
    let Some(next) = scene.seen.memory.next_password.filter(|_| has_next_password(scene)) else {
        return Step::StoreNextPassword;
    };
    // Somebody else has stored it, and may have sent it just before: a list must have had the time to show that.
    let shows = later(next.at, PATIENCE);
    let listed = scene.seen.evidence.listed.is_some_and(|listed| listed > shows);
    if next.is_new || listed {
        Step::Update(fields.to_vec())
    } else {
        Step::Wait(
            Wait::progress(
                Reason::Reinstalling,
                "looking whether the machine is being reinstalled already",
            )
            .list_after(shows),
        )
    }
}

fn has_next_password(scene: &Scene<'_>) -> bool {
    matches!(&scene.seen.secret, SecretView::Ours { data, .. } if data.contains_key(NEXT_PASSWORD))
}

/// A reinstall that was asked for by a process that died before it could write that down.
pub(super) fn unrecorded(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> Option<Step> {
    let ours = machine.state == InstanceState::Reinstalling
        && connection.capabilities.chooses_password
        && scene.object.spec.update_policy == UpdatePolicy::InPlace
        && has_next_password(scene)
        && drift(scene, connection).fields().any(|field| field == Field::Image);
    ours.then(|| begun(scene, connection))
}

/// Writes down that the machine is being reinstalled with the image that the spec has now.
fn begun(scene: &Scene<'_>, connection: &Connection) -> Step {
    let image = Field::Image.name(connection.account.cloud);
    let mut digests = scene
        .object
        .seen()
        .ordered
        .map(|ordered| ordered.digests)
        .unwrap_or_default();
    if let Some(digest) = scene.seen.digests.get(image) {
        digests.insert(image.to_owned(), digest.clone());
    }
    let transition = Transition {
        kind: TransitionKind::Reinstall,
        since: Time(scene.now),
        stopped: true,
    };
    Step::Record(
        vec![Change::Transition(Some(transition)), Change::Ordered(digests)],
        Obstacle::new(Reason::Reinstalling, "the machine is being reinstalled"),
    )
}

/// The next step of a reinstall that was asked for. `stopped` says that the cloud has surely begun it.
pub(super) fn carry_on(scene: &Scene<'_>, connection: &Connection, machine: &Machine, transition: &Transition) -> Step {
    let shows = later(transition.since.0, PATIENCE);
    match (machine.state, transition.stopped) {
        (InstanceState::Reinstalling, false) => begun(scene, connection),
        (InstanceState::Running | InstanceState::Stopped, _)
            if scene.seen.evidence.listed.is_none_or(|listed| listed <= shows) =>
        {
            Step::Wait(waiting(machine).list_after(shows))
        }
        (InstanceState::Running | InstanceState::Stopped, true) => Step::KeepNextPassword,
        (InstanceState::Running | InstanceState::Stopped, false) => {
            end(scene, transition, "the cloud has not begun to reinstall the machine")
        }
        (InstanceState::Failed | InstanceState::Frozen | InstanceState::Expired, _) => end(
            scene,
            transition,
            &format!("the machine is {} instead", machine.cloud_state),
        ),
        _ => Step::Wait(waiting(machine)),
    }
}

fn waiting(machine: &Machine) -> Wait {
    Wait::progress(
        Reason::Reinstalling,
        format!("machine {} is getting a new image", machine.id),
    )
}
