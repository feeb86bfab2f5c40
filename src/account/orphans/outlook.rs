//! What becomes of a machine that no object knows. Pure, so that every decision is a row in a table.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::sighting::Sighting;
use crate::api::InstanceState;
use crate::environment::later;
use crate::provider::Machine;

/// A machine that is this much older than the provider's object was rented in another life of the cluster, whatever
/// the difference between the cloud's clock and ours.
const OLDER: SignedDuration = SignedDuration::from_mins(10);
/// Times that a status keeps are cut to seconds.
const CUT: SignedDuration = SignedDuration::from_secs(5);

/// What the providers of an account say of its orphans, all of them together.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whether any of them wants orphans to be deleted.
    pub delete: bool,
    /// One that wants them only to be reported.
    pub report: Option<String>,
    /// Why the account's last list proves too little.
    pub incomplete: Option<String>,
    /// Why what was let go on purpose is not known for sure.
    pub forgetful: Option<String>,
    /// Machines that no object knew when the account was first listed for one of them.
    pub inherited: BTreeSet<String>,
    /// When the oldest of their objects was made.
    pub made: Option<Timestamp>,
    /// When the account was first listed in full for any of them.
    pub first_listed: Option<Timestamp>,
    /// How long a machine must have been nobody's.
    pub settle_after: Duration,
    /// Whether the cloud deletes what runs.
    pub deletes_running: bool,
}

/// What becomes of an orphan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is reported, as its provider says.
    Reported,
    /// It is left alone though its provider wants it deleted; why.
    Kept(String),
    /// It is deleted at this moment, unless an object of its turns up.
    Due(Timestamp),
    /// Something was tried, and is tried again at this moment should it not have helped; what came of it.
    Tried(Timestamp, String),
    /// The cloud is at it.
    Going,
    /// It is to be stopped now, so that it can be deleted.
    Stop,
    /// It is to be deleted now.
    Delete,
}

impl Outlook {
    /// Whether the cloud is to be asked for something now.
    #[must_use]
    pub fn acts(&self) -> bool {
        matches!(self, Self::Stop | Self::Delete)
    }
}

/// What becomes of an orphan now.
#[must_use]
pub fn outlook(machine: &Machine, sighting: &Sighting, rules: &Rules, now: Timestamp) -> Outlook {
    if !rules.delete {
        return Outlook::Reported;
    }
    if machine.state == InstanceState::Deleting {
        return Outlook::Going;
    }
    if let Some(why) = reservation(machine, sighting, rules) {
        return Outlook::Kept(why);
    }
    let due = later(sighting.since, rules.settle_after);
    if sighting.lists < 2 || now < due {
        return Outlook::Due(due);
    }
    let stops_first = !rules.deletes_running && machine.state == InstanceState::Running;
    let is_stopping = !rules.deletes_running && machine.state == InstanceState::Stopping;
    if let Some(tried) = sighting.tried.as_ref().filter(|tried| now < tried.again) {
        // It was told to stop, and has: no reason to wait any longer.
        let has_stopped = tried.stop && !stops_first && !is_stopping;
        if !has_stopped {
            return Outlook::Tried(tried.again, tried.answer.clone());
        }
    }
    if stops_first { Outlook::Stop } else { Outlook::Delete }
}

/// Why a machine is left alone, whoever wants it deleted.
fn reservation(machine: &Machine, sighting: &Sighting, rules: &Rules) -> Option<String> {
    if let Some(provider) = &rules.report {
        return Some(format!(
            "{provider} speaks for the same account, and its spec.orphans is Report"
        ));
    }
    if let Some(why) = &rules.incomplete {
        return Some(format!("the account's list is not complete: {why}"));
    }
    if let Some(why) = &rules.forgetful {
        return Some(why.clone());
    }
    is_inherited(machine, sighting, rules).then(|| {
        "it is older than the provider's object, as after the loss of a cluster: its own object may be yet to come"
            .to_owned()
    })
}

