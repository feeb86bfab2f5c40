//! Machines of the account that no object knows: ours are named, others are counted and left alone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeSet;

use super::presence::{Snapshot, given_name};
use crate::api::money;
use crate::api::provider::Orphan;
use crate::api::remote_name::Installation;
use crate::provider::Machine;

/// What the cluster says that it knows, at the time of a list.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Machines that some object is bound to, or asks to adopt.
    pub instance_ids: BTreeSet<String>,
    /// The parts of remote names that stand for objects that exist.
    pub objects: BTreeSet<String>,
    /// Machines that a deletion policy has let go.
    pub released: BTreeSet<String>,
}

/// The machines of a list that no object knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// Those that this installation named, oldest first.
    pub orphans: Vec<Orphan>,
    /// How many others there are.
    pub foreign: usize,
}

/// Sorts the machines that no object knows.
#[must_use]
pub fn find(snapshot: &Snapshot, known: &Known, installation: &Installation) -> Strays {
    let mut strays = Strays::default();
    let mut orphans = Vec::new();
    for machine in &snapshot.listing.machines {
        let name = given_name(machine, installation);
        let object_exists = name.as_ref().is_some_and(|name| known.objects.contains(name.object()));
        if known.instance_ids.contains(&machine.id) || object_exists {
            continue;
        }
        if name.is_some() && !known.released.contains(&machine.id) {
            orphans.push(machine);
        } else {
            strays.foreign += 1;
        }
    }
    orphans.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    strays.orphans = orphans.into_iter().map(report).collect();
    strays
}

fn report(machine: &Machine) -> Orphan {
    Orphan {
        instance_id: machine.id.clone(),
        name: machine.name.clone().unwrap_or_default(),
        cloud_state: machine.cloud_state.clone(),
        price_per_hour: machine.price_per_hour.map(money::format),
        created_at: machine.created_at.map(Time),
    }
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
            released: BTreeSet::from(["released".into()]),
        };
        let strays = find(&snapshot, &known, &ours);
        assert_eq!(
            strays
                .orphans
                .iter()
                .map(|orphan| orphan.instance_id.as_str())
                .collect::<Vec<_>>(),
            ["orphan"]
        );
        assert_eq!(strays.foreign, 4);
    }
}
