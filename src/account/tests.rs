//! One list for all: who is woken by it, when the next one comes, and what it leaves unexplained.

use std::time::Duration;

use jiff::Timestamp;

use super::{Account, AccountKey, Holding, InstanceRef, Snapshot, Subject, Wake};
use crate::api::remote_name::Installation;
use crate::api::{Cloud, InstanceState};
use crate::provider::{Error, Kind, Listing, Machine, Proof};

const UID: &str = "9b1c7d2e-4f60-4a0b-8c0d-000000000001";
const POLL: Duration = Duration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn ours() -> Installation {
    Installation::new("inst").unwrap()
}

fn account() -> Account {
    Account::new(AccountKey {
        cloud: Cloud::Xgc,
        endpoint: None,
        id: "u-1".into(),
    })
}

fn instance() -> InstanceRef {
    InstanceRef {
        namespace: "ml".into(),
        name: "a".into(),
    }
}

fn subject(machine: Option<&str>) -> Subject {
    Subject {
        uid: UID.into(),
        instance_id: machine.map(Into::into),
        region: None,
        not_before: Timestamp::UNIX_EPOCH,
    }
}

fn machine(id: &str, name: &str, state: InstanceState) -> Machine {
    let mut machine = Machine::new(id, state, "word");
    machine.name = Some(name.into());
    machine
}

fn list(account: &Account, second: i64, machines: Vec<Machine>) -> Vec<InstanceRef> {
    let listing = Listing {
        machines,
        proof: Proof::Complete,
    };
    account.listed(Snapshot::new(at(second), listing, &ours()), &ours())
}

fn running(id: &str) -> Vec<Machine> {
    vec![machine(id, "x", InstanceState::Running)]
}

#[test]
fn a_list_wakes_those_for_whom_something_changed() {
    let account = account();
    account.watch(instance(), subject(Some("m-1")));
    assert_eq!(list(&account, 0, running("m-1")), [instance()], "it appears");
    account.watch(instance(), subject(Some("m-1")));
    assert_eq!(list(&account, 30, running("m-1")), [], "nothing changed");
    assert_eq!(
        list(&account, 60, [running("m-1"), running("m-2")].concat()),
        [],
        "not its own"
    );
    assert_eq!(
        list(&account, 90, vec![machine("m-1", "x", InstanceState::Stopped)]),
        [instance()],
        "it stopped"
    );
    account.watch(instance(), subject(Some("m-1")));
    assert_eq!(list(&account, 120, Vec::new()), [instance()], "it is not shown");
    account.watch(instance(), subject(Some("m-1")));
    account.wake_on(UID, Wake::EveryList);
    assert_eq!(list(&account, 150, Vec::new()), [instance()], "it asked for every list");
    account.forget(UID);
    assert_eq!(list(&account, 180, running("m-1")), [], "it is gone");
}

#[test]
fn what_is_looked_for_is_found_by_id_and_by_name() {
    let account = account();
    let machines = vec![
        machine("m-2", "gi-inst-9b1c7d2e4f60-2", InstanceState::Running),
        machine("m-1", "renamed", InstanceState::Running),
        machine("m-3", "gi-other-9b1c7d2e4f60-1", InstanceState::Running),
    ];
    list(&account, 0, machines);
    let found = account.watch(instance(), subject(Some("m-1"))).machines;
    assert_eq!(
        found.iter().map(|machine| machine.id.as_str()).collect::<Vec<_>>(),
        ["m-1", "m-2"]
    );
}

#[test]
fn absence_is_gathered_for_one_subject_only() {
    let account = account();
    let lists = |subject: Subject| account.watch(instance(), subject).absence.lists;
    assert_eq!(lists(subject(Some("m-1"))), 0);
    list(&account, 0, Vec::new());
    list(&account, 30, Vec::new());
    assert_eq!(lists(subject(Some("m-1"))), 2);
    assert_eq!(
        lists(subject(Some("m-2"))),
        0,
        "of another machine nothing is proven yet"
    );
    let later = Subject {
        not_before: at(60),
        ..subject(Some("m-2"))
    };
    assert_eq!(lists(later.clone()), 0);
    list(&account, 59, Vec::new());
    assert_eq!(lists(later.clone()), 0, "begun too early");
    list(&account, 60, Vec::new());
    assert_eq!(lists(later), 1);
}

