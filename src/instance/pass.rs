//! One pass: observe, plan, act, publish.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::{Client, ResourceExt};
use tracing::{debug, info, warn};

use super::act::{Failure, Outcome};
use super::memory::{Memory, OwnClaim, Pause};
use super::observation::{InstanceView, Observation};
use super::plan::{plan, unclear_order, verb};
use super::project::Verdict;
use super::step::{Change, Standing, Step, Wait};
use crate::account::cache::Cache;
use crate::account::{Connected, Holding, InstanceRef, Obstacle, ProviderKey, Retry, Sessions, Wake, verdict};
use crate::api::condition::Reason;
use crate::api::remote_name::Installation;
use crate::api::{GpuInstance, InstanceState, RECONCILE_REQUESTED_ANNOTATION};
use crate::crash_point;
use crate::environment::{Environment, later};
use crate::kubernetes::{Backoff, Events, Pace};
use crate::metrics::{self, Metrics};
use crate::provider::Kind;

/// A halted object is looked at again after this time all the same: somebody may have mended what no watch shows.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// After a change of metadata, should the watch be late.
const AFTER_METADATA: Duration = Duration::from_secs(1);
/// After a pass that found the object changed meanwhile: the watch brings the change at any moment.
const STALE: Duration = Duration::from_millis(100);

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

