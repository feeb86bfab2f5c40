//! An object with a machine.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::check;
use super::scenes::{CLOUD, Object, OTHER_UID, STRICT_CLOUD, Seen, at, bound, expired, held_object, m, machine, new_object, priced, ready_to_order, seen, tries};
use crate::account::Obstacle;
use crate::api::InstanceState::{
    Creating, Deleting, Expired, Failed, Frozen, Reinstalling, Running, SavingImage, Starting, Stopped, Stopping,
    Unknown,
};
use crate::api::condition::Reason;
use crate::api::instance::{DeletionPolicy, Snapshot, StopMode, UpdatePolicy};
use crate::api::status::{PriceLatch, SnapshotStatus, TransitionKind};
use crate::instance::memory::ActionKind;
use crate::provider::{Capabilities, Machine, Ssh};

fn recreated() -> Object {
    bound().spec(|spec| spec.update_policy = UpdatePolicy::Recreate)
}

#[test]
fn a_machine_is_bound_for_good() {
    let unnoted = || bound().annotate(super::scenes::UID, "m-0");
    let copied = || bound().annotate(OTHER_UID, "m-1");
    check(vec![
        ("the finalizer is put back", bound().without_finalizer(), seen().m(Running), "take the finalizer"),
        ("the annotation is put right", unnoted(), seen().m(Running), "write the binding"),
        ("whosever it was", copied(), seen().m(Running), "write the binding"),
        ("before the machine shows", unnoted(), seen(), "write the binding"),
    ]);
}

#[test]
fn power_is_kept_as_the_spec_asks() {
    let keep_gpu = || bound().stopped().spec(|spec| spec.stop_mode = Some(StopMode::KeepGpu));
    let kept = |object: Object| object.status(|status| status.stopped_with = Some(StopMode::KeepGpu));
    let forbidden = || seen().connection(|c| c.forbidden = Some(Obstacle::new(Reason::NamespaceNotAllowed, "")));
    check(vec![
        ("running", bound(), seen().m(Running), "rest"),
        ("stopped elsewhere", bound(), seen().m(Stopped), "start"),
        ("to be stopped", bound().stopped(), seen().m(Running), "stop ReleaseGpu"),
        ("to be stopped with its GPU", keep_gpu(), seen().m(Running), "stop KeepGpu"),
        ("stopped", bound().stopped(), seen().m(Stopped), "rest"),
        ("stopped with its GPU, as asked", kept(keep_gpu()), seen().m(Stopped), "rest"),
        ("stopped with its GPU, which is to go now", kept(bound().stopped()), seen().m(Stopped), "stop ReleaseGpu"),
        ("a start that was refused for now", bound(), seen().m(Stopped).pause(Reason::NoCapacity), "wait, NoCapacity, until 60"),
        ("no start for a namespace that may not", bound(), forbidden().m(Stopped), "halt NamespaceNotAllowed"),
        ("but a stop", bound().stopped(), forbidden().m(Running), "stop ReleaseGpu"),
        ("its shell is not told yet", bound(), seen().m(Running).connection(|c| c.capabilities = &WITH_SHELL), "wait, ready"),
        ("its shell is told", bound(), seen().machine(with_shell()).connection(|c| c.capabilities = &WITH_SHELL), "rest"),
    ]);
}

const WITH_SHELL: Capabilities = Capabilities {
    always_ssh: true,
    ..CLOUD
};

fn with_shell() -> Machine {
    let mut machine = m(Running);
    machine.ssh = Some(Ssh {
        host: "h".into(),
        port: 22,
        user: "root".into(),
    });
    machine
}

#[test]
fn starts_against_the_clouds_will_are_bounded() {
    let tried = |count| bound().status(|status| status.starts = tries(count));
    let long_ago = bound().status(|status| {
        status.starts = tries(3);
        status.starts.as_mut().unwrap().since.0 = at(-3600);
    });
    check(vec![
        ("twice within an hour", tried(2), seen().m(Stopped), "start"),
        ("three times", tried(3), seen().m(Stopped), "halt Failed"),
        ("an hour later", long_ago, seen().m(Stopped), "start"),
        ("a new spec", tried(3).generation(2), seen().m(Stopped), "start"),
        ("forgiven while it is to be stopped", tried(3).stopped(), seen().m(Stopped), "record forgetstarts as Stopped"),
        ("ended by the cloud", bound(), seen().machine(expired(m(Stopped))), "halt Expired"),
        ("and not wanted", bound().stopped(), seen().machine(expired(m(Stopped))), "rest"),
        ("in the cloud's own word", bound(), seen().m(Expired), "halt Expired"),
    ]);
}

