//! Tells users, by events, of each thing that matters.

use super::Reconciler;
use super::act::{Outcome, object_reference};
use super::observation::InstanceView;
use super::step::{Change, Step};
use crate::api::GpuInstance;
use crate::api::condition::{self, Reason, Type};
use crate::api::status::GpuInstanceStatus;

impl Reconciler {
    /// Tells of what was done, and of what has changed in how things stand.
    pub(super) fn tell(
        &self,
        object: &GpuInstance,
        step: &Step,
        outcome: &Outcome,
        status: Option<&GpuInstanceStatus>,
    ) {
        let reference = object_reference(object);
        if outcome.result.is_ok()
            && let (Some((reason, action)), Some(news)) = (happening(step), &outcome.news)
        {
            self.events.normal(&reference, reason, action, news);
        }
        let Some(status) = status else {
            self.events.forget(object.id());
            return;
        };
        let before = object
            .status
            .as_ref()
            .and_then(|status| condition::get(&status.conditions, Type::Ready));
        let Some(ready) = condition::get(&status.conditions, Type::Ready) else {
            return;
        };
        let outage = condition::get(&status.conditions, Type::Synced).filter(|synced| synced.status == "False");
        if let Some(synced) = outage {
            self.events
                .warning(&reference, &synced.reason, "Observe", &synced.message);
        } else if ready.status == "True" && before.is_none_or(|before| before.status != "True") {
            self.events.normal(&reference, &ready.reason, "Observe", &ready.message);
            // What follows is another story: a second stop is told too, though in the same words.
            self.events.forget(object.id());
        } else if ready.status != "True" && is_trouble(&ready.reason) {
            self.events
                .warning(&reference, &ready.reason, "Reconcile", &ready.message);
        }
    }
}

/// Why and what, of steps that a user wants to hear of.
fn happening(step: &Step) -> Option<(&'static str, &'static str)> {
    Some(match step {
        Step::Create => ("Creating", "Create"),
        Step::FollowTask(_) => ("Created", "Create"),
        Step::Adopt(_) => ("Adopted", "Adopt"),
        Step::Record(changes, _) if changes.iter().any(|change| matches!(change, Change::Bind(_))) => {
            ("Found", "Settle")
        }
        Step::Record(changes, _) if changes.contains(&Change::Unclaim) => ("NotCreated", "Settle"),
        // What nothing but the user can change is warned of as it is.
        Step::Record(_, why) if why.reason.is_stalled() => return None,
        Step::Record(changes, why)
            if changes
                .iter()
                .any(|change| matches!(change, Change::Transition(Some(_)))) =>
        {
            (why.reason.name(), "Begin")
        }
        Step::Start(_) => ("Starting", "Start"),
        Step::Stop(_) | Step::StopExtra(..) => ("Stopping", "Stop"),
        Step::Restart => ("Restarting", "Restart"),
        Step::KeepNextPassword => ("Reinstalled", "Update"),
        Step::SaveImage => ("SavingImage", "SaveImage"),
        Step::Update(_) => ("Updating", "Update"),
        Step::Delete(..) => ("Deleting", "Delete"),
        Step::Forget(_, why) if why.reason == Reason::Replacing => ("Replacing", "Replace"),
        Step::LetGo => ("Released", "Release"),
        Step::Forget(..) | Step::DropFinalizer(_) => ("Deleted", "Delete"),
        _ => return None,
    })
}

/// Whether a reason for not being ready is something to warn of.
fn is_trouble(reason: &str) -> bool {
    const TROUBLE: [Reason; 22] = [
        Reason::CredentialsNotFound,
        Reason::CredentialsIncomplete,
        Reason::CredentialsRejected,
        Reason::EndpointNotAllowed,
        Reason::NamespaceNotAllowed,
        Reason::ProviderNotFound,
        Reason::AccountChanged,
        Reason::Unsupported,
        Reason::Invalid,
        Reason::InstanceNotFound,
        Reason::InstanceClaimed,
        Reason::AdoptionForbidden,
        Reason::AdoptionUnconfirmed,
        Reason::CreateOutcomeUnknown,
        Reason::PriceAboveCap,
        Reason::SecretNotOwned,
        Reason::Lost,
        Reason::Expired,
        Reason::Failed,
        Reason::NoCapacity,
        Reason::InsufficientBalance,
        Reason::LimitReached,
    ];
    TROUBLE.iter().any(|trouble| trouble.name() == reason) || reason == Reason::Settling.name()
}