/// Whether the machine was there before the provider: nothing that this cluster remembers can tell whose it is.
fn is_inherited(machine: &Machine, sighting: &Sighting, rules: &Rules) -> bool {
    if rules.inherited.contains(&machine.id) {
        return true;
    }
    match (machine.created_at, rules.made) {
        (Some(machine), Some(provider)) => machine + OLDER < provider,
        // Where a cloud does not tell its age, only one that was not there at the first look is known to be younger.
        _ => rules
            .first_listed
            .is_none_or(|first| sighting.first_seen <= first + CUT),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sighting::Try;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn machine(state: InstanceState) -> Machine {
        Machine {
            created_at: Some(at(0)),
            ..Machine::new("m-1", state, "word")
        }
    }

    fn sighting() -> Sighting {
        Sighting {
            lists: 2,
            ..Sighting::new(at(100), at(100))
        }
    }

    fn rules() -> Rules {
        Rules {
            delete: true,
            made: Some(at(-1000)),
            first_listed: Some(at(-900)),
            settle_after: Duration::from_mins(1),
            deletes_running: true,
            ..Rules::default()
        }
    }

    #[test]
    fn it_is_deleted_once_it_has_lasted_and_everybody_wants_so() {
        let running = machine(InstanceState::Running);
        let kept = |outlook| matches!(outlook, Outlook::Kept(_));
        assert_eq!(outlook(&running, &sighting(), &rules(), at(160)), Outlook::Delete);
        assert_eq!(outlook(&running, &sighting(), &rules(), at(159)), Outlook::Due(at(160)));
        let once = Sighting { lists: 1, ..sighting() };
        assert_eq!(outlook(&running, &once, &rules(), at(160)), Outlook::Due(at(160)));
        let going = machine(InstanceState::Deleting);
        assert_eq!(outlook(&going, &sighting(), &rules(), at(160)), Outlook::Going);
        let report = Rules {
            delete: false,
            ..rules()
        };
        assert_eq!(outlook(&running, &sighting(), &report, at(160)), Outlook::Reported);
        for doubt in [
            Rules {
                report: Some("GpuProvider ml/b".into()),
                ..rules()
            },
            Rules {
                incomplete: Some("page 2".into()),
                ..rules()
            },
            Rules {
                forgetful: Some("too many".into()),
                ..rules()
            },
        ] {
            assert!(kept(outlook(&running, &sighting(), &doubt, at(160))), "{doubt:?}");
        }
    }

    #[test]
    fn what_was_there_before_the_provider_is_kept() {
        let rules = Rules {
            made: Some(at(600)),
            first_listed: Some(at(605)),
            ..rules()
        };
        let aged = |created: Option<i64>| Machine {
            created_at: created.map(at),
            ..machine(InstanceState::Running)
        };
        let seen = |first| Sighting {
            lists: 2,
            ..Sighting::new(at(1000), at(first))
        };
        for (created, first_seen, kept) in [
            // Within what clocks may differ by.
            (Some(0), 605, false),
            (Some(-1), 605, true),
            (Some(700), 900, false),
            // Its age is not told: was it there at the first look?
            (None, 605, true),
            (None, 610, true),
            (None, 611, false),
        ] {
            let outlook = outlook(&aged(created), &seen(first_seen), &rules, at(2000));
            assert_eq!(outlook != Outlook::Delete, kept, "{created:?} {first_seen} {outlook:?}");
        }
        let written_down = Rules {
            inherited: BTreeSet::from(["m-1".to_owned()]),
            ..rules.clone()
        };
        assert_ne!(
            outlook(&aged(Some(700)), &seen(900), &written_down, at(2000)),
            Outlook::Delete
        );
        let never_listed = Rules {
            first_listed: None,
            ..rules
        };
        assert_ne!(
            outlook(&aged(None), &seen(900), &never_listed, at(2000)),
            Outlook::Delete
        );
    }

    #[test]
    fn it_is_stopped_first_where_the_cloud_wants_that_and_not_asked_twice_at_once() {
        let rules = Rules {
            deletes_running: false,
            ..rules()
        };
        let asked = |stop| Sighting {
            tried: Some(Try {
                stop,
                again: at(220),
                answer: "asked".into(),
            }),
            ..sighting()
        };
        let waits = Outlook::Tried(at(220), "asked".into());
        for (state, sighting, now, expected) in [
            (InstanceState::Running, sighting(), 160, Outlook::Stop),
            (InstanceState::Running, asked(true), 161, waits.clone()),
            (InstanceState::Stopping, asked(true), 170, waits.clone()),
            (InstanceState::Stopped, asked(true), 180, Outlook::Delete),
            (InstanceState::Stopped, asked(false), 181, waits.clone()),
            (InstanceState::Stopped, asked(false), 220, Outlook::Delete),
            (InstanceState::Running, asked(true), 220, Outlook::Stop),
            (InstanceState::Failed, sighting(), 160, Outlook::Delete),
        ] {
            assert_eq!(
                outlook(&machine(state), &sighting, &rules, at(now)),
                expected,
                "{state:?} {now}"
            );
        }
    }
}
