//! Since when each orphan has been seen, and what was done about it. Lost with the process: then the wait begins anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::outlook::Outlook;
use crate::environment::later;
use crate::kubernetes::Pace;
use crate::provider::Machine;

/// An orphan, as lists have shown it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Since when this process has seen it without a break.
    pub since: Timestamp,
    /// When it was first seen, by this process or one before.
    pub first_seen: Timestamp,
    /// How many lists in a row have shown it.
    pub lists: u32,
    /// What was tried last.
    pub tried: Option<Try>,
    /// How often something was tried.
    pub tries: u32,
    /// What becomes of it.
    pub outlook: Outlook,
}

/// A try to get rid of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Whether it was a stop, which goes before the delete.
    pub stop: bool,
    /// When to try again.
    pub again: Timestamp,
    /// What came of it.
    pub answer: String,
}

impl Sighting {
    /// One that was seen for the first time.
    #[must_use]
    pub fn new(since: Timestamp, first_seen: Timestamp) -> Self {
        Self {
            since,
            first_seen,
            lists: 1,
            tried: None,
            tries: 0,
            outlook: Outlook::Reported,
        }
    }

    /// Something was tried: the next try comes later, each time by more.
    pub fn note_try(&mut self, stop: bool, now: Timestamp, answer: String) {
        let pause = Pace::Rare.pause(self.tries);
        // A stop that works is followed by the delete at once: it is no failure.
        self.tries = self.tries.saturating_add(1);
        self.tried = Some(Try {
            stop,
            again: later(now, pause),
            answer,
        });
    }
}

/// All orphans of an account.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    seen: BTreeMap<String, Sighting>,
    /// Those that are about to be deleted: nobody may adopt them from now on.
    condemned: BTreeSet<String>,
    /// The list that was taken in last.
    last: Option<Timestamp>,
}

impl Sightings {
    /// Takes in the orphans of a list, once. `before` tells what a process before this one has seen.
    ///
    /// What a complete list shows no more, or shows as somebody's, is forgotten.
    pub fn take(
        &mut self,
        orphans: &[Machine],
        begun: Timestamp,
        complete: bool,
        before: impl Fn(&str) -> Option<Timestamp>,
    ) {
        if self.last == Some(begun) {
            return;
        }
        self.last = Some(begun);
        let shown: BTreeSet<&str> = orphans.iter().map(|machine| machine.id.as_str()).collect();
        if complete {
            self.seen.retain(|id, _| shown.contains(id.as_str()));
            self.condemned.retain(|id| shown.contains(id.as_str()));
        }
        for id in shown {
            self.seen
                .entry(id.to_owned())
                .and_modify(|sighting| sighting.lists = sighting.lists.saturating_add(1))
                .or_insert_with(|| Sighting::new(begun, before(id).unwrap_or(begun)));
        }
    }

    /// What is known of one.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Sighting> {
        self.seen.get(id)
    }

    /// Changes what is known of one.
    pub fn change(&mut self, id: &str, change: impl FnOnce(&mut Sighting)) {
        if let Some(sighting) = self.seen.get_mut(id) {
            change(sighting);
        }
    }

    /// From now on nobody may adopt it.
    pub fn condemn(&mut self, id: &str) {
        self.condemned.insert(id.to_owned());
    }

    /// It is left alone after all.
    pub fn spare(&mut self, id: &str) {
        self.condemned.remove(id);
    }

    /// Whether it is about to be deleted.
    #[must_use]
    pub fn is_condemned(&self, id: &str) -> bool {
        self.condemned.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::InstanceState;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn machines(ids: &[&str]) -> Vec<Machine> {
        ids.iter()
            .map(|id| Machine::new(*id, InstanceState::Running, "running"))
            .collect()
    }

    #[test]
    fn an_orphan_is_one_for_as_long_as_lists_show_it_without_a_break() {
        let mut seen = Sightings::default();
        seen.take(&machines(&["a", "b"]), at(0), true, |id| (id == "b").then(|| at(-50)));
        seen.take(&machines(&["a", "b"]), at(0), true, |_| None);
        assert_eq!(
            seen.get("a").map(|a| (a.since, a.first_seen, a.lists)),
            Some((at(0), at(0), 1))
        );
        assert_eq!(seen.get("b").map(|b| b.first_seen), Some(at(-50)));
        seen.condemn("a");
        seen.take(&machines(&["b"]), at(30), false, |_| None);
        assert!(
            seen.is_condemned("a") && seen.get("a").is_some(),
            "a list that is cut short ends nothing"
        );
        assert_eq!(seen.get("b").map(|b| b.lists), Some(2));
        seen.take(&machines(&["b"]), at(60), true, |_| None);
        assert!(!seen.is_condemned("a") && seen.get("a").is_none());
        seen.take(&machines(&["a", "b"]), at(90), true, |_| None);
        assert_eq!(
            seen.get("a").map(|a| (a.since, a.lists)),
            Some((at(90), 1)),
            "it all starts over"
        );
    }

    #[test]
    fn tries_come_ever_more_rarely() {
        let mut sighting = Sighting::new(at(0), at(0));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            sighting.note_try(false, at(0), String::new());
            pauses.push(sighting.tried.as_ref().unwrap().again.duration_since(at(0)).as_mins());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