#[test]
fn a_call_is_not_repeated_before_lists_can_show_it() {
    check(vec![
        ("a start, not listed since", bound(), seen().m(Stopped).asked(ActionKind::Start, Stopped, 2), "wait, Starting, until 18, list after -2"),
        ("listed as before", bound(), seen().m(Stopped).asked(ActionKind::Start, Stopped, 10), "wait, Starting, until 10, list after -10"),
        ("for too long", bound(), seen().m(Stopped).asked(ActionKind::Start, Stopped, 20), "start"),
        ("it shows", bound(), seen().m(Running).asked(ActionKind::Start, Stopped, 10), "rest"),
        ("a stop", bound().stopped(), seen().m(Running).asked(ActionKind::Stop, Running, 10), "wait, Stopping, until 10, list after -10"),
        ("that is no longer wanted waits too", bound(), seen().m(Running).asked(ActionKind::Stop, Running, 10), "wait, Stopping, until 10, list after -10"),
        ("a change", bound(), seen().m(Running).asked(ActionKind::Update, Running, 10), "wait, Reshaping, until 10, list after -10"),
        ("of another machine is of no interest", bound(), seen().m(Stopped).asked_for("m-0", ActionKind::Start, Stopped, 10), "start"),
    ]);
}

#[test]
fn while_the_cloud_works_nothing_is_asked() {
    check(vec![
        ("being made", bound(), seen().m(Creating), "wait, Creating"),
        ("starting", bound().stopped(), seen().m(Starting), "wait, Starting"),
        ("stopping", bound(), seen().m(Stopping), "wait, Stopping"),
        ("being saved", bound(), seen().m(SavingImage), "wait, SavingImage"),
        ("getting an image", bound(), seen().m(Reinstalling), "wait, Reinstalling"),
        ("being deleted elsewhere", bound(), seen().m(Deleting), "wait, Deleting"),
        ("frozen", bound(), seen().m(Frozen), "wait, InsufficientBalance"),
        ("failed", bound(), seen().m(Failed), "halt Failed"),
        ("failed and to be replaced", recreated(), seen().m(Failed), "record Replace as Replacing"),
        ("but not while it should be stopped", recreated().stopped(), seen().m(Failed), "halt Failed"),
        ("nor for ever", recreated().status(|s| s.replacements = tries(3)), seen().m(Failed), "halt Failed"),
        ("a word that is not known", bound(), seen().m(Unknown), "wait, UnknownState"),
    ]);
}

#[test]
fn a_machine_that_is_not_listed_is_lost_only_when_that_is_proven() {
    let leaving = |kind| bound().transition(kind, false);
    check(vec![
        ("not listed yet", bound(), seen(), "wait"),
        ("one list", bound(), seen().absent_between(-5, -5), "wait, list after 55"),
        ("two that are close", bound(), seen().absent_since(-40), "wait, list after 20"),
        ("two far apart", bound(), seen().absent_since(-65), "halt Lost"),
        ("to be replaced", recreated(), seen().absent_since(-65), "forget replaced+unbind+end+countreplacement as Replacing"),
        ("not while it should be stopped", recreated().stopped(), seen().absent_since(-65), "halt Lost"),
        ("not for ever", recreated().status(|s| s.replacements = tries(3)), seen().absent_since(-65), "halt Lost"),
        ("leaving: close lists do after an acknowledged delete", leaving(TransitionKind::Replace), seen().absent_since(-9).delete_acknowledged(), "forget unbind+end+countreplacement as Replacing"),
        ("leaving: not ones that may be from before it was made", leaving(TransitionKind::Replace), seen().absent_since(-9).delete_acknowledged().known_for(68), "wait"),
        ("leaving: but one does not", leaving(TransitionKind::Replace), seen().absent_between(-5, -5).delete_acknowledged(), "wait"),
        ("leaving: nor do they without one", leaving(TransitionKind::Replace), seen().absent_since(-9), "wait, list after 51"),
        ("given back", leaving(TransitionKind::Discard), seen().absent_since(-9).delete_acknowledged(), "forget unbind+end as Deleting"),
        ("an acknowledged delete proves nothing of one that stays", bound(), seen().absent_since(-9).delete_acknowledged(), "wait"),
    ]);
}

