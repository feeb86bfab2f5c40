//! What happened: every call and what it came to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::Cloud;

/// How a call ended, as its caller saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still under way, perhaps held.
    Pending,
    /// The cloud's word for success.
    Ok,
    /// The cloud's word for failure, or an HTTP error.
    Error,
    /// A fault had a part in it.
    Fault,
}

/// One call of a cloud's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallReport {
    /// Counts from 1, and goes on after a reset.
    pub seq: u64,
    /// When it arrived, by the simulator's clock.
    pub at: Timestamp,
    /// Which cloud was called.
    pub cloud: Cloud,
    /// Whose credentials it carried, if they were good.
    pub account: Option<String>,
    /// Such as `xgc.deploy`; `xgc.unknown` for a path or method that the cloud does not have.
    pub operation: String,
    /// The HTTP method.
    pub method: String,
    /// The path below the cloud's prefix, without what is secret in it.
    pub path: String,
    /// The name of the machine that it was about, where it was about one.
    pub machine: Option<String>,
    /// How it ended for the caller.
    pub outcome: Outcome,
    /// The HTTP status that was sent; none if the connection was cut.
    pub status: Option<u16>,
    /// The cloud's error code as the cloud itself meant it, whatever a fault made of the answer.
    pub code: Option<String>,
    /// Whether the cloud carried out a change.
    pub committed: bool,
    /// The kinds of the faults that it met, in their order.
    pub faults: Vec<String>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// How long it took until its end, in milliseconds of real time.
    pub duration_ms: u64,
}

/// The calls so far, in their order.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    last: u64,
    calls: BTreeMap<u64, CallReport>,
}

impl CallLog {
    /// Takes a call in and gives it its number.
    pub(crate) fn arrive(&mut self, mut call: CallReport) -> u64 {
        self.last += 1;
        call.seq = self.last;
        self.calls.insert(self.last, call);
        self.last
    }

    /// The call, unless the log was reset since it arrived.
    pub(crate) fn get_mut(&mut self, seq: u64) -> Option<&mut CallReport> {
        self.calls.get_mut(&seq)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &CallReport> {
        self.calls.values()
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for call in self.calls.values() {
            *counts.entry(call.operation.clone()).or_default() += 1;
        }
        counts
    }

    /// An empty log whose numbers go on, so that a call of the old one is never taken for one of the new.
    pub(crate) fn successor(&self) -> Self {
        Self {
            last: self.last,
            calls: BTreeMap::new(),
        }
    }

    pub(crate) fn reset(&mut self) {
        self.calls.clear();
    }
}
