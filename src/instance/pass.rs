//! One pass: observe, plan, act, publish.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use kube::{Client, ResourceExt};
use tracing::{debug, info, warn};

use super::act::{Failure, Outcome};
use super::judge::LOOK_AGAIN;
use super::memory::{Memory, OwnClaim};
use super::observation::InstanceView;
use super::plan::{plan, verb};
use super::remembered::Remembered;
use super::step::{Standing, Step};
use crate::account::cache::Cache;
use crate::account::{Connected, Holding, InstanceRef, ProviderKey, Session, Sessions};
use crate::api::remote_name::Installation;
use crate::api::{GpuInstance, RECONCILE_REQUESTED_ANNOTATION};
use crate::crash_point;
use crate::environment::Environment;
use crate::kubernetes::{Backoff, Events, Pace};
use crate::metrics::{self, Metrics};

/// After a change of metadata, should the watch be late.
const AFTER_METADATA: Duration = Duration::from_secs(1);
/// After a pass that found the object changed meanwhile: the watch brings the change at any moment.
pub(super) const STALE: Duration = Duration::from_millis(100);

/// All that the loop needs.
pub struct Reconciler {
    /// The API server.
    pub client: Client,
    /// What the watches have brought.
    pub cache: Cache,
    /// Which provider speaks for which account.
    pub sessions: Arc<Sessions>,
    /// Who we are in remote names.
    pub installation: Installation,
    /// Time and chance.
    pub environment: Arc<dyn Environment>,
    /// Where events go.
    pub events: Events,
    /// Where figures go.
    pub metrics: Metrics,
    /// How long to leave an object alone after a failure.
    pub backoff: Backoff,
    /// Whether this process leads, asked right before anything is changed at a cloud.
    pub leads: Box<dyn Fn() -> bool + Send + Sync>,
    /// Asks for a pass over a provider: a list is wanted.
    pub ask: Box<dyn Fn(ProviderKey) + Send + Sync>,
    /// Asks for a pass over an instance.
    pub wake: Box<dyn Fn(InstanceRef) + Send + Sync>,
    /// What is remembered from pass to pass, by UID.
    pub memories: Mutex<BTreeMap<String, Remembered>>,
}

impl Reconciler {
    /// Takes an instance one step further, and says when to look again.
    pub async fn pass(&self, cached: &GpuInstance) -> Duration {
        if self.is_gone(cached.id()) {
            return Duration::MAX;
        }
        let Some(object) = self.newest(cached) else {
            return STALE;
        };
        let memory = self.heed_request(&object);
        let (seen, connected) = self.observe(&object, memory).await;
        self.account_for(&object, connected.as_ref());
        let step = plan(&object, &seen, self.environment.now());
        crash_point::reached(format_args!("before {}", verb(&step)));
        let outcome = self.act(&object, &seen, connected.as_ref(), &step).await;
        crash_point::reached(format_args!("after {}", verb(&step)));
        log(&object, &step, &outcome);
        self.count(&step, &outcome);
        if let (Step::DropFinalizer(_) | Step::LetGo, Ok(())) = (&step, &outcome.result) {
            self.tell(&object, &step, &outcome, None);
            self.forget(object.id(), connected.as_ref());
            return LOOK_AGAIN;
        }
        if let (Step::TakeFinalizer | Step::WriteBinding, Ok(())) = (&step, &outcome.result) {
            // The watch brings the finalizer, or the annotation; status follows on that version.
            return AFTER_METADATA;
        }
        if let Err(Failure::Stale) = outcome.result {
            self.drop_written(object.id());
            return STALE;
        }
        let (verdict, again) = self.judge(&object, &seen, connected.as_ref(), &step, &outcome);
        let published = self.publish(&object, &seen, &step, &outcome, &verdict).await;
        crash_point::reached(format_args!("status after {}", verb(&step)));
        match published {
            Ok(()) => {
                self.note_claim(&object, &step, &outcome);
                if matches!(step, Step::Rest) {
                    // No pass follows at once: by the next one the cache has it too, and nothing is kept twice.
                    self.drop_written(object.id());
                }
                again
            }
            Err(Failure::Stale) => {
                self.drop_written(object.id());
                STALE
            }
            Err(failure) => {
                warn!(instance = %reference(&object), %failure, "the status could not be written");
                self.backoff.next(object.id(), object.generation(), Pace::Quick)
            }
        }
    }

    /// A claim is this process's own only once the API server has said so: another process may have written one of the
    /// same name.
    fn note_claim(&self, object: &GpuInstance, step: &Step, outcome: &Outcome) {
        if let (Step::Claim(claim), Ok(())) = (step, &outcome.result) {
            let own = OwnClaim {
                name: claim.name.clone(),
                generation: object.generation(),
            };
            self.remember(object.id(), |memory| memory.own_claim = Some(own));
        }
    }

