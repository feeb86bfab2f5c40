//! How long to leave an object alone after a failure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::environment::Environment;

/// How fast to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// For what usually passes soon: 1 s, doubling to 1 min.
    Quick,
    /// For what takes a human or a free machine: 15 s, doubling to 15 min.
    Slow,
    /// For what nobody waits for: 1 min, doubling to 1 h.
    Rare,
}

impl Pace {
    fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Quick => (Duration::from_secs(1), Duration::from_mins(1)),
            Self::Slow => (Duration::from_secs(15), Duration::from_mins(15)),
            Self::Rare => (Duration::from_mins(1), Duration::from_hours(1)),
        }
    }

    /// The pause after this many failures before the last one, without jitter.
    #[must_use]
    pub fn pause(self, failures: u32) -> Duration {
        let (first, longest) = self.bounds();
        first
            .saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX))
            .min(longest)
    }
}

/// The failures in a row of each object. Cheap to clone; all clones see the same counts.
///
/// An object's count starts anew when it succeeds ([`Self::forget`]), when its spec changes (a new generation) and when
/// it fails at another pace.
#[derive(Clone)]
pub struct Backoff {
    environment: Arc<dyn Environment>,
    objects: Arc<Mutex<HashMap<String, Failures>>>,
}

#[derive(Clone, Copy)]
struct Failures {
    generation: i64,
    pace: Pace,
    count: u32,
}

impl Backoff {
    /// No failures yet.
    #[must_use]
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self {
            environment,
            objects: Arc::default(),
        }
    }

    /// Counts one more failure of the object with this UID and generation, and tells how long to leave it alone: the
    /// pace's pause, shortened by up to a quarter so that objects that failed together do not all come back together.
    #[must_use]
    pub fn next(&self, uid: &str, generation: i64, pace: Pace) -> Duration {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = match objects.get(uid) {
            Some(known) if known.generation == generation && known.pace == pace => known.count,
            _ => 0,
        };
        objects.insert(
            uid.to_owned(),
            Failures {
                generation,
                pace,
                count: failures.saturating_add(1),
            },
        );
        drop(objects);
        let pause = pace.pause(failures);
        pause.saturating_sub((pause / 4).mul_f64(self.fraction()))
    }

    /// The object succeeded, or is gone.
    pub fn forget(&self, uid: &str) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.remove(uid);
    }

    /// A random number from 0 to 1.
    fn fraction(&self) -> f64 {
        // The upper 32 bits: exact as floating point.
        f64::from((self.environment.random() >> 32) as u32) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    /// Draws the same number every time.
    struct Fixed(u64);

    impl Environment for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn random(&self) -> u64 {
            self.0
        }

        fn secret_bytes(&self) -> [u8; 32] {
            [0; 32]
        }
    }

    fn seconds(backoff: &Backoff, pace: Pace, times: usize) -> Vec<u64> {
        (0..times).map(|_| backoff.next("uid", 1, pace).as_secs()).collect()
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let backoff = Backoff::new(Arc::new(Fixed(0)));
        assert_eq!(seconds(&backoff, Pace::Quick, 9), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(seconds(&backoff, Pace::Slow, 8), [15, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(Pace::Slow.pause(u32::MAX), Duration::from_mins(15));
    }

    #[test]
    fn jitter_shortens_a_pause_by_a_quarter_at_most() {
        let backoff = Backoff::new(Arc::new(Fixed(u64::MAX)));
        assert_eq!(backoff.next("uid", 1, Pace::Slow), Duration::from_secs_f64(11.25));
    }

    #[test]
    fn success_and_a_new_spec_start_anew() {
        let backoff = Backoff::new(Arc::new(Fixed(0)));
        assert_eq!(seconds(&backoff, Pace::Quick, 3), [1, 2, 4]);
        assert_eq!(backoff.next("uid", 2, Pace::Quick).as_secs(), 1, "a new generation");
        assert_eq!(backoff.next("other", 2, Pace::Quick).as_secs(), 1, "another object");
        assert_eq!(backoff.next("uid", 2, Pace::Quick).as_secs(), 2);
        backoff.forget("uid");
        assert_eq!(backoff.next("uid", 2, Pace::Quick).as_secs(), 1, "after success");
    }
}
