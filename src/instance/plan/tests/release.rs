//! An object that is being deleted.

use super::check;
use super::scenes::{M, Object, STRICT_CLOUD, Seen, bound, claimed, held_object, machine, new_object, ready_to_order, seen};
use crate::account::Obstacle;
use crate::api::InstanceState::{Creating, Deleting, Failed, Frozen, Running, Stopped, Stopping};
use crate::api::condition::Reason;
use crate::api::instance::{DeletionPolicy, Power};
use crate::api::status::TransitionKind;
use crate::instance::memory::{ActionKind, SentResult};
use crate::instance::observation::{CloudView, InstanceView};
use crate::provider::{Kind, Machine};

fn with(policy: DeletionPolicy) -> Object {
    bound().spec(|spec| spec.deletion_policy = Some(policy)).deleted()
}

fn no_cloud() -> Seen {
    seen().with(|seen| seen.cloud = CloudView::Obstructed(Obstacle::new(Reason::CredentialsNotFound, "")))
}

#[test]
fn an_object_that_holds_nothing_goes_at_once() {
    let adopter = || held_object().spec(|spec| { spec.instance_id = Some(M.into()); spec.deletion_policy = Some(DeletionPolicy::Delete); });
    let theirs = || seen().machine(Machine { name: Some("notebook".into()), ..machine(M, 1, Running) });
    check(vec![
        ("it never took a finalizer", new_object().deleted(), seen(), "rest"),
        ("nothing was claimed", held_object().deleted(), seen(), "drop the finalizer"),
        ("for that no cloud is needed", held_object().deleted(), no_cloud(), "drop the finalizer"),
        ("but a machine of its name is its own", held_object().deleted(), seen().m(Running), "record bind(m-1) as Deleting"),
        ("and one that it wished to adopt is not", adopter().deleted(), theirs(), "drop the finalizer"),
    ]);
}

#[test]
fn an_unsettled_order_is_settled_first_whatever_the_policy() {
    let retain = |object: Object| object.spec(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain));
    let unclear = || ready_to_order().sent(SentResult::Unclear("reset".into()));
    check(vec![
        ("not sent yet", claimed().deleted(), ready_to_order().own(), "record unclaim as Deleting"),
        ("sent", claimed().deleted(), unclear(), "wait, Settling, list after -2"),
        ("sent, and to be kept", retain(claimed()).deleted(), unclear(), "wait, Settling, list after -2"),
        ("sent by another process", claimed().deleted(), ready_to_order(), "wait, Settling, list after 80"),
        ("it is there", claimed().deleted(), unclear().m(Running), "record bind(m-1) as Creating"),
        ("it is not", claimed().deleted(), unclear().absent_since(-65), "record unclaim as Settling"),
        ("nobody can tell", claimed().deleted(), unclear().with(|s| s.unexplained = vec!["x".into()]), "halt CreateOutcomeUnknown"),
        ("the cloud cannot be asked", claimed().deleted(), no_cloud(), "halt CredentialsNotFound"),
    ]);
}

#[test]
fn delete_means_until_it_is_gone() {
    let deleted = || with(DeletionPolicy::Delete);
    let strict = || seen().connection(|c| c.capabilities = &STRICT_CLOUD);
    let second = || seen().m(Deleting).machine(machine("m-2", 2, Running));
    let adopted = |policy| bound().spec(|spec| { spec.instance_id = Some(M.into()); spec.deletion_policy = policy; }).deleted();
    check(vec![
        ("it is deleted", deleted(), seen().m(Running), "delete m-1"),
        ("unasked too", bound().deleted(), seen().m(Stopped), "delete m-1"),
        ("whatever its state", deleted(), seen().m(Frozen), "delete m-1"),
        ("once", deleted(), seen().m(Running).asked(ActionKind::Delete, Running, 30), "wait, Deleting"),
        ("and again if it stays", deleted(), seen().m(Running).asked(ActionKind::Delete, Running, 60), "delete m-1"),
        ("at once if it failed meanwhile", deleted(), seen().m(Failed).asked(ActionKind::Delete, Running, 5), "delete m-1"),
        ("not if it had failed before", deleted(), seen().m(Failed).asked(ActionKind::Delete, Failed, 5), "wait, Deleting"),
        ("a refusal waits", deleted(), seen().m(Running).pause(Reason::CloudUnavailable), "wait, outage CloudUnavailable, until 60"),
        ("so does one of what it is now", deleted(), seen().m(Stopped).refused_in(Stopped, Reason::Invalid), "halt Invalid"),
        ("not of what it was then", deleted(), seen().m(Stopped).refused_in(Creating, Reason::Invalid), "delete m-1"),
        ("it is going", deleted(), seen().m(Deleting), "wait, Deleting"),
        ("where it must be stopped first", deleted(), strict().m(Running), "stop ReleaseGpu"),
        ("and is stopping", deleted(), strict().m(Running).asked(ActionKind::Stop, Running, 5), "wait, Deleting"),
        ("and is on its way down", deleted(), strict().m(Stopping).asked(ActionKind::Stop, Running, 30), "wait, Deleting"),
        ("but not for ever", deleted(), strict().m(Stopping).asked(ActionKind::Stop, Running, 60), "delete m-1"),
        ("and is stopped", deleted(), strict().m(Stopped), "delete m-1"),
        ("every machine of its name goes", deleted(), second(), "delete m-2"),
        ("one list without it", deleted(), seen().absent_between(-5, -5).delete_acknowledged(), "wait, Deleting"),
        ("two", deleted(), seen().absent_since(-9).delete_acknowledged(), "drop the finalizer"),
        ("two that are not too old to show it", deleted(), seen().absent_since(-9).delete_acknowledged().known_for(69), "drop the finalizer"),
        ("two that may be from before it was made", deleted(), seen().absent_since(-9).delete_acknowledged().known_for(68), "wait, Deleting"),
        ("but not for ever", deleted(), seen().absent_since(-65).delete_acknowledged().known_for(68), "drop the finalizer"),
        ("two close ones where no delete was acknowledged", deleted(), seen().absent_since(-9), "wait, Deleting, list after 51"),
        ("two far apart", deleted(), seen().absent_since(-65), "drop the finalizer"),
        ("no list yet", deleted(), seen(), "wait, Deleting"),
        ("the cloud cannot be asked", deleted(), no_cloud(), "halt CredentialsNotFound"),
        ("an outage", deleted(), seen().m(Running).outage(Kind::Transient), "wait, outage CloudUnavailable"),
        ("a namespace that may not use the account any more", deleted(), seen().m(Running).connection(|c| c.forbidden = Some(Obstacle::new(Reason::NamespaceNotAllowed, ""))), "delete m-1"),
        ("an adopted machine is kept", adopted(None), seen().m(Running), "let go"),
        ("unless that is said", adopted(Some(DeletionPolicy::Delete)), seen().m(Running), "delete m-1"),
    ]);
}

