//! Evidence, gathered list by list, that an object's machine is there or is gone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::api::remote_name::{Installation, RemoteName, object_key};
use crate::provider::{Listing, Machine, Proof};

/// What an object looks for in the lists of its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// UID of the object: machines with its derived names are its own, whatever the attempt.
    pub uid: String,
    /// The machine that the object is bound to.
    pub instance_id: Option<String>,
    /// The region that the machine is in, or will be, where the cloud has several.
    pub region: Option<String>,
    /// Only lists begun after this moment prove that the machine is absent: no call is under way any more.
    pub not_before: Timestamp,
}

/// A list of an account, when it was taken, and who is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When the request was begun: what happened before is in the list, as far as the cloud is up to date.
    pub begun: Timestamp,
    /// The list.
    pub listing: Listing,
    by_id: BTreeMap<String, usize>,
    by_object: BTreeMap<String, Vec<usize>>,
}

impl Snapshot {
    /// Looks through a list once, so that no instance has to.
    #[must_use]
    pub fn new(begun: Timestamp, listing: Listing, installation: &Installation) -> Self {
        let mut by_id = BTreeMap::new();
        let mut by_object: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (n, machine) in listing.machines.iter().enumerate() {
            by_id.insert(machine.id.clone(), n);
            if let Some(name) = given_name(machine, installation) {
                by_object.entry(name.object().to_owned()).or_default().push(n);
            }
        }
        Self {
            begun,
            listing,
            by_id,
            by_object,
        }
    }

    /// The machines that are the subject's: the bound one first, then those with its derived names.
    #[must_use]
    pub fn find(&self, subject: &Subject) -> Vec<&Machine> {
        let bound = subject.instance_id.as_ref().and_then(|id| self.by_id.get(id));
        let named = self.by_object.get(&object_key(&subject.uid)).into_iter().flatten();
        let places = bound.into_iter().chain(named.filter(|place| Some(*place) != bound));
        places.map(|place| &self.listing.machines[*place]).collect()
    }

    /// The machine of this id.
    #[must_use]
    pub fn machine(&self, id: &str) -> Option<&Machine> {
        self.by_id.get(id).map(|place| &self.listing.machines[*place])
    }
}

/// The name that this installation gave the machine, if it did.
#[must_use]
pub fn given_name(machine: &Machine, installation: &Installation) -> Option<RemoteName> {
    RemoteName::parse(machine.name.as_deref()?).filter(|name| installation.gave(name))
}

/// Number of the attempt of this object that made the machine, told by its name.
#[must_use]
pub fn attempt_of(machine: &Machine, uid: &str, installation: &Installation) -> Option<i64> {
    given_name(machine, installation)
        .filter(|name| name.is_of(uid))
        .map(|name| name.attempt())
}

/// How well the absence of a subject is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Absence {
    /// When the first list of an unbroken run of lists without it was begun.
    pub since: Option<Timestamp>,
    /// When the last of them was begun.
    pub until: Option<Timestamp>,
    /// How many complete lists there are in the run.
    pub lists: u32,
}

impl Absence {
    /// Takes in one list. One that is not complete proves nothing, either way, unless it shows the machine; complete it
    /// need only be for the region that the machine can be in.
    pub fn observe(
        &mut self,
        present: bool,
        proof: &Proof,
        region: Option<&str>,
        begun: Timestamp,
        not_before: Timestamp,
    ) {
        if present {
            *self = Self::default();
        } else if proof.gap(region).is_none() && begun >= not_before {
            self.since.get_or_insert(begun);
            self.until = Some(begun);
            self.lists += 1;
        }
    }

    /// Whether two lists, this far apart at least, agree that the machine is absent.
    #[must_use]
    pub fn lasted(&self, span: SignedDuration) -> bool {
        self.lists >= 2
            && self
                .since
                .zip(self.until)
                .is_some_and(|(since, until)| until.duration_since(since) >= span)
    }

    /// Whether two successive lists agree, the first of them begun no earlier than that.
    #[must_use]
    pub fn confirmed_from(&self, moment: Timestamp) -> bool {
        self.lists >= 2 && self.since.is_some_and(|since| since >= moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Error, Kind};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn gap() -> SignedDuration {
        SignedDuration::from_secs(60)
    }

    #[test]
    fn two_complete_lists_far_enough_apart_prove_absence() {
        let mut absence = Absence::default();
        absence.observe(false, &Proof::Complete, None, at(0), at(0));
        assert!(!absence.lasted(gap()) && !absence.confirmed_from(at(0)));
        absence.observe(false, &Proof::Complete, None, at(30), at(0));
        assert!(!absence.lasted(gap()) && absence.confirmed_from(at(0)) && !absence.confirmed_from(at(1)));
        absence.observe(false, &Proof::Complete, None, at(60), at(0));
        assert!(absence.lasted(gap()));
    }

    #[test]
    fn a_list_that_shows_the_machine_starts_it_all_over() {
        let mut absence = Absence::default();
        absence.observe(false, &Proof::Complete, None, at(0), at(0));
        absence.observe(true, &Proof::Incomplete("cut short".into()), None, at(30), at(0));
        absence.observe(false, &Proof::Complete, None, at(70), at(0));
        assert!(!absence.lasted(gap()) && !absence.confirmed_from(at(0)));
    }

    #[test]
    fn incomplete_lists_and_lists_begun_too_early_do_not_count() {
        let mut absence = Absence::default();
        absence.observe(false, &Proof::Complete, None, at(9), at(10));
        absence.observe(false, &Proof::Incomplete("cut short".into()), None, at(20), at(10));
        assert_eq!(absence, Absence::default());
    }

    #[test]
    fn a_region_that_was_read_is_proven_whatever_became_of_others() {
        let down = Error::new(Kind::Transient, "region 8 is down");
        let proof = Proof::Except(BTreeMap::from([("8".to_owned(), down)]));
        for (region, lists) in [(Some("7"), 1), (Some("8"), 0), (None, 0)] {
            let mut absence = Absence::default();
            absence.observe(false, &proof, region, at(0), at(0));
            assert_eq!(absence.lists, lists, "{region:?}");
        }
    }
}
