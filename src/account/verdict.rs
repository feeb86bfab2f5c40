//! What an error of a cloud means for whoever has to go on: the one place that says so.

use crate::api::condition::Reason;
use crate::kubernetes::Pace;
use crate::provider::{Error, Kind};

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The reason that conditions and events give.
    pub reason: Reason,
    /// When to try again.
    pub retry: Retry,
}

/// When to try again after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// By this pace, or when the cloud says.
    After(Pace),
    /// Not before somebody changes something; looked at now and then all the same.
    OnChange,
    /// Never blindly: what happened is to be found out first.
    Settle,
}

/// What an error means.
#[must_use]
pub fn verdict(error: &Error) -> Verdict {
    let (reason, retry) = match error.kind {
        Kind::Unauthorized => (Reason::CredentialsRejected, Retry::After(Pace::Slow)),
        Kind::Invalid => (Reason::Invalid, Retry::OnChange),
        Kind::EndpointNotAllowed => (Reason::EndpointNotAllowed, Retry::OnChange),
        Kind::Unsupported => (Reason::Unsupported, Retry::OnChange),
        Kind::NoCapacity => (Reason::NoCapacity, Retry::After(Pace::Slow)),
        Kind::InsufficientBalance => (Reason::InsufficientBalance, Retry::After(Pace::Slow)),
        Kind::Quota => (Reason::LimitReached, Retry::After(Pace::Slow)),
        Kind::RateLimited => (Reason::RateLimited, Retry::After(Pace::Quick)),
        // The list has the last word on what exists.
        Kind::NotFound | Kind::Transient => (Reason::CloudUnavailable, Retry::After(Pace::Quick)),
        Kind::Ambiguous => (Reason::Settling, Retry::Settle),
    };
    Verdict { reason, retry }
}
