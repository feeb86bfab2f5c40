//! Luchen's list, page by page, and what it proves.

use std::collections::BTreeSet;

use serde_json::Value;

use super::machine::{self, Row};
use crate::provider::{Listing, Machine, Proof, loose};

/// Rows asked for at once; as many as a client of the same platform asks for.
pub(super) const PAGE_SIZE: usize = 50;
/// Most pages that are read: thousands of machines.
pub(super) const MOST_PAGES: usize = 200;

/// Pages as they come in.
#[derive(Debug, Default)]
pub(super) struct Pages {
    machines: Vec<Machine>,
    rows: usize,
    unreadable: usize,
    nameless: usize,
    total: Option<usize>,
    complaint: Option<String>,
}

impl Pages {
    /// Takes a page in: whether there is another. `None` where it is not a page at all.
    pub(super) fn take(&mut self, page: &Value, redact: &dyn Fn(&str) -> String) -> Option<bool> {
        let total = page
            .get("pager")
            .and_then(|pager| loose::integer(pager, "totalEntries"));
        let total = total.and_then(|total| usize::try_from(total).ok());
        let rows = match page.get("instances") {
            Some(Value::Array(rows)) => rows.as_slice(),
            // How the vendor's language writes a list that was never filled; believed only with the number beside it.
            None | Some(Value::Null) if total == Some(self.rows) => &[],
            _ => return None,
        };
        if self.rows > 0 && total != self.total {
            self.complain("changed while it was read".to_owned());
        }
        self.total = total;
        self.rows += rows.len();
        for row in rows {
            match machine::read(row, redact) {
                Some(Row::Machine(machine)) => {
                    self.nameless += usize::from(machine.name.is_none());
                    self.machines.push(*machine);
                }
                Some(Row::Gone) => {}
                None => self.unreadable += 1,
            }
        }
        Some(!rows.is_empty() && total.is_some_and(|total| self.rows < total))
    }

    /// Remembers why the list proves nothing; the first reason stays.
    pub(super) fn complain(&mut self, why: String) {
        self.complaint.get_or_insert(why);
    }

    /// All that was read. A machine that two pages show is shown once.
    pub(super) fn into_listing(mut self) -> Listing {
        let before = self.machines.len();
        let mut seen = BTreeSet::new();
        self.machines.retain(|machine| seen.insert(machine.id.clone()));
        let is_repeating = self.machines.len() < before;
        let (rows, unreadable, nameless) = (self.rows, self.unreadable, self.nameless);
        let complaint = self.complaint.or_else(|| match self.total {
            None => Some("does not say how many machines there are".to_owned()),
            Some(total) if total != rows => Some(format!("says that there are {total} machines and shows {rows}")),
            _ if unreadable > 0 => Some(format!("has {unreadable} of {rows} machines that cannot be read")),
            _ if is_repeating => Some("shows a machine twice".to_owned()),
            _ if nameless > 0 => Some(format!("shows {nameless} of {rows} machines without a name")),
            _ => None,
        });
        Listing {
            machines: self.machines,
            proof: complaint.map_or(Proof::Complete, |why| Proof::Incomplete(format!("Luchen's list {why}"))),
        }
    }
}
