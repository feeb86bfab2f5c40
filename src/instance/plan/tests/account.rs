//! Whether the account can be used at all, and what a suspended object does.

use super::check;
use super::scenes::{M, Seen, at, bound, claimed, held_object, new_object, ready_to_order, seen};
use crate::account::Obstacle;
use crate::api::InstanceState::{Running, Stopped};
use crate::api::condition::Reason;
use crate::api::instance::UpdatePolicy;
use crate::api::status::PriceLatch;
use crate::instance::observation::CloudView;
use crate::provider::Kind;

fn cloud(view: CloudView) -> Seen {
    seen().with(|seen| seen.cloud = view)
}

fn obstructed(reason: Reason) -> Seen {
    cloud(CloudView::Obstructed(Obstacle::new(reason, "it is so")))
}

#[test]
fn without_an_account_nothing_is_done() {
    let never_listed = || ready_to_order().with(|seen| seen.evidence.listed = None);
    check(vec![
        ("nobody has looked yet", new_object(), cloud(CloudView::NotYet), "wait"),
        ("no first list yet", held_object(), never_listed(), "wait"),
        ("nor for a machine", bound(), never_listed().m(Stopped), "wait"),
        ("no credentials", bound(), obstructed(Reason::CredentialsNotFound), "halt CredentialsNotFound"),
        ("no provider", claimed(), obstructed(Reason::ProviderNotFound), "halt ProviderNotFound"),
        ("no answer", bound(), obstructed(Reason::CloudUnavailable), "wait, outage CloudUnavailable"),
        ("an outage", bound(), seen().m(Stopped).outage(Kind::Transient), "wait, outage CloudUnavailable"),
        ("too many calls", held_object(), ready_to_order().outage(Kind::RateLimited), "wait, outage RateLimited"),
    ]);
}

#[test]
fn another_account_freezes_everything() {
    let swapped = || ready_to_order().connection(|connection| connection.account.id = "u-2".into());
    let moved = || ready_to_order().connection(|connection| connection.account.endpoint = Some("http://twin".into()));
    let bound_at_twin = || bound().status(|status| status.endpoint = Some("http://twin".into()));
    check(vec![
        ("nothing is believed lost", bound(), swapped().absent_since(-600), "halt AccountChanged"),
        ("no claim is believed to be nothing", claimed(), swapped().absent_since(-600), "halt AccountChanged"),
        ("nothing is started", bound(), swapped().m(Stopped), "halt AccountChanged"),
        ("nothing is deleted", bound().deleted(), swapped().m(Running), "halt AccountChanged"),
        ("nothing is believed deleted", bound().deleted(), swapped().absent_since(-600), "halt AccountChanged"),
        ("the same account at another endpoint is another", bound(), moved().m(Running), "halt AccountChanged"),
        ("also back at the vendor's", bound_at_twin(), seen().m(Running), "halt AccountChanged"),
        ("the endpoint that is bound", bound_at_twin(), moved().m(Running), "rest"),
        ("known by annotation only", held_object().annotate(super::scenes::UID, M), swapped(), "halt AccountChanged"),
        ("an object that holds nothing is free", held_object(), swapped(), "claim 1 until 60"),
    ]);
}

#[test]
fn a_suspended_object_looks_and_does_nothing() {
    let recreate = || bound().spec(|spec| spec.update_policy = UpdatePolicy::Recreate);
    let now_restarted = || bound().spec(|spec| spec.restarted_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(-60))));
    let snapshot = || {
        bound().stopped().spec(|spec| {
            spec.snapshot_on_stop = Some(crate::api::instance::Snapshot { name: "img".into(), tag: None });
        })
    };
    let capped = || bound().spec(|spec| spec.max_price_per_hour = Some("1".into()));
    let latched = || {
        capped().status(|status| {
            status.price_latch = Some(PriceLatch { price: "2.00".into(), generation: 1 });
        })
    };
    let suspended = |object: super::scenes::Object| object.spec(|spec| spec.suspend = true);
    check(vec![
        ("as it should be", suspended(bound()), seen().m(Running), "suspended"),
        ("to be stopped", suspended(bound().stopped()), seen().m(Running), "suspended, differs"),
        ("to be started", suspended(bound()), seen().m(Stopped), "suspended, differs"),
        ("to be rented", suspended(held_object()), ready_to_order(), "suspended, differs"),
        ("not even a finalizer is taken", suspended(new_object()), seen(), "suspended, differs"),
        ("an order is not sent", suspended(claimed()), ready_to_order().own(), "suspended, differs"),
        ("what was ordered is bound", suspended(claimed()), ready_to_order().m(Running), "record bind(m-1) as Creating"),
        ("what was not made is let go", suspended(claimed()), ready_to_order().sent(crate::instance::memory::SentResult::Refused), "record unclaim as Settling"),
        ("a restart is not begun", suspended(now_restarted()), seen().m(Running), "suspended, differs"),
        ("no image is noted as saved", suspended(snapshot()), seen().m(Running), "suspended, differs"),
        ("a replacement is not begun", suspended(recreate().ordered_otherwise(&["image"])), seen().m(Running), "suspended, differs"),
        ("nor where the machine is lost", suspended(recreate()), seen().absent_since(-70), "suspended, differs"),
        ("a machine above the cap is not stopped", suspended(latched()), seen().m(Running), "suspended, differs"),
        ("what is lost is said", suspended(bound()), seen().absent_since(-70), "halt Lost"),
        ("an outage is said", suspended(bound()), seen().outage(Kind::Transient), "wait, outage CloudUnavailable"),
        ("deleting works all the same", suspended(bound()).deleted(), seen().m(Running), "delete m-1"),
    ]);
}
