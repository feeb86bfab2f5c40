//! What status says: each reason with its conditions, and nothing twice.

mod recorded;

use jiff::Timestamp;

use super::{Scene, Verdict, project};
use crate::account::Obstacle;
use crate::api::InstanceState::{self, Creating, Deleting, Lost, Running, Starting, Stopped, Stopping};
use crate::api::condition::{self, Reason, Type};
use crate::api::instance::UpdatePolicy;
use crate::api::status::{Endpoints, GpuInstanceStatus, TransitionKind};
use crate::instance::memory::ActionKind;
use crate::instance::observation::CloudView;
use crate::instance::plan::tests::scenes::{
    Object, Seen, at, bound, claimed, expired, held_object, m, new_object, priced, seen,
};
use crate::instance::step::{Change, Standing};
use crate::provider::Ssh;

fn publish(object: &Object, seen: &Seen, changes: &[Change], verdict: &Verdict, now: Timestamp) -> GpuInstanceStatus {
    let status = project(&Scene {
        object: &object.0,
        seen: &seen.0,
        changes,
        verdict,
        secret_written: object
            .0
            .status
            .as_ref()
            .is_some_and(|status| status.instance_id.is_some()),
        now,
    });
    // As it comes back from the API server.
    serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap()
}

fn status(object: &Object, seen: &Seen, verdict: &Verdict) -> GpuInstanceStatus {
    publish(object, seen, &[], verdict, at(0))
}

fn progress(reason: Reason) -> Verdict {
    Verdict::Standing(Standing::Progress(Obstacle::new(reason, "it is so")))
}

fn outage(reason: Reason) -> Verdict {
    Verdict::Standing(Standing::Outage(Obstacle::new(reason, "it is so")))
}

fn stalled(reason: Reason) -> Verdict {
    Verdict::Stalled(Obstacle::new(reason, "it is so"))
}

fn ready() -> Verdict {
    Verdict::Standing(Standing::Ready)
}

fn running() -> Seen {
    seen().m(Running)
}

/// `Ready=False/Lost Synced=True/CloudAnswered Stalled=True/Lost`, without the ones that are not asked for.
fn brief(status: &GpuInstanceStatus, kinds: &[Type]) -> String {
    let told = kinds
        .iter()
        .filter_map(|kind| condition::get(&status.conditions, *kind));
    let told = told.map(|condition| format!("{}={}/{}", condition.type_, condition.status, condition.reason));
    told.collect::<Vec<_>>().join(" ")
}

const KSTATUS: [Type; 4] = [Type::Ready, Type::Synced, Type::Reconciling, Type::Stalled];

#[test]
fn each_reason_has_its_conditions() {
    use Reason::{
        AccountChanged, AdoptionForbidden, AdoptionUnconfirmed, CreateOutcomeUnknown, CredentialsIncomplete,
        CredentialsNotFound, CredentialsRejected, EndpointNotAllowed, Expired, Failed, InstanceClaimed,
        InstanceNotFound, InsufficientBalance, Invalid, LimitReached, NamespaceNotAllowed, NoCapacity, PriceAboveCap,
        ProviderNotFound, SecretNotOwned, Unsupported,
    };
    for reason in [
        CredentialsNotFound,
        CredentialsIncomplete,
        CredentialsRejected,
        EndpointNotAllowed,
        NamespaceNotAllowed,
        ProviderNotFound,
        AccountChanged,
    ] {
        let told = brief(&status(&bound(), &running(), &stalled(reason)), &KSTATUS);
        assert_eq!(
            told,
            format!("Ready=False/{reason} Synced=False/{reason} Stalled=True/{reason}")
        );
    }
    for reason in [
        Unsupported,
        Invalid,
        InstanceNotFound,
        InstanceClaimed,
        AdoptionForbidden,
        AdoptionUnconfirmed,
        CreateOutcomeUnknown,
        PriceAboveCap,
        SecretNotOwned,
        Reason::Lost,
        Expired,
        Failed,
    ] {
        let told = brief(&status(&bound(), &running(), &stalled(reason)), &KSTATUS);
        assert_eq!(
            told,
            format!("Ready=False/{reason} Synced=True/CloudAnswered Stalled=True/{reason}")
        );
    }
    for reason in [NoCapacity, InsufficientBalance, LimitReached] {
        let told = brief(&status(&held_object(), &seen(), &progress(reason)), &KSTATUS);
        assert_eq!(
            told,
            format!("Ready=False/{reason} Synced=True/CloudAnswered Reconciling=True/{reason}")
        );
    }
}