#[test]
fn the_account_is_listed_as_often_as_somebody_needs() {
    let account = account();
    let next = |second| account.next_list_in(at(second), POLL).as_millis();
    assert_eq!(next(0), 0, "never listed");
    list(&account, 0, Vec::new());
    assert_eq!(
        (next(0), next(10), next(30), next(99)),
        (30_000, 20_000, 0, 0),
        "by the poll interval"
    );
    account.watch(instance(), subject(None));
    account.wake_on(UID, Wake::EveryList);
    assert_eq!((next(0), next(2)), (2_000, 0), "faster while something is on its way");
    account.wake_on(UID, Wake::OnChange);
    assert_eq!(next(10), 20_000);
    account.want_list_after(at(5));
    assert_eq!(next(10), 0, "at once when a fresh one is asked for");
    list(&account, 10, Vec::new());
    assert_eq!(next(10), 30_000, "which this one was");
    account.want_list_after(at(10));
    assert_eq!(next(10), 250, "but not without a breath");
    assert_eq!(
        account.next_list_in(at(10), Duration::from_millis(100)).as_millis(),
        250
    );
}

#[test]
fn one_failure_is_a_hiccup_and_two_are_an_outage() {
    let account = account();
    account.watch(instance(), subject(Some("m-1")));
    let fails = |kind| account.unreachable(Error::new(kind, "no"));
    let told = || {
        account
            .watch(instance(), subject(Some("m-1")))
            .outage
            .map(|outage| outage.error.kind)
    };
    list(&account, 0, running("m-1"));
    assert_eq!((fails(Kind::Transient), told()), (vec![], None));
    assert_eq!(
        (fails(Kind::Transient), told()),
        (vec![instance()], Some(Kind::Transient))
    );
    assert_eq!(fails(Kind::Transient), [], "no news");
    assert_eq!(
        (list(&account, 60, running("m-1")), told()),
        (vec![instance()], None),
        "it is over"
    );
}

#[test]
fn a_newcomer_without_a_name_that_explains_it_may_be_anyones() {
    let unexplained = |account: &Account| account.unexplained_since(at(60));
    let known = account();
    list(&known, 0, running("old"));
    list(&known, 90, [running("old"), running("new")].concat());
    assert_eq!(unexplained(&known), ["new"], "it came up after the claim");
    known.record(
        "other-uid",
        Holding {
            instance_id: Some("new".into()),
            claimed: true,
            ..Holding::default()
        },
    );
    assert_eq!(unexplained(&known), [] as [&str; 0], "another object's");

    let restarted = account();
    list(&restarted, 90, running("old"));
    assert_eq!(
        unexplained(&restarted),
        ["old"],
        "who has just begun to look cannot tell"
    );
    let mut made = running("old");
    made[0].created_at = Some(at(-600));
    list(&restarted, 120, made);
    assert_eq!(
        unexplained(&restarted),
        [] as [&str; 0],
        "unless the cloud tells that it is older"
    );

    let keeps_names = account();
    list(
        &keeps_names,
        90,
        vec![
            machine("m-1", "gi-inst-000000000001-1", InstanceState::Running),
            machine("x", "notebook", InstanceState::Running),
        ],
    );
    assert_eq!(
        unexplained(&keeps_names),
        [] as [&str; 0],
        "a cloud that keeps our names explains every machine"
    );

    let shared = account();
    list(
        &shared,
        90,
        vec![machine("m-1", "gi-other-000000000001-1", InstanceState::Running)],
    );
    assert_eq!(unexplained(&shared), [] as [&str; 0], "another installation's");
}

#[tokio::test(start_paused = true)]
async fn evidence_from_before_the_clock_was_put_forward_proves_nothing() {
    let begin = async |account: &Account, second, passed| {
        tokio::time::advance(Duration::from_secs(passed)).await;
        account.list_begins(at(second));
        list(account, second, Vec::new());
        let evidence = account.watch(instance(), subject(Some("m-1")));
        evidence.absence.lasted(jiff::SignedDuration::from_mins(1))
    };
    let account = account();
    account.watch(instance(), subject(Some("m-1")));
    assert!(!begin(&account, 0, 0).await);
    assert!(
        !begin(&account, 302, 2).await,
        "five minutes, of which two seconds have passed"
    );
    assert!(!begin(&account, 304, 2).await);
    assert!(begin(&account, 364, 60).await);
}

#[test]
fn an_object_that_vanishes_is_missed_only_after_a_while() {
    let account = account();
    let claimed = Holding {
        claimed: true,
        ..Holding::default()
    };
    account.watch(instance(), subject(None));
    account.record("held-only", claimed);
    let nobody = std::collections::BTreeSet::new();
    let grace = Duration::from_mins(1);
    assert_eq!(account.missing_for(&nobody, at(0), grace), Vec::<String>::new());
    let back = std::collections::BTreeSet::from([UID.to_owned()]);
    assert_eq!(account.missing_for(&back, at(30), grace), Vec::<String>::new());
    assert_eq!(
        account.missing_for(&nobody, at(60), grace),
        ["held-only"],
        "who was back in between is missed anew"
    );
    account.forget("held-only");
    assert_eq!(account.missing_for(&nobody, at(120), grace), [UID]);
    assert!(!account.holds("held-only"));
}