#[test]
fn of_two_machines_of_an_object_one_goes() {
    let second = |state| seen().m(Running).machine(machine("m-2", 2, state));
    let foreign = || {
        let mut machine = machine("m-3", 1, Running);
        machine.name = Some("gi-other-9b1c7d2e4f60-1".into());
        seen().m(Running).machine(machine)
    };
    check(vec![
        ("the one that is not bound", bound(), second(Running), "delete m-2"),
        ("also before the bound one shows", bound(), seen().machine(machine("m-2", 2, Running)), "delete m-2"),
        ("once", bound(), second(Running).asked_for("m-2", ActionKind::Delete, Running, 30), "wait, ready, until 20"),
        ("again where it stays", bound(), second(Running).asked_for("m-2", ActionKind::Delete, Running, 60), "delete m-2"),
        ("and is left to go", bound(), second(Deleting), "rest"),
        ("a refusal is left alone for a while", bound(), second(Running).pause(Reason::CloudUnavailable), "wait, ready, until 20"),
        ("never another installation's", bound(), foreign(), "rest"),
    ]);
}

#[test]
fn a_machine_that_was_replaced_and_comes_back_is_stopped_and_kept() {
    let replaced = || bound().status(|status| status.replaced = vec!["m-0".into(), "m-2".into()]);
    let back = |state| seen().m(Running).machine(machine("m-2", 2, state));
    let strict = |seen: Seen| seen.connection(|connection| connection.capabilities = &STRICT_CLOUD);
    let swept = |seen: Seen| seen.connection(|connection| connection.deletes_orphans = true);
    check(vec![
        ("so that it costs little", replaced(), back(Running), "stop m-2"),
        ("once", replaced(), back(Running).asked_for("m-2", ActionKind::Stop, Running, 10), "wait, ready, until 20"),
        ("again where it stays up", replaced(), back(Running).asked_for("m-2", ActionKind::Stop, Running, 20), "stop m-2"),
        ("and that is all", replaced(), back(Stopped), "rest"),
        ("whatever it does", replaced(), back(Failed), "rest"),
        ("deleted where that is wanted", replaced(), swept(back(Running)), "delete m-2"),
        ("stopped too", replaced(), swept(back(Stopped)), "delete m-2"),
        ("after a stop where the cloud wants that", replaced(), strict(swept(back(Running))), "stop m-2"),
        ("then", replaced(), strict(swept(back(Stopped))), "delete m-2"),
        ("one that nobody has used likewise", bound(), strict(back(Running)), "stop m-2"),
        ("and goes", bound(), strict(back(Stopped)), "delete m-2"),
    ]);
}

#[test]
fn a_machine_above_the_cap_does_not_run() {
    let capped = || bound().spec(|spec| spec.max_price_per_hour = Some("2".into()));
    let never_ready = || capped().status(|status| status.was_ready = false);
    let latched = |object: Object| {
        object.status(|status| status.price_latch = Some(PriceLatch { price: "3.00".into(), generation: 1 }))
    };
    let dear = |state| seen().machine(priced(m(state), "3"));
    let fair = |state| seen().machine(priced(m(state), "2"));
    check(vec![
        ("at the cap", capped(), fair(Running), "rest"),
        ("above it, and used", capped(), dear(Running), "record latch(3.00) as PriceAboveCap"),
        ("then it is stopped", latched(capped()), dear(Running), "stop ReleaseGpu"),
        ("also where the price fell again", latched(capped()), fair(Running), "stop ReleaseGpu"),
        ("and stays so", latched(capped()), dear(Stopped), "halt PriceAboveCap"),
        ("one that is lost is not replaced", latched(capped()).spec(|spec| spec.update_policy = UpdatePolicy::Recreate), seen().absent_since(-65), "halt Lost"),
        ("which is all right where it should", latched(capped()).stopped(), dear(Stopped), "rest"),
        ("above it, and never used", never_ready(), dear(Creating), "record latch(3.00)+Discard as PriceAboveCap"),
        ("then it is given back", latched(never_ready()).transition(TransitionKind::Discard, false), dear(Running), "delete m-1"),
        ("a new spec is compared anew", latched(capped()).generation(2), dear(Stopped), "record latch(3.00) as PriceAboveCap"),
        ("with a higher cap it is started", latched(capped()).generation(2).spec(|s| s.max_price_per_hour = Some("3".into())), dear(Stopped), "start"),
        ("no cap, no latch", latched(bound()).generation(2), dear(Stopped), "start"),
    ]);
}

