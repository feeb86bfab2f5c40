//! Leaving a cloud alone that asks for it or is out of order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    Balance, Capabilities, Created, Error, Field, Identity, Kind, Listing, Machine, Order, Provider, Quote, Refusal,
    Result, Scope, TaskState,
};
use crate::api::instance::{GpuInstanceSpec, Port, Snapshot, StopMode};
use crate::api::status::PortEndpoint;
use crate::environment::Environment;

/// Failed reads in a row after which a cloud counts as out of order.
const FAILURES: u32 = 5;
/// Pause after these; doubled with each further failed read.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A cloud that is not called while that is of no use.
///
/// - Where it asks for a pause (`Retry-After`), every call until then is refused here, with the same kind of error.
/// - Where reads fail again and again, calls are refused for a while that grows; after it a list or an identification
///   is tried, and all else only once one has succeeded.
///
/// What is refused here was not sent, so it is never [`Kind::Ambiguous`].
pub struct Breaker {
    inner: Arc<dyn Provider>,
    environment: Arc<dyn Environment>,
    state: Mutex<State>,
}

impl std::fmt::Debug for Breaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breaker")
            .field("cloud", &self.inner.capabilities().cloud)
            .field("state", &*self.state())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    /// Failed reads in a row.
    failures: u32,
    pause: Option<Pause>,
}

#[derive(Clone, Debug)]
struct Pause {
    until: Instant,
    kind: Kind,
    message: String,
    /// Whether a probe must succeed before all else is let through again.
    needs_proof: bool,
}

/// What a call does, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Reads, and surely asks the cloud: success proves that it is there.
    Probe,
    /// Reads, but some clouds answer it without being asked.
    Read,
    Change,
}

impl Breaker {
    /// Watches over this cloud.
    #[must_use]
    pub fn new(inner: Arc<dyn Provider>, environment: Arc<dyn Environment>) -> Self {
        Self {
            inner,
            environment,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call<T>(&self, effect: Effect, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.state().let_through(effect)?;
        let outcome = call.await;
        let now = self.environment.now();
        match &outcome {
            Err(error) => self.state().failed(effect, error, now),
            Ok(_) => self.state().answered(effect),
        }
        outcome
    }
}

impl State {
    fn let_through(&self, effect: Effect) -> Result<()> {
        let Some(pause) = &self.pause else { return Ok(()) };
        let left = pause.until.saturating_duration_since(Instant::now());
        if left.is_zero() && (effect == Effect::Probe || !pause.needs_proof) {
            return Ok(());
        }
        Err(Error::new(pause.kind, &pause.message).retry_after(Some(left.max(Duration::from_secs(1)))))
    }

    fn answered(&mut self, effect: Effect) {
        if effect == Effect::Read {
            return;
        }
        self.failures = 0;
        if self.pause.as_ref().is_some_and(|pause| pause.until <= Instant::now()) {
            self.pause = None;
        }
    }

    fn failed(&mut self, effect: Effect, error: &Error, now: Timestamp) {
        let is_outage = matches!(error.kind, Kind::Transient | Kind::Ambiguous);
        match (error.kind, error.retry_after) {
            (Kind::RateLimited, Some(pause)) => {
                self.pause(pause, Kind::RateLimited, false, &error.message, now);
            }
            (_, Some(pause)) if is_outage => self.pause(pause, Kind::Transient, false, &error.message, now),
            // One machine that cannot be stopped is not an outage: only reads count.
            (Kind::Transient, None) if effect != Effect::Change => {
                self.failures = self.failures.saturating_add(1);
                if let Some(more) = self.failures.checked_sub(FAILURES) {
                    let pause = FIRST_PAUSE.saturating_mul(1 << more.min(8)).min(LONGEST_PAUSE);
                    self.pause(pause, Kind::Transient, true, &error.message, now);
                }
            }
            // Refused by our own pace, or by a cloud that asks for no certain pause: the caller goes slower.
            (Kind::RateLimited, None) => {}
            _ if is_outage => {}
            // A refusal with a meaning is an answer.
            _ => self.answered(effect),
        }
    }

    fn pause(&mut self, pause: Duration, kind: Kind, needs_proof: bool, said: &str, now: Timestamp) {
        let until = Instant::now() + pause;
        if self.pause.as_ref().is_some_and(|pause| pause.until > until) {
            return;
        }
        let end = now
            .saturating_add(SignedDuration::try_from(pause).unwrap_or_default())
            .unwrap_or(now);
        self.pause = Some(Pause {
            until,
            kind,
            // To the second, and the same for everyone who is refused until then.
            message: format!("not asked before {end:.0}: {said}"),
            needs_proof,
        });
    }
}

#[async_trait]
impl Provider for Breaker {
    fn capabilities(&self) -> &'static Capabilities {
        self.inner.capabilities()
    }

    fn check(&self, spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        self.inner.check(spec)
    }

    fn port_endpoint(&self, machine: &Machine, port: Port) -> Option<PortEndpoint> {
        self.inner.port_endpoint(machine, port)
    }

    async fn identify(&self) -> Result<Identity> {
        self.call(Effect::Probe, self.inner.identify()).await
    }

    async fn balance(&self) -> Result<Option<Balance>> {
        self.call(Effect::Read, self.inner.balance()).await
    }

    async fn list(&self, scope: &Scope) -> Result<Listing> {
        self.call(Effect::Probe, self.inner.list(scope)).await
    }

    async fn describe(&self, machine: &Machine) -> Result<Machine> {
        self.call(Effect::Read, self.inner.describe(machine)).await
    }

    async fn quote(&self, spec: &GpuInstanceSpec) -> Result<Quote> {
        self.call(Effect::Read, self.inner.quote(spec)).await
    }

    async fn task(&self, task: &str, scope: &Scope) -> Result<TaskState> {
        self.call(Effect::Read, self.inner.task(task, scope)).await
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        self.call(Effect::Change, self.inner.create(order)).await
    }

    async fn start(&self, machine: &Machine, reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        self.call(Effect::Change, self.inner.start(machine, reshape)).await
    }

    async fn stop(&self, machine: &Machine, mode: StopMode, snapshot: Option<&Snapshot>) -> Result<()> {
        self.call(Effect::Change, self.inner.stop(machine, mode, snapshot))
            .await
    }

    async fn restart(&self, machine: &Machine) -> Result<()> {
        self.call(Effect::Change, self.inner.restart(machine)).await
    }

    async fn save_image(&self, machine: &Machine, snapshot: &Snapshot) -> Result<()> {
        self.call(Effect::Change, self.inner.save_image(machine, snapshot))
            .await
    }

    async fn update(&self, machine: &Machine, order: &Order<'_>, fields: &[Field]) -> Result<()> {
        self.call(Effect::Change, self.inner.update(machine, order, fields))
            .await
    }

    async fn delete(&self, machine: &Machine) -> Result<()> {
        self.call(Effect::Change, self.inner.delete(machine)).await
    }
}

#[cfg(test)]
mod tests;
