//! A cluster's list, page by page, and what it proves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::machine;
use super::region::{self, Region};
use crate::provider::{Error, Kind, Listing, Machine, Proof, Result, Scope, loose};

/// Most pages of one list.
pub(super) const MOST_PAGES: usize = 50;

/// One page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) rows: Vec<Value>,
    has_next: Option<bool>,
    total: Option<i64>,
}

impl Page {
    /// The page of an answer; `None` where there is no list in it.
    pub(super) fn read(body: &Value) -> Option<Self> {
        let total = loose::integer(body, "totalCount");
        let has_next = loose::boolean(body, "hasNextPage");
        let rows = match body.get("nodes")? {
            Value::Array(rows) => rows.clone(),
            // How the vendor's language writes a list that was never filled; believed only with the number beside it.
            Value::Null if total == Some(0) && has_next != Some(true) => Vec::new(),
            _ => return None,
        };
        Some(Self { rows, has_next, total })
    }

    /// Whether the cloud says that there is more.
    pub(super) fn has_more(&self) -> bool {
        let is_short = || self.total.and_then(|total| usize::try_from(total).ok()) > Some(self.rows.len());
        !self.rows.is_empty() && self.has_next.unwrap_or_else(is_short)
    }

    /// Adds the page that follows; false if it is none: empty, or with a machine that was shown already, as when the
    /// parameters that ask for it are not understood.
    pub(super) fn extend(&mut self, next: Self) -> bool {
        let ids =
            |rows: &[Value]| -> BTreeSet<String> { rows.iter().filter_map(|row| loose::id(row, "name")).collect() };
        let is_new = !next.rows.is_empty() && ids(&self.rows).is_disjoint(&ids(&next.rows));
        if is_new {
            self.rows.extend(next.rows);
            self.has_next = next.has_next;
            self.total = next.total;
        }
        is_new
    }

    /// Whether everything is there that the cloud says there is.
    pub(super) fn is_whole(&self) -> bool {
        self.has_next == Some(false)
            && self.total.and_then(|total| usize::try_from(total).ok()) == Some(self.rows.len())
    }
}

/// The clusters to list, each with every spelling under which specs may name it; and the regions that are nowhere.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) clusters: BTreeMap<String, BTreeSet<String>>,
    /// Regions where machines are held, and that the cloud no longer shows.
    lost: BTreeSet<String>,
}

/// Where to look. Nothing can be in a region that is only wished for and does not exist.
pub(super) fn places(regions: &[Region], scope: &Scope) -> Places {
    let mut clusters: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut lost = BTreeSet::new();
    for wanted in &scope.regions {
        match region::resolve(regions, wanted) {
            Some(region) => drop(
                clusters
                    .entry(region.cluster.clone())
                    .or_default()
                    .insert(wanted.clone()),
            ),
            None if scope.held.contains(wanted) => drop(lost.insert(wanted.clone())),
            None => {}
        }
    }
    if scope.everywhere || clusters.is_empty() {
        for region in regions {
            clusters.entry(region.cluster.clone()).or_default();
        }
    }
    for region in regions {
        if let Some(spellings) = clusters.get_mut(&region.cluster) {
            spellings.extend([region.id.clone(), region.name.clone(), region.cluster.clone()]);
        }
    }
    Places { clusters, lost }
}

/// What several clusters have shown.
#[derive(Debug)]
pub(super) struct Found<'a> {
    places: &'a Places,
    machines: Vec<Machine>,
    complaint: Option<String>,
    unread: BTreeMap<String, Error>,
    outage: Option<Error>,
    answered: bool,
}

impl<'a> Found<'a> {
    pub(super) fn new(places: &'a Places) -> Self {
        let nowhere = |region: &String| {
            let why = format!("Neolink no longer shows region {region}, where machines are held");
            (region.clone(), Error::new(Kind::Transient, why))
        };
        let complaint = places
            .clusters
            .is_empty()
            .then(|| "Neolink shows no regions".to_owned());
        Self {
            places,
            machines: Vec::new(),
            complaint,
            unread: places.lost.iter().map(nowhere).collect(),
            outage: None,
            answered: false,
        }
    }

    /// Takes in the list of a cluster. A row that names another cluster of the cloud's is a machine of that one, should
    /// a list ever show them all; it is taken once.
    pub(super) fn read(&mut self, page: &Page, cluster: &str, regions: &[Region], now: Timestamp) {
        let home = |row: &Value| {
            let said = loose::word(row, "Region");
            said.filter(|said| regions.iter().any(|region| region.cluster == *said))
                .unwrap_or_else(|| cluster.to_owned())
        };
        let rows = page.rows.iter();
        let machines: Vec<Machine> = rows.filter_map(|row| machine::read(row, &home(row), now)).collect();
        let complaint = complaint(page, &machines).map(|why| format!("Neolink's list of {cluster} {why}"));
        self.complaint = self.complaint.take().or(complaint);
        for machine in machines {
            if self.machines.iter().all(|known| known.id != machine.id) {
                self.machines.push(machine);
            }
        }
        self.answered = true;
    }

    /// Takes in that a cluster did not answer.
    pub(super) fn unread(&mut self, cluster: &str, error: &Error) {
        let spellings = self.places.clusters.get(cluster).into_iter().flatten();
        self.unread
            .extend(spellings.map(|region| (region.clone(), error.clone())));
        self.outage.get_or_insert_with(|| error.clone());
    }

    /// All that was found. Where not one cluster answers, that is not a cluster's fault.
    pub(super) fn listing(self) -> Result<Listing> {
        let proof = match (self.complaint, self.outage) {
            (_, Some(error)) if !self.answered => return Err(error),
            (Some(why), _) => Proof::Incomplete(why),
            (None, _) if !self.unread.is_empty() => Proof::Except(self.unread),
            (None, _) => Proof::Complete,
        };
        Ok(Listing {
            machines: self.machines,
            proof,
        })
    }
}

fn complaint(page: &Page, machines: &[Machine]) -> Option<String> {
    let shown = page.rows.len();
    let unreadable = shown - machines.len();
    let nameless = machines.iter().filter(|machine| machine.name.is_none()).count();
    let ids: BTreeSet<&str> = machines.iter().map(|machine| machine.id.as_str()).collect();
    let complaint = match (page.total, page.has_next) {
        (None, _) => "does not say how many machines there are".to_owned(),
        (_, None) => "does not say whether it is whole".to_owned(),
        (Some(total), Some(true)) => {
            format!("has more pages, and how to ask for them is not known: it shows {shown} of {total} machines")
        }
        (Some(total), Some(false)) if usize::try_from(total) != Ok(shown) => {
            format!("says that there are {total} machines and shows {shown}")
        }
        _ if unreadable > 0 => format!("has {unreadable} of {shown} machines that cannot be read"),
        _ if ids.len() < machines.len() => "shows a machine twice".to_owned(),
        _ if nameless > 0 => format!("shows {nameless} of {shown} machines without a name"),
        _ => return None,
    };
    Some(complaint)
}