#[test]
fn an_image_is_saved_before_the_stop() {
    let saved = || {
        bound().stopped().spec(|spec| {
            spec.snapshot_on_stop = Some(Snapshot { name: "img".into(), tag: None });
        })
    };
    let noted = |ago: i64| saved().status(|status| status.snapshot = Some(SnapshotStatus { at: Time(at(-ago)) }));
    const WITH_STOP: Capabilities = Capabilities { snapshot_with_stop: true, ..CLOUD };
    let with_stop = |seen: Seen| seen.connection(|connection| connection.capabilities = &WITH_STOP);
    check(vec![
        ("noted first", saved(), seen().m(Running), "record snapshottaken as SavingImage"),
        ("then asked for", noted(1), seen().m(Running), "save an image"),
        ("then waited for", noted(30), seen().m(Running).asked(ActionKind::SaveImage, Running, 10), "wait, SavingImage, until 10, list after -10"),
        ("while the cloud saves it", noted(30), seen().m(SavingImage).asked(ActionKind::SaveImage, Running, 10), "wait, SavingImage"),
        ("then it is stopped", noted(60), seen().m(Running).asked(ActionKind::SaveImage, Running, 30), "stop ReleaseGpu"),
        ("another process has asked long ago", noted(121), seen().m(Running), "stop ReleaseGpu"),
        ("the next stop saves another", noted(60).spec(|s| s.power = crate::api::instance::Power::Running), seen().m(Running), "record forgetsnapshot as Running"),
        ("where a stop saves it", saved(), with_stop(seen().m(Running)), "stop ReleaseGpu"),
        ("a stopped machine is not saved", saved(), seen().m(Stopped), "rest"),
    ]);
}

#[test]
fn an_annotation_alone_gives_no_machine() {
    let forged = || held_object().annotate(super::scenes::UID, "m-9");
    let others = || {
        let mut machine = machine("m-9", 1, Running);
        machine.name = Some("gi-3f2a91c0-000000000000-1".into());
        seen().machine(machine)
    };
    let kept = || forged().deleted().spec(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain));
    let wished = || forged().deleted().spec(|spec| spec.instance_id = Some("m-9".into()));
    check(vec![
        ("not one of another object", forged(), others(), "halt AdoptionUnconfirmed"),
        ("nor one that no list shows", forged(), seen(), "halt AdoptionUnconfirmed"),
        ("not to be stopped", forged().stopped(), others(), "halt AdoptionUnconfirmed"),
        ("not to be deleted", forged().deleted(), others(), "halt AdoptionUnconfirmed"),
        ("nor as one that it wished to adopt", wished(), others(), "halt AdoptionUnconfirmed"),
        ("not to be let go", kept(), others(), "halt AdoptionUnconfirmed"),
        ("not even to be looked at", forged().spec(|spec| spec.suspend = true), others(), "halt AdoptionUnconfirmed"),
        ("and none is rented instead", forged(), ready_to_order(), "halt AdoptionUnconfirmed"),
    ]);
}

#[test]
fn status_that_was_lost_is_found_again() {
    let restored = || new_object().annotate(super::scenes::UID, "m-1");
    check(vec![
        ("from the annotation", restored(), seen().m(Running), "record bind(m-1) as Pending"),
        ("whatever its power", restored().stopped(), seen().m(Stopped), "record bind(m-1) as Pending"),
    ]);
}