/// What is remembered of one instance.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    memory: Memory,
    /// The object as this process wrote it last: newer than the cache for a moment.
    written: Option<Arc<GpuInstance>>,
    /// The version of that: an object from the cache that is older is of no use.
    version: u64,
    /// It was given free: whatever a lagging watch still shows of it is not looked at any more.
    gone: bool,
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

    /// The object as it is known best: as this process wrote it last, until the cache has that or something newer.
    /// `None` while nothing that new is at hand.
    fn newest(&self, cached: &GpuInstance) -> Option<Arc<GpuInstance>> {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = memories.entry(cached.id().to_owned()).or_default();
        if version(cached) >= remembered.version {
            remembered.written = None;
            return Some(Arc::new(cached.clone()));
        }
        remembered.written.clone()
    }

    /// Remembers the object as the API server has returned it.
    pub(super) fn wrote(&self, mut object: GpuInstance) {
        // Larger than all the rest, and of no use here; the caches leave it out too.
        object.metadata.managed_fields = None;
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = memories.entry(object.id().to_owned()).or_default();
        remembered.version = version(&object);
        remembered.written = Some(Arc::new(object));
    }

    /// The version on which the next write is made: the one that was read, or the one to which this process has brought
    /// the object since, by a write that was guarded by it.
    pub(super) fn version_written(&self, object: &GpuInstance) -> Option<String> {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let written = memories
            .get(object.id())
            .and_then(|remembered| remembered.written.as_deref());
        let newer = written.filter(|written| version(written) > version(object));
        newer.unwrap_or(object).metadata.resource_version.clone()
    }

    fn drop_written(&self, uid: &str) {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(remembered) = memories.get_mut(uid) {
            remembered.written = None;
        }
    }

    /// Changes what is remembered of an instance.
    pub(super) fn remember(&self, uid: &str, change: impl FnOnce(&mut Memory)) {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut memories.entry(uid.to_owned()).or_default().memory);
    }

    /// What is remembered of an instance now.
    pub(super) fn memory(&self, uid: &str) -> Memory {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories
            .get(uid)
            .map(|remembered| remembered.memory.clone())
            .unwrap_or_default()
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

    fn is_gone(&self, uid: &str) -> bool {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.get(uid).is_some_and(|remembered| remembered.gone)
    }

    /// Forgets an instance that is gone, and wakes those that may profit from the room it leaves.
    pub(super) fn forget(&self, uid: &str, connected: Option<&Connected>) {
        let shown: BTreeSet<String> = self.cache.instances().filter_map(|guarded| guarded.uid()).collect();
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = Remembered {
            gone: true,
            ..Remembered::default()
        };
        memories.insert(uid.to_owned(), gone);
        memories.retain(|uid, remembered| !remembered.gone || shown.contains(uid));
        drop(memories);
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

    fn want_list(&self, object: &GpuInstance, begun_after: Timestamp) {
        let key = ProviderKey::meant_by(object);
        if let Some(crate::account::Session::Connected(connected)) = self.sessions.get(&key) {
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

    /// What a pass amounts to: for the conditions, and for when to look again.
    fn judge(
        &self,
        object: &GpuInstance,
        seen: &Observation,
        connected: Option<&Connected>,
        step: &Step,
        outcome: &Outcome,
    ) -> (Verdict, Duration) {
        let wake = match step {
            Step::Wait(wait) if wait.every_list => Wake::EveryList,
            // What was refused may be granted once the machine is in another state.
            Step::Delete(..) | Step::StopExtra(..) => Wake::EveryList,
            _ => Wake::OnChange,
        };
        if let Some(connected) = connected {
            let short_of_room =
                matches!(&outcome.result, Err(Failure::Obstacle(why)) if why.reason == Reason::LimitReached);
            let pausing = matches!(step, Step::Wait(_))
                && seen
                    .memory
                    .pause
                    .as_ref()
                    .is_some_and(|pause| pause.room_made.is_some());
            connected.account.wait_for_room(object.id(), short_of_room || pausing);
            if connected.account.wake_on(object.id(), wake) {
                (self.ask)(connected.provider.key.clone());
            }
        }
        if let Err(failure) = &outcome.result {
            return self.judge_failure(object, seen, connected, step, failure);
        }
        match step {
            Step::Rest => {
                self.backoff.forget(object.id());
                self.remember(object.id(), |memory| memory.pause = None);
                (Verdict::Standing(Standing::Ready), Duration::MAX)
            }
            Step::Wait(wait) => (Verdict::Standing(wait.standing.clone()), self.wait(object, wait)),
            Step::Halt(obstacle) => (
                Verdict::Stalled(obstacle.clone()),
                self.until_pause_ends(seen).min(LOOK_AGAIN),
            ),
            Step::Suspended(differs) => (Verdict::Suspended(differs.clone()), Duration::MAX),
            _ => (step_verdict(step, outcome), Duration::ZERO),
        }
    }

    fn until_pause_ends(&self, seen: &Observation) -> Duration {
        let now = self.environment.now();
        seen.memory
            .pause
            .as_ref()
            .map_or(LOOK_AGAIN, |pause| until(now, pause.until))
    }

    fn wait(&self, object: &GpuInstance, wait: &Wait) -> Duration {
        let now = self.environment.now();
        let mut again = wait.until.map_or(Duration::MAX, |moment| until(now, moment));
        if let Some(moment) = wait.list_after {
            if moment <= now {
                self.want_list(object, moment);
            } else {
                again = again.min(until(now, moment));
            }
        }
        again
    }

    fn judge_failure(
        &self,
        object: &GpuInstance,
        seen: &Observation,
        connected: Option<&Connected>,
        step: &Step,
        failure: &Failure,
    ) -> (Verdict, Duration) {
        let generation = object.generation();
        match failure {
            Failure::Stale => (Verdict::Standing(Standing::Unchanged), STALE),
            Failure::Api(error) => {
                let why = Obstacle::new(Reason::Pending, format!("could not {}: {error}", verb(step)));
                let pause = self.backoff.next(object.id(), generation, Pace::Quick);
                (Verdict::Standing(Standing::Progress(why)), pause)
            }
            Failure::Obstacle(obstacle) => {
                let pause = self.backoff.next(object.id(), generation, Pace::Slow);
                self.pause(object, connected, obstacle.clone(), pause, None)
            }
            Failure::Cloud(error) if error.kind == Kind::Ambiguous => {
                self.want_list(object, self.environment.now());
                let heard = &error.message;
                let why = match (step, object.claim()) {
                    (Step::Create, Some(claim)) => unclear_order(claim, heard),
                    _ => format!("the cloud's answer was unclear ({heard}); looking before anything else is done"),
                };
                (
                    Verdict::Standing(Standing::Progress(Obstacle::new(Reason::Settling, why))),
                    Duration::ZERO,
                )
            }
            Failure::Cloud(error) => {
                let verdict = verdict(error);
                let pause = match verdict.retry {
                    Retry::After(pace) => self.backoff.next(object.id(), generation, pace),
                    Retry::OnChange | Retry::Settle => LOOK_AGAIN,
                };
                let refused = verdict.retry == Retry::OnChange;
                let machine = match step {
                    Step::Delete(id, _) | Step::StopExtra(id, _) => Some(id.clone()),
                    _ => object.machine_id(),
                };
                let state = seen.state_of(machine.as_deref());
                self.pause(
                    object,
                    connected,
                    Obstacle::new(verdict.reason, error.message.clone()),
                    error.retry_after.unwrap_or(pause),
                    machine.zip(state).filter(|_| refused),
                )
            }
        }
    }

    fn pause(
        &self,
        object: &GpuInstance,
        connected: Option<&Connected>,
        why: Obstacle,
        pause: Duration,
        refused_in: Option<(String, InstanceState)>,
    ) -> (Verdict, Duration) {
        let until = later(self.environment.now(), pause);
        let generation = object.generation();
        let room_made = connected
            .filter(|_| why.reason == Reason::LimitReached)
            .map(|connected| connected.account.room_made());
        let remembered = Pause {
            until,
            why: why.clone(),
            generation,
            refused_in,
            room_made,
        };
        self.remember(object.id(), |memory| memory.pause = Some(remembered));
        let verdict = if why.reason.is_stalled() {
            Verdict::Stalled(why)
        } else if why.reason.is_outage() {
            Verdict::Standing(Standing::Outage(why))
        } else {
            Verdict::Standing(Standing::Progress(why))
        };
        (verdict, pause)
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
        (Ok(()), _) => {
            info!(%instance, step = step_name, reason = outcome.news.as_deref().unwrap_or_default(), "done");
        }
    }
}

/// The verdict on a step that was carried out.
fn step_verdict(step: &Step, outcome: &Outcome) -> Verdict {
    let news = outcome.news.clone().unwrap_or_default();
    let progress = |reason, message: String| Verdict::Standing(Standing::Progress(Obstacle::new(reason, message)));
    match step {
        Step::HoldProvider | Step::StorePassword => progress(Reason::Pending, "about to rent a machine".to_owned()),
        Step::Claim(claim) => progress(
            Reason::Claimed,
            format!("claimed as {}; making sure that no such machine exists", claim.name),
        ),
        Step::FollowTask(task) if outcome.changes.is_empty() => {
            progress(Reason::Creating, format!("the cloud makes the machine as task {task}"))
        }
        Step::Create | Step::FollowTask(_) => progress(Reason::Creating, news),
        Step::Adopt(_) => progress(Reason::Adopting, news),
        Step::Record(_, why) | Step::Forget(_, why) if why.reason.is_stalled() => Verdict::Stalled(why.clone()),
        Step::Record(changes, why) if keeps_standing(changes, why) => Verdict::Standing(Standing::Unchanged),
        Step::Record(_, why) | Step::Forget(_, why) => progress(why.reason, why.message.clone()),
        Step::Start(fields) if fields.is_empty() => progress(Reason::Starting, news),
        Step::Start(_) | Step::Update(_) => progress(Reason::Reshaping, news),
        Step::Stop(_) => progress(Reason::Stopping, news),
        Step::Restart => progress(Reason::Restarting, news),
        Step::StoreNextPassword | Step::KeepNextPassword => progress(Reason::Reinstalling, news),
        Step::SaveImage => progress(Reason::SavingImage, news),
        Step::Delete(..) | Step::StopExtra(..) => progress(Reason::Deleting, news),
        _ => Verdict::Standing(Standing::Unchanged),
    }
}

/// Whether what is recorded leaves the machine as it was.
fn keeps_standing(changes: &[Change], why: &Obstacle) -> bool {
    let bookkeeping = changes.iter().all(|change| {
        matches!(
            change,
            Change::Restarted | Change::ForgetStarts | Change::ForgetSnapshot
        )
    });
    bookkeeping && matches!(why.reason, Reason::Running | Reason::Stopped)
}

/// `namespace/name`, for messages and logs.
pub(super) fn reference(object: &GpuInstance) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

fn until(now: Timestamp, moment: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(now))
        .unwrap_or(Duration::ZERO)
        .max(Duration::from_millis(10))
}

/// Versions of one object can be compared as numbers; what is not a number is older than everything.
fn version(object: &GpuInstance) -> u64 {
    object
        .metadata
        .resource_version
        .as_deref()
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}
