//! Real time plus an offset, so that a test can jump over hours.

use jiff::{SignedDuration, Timestamp};

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    offset: SignedDuration,
}

impl Clock {
    /// To the millisecond, which is the grain of every duration here.
    pub(crate) fn now(self) -> Timestamp {
        let shifted = Timestamp::now() + self.offset;
        Timestamp::from_millisecond(shifted.as_millisecond()).unwrap_or(shifted)
    }

    pub(crate) fn advance(&mut self, by: SignedDuration) {
        self.offset += by;
    }

    pub(crate) fn offset_millis(self) -> i128 {
        self.offset.as_millis()
    }
}

/// `at`, `millis` later.
pub(crate) fn later(at: Timestamp, millis: u64) -> Timestamp {
    at + SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

pub(crate) fn millis_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond() - from.as_millisecond()
}