#[test]
fn an_outage_leaves_what_was_said() {
    for reason in [Reason::CloudUnavailable, Reason::RateLimited] {
        let mut object = bound();
        object.0.status = Some(status(&object, &running(), &ready()));
        let during = status(&object, &seen(), &outage(reason));
        let told = brief(&during, &KSTATUS);
        assert_eq!(
            told,
            format!("Ready=True/Running Synced=False/{reason} Reconciling=True/{reason}")
        );
        assert_eq!(
            (during.state, during.instance_id.as_deref()),
            (Some(Running), Some("m-1"))
        );
        let changed = object.generation(2);
        let told = brief(&status(&changed, &seen(), &outage(reason)), &[Type::Ready]);
        assert_eq!(
            told,
            format!("Ready=Unknown/{reason}"),
            "nothing is known of the new spec"
        );
    }
}

#[test]
fn suspended_is_ready_only_if_nothing_differs() {
    let told = |differs: Option<&str>| {
        let verdict = Verdict::Suspended(differs.map(Into::into));
        brief(&status(&bound(), &running(), &verdict), &KSTATUS)
    };
    assert_eq!(told(None), "Ready=True/Suspended Synced=True/CloudAnswered");
    assert_eq!(
        told(Some("to be stopped")),
        "Ready=False/Suspended Synced=True/CloudAnswered"
    );
}

/// What kstatus, Flux and Argo CD go by.
#[test]
fn the_generation_is_observed_when_something_is_said_of_it() {
    let spoken = status(&new_object().generation(3), &seen(), &progress(Reason::Claimed));
    assert_eq!(spoken.observed_generation, Some(3));
    assert!(
        spoken
            .conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(3))
    );
    let mut object = bound();
    object.0.status = Some(status(&object, &running(), &ready()));
    let unchanged = status(
        &object.generation(2),
        &running(),
        &Verdict::Standing(Standing::Unchanged),
    );
    assert_eq!(
        unchanged.observed_generation,
        Some(1),
        "nothing was said of the new spec yet"
    );
    assert_eq!(brief(&unchanged, &[Type::Ready]), "Ready=True/Running");
}

#[test]
fn nothing_changes_when_the_same_is_said_again() {
    let made = Timestamp::from_millisecond(1_800_000_000_437).unwrap();
    let mut machine = m(Running);
    (machine.created_at, machine.started_at) = (Some(made), Some(made));
    let fraction = seen().machine(machine);
    for (what, object, seen, verdict) in [
        ("ready", bound(), fraction, ready()),
        ("stalled", bound(), running(), stalled(Reason::Lost)),
        ("waiting", claimed(), seen(), progress(Reason::Settling)),
        ("an outage", bound(), seen(), outage(Reason::CloudUnavailable)),
        (
            "suspended",
            bound(),
            running(),
            Verdict::Suspended(Some("differs".into())),
        ),
        ("drifted", bound().ordered_otherwise(&["image"]), running(), ready()),
        ("stopped", bound().stopped(), seen().m(Stopped), ready()),
    ] {
        let mut again = object.clone();
        let first = publish(&object, &seen, &[], &verdict, at(0));
        again.0.status = Some(first.clone());
        assert_eq!(publish(&again, &seen, &[], &verdict, at(60)), first, "{what}");
    }
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let mut object = bound();
    object.0.status = Some(status(&object, &running(), &ready()));
    let time = |status: &GpuInstanceStatus| {
        condition::get(&status.conditions, Type::Ready)
            .unwrap()
            .last_transition_time
            .0
    };
    let stopping = publish(&object, &running(), &[], &progress(Reason::Stopping), at(60));
    assert_eq!(time(&stopping), at(60));
    object.0.status = Some(stopping);
    assert_eq!(
        time(&publish(&object, &running(), &[], &progress(Reason::Starting), at(90))),
        at(60)
    );
}

