//! A cloud, or a region of it, that cannot be asked.

use std::collections::BTreeMap;

use crate::provider;

/// One failure is a hiccup, two are an outage: status is written for outages only.
const FAILURES_OF_AN_OUTAGE: u32 = 2;

/// The cloud could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What went wrong last.
    pub error: provider::Error,
    /// How many times in a row.
    pub failures: u32,
}

impl Outage {
    /// Whether it is more than a hiccup.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.failures >= FAILURES_OF_AN_OUTAGE
    }
}

/// What keeps a region from being read, if it does so for more than one list.
pub(super) fn lasting<'a>(unread: &'a BTreeMap<String, Outage>, region: Option<&str>) -> Option<&'a Outage> {
    unread.get(region?).filter(|outage| outage.lasts())
}
