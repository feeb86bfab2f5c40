//! Changes that take several steps.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::check;
use super::scenes::{Object, STRICT_CLOUD, at, bound, expired, m, seen, tries};
use crate::account::Obstacle;
use crate::api::InstanceState::{Deleting, Failed, Frozen, Running, Starting, Stopped, Stopping};
use crate::api::condition::Reason;
use crate::api::instance::UpdatePolicy::{self, InPlace, Recreate, Report};
use crate::api::status::{PriceLatch, TransitionKind::{Replace, Reshape, Restart, Unknown}};
use crate::instance::memory::ActionKind;
use crate::provider::Refusal;

fn changed(policy: UpdatePolicy, field: &str) -> Object {
    bound().spec(|spec| spec.update_policy = policy).ordered_otherwise(&[field])
}

#[test]
fn a_change_of_the_spec_does_what_the_policy_says() {
    let refused = || {
        seen().with(|seen| {
            seen.refusal = Some(Refusal { reason: Reason::Unsupported, message: "spec.gpu".into() });
        })
    };
    check(vec![
        ("Report changes nothing", changed(Report, "image"), seen().m(Running), "rest"),
        ("nor while it is stopped", changed(Report, "image").stopped(), seen().m(Stopped), "rest"),
        ("Recreate replaces", changed(Recreate, "image"), seen().m(Running), "record Replace as Replacing"),
        ("also a machine that is to be started", changed(Recreate, "image"), seen().m(Stopped), "record Replace as Replacing"),
        ("but not one that is to be stopped", changed(Recreate, "image").stopped(), seen().m(Running), "stop ReleaseGpu"),
        ("what holds without a change needs none", changed(Recreate, "ports"), seen().m(Running), "rest"),
        ("InPlace changes while it runs", changed(InPlace, "memory"), seen().m(Running), "update Memory"),
        ("or while it is stopped", changed(InPlace, "volumes").stopped(), seen().m(Stopped), "update Volumes"),
        ("or stops it for that", changed(InPlace, "volumes"), seen().m(Running), "record Reshape as Reshaping"),
        ("or as part of a start", changed(InPlace, "gpu"), seen().m(Stopped), "start Gpu"),
        ("for which it is stopped", changed(InPlace, "gpu"), seen().m(Running), "record Reshape as Reshaping"),
        ("not while it should be stopped", changed(InPlace, "gpu").stopped(), seen().m(Stopped), "rest"),
        ("what only a new machine can have is reported", changed(InPlace, "image"), seen().m(Running), "rest"),
        ("a start without InPlace changes nothing", changed(Report, "gpu"), seen().m(Stopped), "start"),
        ("a refusal waits", changed(InPlace, "memory"), seen().m(Running).pause(Reason::NoCapacity), "wait, NoCapacity, until 60"),
        ("what the cloud does not have", changed(Recreate, "image"), refused().m(Running), "halt Unsupported"),
        ("is no matter where nothing changed", bound(), refused().m(Running), "rest"),
        ("three replacements an hour", changed(Recreate, "image").status(|s| s.replacements = tries(3)), seen().m(Running), "halt Failed"),
    ]);
}

