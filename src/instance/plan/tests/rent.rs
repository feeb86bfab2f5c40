//! An object without a machine.

use super::check;
use super::scenes::{OTHER_UID, Seen, STRICT_CLOUD, held_object, m, machine, new_object, priced, ready_to_order, seen};
use crate::account::Obstacle;
use crate::api::InstanceState::{Deleting, Running, Stopped};
use crate::api::condition::Reason;
use crate::api::status::PriceLatch;
use crate::instance::observation::{AdoptionView, Connection, SecretView};
use crate::provider::Refusal;

fn foreign_secret() -> Seen {
    ready_to_order().with(|seen| seen.secret = SecretView::Foreign)
}

fn secret_with(key: &str) -> SecretView {
    SecretView::Ours {
        data: [(key.to_owned(), b"x".to_vec())].into(),
        resource_version: None,
    }
}

#[test]
fn a_machine_is_ordered_step_by_step() {
    let capped = || held_object().spec(|spec| spec.max_price_per_hour = Some("2".into()));
    check(vec![
        ("the finalizer comes first", new_object(), seen(), "take the finalizer"),
        ("then the provider is protected", held_object(), seen(), "protect the provider"),
        ("then the price is asked", held_object(), seen().held(), "ask for the price"),
        ("a price of another generation is not good", held_object().generation(2), ready_to_order(), "ask for the price"),
        ("then the intent is written", held_object(), ready_to_order(), "claim 1 until 60"),
        ("no two attempts share a name", held_object().status(|s| s.attempts = 4), ready_to_order(), "claim 5 until 60"),
        ("within the cap", capped(), seen().held().quoted(Some("2")), "claim 1 until 60"),
        ("above the cap", capped(), seen().held().quoted(Some("2.01")), "halt PriceAboveCap"),
        (
            "a password that is ours to choose is stored before the claim",
            held_object(),
            ready_to_order().connection(|c| c.capabilities = &STRICT_CLOUD),
            "store a password",
        ),
        (
            "and not chosen twice",
            held_object(),
            ready_to_order().connection(|c| c.capabilities = &STRICT_CLOUD).with(|s| s.secret = secret_with("password")),
            "claim 1 until 60",
        ),
    ]);
}

#[test]
fn nothing_is_rented_that_should_not_be() {
    let latch = |generation| PriceLatch {
        price: "9.00".into(),
        generation,
    };
    let refusal = Refusal {
        reason: Reason::Unsupported,
        message: "spec.cpu".into(),
    };
    check(vec![
        ("Stopped rents nothing, and needs no finalizer", new_object().stopped(), seen(), "rest"),
        ("a copied object rents nothing", held_object().annotate(OTHER_UID, "m-9"), ready_to_order(), "halt AdoptionUnconfirmed"),
        (
            "what the cloud cannot honour is refused",
            new_object(),
            ready_to_order().with(|s| s.refusal = Some(refusal)),
            "halt Unsupported",
        ),
        (
            "a script that is not there",
            new_object(),
            ready_to_order().with(|s| s.script = Err(Obstacle::new(Reason::Invalid, "no such key"))),
            "halt Invalid",
        ),
        ("somebody else's Secret", new_object(), foreign_secret(), "halt SecretNotOwned"),
        (
            "a Secret that cannot be read",
            new_object(),
            ready_to_order().with(|s| s.secret = SecretView::Unreadable("forbidden".into())),
            "wait, Pending, until 20",
        ),
        (
            "a namespace that may not use the account",
            new_object(),
            ready_to_order().connection(|c| c.forbidden = Some(Obstacle::new(Reason::NamespaceNotAllowed, ""))),
            "halt NamespaceNotAllowed",
        ),
        (
            "a provider that is going",
            new_object(),
            ready_to_order().connection(|c| c.closing = Some(Obstacle::new(Reason::ProviderNotFound, ""))),
            "halt ProviderNotFound",
        ),
        ("a price that was too high", held_object().status(|s| s.price_latch = Some(latch(1))), ready_to_order(), "halt PriceAboveCap"),
        (
            "is asked anew for a new spec",
            held_object().generation(2).status(|s| s.price_latch = Some(latch(1))),
            ready_to_order().memory(|m| m.quote.as_mut().unwrap().generation = 2),
            "claim 1 until 60",
        ),
        ("no capacity: later", held_object(), ready_to_order().pause(Reason::NoCapacity), "wait, NoCapacity, until 60"),
        ("the cloud is out of order: later", held_object(), ready_to_order().pause(Reason::CloudUnavailable), "wait, outage CloudUnavailable, until 60"),
        ("an order that was refused as wrong", held_object(), ready_to_order().pause(Reason::Invalid), "halt Invalid"),
        (
            "but a new spec is tried at once",
            held_object().generation(2),
            ready_to_order().pause(Reason::Invalid).memory(|m| m.quote.as_mut().unwrap().generation = 2),
            "claim 1 until 60",
        ),
    ]);
}

