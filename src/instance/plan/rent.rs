//! An object without a machine: adopt one, or get as far as a claim.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{CLAIM_WINDOW, Scene, price};
use crate::account::{Obstacle, attempt_of};
use crate::api::condition::Reason;
use crate::api::money;
use crate::api::status::{Claim, InstanceState};
use crate::environment::later;
use crate::instance::connection::PASSWORD;
use crate::instance::memory::Quoted;
use crate::instance::observation::{AdoptionView, Connection, InstanceView, SecretView};
use crate::instance::step::{Change, Step, Wait};
use crate::provider::{Machine, PriceKnown};

/// How long a price that was asked for is good for.
const QUOTE_HOLDS: Duration = Duration::from_mins(1);

/// The next step towards a machine.
pub(super) fn plan(scene: &Scene<'_>, connection: &Connection) -> Step {
    let object = scene.object;
    let adopts = object.spec.instance_id().is_some();
    if !adopts && let Some(binding) = object.binding().filter(|binding| binding.uid != object.id()) {
        return Step::Halt(Obstacle::new(
            Reason::AdoptionUnconfirmed,
            format!(
                "this object was copied or restored: its annotation {} says that machine {} belongs to the object with UID {}; set spec.instanceId to take that machine over, or remove the annotation to rent a new one",
                crate::api::BINDING_ANNOTATION,
                binding.instance_id,
                binding.uid
            ),
        ));
    }
    // A machine with this object's name can only be its own: status was lost after it was made.
    let named = |machine: &&Machine| attempt_of(machine, object.id(), &scene.seen.installation).is_some();
    let (leaving, here): (Vec<_>, Vec<_>) = scene
        .seen
        .evidence
        .machines
        .iter()
        .filter(named)
        .partition(|machine| machine.state == InstanceState::Deleting);
    if let Some(machine) = here.first() {
        return Step::Record(
            vec![Change::Bind(machine.id.clone())],
            Obstacle::new(
                Reason::Settling,
                format!("found machine {}, which was made for this object", machine.id),
            ),
        );
    }
    if !adopts && !scene.wants_running() {
        return Step::Rest;
    }
    if let Some(machine) = leaving.first() {
        return Step::Wait(still_leaving(machine));
    }
    if let Some(bar) = super::bar(connection) {
        return Step::Halt(bar);
    }
    if let Some(refusal) = &scene.seen.refusal {
        return Step::Halt(Obstacle::new(refusal.reason, refusal.message.clone()));
    }
    if let Err(obstacle) = &scene.seen.script {
        return Step::Halt(obstacle.clone());
    }
    if let Some(step) = foreign_secret(scene) {
        return step;
    }
    if adopts {
        adopt(scene, connection)
    } else {
        order(scene, connection)
    }
}

/// A machine of this object that was given up is not gone yet: the next one waits.
pub(super) fn still_leaving(machine: &Machine) -> Wait {
    Wait::progress(
        Reason::Replacing,
        format!(
            "machine {}, an earlier one of this object, is still being deleted",
            machine.id
        ),
    )
}

/// The connection Secret must be ours, or ours to make, before any money is spent.
pub(super) fn foreign_secret(scene: &Scene<'_>) -> Option<Step> {
    let name = crate::api::instance::connection_secret_name(
        scene.object.metadata.name.as_deref().unwrap_or_default(),
        &scene.object.spec,
    );
    match &scene.seen.secret {
        SecretView::Absent | SecretView::Ours { .. } => None,
        SecretView::Foreign => Some(Step::Halt(Obstacle::new(
            Reason::SecretNotOwned,
            format!(
                "Secret {name} exists and does not belong to this instance; it is not touched: choose another spec.connectionSecretName, or remove it"
            ),
        ))),
        SecretView::Unreadable(why) => Some(Step::Wait(
            Wait::progress(Reason::Pending, format!("Secret {name} could not be read: {why}"))
                .until(later(scene.now, super::PATIENCE)),
        )),
    }
}

fn adopt(scene: &Scene<'_>, connection: &Connection) -> Step {
    let id = scene.object.spec.instance_id().unwrap_or_default();
    match &scene.seen.adoption {
        AdoptionView::Refused(obstacle) => Step::Halt(obstacle.clone()),
        AdoptionView::NotFound | AdoptionView::NotAsked => Step::Halt(Obstacle::new(
            Reason::InstanceNotFound,
            format!(
                "account {} has no machine {id}; nothing is rented instead",
                connection.account.id
            ),
        )),
        AdoptionView::Possible(machine) if hides_price(scene, connection, machine) => Step::Halt(Obstacle::new(
            Reason::Unsupported,
            format!(
                "spec.maxPricePerHour cannot be kept: {} tells the price of what it sells, but not of machine {id}, which exists; leave the cap out",
                connection.account.cloud
            ),
        )),
        AdoptionView::Possible(_) if !scene.object.holds_finalizer() => Step::TakeFinalizer,
        AdoptionView::Possible(_) if !connection.held => Step::HoldProvider,
        AdoptionView::Possible(machine) => Step::Adopt(machine.id.clone()),
    }
}

/// Whether there is a cap, and nothing will ever tell what the machine costs.
fn hides_price(scene: &Scene<'_>, connection: &Connection, machine: &Machine) -> bool {
    connection.capabilities.price == PriceKnown::BeforeOrder
        && scene.object.spec.max_price_per_hour().is_some()
        && machine.price_per_hour.is_none()
}

fn order(scene: &Scene<'_>, connection: &Connection) -> Step {
    let object = scene.object;
    let status = object.seen();
    if let Some(too_dear) = price::latched(scene) {
        return Step::Halt(too_dear);
    }
    if let Some(pause) = scene.pause() {
        return pause;
    }
    if !object.holds_finalizer() {
        return Step::TakeFinalizer;
    }
    if !connection.held {
        return Step::HoldProvider;
    }
    let fresh =
        |quoted: &&Quoted| quoted.generation == object.generation() && scene.now < later(quoted.at, QUOTE_HOLDS);
    let Some(Quoted { quote, .. }) = scene.seen.memory.quote.as_ref().filter(fresh) else {
        return Step::Quote;
    };
    if let (Some(price), Some(cap)) = (quote.price_per_hour, object.spec.max_price_per_hour())
        && price > cap
    {
        return Step::Halt(price::above_cap(
            object.spec.max_price_per_hour.as_deref(),
            &money::format(price),
        ));
    }
    if lacks_password(scene, connection) {
        return Step::StorePassword;
    }
    let attempt = status.attempts + 1;
    Step::Claim(Claim {
        name: scene.seen.installation.name(object.id(), attempt).to_string(),
        attempt,
        since: Time(scene.now),
        deadline: Time(later(scene.now, CLAIM_WINDOW)),
        task: None,
    })
}

/// Whether the order needs a password that is not in the connection Secret, as far as that could be read.
pub(super) fn lacks_password(scene: &Scene<'_>, connection: &Connection) -> bool {
    let has_one = matches!(
        &scene.seen.secret,
        SecretView::Ours { data, .. } if data.get(PASSWORD).is_some_and(|password| !password.is_empty())
    );
    connection.capabilities.chooses_password && !has_one
}
