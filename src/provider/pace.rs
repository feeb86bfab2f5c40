//! Taking turns: no more requests a second than an account may send.

use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use rust_decimal::prelude::ToPrimitive;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::api::Cloud;
use crate::api::money::Decimal;
use crate::metrics::Metrics;

/// Requests a second where the provider does not say.
const DEFAULT_PER_SECOND: u32 = 100;
/// Slowest pace: a request in a quarter of an hour. What is slower would look like an outage.
const LONGEST_INTERVAL: Duration = Duration::from_mins(15);

/// Lets requests through one after the other, evenly spaced: no second sees more of them than it should.
#[derive(Debug)]
pub struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    clock: TokioClock,
    /// First come, first served: the limiter itself lets whoever asks at the right moment pass.
    queue: Mutex<()>,
    /// Where it is told how long each wait took.
    measured: Option<(Cloud, Metrics)>,
}

/// Tokio's clock, which a test can pause; governor's own waits follow the machine's.
#[derive(Clone, Copy, Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Pace {
    /// So many requests a second, such as 5 or 0.5; `None` where that is not more than zero.
    #[must_use]
    pub fn per_second(requests: Decimal) -> Option<Self> {
        let requests = requests.to_f64().filter(|requests| *requests > 0.0)?;
        let interval = Duration::try_from_secs_f64(1.0 / requests).unwrap_or(LONGEST_INTERVAL);
        let interval = interval.clamp(Duration::from_nanos(1), LONGEST_INTERVAL);
        let clock = TokioClock(Instant::now());
        Some(Self {
            limiter: RateLimiter::direct_with_clock(Quota::with_period(interval)?, clock),
            clock,
            queue: Mutex::default(),
            measured: None,
        })
    }

    /// The same; how long each wait for a turn takes, is told there.
    #[must_use]
    pub fn measured(self, cloud: Cloud, metrics: Metrics) -> Self {
        Self {
            measured: Some((cloud, metrics)),
            ..self
        }
    }

    /// Waits for the next turn, but no longer than this; whether it came.
    pub async fn turn(&self, patience: Duration) -> bool {
        let wait = async {
            let _place = self.queue.lock().await;
            while let Err(early) = self.limiter.check() {
                sleep(early.wait_time_from(self.clock.now())).await;
            }
        };
        let begun = Instant::now();
        let came = timeout(patience, wait).await.is_ok();
        if let Some((cloud, metrics)) = &self.measured {
            metrics.waited_for_turn(*cloud, begun.elapsed());
        }
        came
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::per_second(DEFAULT_PER_SECOND.into()).expect("the default is more than zero")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const PATIENT: Duration = Duration::from_hours(1);

    fn pace(requests: &str) -> Pace {
        Pace::per_second(requests.parse().unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_evenly_spaced_in_virtual_time() {
        for (requests, interval) in [("5", 200), ("0.5", 2000), ("1", 1000)] {
            let pace = pace(requests);
            let begun = Instant::now();
            for n in 0..20 {
                assert!(pace.turn(PATIENT).await);
                let passed = u64::try_from(begun.elapsed().as_millis()).unwrap();
                assert!(
                    (n * interval..=n * interval + 20).contains(&passed),
                    "{requests}: turn {n} at {passed} ms"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_longest_goes_first() {
        let pace = Arc::new(pace("1"));
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        for n in 0..5 {
            let (pace, order) = (Arc::clone(&pace), Arc::clone(&order));
            waiting.spawn(async move {
                assert!(pace.turn(PATIENT).await);
                order.lock().await.push(n);
            });
            tokio::task::yield_now().await;
        }
        waiting.join_all().await;
        assert_eq!(*order.lock().await, [0, 1, 2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_no_turn() {
        let pace = pace("0.1");
        assert!(pace.turn(PATIENT).await);
        let begun = Instant::now();
        assert!(!pace.turn(Duration::from_secs(4)).await);
        assert_eq!(begun.elapsed().as_secs(), 4);
        assert!(pace.turn(PATIENT).await);
        assert_eq!(begun.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_are_measured_also_those_in_vain() {
        let metrics = Metrics::new();
        let pace = pace("0.5").measured(Cloud::Xgc, metrics.clone());
        assert!(pace.turn(PATIENT).await);
        assert!(pace.turn(PATIENT).await);
        assert!(!pace.turn(Duration::from_secs(1)).await);
        let text = metrics.text();
        for line in [
            r#"bucket{le="0.01",cloud="XGC"} 1"#,
            r#"bucket{le="0.5",cloud="XGC"} 1"#,
            r#"bucket{le="2.5",cloud="XGC"} 3"#,
        ] {
            let line = format!("gpu_instance_operator_cloud_turn_wait_seconds_{line}\n");
            assert!(text.contains(&line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_pace_of_nothing_is_none() {
        assert!(Pace::per_second(Decimal::ZERO).is_none());
        assert!(Pace::per_second("-1".parse().unwrap()).is_none());
        assert!(Pace::per_second("0.000001".parse().unwrap()).is_some());
        assert!(Pace::per_second("999999999".parse().unwrap()).is_some());
    }
}