#[test]
fn a_restart_is_a_stop_and_a_start() {
    let asked = |seconds| bound().spec(|spec| spec.restarted_at = Some(Time(at(seconds))));
    let done = |object: Object| object.status(|status| status.last_restarted_at = Some(Time(at(-60))));
    let begun = || asked(-60).transition(Restart, false);
    let halfway = || asked(-60).transition(Restart, true);
    check(vec![
        ("a new time", asked(-60), seen().m(Running), "record Restart as Restarting"),
        ("that is carried out", done(asked(-60)), seen().m(Running), "rest"),
        ("another", done(asked(-30)), seen().m(Running), "record Restart as Restarting"),
        ("and earlier starts are forgiven", asked(-60).status(|s| s.starts = tries(3)), seen().m(Running), "record Restart+forgetstarts as Restarting"),
        ("while stopped it is noted", asked(-60).stopped(), seen().m(Stopped), "record restarted as Stopped"),
        ("it is stopped, with its GPU kept", begun(), seen().m(Running), "stop KeepGpu"),
        ("and stopping", begun(), seen().m(Stopping), "wait, Restarting"),
        ("and stopped", begun(), seen().m(Stopped), "record Restart(stopped) as Restarting"),
        ("and started", halfway(), seen().m(Stopped), "start"),
        ("and starting", halfway(), seen().m(Starting), "wait, Restarting"),
        ("and running", halfway(), seen().m(Running), "record end+restarted as Running"),
        ("it is to be stopped meanwhile", halfway().stopped(), seen().m(Stopped), "record end+restarted as Stopped"),
        ("it failed meanwhile", halfway(), seen().m(Failed), "record end+restarted as Running"),
        ("it was frozen meanwhile", begun(), seen().m(Frozen), "record end+restarted as Running"),
        ("a start is refused for now", halfway(), seen().m(Stopped).pause(Reason::NoCapacity), "wait, NoCapacity, until 60"),
    ]);
}

#[test]
fn a_start_within_a_change_is_bounded_as_any() {
    let halfway = || bound().transition(Restart, true);
    let forbidden = || seen().connection(|c| c.forbidden = Some(Obstacle::new(Reason::NamespaceNotAllowed, "")));
    check(vec![
        ("three starts", halfway().status(|s| s.starts = tries(3)), seen().m(Stopped), "halt Failed"),
        ("ended by the cloud", halfway(), seen().machine(expired(m(Stopped))), "halt Expired"),
        ("a namespace that may not", halfway(), forbidden().m(Stopped), "halt NamespaceNotAllowed"),
    ]);
}

#[test]
fn the_same_machine_gets_other_gpus() {
    let begun = |stopped| changed(InPlace, "gpu").transition(Reshape, stopped);
    check(vec![
        ("stopped, its GPU released", begun(false), seen().m(Running), "stop ReleaseGpu"),
        ("stopped", begun(false), seen().m(Stopped), "record Reshape(stopped) as Reshaping"),
        ("started with others", begun(true), seen().m(Stopped), "start Gpu"),
        ("what can be changed while stopped comes first", changed(InPlace, "volumes").transition(Reshape, true), seen().m(Stopped), "update Volumes"),
        ("it runs", bound().transition(Reshape, true), seen().m(Running), "record end as Running"),
        ("a newer version's change is left to it", bound().transition(Unknown, false), seen().m(Running), "wait, UnknownState"),
    ]);
}

#[test]
fn a_replaced_machine_goes_before_the_next_comes() {
    let leaving = || changed(Recreate, "image").transition(Replace, false);
    let latch = PriceLatch { price: "9.00".into(), generation: 1 };
    let strict = || seen().connection(|c| c.capabilities = &STRICT_CLOUD);
    check(vec![
        ("it is deleted", leaving(), seen().m(Running), "delete m-1"),
        ("once", leaving(), seen().m(Running).asked(ActionKind::Delete, Running, 30), "wait, Deleting, until 30, list after -30"),
        ("a refusal waits", leaving(), seen().m(Running).pause(Reason::CloudUnavailable), "wait, outage CloudUnavailable, until 60"),
        ("it is going", leaving(), seen().m(Deleting), "wait, Replacing"),
        ("it is stopped where it must", leaving(), strict().m(Running), "stop ReleaseGpu"),
        ("then deleted", leaving(), strict().m(Stopped), "delete m-1"),
        ("not for another that is too dear", changed(Recreate, "image").spec(|s| s.max_price_per_hour = Some("9".into())).status(|s| s.price_latch = Some(latch)), seen().m(Stopped), "halt PriceAboveCap"),
    ]);
}
