//! One account at one cloud: listed once for all its instances, never once for each.
//!
//! A provider's pass ([`tick`]) reads the credentials, lists the account, and wakes just those instances for which
//! something has changed. Instances never list: they say what they look for, and read the evidence.

pub mod cache;
pub mod controller;
mod details;
mod in_use;
mod ledger;
mod orphans;
mod presence;
mod resolve;
mod sessions;
mod status;
mod tick;
mod verdict;

pub use in_use::{HoldError, hold, remember_released};
pub use ledger::Holding;
pub use presence::{Absence, Snapshot, Subject, attempt_of};
pub use resolve::{ProviderKey, ProviderView};
pub use sessions::{Connected, Obstacle, Session, Sessions};
pub use tick::Ticker;
pub use verdict::{Retry, Verdict, verdict};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::api::Cloud;
use crate::api::money::Decimal;
use crate::api::provider::Limits;
use crate::api::remote_name::Installation;
use crate::api::status::InstanceState;
use crate::provider::{self, Machine};
use details::Details;
use ledger::Ledger;
use presence::given_name;

/// What tells one account from another: the money rules compare all of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountKey {
    /// The cloud.
    pub cloud: Cloud,
    /// The base URL, where it is not the vendor's own.
    pub endpoint: Option<String>,
    /// Who the cloud says we are.
    pub id: String,
}

/// The cloud could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What went wrong last.
    pub error: provider::Error,
    /// How many times in a row.
    pub failures: u32,
}

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
struct Interest {
    namespace: String,
    name: String,
    subject: Subject,
    wake: Wake,
    waits_for_room: bool,
    absence: Absence,
    seen: Vec<Machine>,
}

/// An object to look at again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
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
    /// The cloud could not be asked, twice in a row or more.
    pub outage: Option<Outage>,
}

/// An account, shared by all who use it.
#[derive(Debug)]
pub struct Account {
    /// What tells it from others.
    pub key: AccountKey,
    state: Mutex<State>,
    details: Mutex<Details>,
}

#[derive(Debug, Default)]
struct State {
    latest: Option<Arc<Snapshot>>,
    outage: Option<Outage>,
    /// Regions that could not be read, by each spelling under which specs may name them.
    unread: BTreeMap<String, Outage>,
    interests: BTreeMap<String, Interest>,
    ledger: Ledger,
    /// A list begun after this moment is waited for.
    wanted: Option<Timestamp>,
    /// When each machine was first listed by this process.
    first_seen: BTreeMap<String, Timestamp>,
    /// Whether a machine has been seen under the very name that an installation gave it.
    names_kept: bool,
}

/// How often an account is listed while something in it is on its way.
const TRANSITION_INTERVAL: Duration = Duration::from_secs(2);
/// Least time between two lists that instances ask for, so that a burst of them shares one.
const DEMAND_GAP: Duration = Duration::from_millis(250);
/// One place that becomes free is for one of those that wait: waking them all would be work for nothing.
const MOST_WOKEN_FOR_ROOM: usize = 4;
/// One failure is a hiccup, two are an outage: status is written for outages only.
const FAILURES_OF_AN_OUTAGE: u32 = 2;

