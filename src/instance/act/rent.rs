//! Renting: from the price to the machine's id. Each order is sent once, before its claim's deadline.

use std::time::Duration;

use super::outcome::{Acted, Failure, Outcome};
use super::{Stage, too_late};
use crate::account::{Holding, Obstacle};
use crate::api::condition::Reason;
use crate::api::money;
use crate::api::status::{Claim, InstanceState};
use crate::crash_point;
use crate::environment::later;
use crate::instance::connection;
use crate::instance::memory::{ActionKind, Pause, Quoted, Sent, SentResult};
use crate::instance::observation::InstanceView;
use crate::instance::step::Change;
use crate::kubernetes::Pace;
use crate::provider::{self, Created, Kind, Machine, TaskState};

impl Stage<'_> {
    pub(super) async fn quote(&self) -> Acted {
        let quote = self.connected()?.driver.quote(&self.object.spec).await?;
        let generation = self.object.generation();
        let at = self.reconciler.environment.now();
        let price = match quote.price_per_hour {
            Some(price) => format!("the cloud asks {} an hour", money::format(price)),
            None => "the cloud tells no price before renting".to_owned(),
        };
        self.reconciler.remember(self.object.id(), |memory| {
            memory.quote = Some(Quoted { generation, quote, at });
        });
        Ok(Outcome::told(Vec::new(), price))
    }

    /// Reserves room and intends to rent. The claim itself is written with status, guarded by the version read.
    pub(super) fn claim(&self, claim: &Claim) -> Acted {
        let connected = self.connected()?;
        let quoted = self
            .seen
            .memory
            .quote
            .as_ref()
            .and_then(|quoted| quoted.quote.price_per_hour);
        let most = quoted.or_else(|| self.object.spec.max_price_per_hour());
        let limits = connected.provider.spec.limits.clone().unwrap_or_default();
        connected
            .account
            .reserve(self.object.id(), most, &limits)
            .map_err(|why| Failure::Obstacle(Obstacle::new(Reason::LimitReached, why)))?;
        self.reconciler.remember(self.object.id(), |memory| {
            memory.own_claim = None;
            memory.sent = None;
        });
        let intent = Change::Claim(claim.clone(), self.seen.digests.clone());
        Ok(Outcome::told(
            vec![intent],
            format!("as {}, before it is ordered", claim.name),
        ))
    }

    pub(super) async fn create(&self) -> Acted {
        let connected = self.connected()?;
        let claim = self.object.claim().ok_or(Failure::Stale)?;
        self.last_look().await?;
        let password = self.secret_text(connection::PASSWORD);
        let order = self.order(&claim.name, password.as_ref());
        let left = claim.deadline.0.duration_since(self.reconciler.environment.now());
        let Ok(left) = Duration::try_from(left) else {
            return Err(Failure::Stale);
        };
        // From here on the order may have been sent: whatever happens, this is remembered before anything else.
        self.sent(&claim.name, SentResult::Unclear("the order is under way".to_owned()));
        crash_point::reached(format_args!("create: about to be sent"));
        let call = self.only_before(claim.deadline.0, connected.driver.create(&order));
        let answer = tokio::time::timeout(left, call)
            .await
            .unwrap_or_else(|_| Err(too_late()));
        match answer {
            Ok(Created::Instance(id)) => {
                self.sent(&claim.name, SentResult::Instance(id.clone()));
                let news = format!("machine {id} is being made");
                Ok(Outcome::told(
                    vec![Change::Bind(id), Change::Ordered(self.seen.digests.clone())],
                    news,
                ))
            }
            Ok(Created::Task(task)) => {
                self.sent(&claim.name, SentResult::Task(task.clone()));
                Ok(Outcome::told(
                    vec![Change::Task(task.clone())],
                    format!("the cloud makes the machine as task {task}"),
                ))
            }
            Err(error) if error.kind == Kind::Ambiguous => {
                self.sent(&claim.name, SentResult::Unclear(error.message.clone()));
                Err(error.into())
            }
            Err(error) => {
                self.sent(&claim.name, SentResult::Refused);
                Ok(Outcome {
                    changes: vec![Change::Unclaim],
                    result: Err(error.into()),
                    news: None,
                })
            }
        }
    }

    fn sent(&self, claim: &str, result: SentResult) {
        let ended = self.reconciler.environment.now();
        self.reconciler.remember(self.object.id(), |memory| {
            memory.sent = Some(Sent {
                claim: claim.to_owned(),
                ended,
                result,
            });
        });
    }

    pub(super) async fn follow(&self, task: &str) -> Acted {
        let connected = self.connected()?;
        let region = self.object.region();
        let scope = provider::Scope {
            regions: region.iter().cloned().collect(),
            held: region.into_iter().collect(),
            ..provider::Scope::default()
        };
        let state = match connected.driver.task(task, &scope).await {
            // It answers, but not of this task: the lists have the last word.
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Invalid | Kind::Unsupported) => {
                return Ok(self.task_is_over(format!("task {task} cannot be followed: {}", error.message)));
            }
            state => state?,
        };
        let nobody = Machine::new(task, InstanceState::Creating, "task");
        self.remember_action(ActionKind::Update, &nobody, true);
        match state {
            TaskState::Running => Ok(Outcome::done(Vec::new())),
            TaskState::Succeeded(ids) => match ids.first() {
                Some(id) => Ok(Outcome::told(
                    vec![Change::Bind(id.clone())],
                    format!("machine {id} was made"),
                )),
                None => Ok(self.task_is_over(format!("task {task} has ended without naming a machine"))),
            },
            TaskState::Failed(why) => Ok(self.task_is_over(format!("task {task} failed: {why}"))),
        }
    }

    /// The task tells nothing more: lists from now on tell whether it has made a machine.
    fn task_is_over(&self, why: String) -> Outcome {
        let claim = self.object.claim().map(|claim| claim.name.clone()).unwrap_or_default();
        self.sent(&claim, SentResult::Unclear(why));
        Outcome::done(Vec::new())
    }

    /// It is settled that an order without a clear answer has made nothing: the next one waits, ever longer, for it may come
    /// to nothing each time.
    pub(super) fn rest_after_futile_order(&self) {
        let claim = self.object.claim().map(|claim| &claim.name);
        let sent = self.seen.memory.sent.as_ref().filter(|sent| Some(&sent.claim) == claim);
        let Some(SentResult::Unclear(heard)) = sent.map(|sent| &sent.result) else {
            return;
        };
        let generation = self.object.generation();
        let backoff = &self.reconciler.backoff;
        let pause = Pause {
            until: later(
                self.reconciler.environment.now(),
                backoff.next(self.object.id(), generation, Pace::Slow),
            ),
            why: Obstacle::new(
                Reason::Failed,
                format!("the order came to nothing, and is sent again later: {heard}"),
            ),
            generation,
            refused_in: None,
            room_made: None,
        };
        self.reconciler
            .remember(self.object.id(), |memory| memory.pause = Some(pause));
    }

    pub(super) fn adopt(&self, id: &str) -> Acted {
        let connected = self.connected()?;
        if let Some(holder) = connected.account.holder(id, self.object.id()) {
            let why = format!("machine {id} is held by the object with UID {holder}");
            return Err(Failure::Obstacle(Obstacle::new(Reason::InstanceClaimed, why)));
        }
        connected.account.record(
            self.object.id(),
            Holding {
                instance_id: Some(id.to_owned()),
                claimed: true,
                ..Holding::default()
            },
        );
        let changes = vec![Change::Bind(id.to_owned()), Change::Ordered(self.seen.digests.clone())];
        Ok(Outcome::told(changes, format!("machine {id} is adopted")))
    }
}
