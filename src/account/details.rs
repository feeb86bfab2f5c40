//! What a list does not show of a machine, where the cloud has it in a call of its own: asked for when the machine's row
//! changes, and remembered until it changes again.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use super::Account;
use super::interests::Interest;
use super::presence::given_name;
use crate::api::remote_name::Installation;
use crate::provider::{Machine, Result};

/// A machine that is not all told yet is asked about with the first, second, fourth, eighth list, and from then on
/// with every so many: its cloud may never tell more.
const MOST_LISTS_APART: u32 = 16;

/// What is known of the machines that some object holds.
#[derive(Debug, Default)]
pub(super) struct Details {
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    /// The row as it was when the machine was described.
    row: Machine,
    /// The machine as it was described; `None` if that failed.
    shown: Option<Machine>,
    /// Lists with this row so far.
    lists: u32,
}

impl Known {
    /// Whether the description may say more by now.
    fn is_due(&self) -> bool {
        match &self.shown {
            None => true,
            // A description of another state than the row's was overtaken by the machine.
            Some(shown) if shown.partial || shown.state != self.row.state => {
                self.lists.is_power_of_two() || self.lists.is_multiple_of(MOST_LISTS_APART)
            }
            Some(_) => false,
        }
    }
}

impl Details {
    /// Takes in the rows of a list; those that are to be described now.
    pub(super) fn due(&mut self, rows: &[Machine], is_ours: impl Fn(&Machine) -> bool) -> Vec<Machine> {
        let mut due = Vec::new();
        let mut known = std::mem::take(&mut self.known);
        for row in rows.iter().filter(|row| is_ours(row)) {
            let kept = known.remove(&row.id).filter(|kept| kept.row == *row);
            let entry = match kept {
                Some(kept) => Known {
                    lists: kept.lists.saturating_add(1),
                    ..kept
                },
                None => Known {
                    row: row.clone(),
                    shown: None,
                    lists: 0,
                },
            };
            if entry.is_due() {
                due.push(row.clone());
            }
            self.known.insert(row.id.clone(), entry);
        }
        due
    }

    /// Puts what was described in place of the rows. A row whose description failed stays as it is, unless an earlier
    /// one still holds.
    pub(super) fn merge(&mut self, rows: &mut [Machine], described: Vec<(String, Result<Machine>)>) {
        for (id, answer) in described {
            if let (Some(known), Ok(shown)) = (self.known.get_mut(&id), answer) {
                known.shown = Some(shown);
            }
        }
        for row in rows {
            if let Some(shown) = self.known.get(&row.id).and_then(|known| known.shown.as_ref()) {
                row.clone_from(shown);
            }
        }
    }
}

impl Account {
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
    pub fn described(&self, rows: &mut [Machine], answers: Vec<(String, Result<Machine>)>) {
        self.details().merge(rows, answers);
    }

    fn details(&self) -> MutexGuard<'_, Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::status::InstanceState;
    use crate::provider::{Error, Kind};

    fn machine(state: InstanceState) -> Machine {
        Machine::new("m", state, "word")
    }

    /// Takes a row in; whether it is due.
    fn is_due(details: &mut Details, row: &Machine) -> bool {
        !details.due(std::slice::from_ref(row), |_| true).is_empty()
    }

    fn told(details: &mut Details, row: &Machine, answer: Result<Machine>) -> Machine {
        let mut rows = [row.clone()];
        details.merge(&mut rows, vec![("m".to_owned(), answer)]);
        let [machine] = rows;
        machine
    }

    #[test]
    fn a_machine_is_described_when_its_row_changes_and_not_before() {
        let mut details = Details::default();
        let (creating, running) = (machine(InstanceState::Creating), machine(InstanceState::Running));
        assert!(is_due(&mut details, &creating));
        told(&mut details, &creating, Ok(creating.clone()));
        assert!(!is_due(&mut details, &creating));
        assert!(is_due(&mut details, &running));
        let whole = Machine {
            jupyter_url: Some("https://h".into()),
            ..running.clone()
        };
        assert_eq!(told(&mut details, &running, Ok(whole.clone())), whole);
        assert!(!is_due(&mut details, &running));
        let mut rows = [running];
        details.merge(&mut rows, Vec::new());
        assert_eq!(rows, [whole], "what was told before is not forgotten");
    }

    #[test]
    fn a_description_that_failed_is_asked_for_again_and_the_row_holds() {
        let mut details = Details::default();
        let running = machine(InstanceState::Running);
        assert!(is_due(&mut details, &running));
        let failed = Err(Error::new(Kind::Transient, "no answer"));
        assert_eq!(told(&mut details, &running, failed), running);
        assert!(is_due(&mut details, &running));
    }

    #[test]
    fn a_machine_that_is_not_all_told_is_asked_about_ever_more_rarely() {
        for unsettled in [
            Machine {
                partial: true,
                ..machine(InstanceState::Running)
            },
            machine(InstanceState::Creating),
        ] {
            let mut details = Details::default();
            let running = machine(InstanceState::Running);
            assert!(is_due(&mut details, &running));
            told(&mut details, &running, Ok(unsettled));
            let asked: Vec<u32> = (1..=40).filter(|_| is_due(&mut details, &running)).collect();
            assert_eq!(asked, [1, 2, 4, 8, 16, 32]);
        }
    }

    #[test]
    fn machines_that_are_nobodys_are_not_asked_about() {
        let rows = [machine(InstanceState::Running)];
        assert_eq!(Details::default().due(&rows, |_| false), []);
    }
}