#[test]
fn retain_and_stop_keep_the_machine() {
    let (retain, stop) = (|| with(DeletionPolicy::Retain), || with(DeletionPolicy::Stop));
    let two = |second| seen().m(Stopped).machine(machine("m-2", 2, second));
    check(vec![
        ("retained as it is", with(DeletionPolicy::Retain), seen().m(Running), "let go"),
        ("for that no cloud is needed", with(DeletionPolicy::Retain), no_cloud(), "let go"),
        ("stopped first", stop(), seen().m(Running), "stop ReleaseGpu"),
        ("once", stop(), seen().m(Running).asked(ActionKind::Stop, Running, 5), "wait, Stopping, until 15, list after -5"),
        ("again if it goes on running", stop(), seen().m(Running).asked(ActionKind::Stop, Running, 20), "stop ReleaseGpu"),
        ("not while it may be being saved", stop(), seen().m(Running).asked(ActionKind::SaveImage, Running, 19), "wait, SavingImage, until 1, list after -19"),
        ("the image was saved", stop(), seen().m(Running).asked(ActionKind::SaveImage, Running, 20), "stop ReleaseGpu"),
        ("stopping", stop(), seen().m(Stopping), "wait, Stopping"),
        ("then let go", stop(), seen().m(Stopped), "let go"),
        ("as soon as our stop shows", stop(), seen().m(Stopped).asked(ActionKind::Stop, Running, 20).unchanged_for(5), "let go"),
        ("not if nobody knows what became of it", stop(), seen().m(Stopped).asked(ActionKind::Stop, Running, 20).unclear().unchanged_for(5), "wait, Stopping, list after 55"),
        ("it was just started, and lists lag", stop(), seen().m(Stopped).asked(ActionKind::Start, Stopped, 3), "wait, Stopping, list after 57"),
        ("who has just begun to look does not know who started it", stop(), seen().m(Stopped).unchanged_for(30), "wait, Stopping, list after 30"),
        ("until that has lasted", stop(), seen().m(Stopped).unchanged_for(65), "let go"),
        ("frozen is stopped", stop(), seen().m(Frozen), "let go"),
        ("failed is kept", stop(), seen().m(Failed), "let go"),
        ("gone is gone", stop(), seen().absent_since(-65), "drop the finalizer"),
        ("the cloud cannot be asked", stop(), no_cloud(), "halt CredentialsNotFound"),
        ("an id is all that is known", stop(), seen().machine(machine("m-2", 2, Running)), "wait, Deleting"),
        ("a second one is not kept", retain(), two(Running), "delete m-2"),
        ("nor here", stop(), two(Running), "delete m-2"),
        ("which takes a while", retain(), two(Running).asked_for("m-2", ActionKind::Delete, Running, 30), "wait, Deleting"),
        ("until it goes", retain(), two(Deleting), "let go"),
    ]);
}

#[test]
fn an_image_is_saved_by_a_stop_that_lasts_and_by_no_other() {
    let stopped = || bound().spec(|spec| spec.power = Power::Stopped);
    for (what, object, lasts) in [
        ("stopped by its user", stopped(), true),
        ("stopped when its object goes", with(DeletionPolicy::Stop), true),
        ("running", bound(), false),
        ("restarted", bound().transition(TransitionKind::Restart, false), false),
        ("given back, being too dear", stopped().transition(TransitionKind::Discard, false), false),
        ("deleted", with(DeletionPolicy::Delete), false),
        ("deleted while stopped by its user", stopped().deleted(), false),
    ] {
        assert_eq!(object.0.is_to_stand_still(), lasts, "{what}");
    }
}
