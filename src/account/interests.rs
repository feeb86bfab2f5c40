//! What the instances of an account look for, and who of them is to be woken.

use std::collections::BTreeSet;
use std::time::Duration;

use super::outage::{Outage, lasting};
use super::presence::{Absence, Subject};
use super::{Account, Holding, InstanceRef, State};
use crate::api::status::InstanceState;
use crate::environment::has_passed;
use crate::provider::Machine;
use jiff::Timestamp;

/// When an instance wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// When its machine changes.
    OnChange,
    /// After every list: it gathers evidence or waits for a step of the cloud's.
    EveryList,
}

/// What one instance looks for, and what the lists have told of it.
#[derive(Debug)]
pub(super) struct Interest {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) subject: Subject,
    pub(super) wake: Wake,
    pub(super) waits_for_room: bool,
    pub(super) absence: Absence,
    pub(super) unchanged: Option<Unchanged>,
    pub(super) known: Option<Known>,
    pub(super) seen: Vec<Machine>,
}

/// The state that lists show of the bound machine, and the first of an unbroken run of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unchanged {
    instance_id: String,
    state: InstanceState,
    since: Timestamp,
}

impl Unchanged {
    /// Takes in one list, which shows these machines.
    pub(super) fn after(before: Option<Self>, machines: &[&Machine], begun: Timestamp) -> Option<Self> {
        let machine = machines.first()?;
        let goes_on = |before: &Self| before.instance_id == machine.id && before.state == machine.state;
        Some(before.filter(goes_on).unwrap_or_else(|| Self {
            instance_id: machine.id.clone(),
            state: machine.state,
            since: begun,
        }))
    }
}

/// A machine, and the first list that showed it, whatever later ones did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    instance_id: String,
    since: Timestamp,
}

impl Known {
    /// Takes in one list, which shows these machines.
    pub(super) fn after(before: Option<Self>, machines: &[&Machine], begun: Timestamp) -> Option<Self> {
        let Some(machine) = machines.first() else {
            return before;
        };
        Some(
            before
                .filter(|before| before.instance_id == machine.id)
                .unwrap_or_else(|| Self {
                    instance_id: machine.id.clone(),
                    since: begun,
                }),
        )
    }
}

/// What the lists say of one instance.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// When the last list was begun; `None` before the first.
    pub listed: Option<Timestamp>,
    /// Why the last list does not prove absence.
    pub incomplete: Option<String>,
    /// The machines that are the instance's: the bound one, and those with its derived names.
    pub machines: Vec<Machine>,
    /// How well their absence is proven.
    pub absence: Absence,
    /// Since when lists have shown the first of these machines in the state that it is in now: when the first of an unbroken
    /// run of them was begun.
    pub unchanged_since: Option<Timestamp>,
    /// When the first list that showed the last of these machines was begun: it was made by then.
    pub known_since: Option<Timestamp>,
    /// The cloud could not be asked, twice in a row or more.
    pub outage: Option<Outage>,
}

/// One place that becomes free is for one of those that wait: waking them all would be work for nothing.
const MOST_WOKEN_FOR_ROOM: usize = 4;

impl Account {
    /// Says what an instance looks for, and reads the evidence. Looking for something else starts the evidence over.
    pub fn watch(&self, instance: InstanceRef, subject: Subject) -> Evidence {
        let mut state = self.state();
        let state = &mut *state;
        let latest = state.latest.clone();
        let machines = latest.as_ref().map_or_else(Vec::new, |snapshot| {
            snapshot.find(&subject).into_iter().cloned().collect()
        });
        let interest = state.interests.entry(subject.uid.clone()).or_insert_with(|| Interest {
            namespace: instance.namespace,
            name: instance.name,
            subject: subject.clone(),
            wake: Wake::OnChange,
            waits_for_room: false,
            absence: Absence::default(),
            unchanged: None,
            known: None,
            seen: Vec::new(),
        });
        if interest.subject != subject {
            interest.absence = Absence::default();
            interest.subject = subject;
        }
        if let Some(snapshot) = &latest {
            let shown: Vec<&Machine> = machines.iter().collect();
            interest.unchanged = Unchanged::after(interest.unchanged.take(), &shown, snapshot.begun);
            interest.known = Known::after(interest.known.take(), &shown, snapshot.begun);
        }
        interest.seen.clone_from(&machines);
        let region = interest.subject.region.as_deref();
        let outage = state.outage.as_ref().filter(|outage| outage.lasts());
        Evidence {
            listed: latest.as_ref().map(|snapshot| snapshot.begun),
            incomplete: latest.as_ref().and_then(|snapshot| snapshot.listing.proof.gap(region)),
            machines,
            absence: interest.absence,
            unchanged_since: interest.unchanged.as_ref().map(|unchanged| unchanged.since),
            known_since: interest.known.as_ref().map(|known| known.since),
            outage: outage.or_else(|| lasting(&state.unread, region)).cloned(),
        }
    }

    /// Changes when an instance is woken, once it is known what it waits for; `true` if the account must be listed
    /// faster for it from now on.
    pub fn wake_on(&self, uid: &str, wake: Wake) -> bool {
        let mut state = self.state();
        let before = state
            .interests
            .get_mut(uid)
            .map(|interest| std::mem::replace(&mut interest.wake, wake));
        wake == Wake::EveryList && before == Some(Wake::OnChange)
    }

    /// Says whether an instance waits for room within the limits.
    pub fn wait_for_room(&self, uid: &str, waits: bool) {
        if let Some(interest) = self.state().interests.get_mut(uid) {
            interest.waits_for_room = waits;
        }
    }

    /// Some of those that wait for room, in turn.
    #[must_use]
    pub fn next_for_room(&self) -> Vec<InstanceRef> {
        let state = self.state();
        let waiting = state.interests.values().filter(|interest| interest.waits_for_room);
        waiting.take(MOST_WOKEN_FOR_ROOM).map(Interest::instance).collect()
    }

    /// The objects that are known here and have not been among these for so long.
    pub fn missing_for(&self, shown: &BTreeSet<String>, now: Timestamp, grace: Duration) -> Vec<String> {
        let mut state = self.state();
        let state = &mut *state;
        let known = state.interests.keys().chain(state.ledger.holders());
        let missing: BTreeSet<&String> = known.filter(|uid| !shown.contains(*uid)).collect();
        state.missing.retain(|uid, _| missing.contains(uid));
        for uid in missing {
            state.missing.entry(uid.clone()).or_insert(now);
        }
        let long_missing = state
            .missing
            .iter()
            .filter(|(_, since)| has_passed(grace, **since, now));
        long_missing.map(|(uid, _)| uid.clone()).collect()
    }

    /// Forgets an instance that is gone.
    pub fn forget(&self, uid: &str) {
        let mut state = self.state();
        state.interests.remove(uid);
        state.ledger.record(uid, Holding::default());
    }
}

impl State {
    pub(super) fn everyone(&self) -> Vec<InstanceRef> {
        self.interests.values().map(Interest::instance).collect()
    }
}

impl Interest {
    pub(super) fn instance(&self) -> InstanceRef {
        InstanceRef {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}
