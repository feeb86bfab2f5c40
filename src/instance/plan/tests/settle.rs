//! A claim without a machine.

use super::check;
use super::scenes::{Object, STRICT_CLOUD, Seen, at, claimed, m, name, ready_to_order};
use crate::account::Obstacle;
use crate::api::CREATE_OUTCOME_ANNOTATION;
use crate::api::InstanceState::{Deleting, Running};
use crate::api::condition::Reason;
use crate::instance::memory::{ActionKind, SentResult};
use crate::instance::observation::InstanceView as _;
use crate::instance::plan::{plan, unclear_order};
use crate::instance::step::{Standing, Step};
use jiff::Timestamp;

fn ours() -> Seen {
    ready_to_order().own()
}

fn unclear() -> Seen {
    ready_to_order().sent(SentResult::Unclear("reset".into()))
}

/// A claim that another process made so long ago that no call of its can be under way.
fn old() -> Object {
    claimed().status(|status| {
        let claim = status.claim.as_mut().unwrap();
        claim.since.0 = at(-300);
        claim.deadline.0 = at(-240);
    })
}

fn with_deadline(deadline: Timestamp) -> Object {
    claimed().status(|status| status.claim.as_mut().unwrap().deadline.0 = deadline)
}

#[test]
fn an_order_is_sent_once_and_only_after_a_fresh_look() {
    let barred = |reason| ours().connection(|c| c.forbidden = Some(Obstacle::new(reason, "")));
    let incomplete = ours().with(|seen| seen.evidence.incomplete = Some("page 2 is missing".into()));
    let metal = ours().connection(|c| c.capabilities = &STRICT_CLOUD);
    let stale = ours().with(|seen| seen.evidence.listed = Some(at(-11)));
    check(vec![
        ("a complete list begun after the claim shows nothing", claimed(), ours(), "create"),
        ("the last list is older than the claim", claimed(), stale, "wait, Claimed, list after -10"),
        ("the last list is not complete", claimed(), incomplete, "wait, Claimed"),
        ("the machine is there already", claimed(), ours().m(Running), "record bind(m-1) as Creating"),
        ("too late to be sent within the deadline", with_deadline(at(30)), ours(), "record unclaim as Claimed"),
        ("just in time", with_deadline(at(31)), ours(), "create"),
        ("the spec has changed since", claimed().generation(2), ours(), "record unclaim as Claimed"),
        ("an earlier machine is still leaving", claimed(), ours().m(Deleting), "wait, Replacing"),
        ("the password to set is not to be read", claimed(), metal, "record unclaim as Claimed"),
        ("no longer wanted", claimed().stopped(), ours(), "record unclaim as Stopped"),
        ("no longer allowed", claimed(), barred(Reason::NamespaceNotAllowed), "record unclaim as NamespaceNotAllowed"),
        ("somebody else's claim is not for us to send", claimed(), ready_to_order(), "wait, Settling, list after 80"),
    ]);
}

#[test]
fn what_the_cloud_said_is_believed() {
    let told = |result| ready_to_order().sent(result);
    let with_task = || claimed().status(|status| status.claim.as_mut().unwrap().task = Some("t-1".into()));
    check(vec![
        ("an id", claimed(), told(SentResult::Instance("m-1".into())), "record bind(m-1) as Creating"),
        ("no", claimed(), told(SentResult::Refused), "record unclaim as Settling"),
        ("a task", claimed(), told(SentResult::Task("t-1".into())), "record task(t-1) as Creating"),
        ("a task that is written down is followed", with_task(), told(SentResult::Task("t-1".into())), "follow t-1"),
        ("also by another process", with_task(), ready_to_order(), "follow t-1"),
        (
            "but not all the time",
            with_task(),
            ready_to_order().asked_for("t-1", ActionKind::Update, Running, 1),
            "wait, Creating, until 1",
        ),
        ("unless the machine shows itself", with_task(), ready_to_order().m(Running), "record bind(m-1) as Creating"),
        ("or lists prove that it is not there yet", with_task(), ready_to_order().absent_since(-70), "follow t-1"),
        (
            "lists have the last word on a task that is over",
            with_task(),
            told(SentResult::Unclear("task t-1 failed".into())).absent_since(-70),
            "record unclaim as Settling",
        ),
    ]);
}

/// Else the same news would be told twice, in two wordings.
#[test]
fn an_unclear_order_is_spoken_of_in_the_same_words_as_it_is_heard_of_and_looked_for() {
    let (object, seen) = (claimed().0, unclear().0);
    let Step::Wait(wait) = plan(&object, &seen, at(0)) else {
        panic!("it is looked for")
    };
    let words = unclear_order(object.claim().unwrap(), "reset");
    assert_eq!(wait.standing, Standing::Progress(Obstacle::new(Reason::Settling, words)));
}

#[test]
fn an_unclear_order_is_settled_by_looking() {
    let newcomer = |seen: Seen| seen.with(|seen| seen.unexplained = vec!["x-9".into()]);
    let blind = |seen: Seen| seen.with(|seen| seen.evidence.incomplete = Some("names are cut".into()));
    check(vec![
        ("it is there", claimed(), unclear().machine(m(Running)), "record bind(m-1) as Creating"),
        ("not yet", claimed(), unclear(), "wait, Settling, list after -2"),
        ("one list proves nothing", claimed(), unclear().absent_between(-2, -2), "wait, Settling, list after 58"),
        ("nor do two that are close", claimed(), unclear().absent_since(-50), "wait, Settling, list after 10"),
        ("two far apart do", claimed(), unclear().absent_since(-65), "record unclaim as Settling"),
        ("a call of another process may be under way", claimed(), ready_to_order(), "wait, Settling, list after 80"),
        ("or be over", old(), ready_to_order(), "wait, Settling, list after -210"),
        ("and is proven to have made nothing", old(), ready_to_order().absent_since(-65), "record unclaim as Settling"),
        ("a machine without a name that explains it", claimed(), newcomer(unclear()), "halt CreateOutcomeUnknown"),
        ("even if nothing of ours is seen", old(), newcomer(ready_to_order()).absent_since(-65), "halt CreateOutcomeUnknown"),
        ("lists that prove nothing: for a while", claimed(), blind(ready_to_order()), "wait, Settling, list after 80"),
        ("and no longer", old(), blind(ready_to_order()), "halt CreateOutcomeUnknown"),
    ]);
}

#[test]
fn a_human_has_the_last_word() {
    let says = |word: &str| {
        let value = format!("{}={word}", name(1));
        claimed().annotation(CREATE_OUTCOME_ANNOTATION, &value)
    };
    let of_another_claim = claimed().annotation(CREATE_OUTCOME_ANNOTATION, &format!("{}=absent", name(2)));
    let unknown = || unclear().with(|seen| seen.unexplained = vec!["x-9".into()]);
    check(vec![
        ("none was made", says("absent"), unknown(), "record unclaim as Settling"),
        ("this one was", says("x-9"), unknown(), "record bind(x-9) as Creating"),
        ("one that was there before, or is somebody's, was not", says("x-1"), unknown(), "halt CreateOutcomeUnknown"),
        ("nor one that no list shows", says("x-9"), unclear(), "wait, Settling, list after -2"),
        ("said of another claim", of_another_claim, unknown(), "halt CreateOutcomeUnknown"),
        ("nothing said", says(""), unknown(), "halt CreateOutcomeUnknown"),
    ]);
}