impl Account {
    /// An account of which nothing is known yet.
    #[must_use]
    pub fn new(key: AccountKey) -> Self {
        Self {
            key,
            state: Mutex::default(),
            details: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Every change under this lock is a plain assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
            seen: Vec::new(),
        });
        if interest.subject != subject {
            interest.absence = Absence::default();
            interest.subject = subject;
        }
        interest.seen.clone_from(&machines);
        let region = interest.subject.region.as_deref();
        let outage = state
            .outage
            .as_ref()
            .filter(|outage| outage.failures >= FAILURES_OF_AN_OUTAGE);
        Evidence {
            listed: latest.as_ref().map(|snapshot| snapshot.begun),
            incomplete: latest.as_ref().and_then(|snapshot| snapshot.listing.proof.gap(region)),
            machines,
            absence: interest.absence,
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

    /// How often room was made: a pause for want of room is over when this has moved.
    #[must_use]
    pub fn room_made(&self) -> u64 {
        self.state().ledger.room_made()
    }

    /// Some of those that wait for room, in turn.
    #[must_use]
    pub fn next_for_room(&self) -> Vec<InstanceRef> {
        let state = self.state();
        let waiting = state.interests.values().filter(|interest| interest.waits_for_room);
        waiting.take(MOST_WOKEN_FOR_ROOM).map(Interest::instance).collect()
    }

    /// Forgets an instance that is gone.
    pub fn forget(&self, uid: &str) {
        let mut state = self.state();
        state.interests.remove(uid);
        state.ledger.record(uid, Holding::default());
    }

    /// Asks for a list begun after this moment.
    pub fn want_list_after(&self, moment: Timestamp) {
        let mut state = self.state();
        state.wanted = state.wanted.max(Some(moment));
    }

    /// How long until the account should be listed again; zero if now.
    #[must_use]
    pub fn next_list_in(&self, now: Timestamp, interval: Duration) -> Duration {
        let state = self.state();
        let Some(latest) = &state.latest else {
            return Duration::ZERO;
        };
        let elapsed = Duration::try_from(now.duration_since(latest.begun)).unwrap_or_default();
        let pause = if state.wanted.is_some_and(|wanted| wanted >= latest.begun) {
            DEMAND_GAP
        } else if state
            .interests
            .values()
            .any(|interest| interest.wake == Wake::EveryList)
        {
            TRANSITION_INTERVAL.min(interval)
        } else {
            interval
        };
        pause.saturating_sub(elapsed)
    }

    /// The machines of a list that are to be described: those that an object holds, looks for or was to have, whose row
    /// has changed.
    pub fn to_describe(&self, rows: &[Machine], installation: &Installation) -> Vec<Machine> {
        let state = self.state();
        let is_ours = |machine: &Machine| {
            let sought = |interest: &Interest| interest.subject.instance_id.as_ref() == Some(&machine.id);
            state.ledger.is_held(&machine.id)
                || given_name(machine, installation).is_some()
                || state.interests.values().any(sought)
        };
        self.details().due(rows, is_ours)
    }

    /// Puts what was described, now or before, in place of the rows of a list.
    pub fn described(&self, rows: &mut [Machine], answers: Vec<(String, provider::Result<Machine>)>) {
        self.details().merge(rows, answers);
    }

    fn details(&self) -> std::sync::MutexGuard<'_, Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a list, and tells which instances it concerns.
    pub fn listed(&self, snapshot: Snapshot, installation: &Installation) -> Vec<InstanceRef> {
        let mut state = self.state();
        let recovered = state
            .outage
            .take()
            .is_some_and(|outage| outage.failures >= FAILURES_OF_AN_OUTAGE);
        let unread = unread(&snapshot, &state.unread);
        let before = std::mem::replace(&mut state.unread, unread.clone());
        let mut concerned = Vec::new();
        for interest in state.interests.values_mut() {
            let machines = snapshot.find(&interest.subject);
            let region = interest.subject.region.as_deref();
            let kind = |unread| lasting(unread, region).map(|outage| outage.error.kind);
            let recovered = recovered || kind(&before) != kind(&unread);
            interest.absence.observe(
                !machines.is_empty(),
                &snapshot.listing.proof,
                region,
                snapshot.begun,
                interest.subject.not_before,
            );
            let changed =
                interest.seen.len() != machines.len() || interest.seen.iter().zip(&machines).any(|(a, b)| a != *b);
            if recovered || changed || interest.wake == Wake::EveryList {
                concerned.push(interest.instance());
            }
        }
        state.note_names(&snapshot, installation);
        state.latest = Some(Arc::new(snapshot));
        concerned
    }

    /// Takes in that the cloud could not be asked, and tells which instances it concerns.
    pub fn unreachable(&self, error: provider::Error) -> Vec<InstanceRef> {
        let mut state = self.state();
        let failures = state.outage.as_ref().map_or(0, |outage| outage.failures) + 1;
        let news = failures == FAILURES_OF_AN_OUTAGE
            || (failures > FAILURES_OF_AN_OUTAGE
                && state
                    .outage
                    .as_ref()
                    .is_some_and(|outage| outage.error.kind != error.kind));
        state.outage = Some(Outage { error, failures });
        if news { state.everyone() } else { Vec::new() }
    }

    /// How many times in a row the cloud could not be asked.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.state().outage.as_ref().map_or(0, |outage| outage.failures)
    }