    /// Forgets an instance that is gone, and wakes those that may profit from the room it leaves.
    pub(super) fn forget(&self, uid: &str, connected: Option<&Connected>) {
        self.remember_gone(uid);
        self.backoff.forget(uid);
        if let Some(connected) = connected {
            connected.account.forget(uid);
            self.offer_room(connected);
        }
    }

    /// Wakes some of those that wait for room within the limits.
    fn offer_room(&self, connected: &Connected) {
        for waiting in connected.account.next_for_room() {
            (self.wake)(waiting);
        }
    }

    /// Takes note of the annotation that asks to look at the cloud now.
    fn heed_request(&self, object: &GpuInstance) -> Memory {
        let requested = object.annotations().get(RECONCILE_REQUESTED_ANNOTATION).cloned();
        let memory = self.memory(object.id());
        if requested == memory.requested_at {
            return memory;
        }
        self.remember(object.id(), |memory| {
            memory.requested_at = requested;
            memory.pause = None;
        });
        self.want_list(object, self.environment.now());
        self.memory(object.id())
    }

    pub(super) fn want_list(&self, object: &GpuInstance, begun_after: Timestamp) {
        let key = ProviderKey::meant_by(object);
        if let Some(Session::Connected(connected)) = self.sessions.get(&key) {
            connected.account.want_list_after(begun_after);
        }
        (self.ask)(key);
    }

    /// Enters what the instance holds in the account's ledger.
    fn account_for(&self, object: &GpuInstance, connected: Option<&Connected>) {
        let Some(connected) = connected else { return };
        let status = object.seen();
        if status.claim.is_none() && object.machine_id().is_none() {
            // Nothing that this process has written is newer: a reservation without a claim is left over.
            if connected.account.holds(object.id()) {
                connected.account.record(object.id(), Holding::default());
                self.remember(object.id(), |memory| memory.own_claim = None);
                self.offer_room(connected);
            }
            return;
        }
        let holding = Holding {
            instance_id: object.machine_id(),
            ..Holding::of(object, &status)
        };
        connected.account.record(object.id(), holding);
    }

    fn count(&self, step: &Step, outcome: &Outcome) {
        let result = match &outcome.result {
            Ok(()) => metrics::Outcome::Done,
            Err(Failure::Stale) => metrics::Outcome::Conflict,
            Err(Failure::Obstacle(_)) => metrics::Outcome::Refused,
            Err(Failure::Cloud(error)) if error.kind.is_an_answer() => metrics::Outcome::Refused,
            Err(Failure::Cloud(_) | Failure::Api(_)) => metrics::Outcome::Failed,
        };
        self.metrics.stepped(verb(step), result);
    }
}

/// A line for each decision: on what, which step, and why.
fn log(object: &GpuInstance, step: &Step, outcome: &Outcome) {
    let instance = reference(object);
    let step_name = verb(step);
    match (&outcome.result, step) {
        (Err(Failure::Stale), _) => debug!(%instance, step = step_name, "the object has changed; looking again"),
        (Err(Failure::Cloud(error)), _) => {
            warn!(%instance, step = step_name, kind = error.kind.label(), reason = error.message, "the cloud did not do it");
        }
        (Err(Failure::Api(error)), _) => {
            warn!(%instance, step = step_name, reason = %error, "the API server did not do it");
        }
        (Err(Failure::Obstacle(obstacle)), _) => {
            info!(%instance, step = step_name, reason = %obstacle.reason, "{}", obstacle.message);
        }
        (Ok(()), Step::Rest) => debug!(%instance, step = step_name, "the machine is as the spec asks"),
        (Ok(()), Step::Wait(wait)) => match &wait.standing {
            Standing::Progress(why) | Standing::Outage(why) => {
                debug!(%instance, step = step_name, reason = %why.reason, "{}", why.message);
            }
            Standing::Unchanged | Standing::Ready => debug!(%instance, step = step_name, "nothing new is known"),
        },
        (Ok(()), Step::Halt(obstacle)) => {
            debug!(%instance, step = step_name, reason = %obstacle.reason, "{}", obstacle.message);
        }
        (Ok(()), Step::FollowTask(_)) if outcome.news.is_none() => {
            debug!(%instance, step = step_name, "the task goes on");
        }
        (Ok(()), _) => {
            info!(%instance, step = step_name, reason = outcome.news.as_deref().unwrap_or_default(), "done");
        }
    }
}

/// `namespace/name`, for messages and logs.
pub(super) fn reference(object: &GpuInstance) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}