#[test]
fn a_machine_of_the_objects_own_name_is_never_rented_again() {
    check(vec![
        ("status was lost", held_object(), ready_to_order().m(Running), "record bind(m-1) as Settling"),
        ("but not to one that was given up: it goes first", held_object(), ready_to_order().m(Deleting), "wait, Replacing"),
        ("even where none should run", new_object().stopped(), seen().m(Stopped), "record bind(m-1) as Settling"),
        ("whatever the attempt", held_object(), ready_to_order().machine(machine("m-7", 7, Running)), "record bind(m-7) as Settling"),
        (
            "by its annotation",
            held_object().annotate(super::scenes::UID, "m-1"),
            ready_to_order().m(Running),
            "record bind(m-1) as Pending",
        ),
    ]);
}

#[test]
fn a_machine_is_adopted_only_where_all_agree() {
    let adopter = || new_object().spec(|spec| spec.instance_id = Some("m-1".into()));
    let held_adopter = || held_object().spec(|spec| spec.instance_id = Some("m-1".into()));
    let possible = || {
        seen().with(|seen| {
            let mut machine = m(Running);
            machine.name = Some("made by hand".into());
            seen.adoption = AdoptionView::Possible(Box::new(machine));
        })
    };
    let priced_machine = || seen().with(|seen| seen.adoption = AdoptionView::Possible(Box::new(priced(m(Running), "3"))));
    let capped = || held_adopter().spec(|spec| spec.max_price_per_hour = Some("5".into()));
    let strict = |connection: &mut Connection| connection.capabilities = &STRICT_CLOUD;
    let refused = |reason| seen().with(|seen| seen.adoption = AdoptionView::Refused(Obstacle::new(reason, "")));
    let missing = || seen().with(|seen| seen.adoption = AdoptionView::NotFound);
    check(vec![
        ("no such machine", adopter(), missing(), "halt InstanceNotFound"),
        ("another object's", adopter(), refused(Reason::InstanceClaimed), "halt InstanceClaimed"),
        ("forbidden by the provider", adopter(), refused(Reason::AdoptionForbidden), "halt AdoptionForbidden"),
        ("the finalizer first", adopter(), possible(), "take the finalizer"),
        ("then the provider", held_adopter(), possible(), "protect the provider"),
        ("then the machine", held_adopter(), possible().held(), "adopt m-1"),
        ("also to keep it stopped", held_adopter().stopped(), possible().held(), "adopt m-1"),
        ("nothing will tell its price", capped(), possible().held().connection(strict), "halt Unsupported"),
        ("its price is shown", capped(), priced_machine().held().connection(strict), "adopt m-1"),
        ("its price may be shown later", capped(), possible().held(), "adopt m-1"),
        ("a copied object is settled by instanceId", held_adopter().annotate(OTHER_UID, "m-1"), possible().held(), "adopt m-1"),
    ]);
}