    /// What went wrong, if the cloud could not be asked twice in a row or more.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        self.state()
            .outage
            .clone()
            .filter(|outage| outage.failures >= FAILURES_OF_AN_OUTAGE)
    }

    /// The last list.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.state().latest.clone()
    }

    /// Records what an instance holds, as its own status says.
    pub fn record(&self, uid: &str, holding: Holding) {
        self.state().ledger.record(uid, holding);
    }

    /// Whether this object holds, or has reserved, anything.
    #[must_use]
    pub fn holds(&self, uid: &str) -> bool {
        self.state().ledger.holds(uid)
    }

    /// Reserves what a start may cost, within the limits; the error says what is in the way.
    pub fn reserve_start(&self, uid: &str, price: Option<Decimal>, limits: &Limits) -> Result<(), String> {
        self.state().ledger.reserve_price(uid, price, limits)
    }

    /// Reserves room within the limits; the error says what is in the way.
    pub fn reserve(&self, uid: &str, price: Option<Decimal>, limits: &Limits) -> Result<(), String> {
        self.state().ledger.reserve(uid, price, limits)
    }

    /// The other object that holds this machine.
    #[must_use]
    pub fn holder(&self, instance_id: &str, except: &str) -> Option<String> {
        self.state().ledger.holder(instance_id, except).map(ToOwned::to_owned)
    }

    /// Whether any object holds this machine.
    #[must_use]
    pub fn is_held(&self, instance_id: &str) -> bool {
        self.state().ledger.is_held(instance_id)
    }

    /// Machines that came up after `since`, that no object holds and whose name explains nothing, on an account
    /// where no name has proved to be kept: any of them may be what a lost reply has made.
    #[must_use]
    pub fn unexplained_since(&self, since: Timestamp, installation: &Installation) -> Vec<String> {
        let state = self.state();
        let Some(latest) = state.latest.as_ref().filter(|_| !state.names_kept) else {
            return Vec::new();
        };
        let newcomer = |machine: &&Machine| {
            let first_seen = state.first_seen.get(&machine.id).is_none_or(|first| *first > since);
            // A cloud's clock may run behind ours.
            let made_later = machine
                .created_at
                .is_none_or(|made| made.duration_since(since).as_secs() > -120);
            first_seen && made_later
        };
        latest
            .listing
            .machines
            .iter()
            .filter(newcomer)
            .filter(|machine| !state.ledger.is_held(&machine.id))
            .filter(|machine| given_name(machine, installation).is_none())
            .map(|machine| machine.id.clone())
            .collect()
    }
}

impl State {
    fn everyone(&self) -> Vec<InstanceRef> {
        self.interests.values().map(Interest::instance).collect()
    }

    fn note_names(&mut self, snapshot: &Snapshot, installation: &Installation) {
        let machines = &snapshot.listing.machines;
        self.names_kept |= machines
            .iter()
            .any(|machine| given_name(machine, installation).is_some());
        for machine in machines {
            self.first_seen.entry(machine.id.clone()).or_insert(snapshot.begun);
        }
        if snapshot.listing.proof == provider::Proof::Complete {
            self.first_seen.retain(|id, _| snapshot.machine(id).is_some());
        }
    }
}

impl Interest {
    fn instance(&self) -> InstanceRef {
        InstanceRef {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

/// The regions that a list could not read, and for how many lists by now.
fn unread(snapshot: &Snapshot, before: &BTreeMap<String, Outage>) -> BTreeMap<String, Outage> {
    let provider::Proof::Except(unread) = &snapshot.listing.proof else {
        return BTreeMap::new();
    };
    let counted = unread.iter().map(|(region, error)| {
        let failures = before.get(region).map_or(0, |outage| outage.failures) + 1;
        let error = error.clone();
        (region.clone(), Outage { error, failures })
    });
    counted.collect()
}

/// What keeps a region from being read, if it does so for more than one list.
fn lasting<'a>(unread: &'a BTreeMap<String, Outage>, region: Option<&str>) -> Option<&'a Outage> {
    unread
        .get(region?)
        .filter(|outage| outage.failures >= FAILURES_OF_AN_OUTAGE)
}

/// Whether a machine in this state costs what a running one does.
#[must_use]
pub fn bills_as_running(state: InstanceState) -> bool {
    !matches!(
        state,
        InstanceState::Stopped | InstanceState::Pending | InstanceState::Lost | InstanceState::Frozen
    )
}

#[cfg(test)]
mod tests;
