//! Machines of the account that no object knows: ours are named, others are counted and left alone.

mod knowers;
mod outlook;
mod report;
mod sighting;

pub use knowers::Knowers;
pub(super) use outlook::{Outlook, Rules, outlook};
pub(super) use report::{headline, message, returned, row};
pub(super) use sighting::Sightings;

use std::collections::{BTreeMap, BTreeSet};

use super::presence::{Snapshot, given_name};
use crate::api::remote_name::Installation;
use crate::provider::Machine;

/// What the cluster says that it knows, at the time of a list.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Machines that some object is bound to, or asks to adopt.
    pub instance_ids: BTreeSet<String>,
    /// The parts of remote names that stand for objects that exist.
    pub objects: BTreeSet<String>,
    /// Machines that an object has replaced, and which object.
    pub replaced: BTreeMap<String, String>,
    /// Machines that a deletion policy has let go.
    pub released: BTreeSet<String>,
}

/// The machines of a list that no object knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strays {
    /// Those that this installation named, oldest first.
    pub orphans: Vec<Machine>,
    /// Those that were lost, were replaced by their object, and have come back; which object.
    pub returned: Vec<(Machine, String)>,
    /// How many others there are.
    pub foreign: usize,
}

impl Strays {
    /// How many machines of this installation cost for nothing.
    #[must_use]
    pub fn count(&self) -> usize {
        self.orphans.len() + self.returned.len()
    }
}

/// Sorts the machines that no object knows.
#[must_use]
pub fn find(snapshot: &Snapshot, known: &Known, installation: &Installation) -> Strays {
    let mut strays = Strays::default();
    for machine in &snapshot.listing.machines {
        let is_bound = known.instance_ids.contains(&machine.id);
        if let Some(object) = known.replaced.get(&machine.id).filter(|_| !is_bound) {
            strays.returned.push((machine.clone(), object.clone()));
            continue;
        }
        let name = given_name(machine, installation);
        let object_exists = name.as_ref().is_some_and(|name| known.objects.contains(name.object()));
        if is_bound || object_exists {
            continue;
        }
        if name.is_some() && !known.released.contains(&machine.id) {
            strays.orphans.push(machine.clone());
        } else {
            strays.foreign += 1;
        }
    }
    strays
        .orphans
        .sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    strays
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::InstanceState;
    use crate::provider::{Listing, Proof};
    use jiff::Timestamp;

    #[test]
    fn only_what_this_installation_named_and_nobody_knows_is_an_orphan() {
        let ours = Installation::new("ours").unwrap();
        let machine = |id: &str, name: Option<&str>| Machine {
            name: name.map(Into::into),
            ..Machine::new(id, InstanceState::Running, "running")
        };
        let machines = vec![
            machine("orphan", Some("gi-ours-000000000001-1")),
            machine("of-an-object", Some("gi-ours-000000000002-1")),
            machine("came-back", Some("gi-ours-000000000002-2")),
            machine("bound", Some("gi-ours-000000000003-1")),
            machine("released", Some("gi-ours-000000000004-1")),
            machine("theirs", Some("gi-theirs-000000000001-1")),
            machine("console", Some("my notebook")),
            machine("nameless", None),
        ];
        let snapshot = Snapshot::new(
            Timestamp::UNIX_EPOCH,
            Listing {
                machines,
                proof: Proof::Complete,
            },
            &ours,
        );
        let known = Known {
            instance_ids: BTreeSet::from(["bound".into()]),
            objects: BTreeSet::from(["000000000002".into()]),
            replaced: BTreeMap::from(["came-back", "bound"].map(|id| (id.into(), "ml/a".into()))),
            released: BTreeSet::from(["released".into()]),
        };
        let strays = find(&snapshot, &known, &ours);
        assert_eq!(
            strays
                .orphans
                .iter()
                .map(|orphan| orphan.id.as_str())
                .collect::<Vec<_>>(),
            ["orphan"]
        );
        assert_eq!(strays.foreign, 4);
        assert_eq!(strays.returned.len(), 1);
        assert_eq!(strays.count(), 2);
    }
}