#[test]
fn the_state_is_what_a_user_would_say() {
    let asked = |kind, before: InstanceState| seen().m(before).asked(kind, before, 2);
    let unclear = || seen().with(|seen| seen.cloud = CloudView::NotYet);
    let stopping = || bound().transition(TransitionKind::Restart, false);
    for (what, object, seen, verdict, expected) in [
        (
            "new",
            new_object(),
            seen(),
            progress(Reason::Pending),
            InstanceState::Pending,
        ),
        (
            "new, and to be stopped",
            new_object().stopped(),
            seen(),
            ready(),
            Stopped,
        ),
        ("claimed", claimed(), seen(), progress(Reason::Claimed), Creating),
        (
            "being deleted without a machine",
            held_object().deleted(),
            seen(),
            progress(Reason::Deleting),
            Deleting,
        ),
        ("as the cloud says", bound(), running(), ready(), Running),
        (
            "asked to stop",
            bound(),
            asked(ActionKind::Stop, Running),
            progress(Reason::Stopping),
            Stopping,
        ),
        (
            "asked to start",
            bound(),
            asked(ActionKind::Start, Stopped),
            progress(Reason::Starting),
            Starting,
        ),
        (
            "restarting",
            stopping(),
            seen().m(Stopping),
            progress(Reason::Restarting),
            InstanceState::Restarting,
        ),
        (
            "ended by the cloud",
            bound(),
            seen().machine(expired(m(Stopped))),
            stalled(Reason::Expired),
            InstanceState::Expired,
        ),
        ("lost", bound(), seen(), stalled(Reason::Lost), Lost),
        (
            "nobody has looked",
            bound().status(|s| s.state = Some(Running)),
            unclear(),
            Verdict::Standing(Standing::Unchanged),
            Running,
        ),
    ] {
        assert_eq!(status(&object, &seen, &verdict).state, Some(expected), "{what}");
    }
}

#[test]
fn available_means_that_it_can_be_reached() {
    let with_shell = || {
        let mut machine = m(Running);
        machine.ssh = Some(Ssh {
            host: "h".into(),
            port: 22,
            user: "root".into(),
        });
        seen().machine(machine)
    };
    let wants_shell = || {
        bound().spec(|spec| {
            spec.ports = serde_json::from_value(serde_json::json!([{ "port": 22, "protocol": "SSH" }])).unwrap();
        })
    };
    let shell_port = |seen: Seen| {
        seen.with(|seen| {
            seen.ports = serde_json::from_value(serde_json::json!([{ "port": 22, "url": "h:22" }])).unwrap()
        })
    };
    for (what, object, seen, expected) in [
        (
            "it runs, and nothing is to be published",
            bound(),
            running(),
            "Available=True/Running",
        ),
        (
            "no shell yet",
            wants_shell(),
            running(),
            "Available=False/EndpointsPending",
        ),
        (
            "a shell, but not the port",
            wants_shell(),
            with_shell(),
            "Available=False/EndpointsPending",
        ),
        (
            "all there",
            wants_shell(),
            shell_port(with_shell()),
            "Available=True/Running",
        ),
        (
            "stopped",
            bound().stopped(),
            seen().m(Stopped),
            "Available=False/Stopped",
        ),
        ("being made", bound(), seen().m(Creating), "Available=False/Pending"),
    ] {
        assert_eq!(
            brief(&status(&object, &seen, &ready()), &[Type::Available]),
            expected,
            "{what}"
        );
    }
    let shown = status(&bound(), &with_shell(), &ready()).endpoints.unwrap();
    assert_eq!(shown.ssh.unwrap().address, "root@h:22");
    let stopped = status(&bound().stopped(), &seen().m(Stopped), &ready());
    assert_eq!(
        stopped.endpoints.unwrap_or_default(),
        Endpoints::default(),
        "a stopped machine is not reached"
    );
}

