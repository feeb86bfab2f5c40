//! Which regions are listed, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::tokens::Tokens;
use super::{Session, Unread, list};
use crate::api::cloud::ScnetListing;
use crate::provider::{Error, Machine, Result, Scope};

/// What is known of the forms of the list, region by region.
pub(super) struct Regions {
    /// The form that the provider's spec chooses.
    chosen: Option<ScnetListing>,
    /// The form that a region has shown a machine by.
    proved: Mutex<BTreeMap<String, ScnetListing>>,
}

/// The regions to list.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// By id, with every spelling under which specs name them.
    pub(super) regions: BTreeMap<String, BTreeSet<String>>,
    /// Regions that cannot be listed, by the spelling of specs.
    pub(super) unknown: Unread,
}

/// The regions in use; where none is, all that the account is enabled for.
pub(super) fn wanted(tokens: &Tokens, scope: &Scope) -> Wanted {
    let mut wanted = Wanted::default();
    if scope.everywhere || scope.regions.is_empty() {
        for region in tokens.usable() {
            let spellings = [region.id.clone(), region.name.clone()];
            wanted.regions.entry(region.id.clone()).or_default().extend(spellings);
        }
    }
    for said in &scope.regions {
        match tokens.find(said) {
            Ok((region, _)) => {
                let spellings = [region.id.clone(), said.clone()];
                wanted.regions.entry(region.id.clone()).or_default().extend(spellings);
            }
            Err(error) => {
                wanted.unknown.insert(said.clone(), error);
            }
        }
    }
    wanted
}

impl Regions {
    pub(super) fn new(chosen: Option<ScnetListing>) -> Self {
        Self {
            chosen,
            proved: Mutex::default(),
        }
    }

    /// Every machine of a region.
    ///
    /// Without a choice, the form that clients use now goes first. Where the cloud does not know it, the other is
    /// tried; and until one of them has shown a machine, an empty list of the one is held against the other: a form that
    /// always answers "none" must not prove that nothing was rented.
    pub(super) async fn list(&self, session: &Session, region: &str) -> Result<Vec<Machine>> {
        let read = |form| list::read(form, region, |ask| session.ask(region, ask));
        if let Some(form) = self.chosen.or_else(|| self.proved(region)) {
            return read(form).await.map_err(Error::from);
        }
        let form = ScnetListing::default();
        let second = list::other(form);
        match read(form).await {
            Ok(machines) if machines.is_empty() => match read(second).await {
                Ok(machines) => Ok(self.found(region, second, machines)),
                Err(failure) if failure.unknown => Ok(machines),
                Err(failure) => Err(failure.into()),
            },
            Ok(machines) => Ok(self.found(region, form, machines)),
            Err(first) if first.unknown => match read(second).await {
                Ok(machines) => Ok(self.found(region, second, machines)),
                Err(failure) => list::neither(first, &failure),
            },
            Err(failure) => Err(failure.into()),
        }
    }

    fn proved(&self, region: &str) -> Option<ScnetListing> {
        let proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.get(region).copied()
    }

    fn found(&self, region: &str, form: ScnetListing, machines: Vec<Machine>) -> Vec<Machine> {
        if !machines.is_empty() {
            let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
            proved.insert(region.to_owned(), form);
        }
        machines
    }
}
