//! The one seam for time and chance: whoever decides by either of them gets it from here, so that the whole loop can
//! run under virtual time and a seed.
//!
//! Waiting goes through `tokio::time`, which a test can pause; this is for reading the clock and drawing numbers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Where time and random numbers come from.
pub trait Environment: Send + Sync + 'static {
    /// The wall clock: what is compared with times that other processes wrote. It never goes back while a process lives.
    fn now(&self) -> Timestamp;

    /// A number for jitter. Not for secrets.
    fn random(&self) -> u64;

    /// Bytes for a secret.
    fn secret_bytes(&self) -> [u8; 32];
}

/// The moment so long after another; the end of time where there is none.
#[must_use]
pub fn later(moment: Timestamp, span: Duration) -> Timestamp {
    moment.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Whether it is at least so long ago.
#[must_use]
pub fn has_passed(span: Duration, since: Timestamp, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(since)).is_ok_and(|passed| passed >= span)
}

/// The real world.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// The clock of this process.
static CLOCK: Steady = Steady::new();

impl Environment for System {
    fn now(&self) -> Timestamp {
        CLOCK.read(Timestamp::now())
    }

    fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    fn secret_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        // A system without a source of randomness cannot make a password that anyone should use.
        getrandom::fill(&mut bytes).expect("the system's random number generator works");
        bytes
    }
}

/// A wall clock that is not turned back: where the system's is, this one goes on as if it had not been.
///
/// The loop compares moments of one process: whether a list was begun after a claim, how long ago something was asked.
/// With a clock that is turned back, an old list would count as a new one, and nothing would be listed until the clock
/// had caught up.
#[derive(Debug, Default)]
pub struct Steady {
    anchor: Mutex<Option<(Timestamp, Instant)>>,
}

impl Steady {
    /// A clock that was not read yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            anchor: Mutex::new(None),
        }
    }

    /// The time, if the system's clock says this.
    pub fn read(&self, wall: Timestamp) -> Timestamp {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let expected = anchor.and_then(|(time, at)| {
            let passed = SignedDuration::try_from(now.duration_since(at)).ok()?;
            time.checked_add(passed).ok()
        });
        match expected {
            Some(expected) if expected > wall => expected,
            _ => {
                *anchor = Some((wall, now));
                wall
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_turned_back_goes_on() {
        let clock = Steady::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(clock.read(at(1_000)), at(1_000));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.read(at(410)), at(1_010));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.read(at(420)), at(1_020));
        assert_eq!(clock.read(at(2_000)), at(2_000), "forward it goes with the system");
        assert_eq!(clock.read(at(1_999)), at(2_000));
    }
}
