//! The lists of an account: when the next one is due, what they show, and that there was none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::interests::{Known, Unchanged, Wake};
use super::orphans::Sightings;
use super::outage::{Outage, lasting};
use super::presence::{Absence, Snapshot, given_name};
use super::{Account, InstanceRef, State};
use crate::api::remote_name::{Installation, RemoteName};
use crate::provider::{self, Listing, Machine};

/// How often an account is listed while something in it is on its way.
const TRANSITION_INTERVAL: Duration = Duration::from_secs(2);
/// Least time between two lists that instances ask for, so that a burst of them shares one.
const DEMAND_GAP: Duration = Duration::from_millis(250);
/// Clocks are set right by less than this all the time.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(1);

impl Account {
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

    /// A list is about to be asked for. Where the clock was put forward since the last one, the time between them proves
    /// nothing: all evidence that takes time starts over.
    pub fn list_begins(&self, now: Timestamp) {
        let at = Instant::now();
        let mut state = self.state();
        let Some((before, then)) = state.begun.replace((now, at)) else {
            return;
        };
        let passed = SignedDuration::try_from(at.duration_since(then)).unwrap_or_default();
        if now.duration_since(before) > passed.saturating_add(CLOCK_SLACK) {
            for interest in state.interests.values_mut() {
                interest.absence = Absence::default();
                interest.unchanged = None;
                interest.known = None;
            }
            *self.orphans() = Sightings::default();
        }
    }

    /// Whether a machine that some object holds was in the last list, and is not in this one.
    #[must_use]
    pub fn misses_any(&self, listing: &Listing) -> bool {
        let shown: BTreeSet<&str> = listing.machines.iter().map(|machine| machine.id.as_str()).collect();
        let state = self.state();
        let before = state.latest.iter().flat_map(|latest| &latest.listing.machines);
        let mut held = before.filter(|machine| state.ledger.is_held(&machine.id));
        held.any(|machine| !shown.contains(machine.id.as_str()))
    }

    /// Takes in a list, and tells which instances it concerns.
    pub fn listed(&self, snapshot: Snapshot, installation: &Installation) -> Vec<InstanceRef> {
        let mut state = self.state();
        let recovered = state.outage.take().is_some_and(|outage| outage.lasts());
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
            interest.unchanged = Unchanged::after(interest.unchanged.take(), &machines, snapshot.begun);
            interest.known = Known::after(interest.known.take(), &machines, snapshot.begun);
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
        let before = state.outage.take();
        let outage = Outage {
            failures: before.as_ref().map_or(0, |outage| outage.failures) + 1,
            error,
        };
        let news =
            outage.lasts() && before.is_none_or(|before| !before.lasts() || before.error.kind != outage.error.kind);
        state.outage = Some(outage);
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
        self.state().outage.clone().filter(Outage::lasts)
    }

    /// The regions in which the last list shows machines of this installation.
    #[must_use]
    pub fn regions_of(&self, installation: &Installation) -> BTreeSet<String> {
        let latest = self.latest();
        let machines = latest.iter().flat_map(|snapshot| &snapshot.listing.machines);
        let ours = machines.filter(|machine| given_name(machine, installation).is_some());
        ours.filter_map(|machine| machine.region.clone()).collect()
    }

    /// The last list.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.state().latest.clone()
    }

    /// Machines that came up after `since`, that no object holds and that no installation has named, on an account
    /// where no name has proved to be kept: any of them may be what a lost reply has made.
    #[must_use]
    pub fn unexplained_since(&self, since: Timestamp) -> Vec<String> {
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
            .filter(|machine| machine.name.as_deref().and_then(RemoteName::parse).is_none())
            .map(|machine| machine.id.clone())
            .collect()
    }
}

impl State {
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