#[test]
fn what_differs_by_policy_is_told_and_no_obstacle() {
    let drifted = |policy| {
        bound()
            .spec(|spec| spec.update_policy = policy)
            .ordered_otherwise(&["image"])
    };
    let told = |object: &Object| {
        let status = status(object, &running(), &ready());
        let message = condition::get(&status.conditions, Type::Drifted).map(|drifted| drifted.message.clone());
        (
            brief(&status, &[Type::Ready, Type::Drifted]),
            message.unwrap_or_default(),
        )
    };
    assert_eq!(told(&bound()).0, "Ready=True/Running");
    for (policy, word) in [
        (UpdatePolicy::Report, "Report"),
        (UpdatePolicy::InPlace, "Recreate replaces it"),
    ] {
        let (conditions, message) = told(&drifted(policy));
        assert_eq!(conditions, "Ready=True/Running Drifted=True/SpecChanged");
        assert!(message.contains("spec.image") && message.contains(word), "{message}");
    }
}

#[test]
fn what_is_remembered_follows_the_changes() {
    let change =
        |object: &Object, changes: &[Change]| publish(object, &running(), changes, &progress(Reason::Creating), at(0));
    let bare = |status: &GpuInstanceStatus| {
        (
            status.instance_id.clone(),
            status.claim.clone(),
            status.account_id.clone(),
        )
    };
    let found = change(&claimed(), &[Change::Bind("m-1".into())]);
    assert_eq!(found.instance_id.as_deref(), Some("m-1"));
    assert!(
        found.claim.is_some() && !found.was_ready,
        "a new machine was of use to nobody yet"
    );
    let let_go = change(&claimed(), &[Change::Unclaim]);
    assert_eq!(bare(&let_go), (None, None, None));
    assert_eq!(let_go.attempts, 1, "the next attempt has another name");
    let gone = change(&bound(), &[Change::Unbind, Change::CountReplacement]);
    assert_eq!(bare(&gone), (None, None, None));
    assert_eq!(gone.replacements.unwrap().count, 1);
    assert_eq!(gone.replaced, Vec::<String>::new());
    let lost = |object: &Object| change(object, &[Change::Replaced, Change::Unbind]);
    assert_eq!(lost(&bound()).replaced, ["m-1"], "it may come back");
    let unused = bound().status(|status| status.was_ready = false);
    assert_eq!(lost(&unused).replaced, Vec::<String>::new(), "nothing can be on it");
    let many = bound().status(|status| status.replaced = (0..8).map(|n| format!("r-{n}")).collect());
    let latest = lost(&many).replaced;
    assert_eq!((latest.len(), latest[7].as_str()), (8, "m-1"));
    let back = bound().status(|status| status.replaced = vec!["m-1".into()]);
    assert_eq!(
        change(&back, &[Change::Bind("m-1".into())]).replaced,
        Vec::<String>::new()
    );
    assert_eq!(
        (gone.price_per_hour, gone.cloud_state, gone.was_ready),
        (None, None, false)
    );
    let twice = change(
        &bound().status(|status| status.starts = crate::instance::plan::tests::scenes::tries(1)),
        &[Change::CountStart],
    );
    assert_eq!(twice.starts.unwrap().count, 2);
}

#[test]
fn a_price_is_told_while_it_is_paid() {
    let price =
        |object: &Object, state| status(object, &seen().machine(priced(m(state), "1.8900")), &ready()).price_per_hour;
    let kept = bound()
        .stopped()
        .status(|status| status.stopped_with = Some(crate::api::instance::StopMode::KeepGpu));
    assert_eq!(price(&bound(), Running).as_deref(), Some("1.89"));
    assert_eq!(price(&bound().stopped(), Stopped), None);
    assert_eq!(
        price(&kept, Stopped).as_deref(),
        Some("1.89"),
        "a GPU that is kept is paid for"
    );
}
