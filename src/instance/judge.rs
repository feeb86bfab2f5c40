//! What a pass amounts to: what is said of the instance, and when it is looked at again.

use std::time::Duration;

use jiff::Timestamp;

use super::Reconciler;
use super::act::{Failure, Outcome};
use super::memory::Pause;
use super::observation::{InstanceView, Observation};
use super::pass::STALE;
use super::plan::{unclear_order, verb};
use super::project::Verdict;
use super::step::{Change, Standing, Step, Wait};
use crate::account::{Connected, Obstacle, Retry, Wake, verdict};
use crate::api::condition::Reason;
use crate::api::{GpuInstance, InstanceState};
use crate::environment::later;
use crate::kubernetes::Pace;
use crate::provider::Kind;

/// A halted object is looked at again after this time all the same: somebody may have mended what no watch shows.
pub(super) const LOOK_AGAIN: Duration = Duration::from_mins(1);

impl Reconciler {
    /// What a pass amounts to: for the conditions, and for when to look again.
    pub(super) fn judge(
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

fn until(now: Timestamp, moment: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(now))
        .unwrap_or(Duration::ZERO)
        .max(Duration::from_millis(10))
}
