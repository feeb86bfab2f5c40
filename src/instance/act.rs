//! Does: one call to the cloud, or one write to the API server. What it led to is told as [`Change`]s to status.

use std::task::Poll;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use secrecy::SecretString;
use serde_json::json;

use super::connection::{self, Data};
use super::memory::{Action, ActionKind, NextPassword, Pause, Quoted, Sent, SentResult};
use super::observation::{InstanceView, Observation, SecretView, later};
use super::step::{Change, Step};
use super::{Reconciler, drift};
use crate::account::{Connected, HoldError, Holding, Obstacle, hold, remember_released};
use crate::api::condition::Reason;
use crate::api::instance::StopMode;
use crate::api::money;
use crate::api::remote_name::BindingAnnotation;
use crate::api::status::{Claim, InstanceState, Transition, TransitionKind};
use crate::api::{BINDING_ANNOTATION, GpuInstance, INSTANCE_FINALIZER};
use crate::kubernetes::{CallError, Pace, Taken, call, drop_finalizer, take_finalizer};
use crate::provider::{self, Created, Field, Kind, Machine, Order, TaskState};

/// What came of a step.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What status is to remember.
    pub(super) changes: Vec<Change>,
    /// Whether it worked.
    pub(super) result: Result<(), Failure>,
    /// What a reader of events wants to know.
    pub(super) news: Option<String>,
}

/// Why a step did not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The cloud did not do it.
    #[error("{0}")]
    Cloud(provider::Error),
    /// The API server did not do it.
    #[error("{0}")]
    Api(CallError),
    /// The object has changed since it was read: look again.
    #[error("the object has changed since it was read")]
    Stale,
    /// Something is in the way.
    #[error("{}", .0.message)]
    Obstacle(Obstacle),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        if error.is_conflict() {
            Self::Stale
        } else {
            Self::Api(error)
        }
    }
}

impl From<provider::Error> for Failure {
    fn from(error: provider::Error) -> Self {
        Self::Cloud(error)
    }
}

impl Outcome {
    fn done(changes: Vec<Change>) -> Self {
        Self {
            changes,
            result: Ok(()),
            news: None,
        }
    }

    fn told(changes: Vec<Change>, news: impl Into<String>) -> Self {
        Self {
            changes,
            result: Ok(()),
            news: Some(news.into()),
        }
    }
}

impl From<Result<Self, Failure>> for Outcome {
    fn from(result: Result<Self, Failure>) -> Self {
        result.unwrap_or_else(|failure| Self {
            changes: Vec::new(),
            result: Err(failure),
            news: None,
        })
    }
}

type Acted = Result<Outcome, Failure>;

/// What an act works with.
struct Stage<'a> {
    reconciler: &'a Reconciler,
    object: &'a GpuInstance,
    seen: &'a Observation,
    connected: Option<&'a Connected>,
}

impl Reconciler {
    /// Carries out a step.
    pub(super) async fn act(
        &self,
        object: &GpuInstance,
        seen: &Observation,
        connected: Option<&Connected>,
        step: &Step,
    ) -> Outcome {
        let stage = Stage {
            reconciler: self,
            object,
            seen,
            connected,
        };
        let acted = match step {
            Step::Rest | Step::Wait(_) | Step::Halt(_) | Step::Suspended(_) => Ok(Outcome::done(Vec::new())),
            Step::TakeFinalizer => stage.take_finalizer().await,
            Step::HoldProvider => stage.hold_provider().await,
            Step::Quote => stage.quote().await,
            Step::StorePassword => stage.store_password(connection::PASSWORD).await,
            Step::StoreNextPassword => stage.store_next_password().await,
            Step::KeepNextPassword => stage.keep_next_password().await,
            Step::Claim(claim) => stage.claim(claim),
            Step::Create => stage.create().await,
            Step::FollowTask(task) => stage.follow(task).await,
            Step::Adopt(id) => stage.adopt(id),
            Step::Record(changes, why) => Ok(stage.record(changes, why)),
            Step::WriteBinding => stage.bind().await,
            Step::Start(fields) => stage.start(fields).await,
            Step::Stop(mode) => stage.stop(*mode).await,
            Step::Restart => stage.restart().await,
            Step::SaveImage => stage.save_image().await,
            Step::Update(fields) => stage.update(fields).await,
            Step::Delete(id, why) => stage.delete(id, why).await,
            Step::Forget(changes, why) => stage.forget(changes, why).await,
            Step::LetGo => stage.let_go().await,
            Step::DropFinalizer(why) => stage.drop_finalizer(why).await,
        };
        acted.into()
    }
}

impl Stage<'_> {
    fn api(&self) -> Api<GpuInstance> {
        Api::namespaced(
            self.reconciler.client.clone(),
            &self.object.namespace().unwrap_or_default(),
        )
    }

    fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    fn connected(&self) -> Result<&Connected, Failure> {
        // A plan that acts at the cloud was made with a session at hand.
        self.connected.ok_or(Failure::Stale)
    }

    /// The last look before anything is changed at the cloud: we lead, and nobody has changed the object since it was
    /// read, so that what was planned is still what is wanted.
    async fn last_look(&self) -> Result<(), Failure> {
        let read = call(self.api().get_metadata(self.name())).await?;
        let unchanged = read.metadata.resource_version == self.object.metadata.resource_version;
        if unchanged && (self.reconciler.leads)() {
            Ok(())
        } else {
            Err(Failure::Stale)
        }
    }

    fn machine(&self) -> Result<&Machine, Failure> {
        let id = self.object.machine_id();
        self.seen
            .evidence
            .machines
            .iter()
            .find(|machine| Some(&machine.id) == id.as_ref())
            .ok_or(Failure::Stale)
    }

    /// The bound machine; where that is leaving, another one of the object's that runs.
    fn machine_to_stop(&self) -> Result<&Machine, Failure> {
        let bound = self
            .machine()
            .ok()
            .filter(|machine| machine.state != InstanceState::Deleting);
        let mut machines = self.seen.evidence.machines.iter();
        bound
            .or_else(|| machines.find(|machine| machine.state == InstanceState::Running))
            .ok_or(Failure::Stale)
    }

    fn remember_action(&self, kind: ActionKind, machine: &Machine) {
        let ended = self.reconciler.environment.now();
        self.reconciler.remember(self.object.id(), |memory| {
            memory.action = Some(Action {
                kind,
                instance_id: machine.id.clone(),
                before: machine.state,
                ended,
            });
        });
    }

    async fn take_finalizer(&self) -> Acted {
        match take_finalizer(&self.api(), self.name(), INSTANCE_FINALIZER).await? {
            Taken::Held => Ok(Outcome::told(Vec::new(), "before anything is paid for")),
            Taken::Deleting | Taken::Missing => Err(Failure::Stale),
        }
    }

    async fn hold_provider(&self) -> Acted {
        match hold(&self.reconciler.client, &self.connected()?.provider).await {
            Ok(()) => {
                let generation = self.object.generation();
                self.reconciler
                    .remember(self.object.id(), |memory| memory.held_for = Some(generation));
                Ok(Outcome::told(Vec::new(), "it and its Secret outlive the machine"))
            }
            Err(HoldError::Going(why)) => Err(Failure::Obstacle(Obstacle::new(Reason::ProviderNotFound, why))),
            Err(HoldError::Api(_, error)) => Err(error.into()),
        }
    }

    async fn quote(&self) -> Acted {
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

    async fn store_password(&self, key: &str) -> Acted {
        let mut data = match &self.seen.secret {
            SecretView::Ours { data, .. } => data.clone(),
            _ => Data::new(),
        };
        let password = password(&self.reconciler.environment.secret_bytes());
        data.insert(key.to_owned(), password.into_bytes());
        connection::write(&self.reconciler.client, self.object, &self.seen.secret, &data).await?;
        Ok(Outcome::told(Vec::new(), "before the call that sets it"))
    }

    /// One that is there already may have been sent by a process that died: it is kept, and looked after first.
    async fn store_next_password(&self) -> Acted {
        let is_new = self.secret_text(connection::NEXT_PASSWORD).is_none();
        if is_new {
            self.store_password(connection::NEXT_PASSWORD).await?;
        }
        let at = self.reconciler.environment.now();
        self.reconciler.remember(self.object.id(), |memory| {
            memory.next_password = Some(NextPassword { at, is_new });
        });
        Ok(Outcome::told(Vec::new(), "about to reinstall the machine"))
    }

    async fn keep_next_password(&self) -> Acted {
        connection::keep_next_password(&self.reconciler.client, self.object, &self.seen.secret).await?;
        self.reconciler
            .remember(self.object.id(), |memory| memory.next_password = None);
        Ok(Outcome::told(
            vec![Change::Transition(None)],
            "the machine is reinstalled; its password is the new one",
        ))
    }

    /// Reserves room and intends to rent. The claim itself is written with status, guarded by the version read.
    fn claim(&self, claim: &Claim) -> Acted {
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

    async fn create(&self) -> Acted {
        let connected = self.connected()?;
        let claim = self.object.claim().ok_or(Failure::Stale)?;
        self.last_look().await?;
        let password = self.secret_text(connection::PASSWORD);
        let order = self.order(&claim.name, password.as_ref());
        let left = claim.deadline.0.duration_since(self.reconciler.environment.now());
        let Ok(left) = std::time::Duration::try_from(left) else {
            return Err(Failure::Stale);
        };
        // From here on the order may have been sent: whatever happens, this is remembered before anything else.
        self.sent(&claim.name, SentResult::Unclear("the order is under way".to_owned()));
        let call = self.only_before(claim.deadline.0, connected.driver.create(&order));
        let answer = tokio::time::timeout(left, call)
            .await
            .unwrap_or_else(|_| Err(too_late()));
        match answer {
            Ok(Created::Instance(id)) => {
                self.sent(&claim.name, SentResult::Instance(id.clone()));
                let news = format!("machine {id} is being made at {}", connected.account.key.cloud);
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

    /// Lets a call go on only before its deadline. A process that stood still looks at the clock before it goes on,
    /// so that it does not send then what it was about to send.
    async fn only_before<T>(
        &self,
        deadline: Timestamp,
        call: impl Future<Output = provider::Result<T>>,
    ) -> provider::Result<T> {
        let mut call = std::pin::pin!(call);
        std::future::poll_fn(|context| {
            if self.reconciler.environment.now() >= deadline {
                return Poll::Ready(Err(too_late()));
            }
            call.as_mut().poll(context)
        })
        .await
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

    fn order<'a>(&'a self, name: &'a str, password: Option<&'a SecretString>) -> Order<'a> {
        Order {
            name,
            spec: &self.object.spec,
            startup_script: self.seen.script.as_ref().ok().and_then(Option::as_deref),
            password,
        }
    }

    fn secret_text(&self, key: &str) -> Option<SecretString> {
        match &self.seen.secret {
            SecretView::Ours { data, .. } => data
                .get(key)
                .and_then(|bytes| String::from_utf8(bytes.clone()).ok())
                .map(SecretString::from),
            _ => None,
        }
    }

    async fn follow(&self, task: &str) -> Acted {
        let connected = self.connected()?;
        let region = self.object.spec.region().map(ToOwned::to_owned);
        let scope = provider::Scope {
            regions: region.iter().cloned().collect(),
            held: region.into_iter().collect(),
        };
        let state = match connected.driver.task(task, &scope).await {
            // It answers, but not of this task: the lists have the last word.
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Invalid | Kind::Unsupported) => {
                return Ok(self.task_is_over(format!("task {task} cannot be followed: {}", error.message)));
            }
            state => state?,
        };
        let nobody = Machine::new(task, InstanceState::Creating, "task");
        self.remember_action(ActionKind::Update, &nobody);
        match state {
            TaskState::Running => Ok(Outcome::done(Vec::new())),
            TaskState::Succeeded(ids) => match ids.first() {
                Some(id) => Ok(Outcome::told(
                    vec![Change::Bind(id.clone())],
                    format!("machine {id} was made"),
                )),
                None => Ok(self.task_is_over(format!("task {task} has ended without naming a machine"))),
            },
            TaskState::Failed(why) => {
                let why = format!("task {task} failed: {why}");
                self.rest_after_failed_order(&why);
                Ok(self.task_is_over(why))
            }
        }
    }

    /// The task tells nothing more: lists from now on tell whether it has made a machine.
    fn task_is_over(&self, why: String) -> Outcome {
        let claim = self.object.claim().map(|claim| claim.name.clone()).unwrap_or_default();
        self.sent(&claim, SentResult::Unclear(why));
        Outcome::done(Vec::new())
    }

    /// Once it is settled that nothing was made, the next order waits, ever longer: this one may fail each time.
    fn rest_after_failed_order(&self, why: &str) {
        let generation = self.object.generation();
        let backoff = &self.reconciler.backoff;
        let pause = Pause {
            until: later(
                self.reconciler.environment.now(),
                backoff.next(self.object.id(), generation, Pace::Slow),
            ),
            why: Obstacle::new(
                Reason::Failed,
                format!("the order failed, and is sent again later: {why}"),
            ),
            generation,
            room_made: None,
        };
        self.reconciler
            .remember(self.object.id(), |memory| memory.pause = Some(pause));
    }

    fn adopt(&self, id: &str) -> Acted {
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

    fn record(&self, changes: &[Change], why: &Obstacle) -> Outcome {
        if changes.contains(&Change::Unclaim) {
            self.reconciler.remember(self.object.id(), |memory| {
                memory.own_claim = None;
                memory.sent = None;
                memory.quote = None;
            });
            if let Some(connected) = self.connected {
                connected.account.record(self.object.id(), Holding::default());
            }
        }
        Outcome::told(changes.to_vec(), why.message.clone())
    }

    async fn bind(&self) -> Acted {
        let binding = BindingAnnotation {
            uid: self.object.id().to_owned(),
            account: self.object.bound_account().unwrap_or_default(),
            instance_id: self.object.machine_id().ok_or(Failure::Stale)?,
        };
        self.annotate(&binding.to_string()).await?;
        Ok(Outcome::told(Vec::new(), format!("this object is bound to {binding}")))
    }

    /// Writes the binding annotation of this very object: not of one that has its name by now.
    async fn annotate(&self, value: &str) -> Result<(), Failure> {
        let patch = json!({ "metadata": { "uid": self.object.id(), "annotations": { BINDING_ANNOTATION: value } } });
        call(
            self.api()
                .patch_metadata(self.name(), &PatchParams::default(), &Patch::Merge(patch)),
        )
        .await?;
        Ok(())
    }

    async fn start(&self, fields: &[Field]) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine()?;
        self.last_look().await?;
        let limits = connected.provider.spec.limits.clone().unwrap_or_default();
        let price = machine.price_per_hour.or_else(|| self.object.spec.max_price_per_hour());
        connected
            .account
            .reserve_start(self.object.id(), price, &limits)
            .map_err(|why| Failure::Obstacle(Obstacle::new(Reason::LimitReached, why)))?;
        connected.account.record(
            self.object.id(),
            Holding {
                instance_id: Some(machine.id.clone()),
                claimed: true,
                price: price.unwrap_or_default(),
            },
        );
        let reshape = (!fields.is_empty()).then_some(&self.object.spec);
        let answer = connected.driver.start(machine, reshape).await;
        let mut changes = vec![Change::CountStart];
        if !fields.is_empty() && !is_refusal(&answer) {
            changes.push(self.reordered(fields));
        }
        Ok(self.asked(ActionKind::Start, machine, answer, changes, "is being started"))
    }

    /// What was ordered, with these fields as the spec has them now.
    fn reordered(&self, fields: &[Field]) -> Change {
        let cloud = self.connected.map(|connected| connected.account.key.cloud);
        let mut digests = self
            .object
            .seen()
            .ordered
            .map(|ordered| ordered.digests)
            .unwrap_or_default();
        for name in fields
            .iter()
            .zip(std::iter::repeat(cloud))
            .filter_map(|(field, cloud)| Some(field.name(cloud?)))
        {
            if let Some(digest) = self.seen.digests.get(name) {
                digests.insert(name.to_owned(), digest.clone());
            }
        }
        Change::Ordered(digests)
    }

    async fn stop(&self, mode: StopMode) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine_to_stop()?;
        self.last_look().await?;
        let snapshot = self.object.spec.snapshot_on_stop.as_ref();
        let with_stop = connected.driver.capabilities().snapshot_with_stop && self.object.is_to_stand_still();
        let snapshot = snapshot.filter(|_| with_stop);
        let answer = connected.driver.stop(machine, mode, snapshot).await;
        Ok(self.asked(
            ActionKind::Stop,
            machine,
            answer,
            vec![Change::StoppedWith(mode)],
            "is being stopped",
        ))
    }

    async fn restart(&self) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine()?;
        let transition = self.object.seen().transition.ok_or(Failure::Stale)?;
        self.last_look().await?;
        let answer = connected.driver.restart(machine).await;
        let begun = Transition {
            stopped: true,
            ..transition
        };
        Ok(self.asked(
            ActionKind::Restart,
            machine,
            answer,
            vec![Change::Transition(Some(begun))],
            "is being restarted",
        ))
    }

    async fn save_image(&self) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine()?;
        let snapshot = self.object.spec.snapshot_on_stop.as_ref().ok_or(Failure::Stale)?;
        self.last_look().await?;
        let answer = connected.driver.save_image(machine, snapshot).await;
        let saving = format!("is being saved as image {}", snapshot.name);
        Ok(self.asked(ActionKind::SaveImage, machine, answer, Vec::new(), &saving))
    }

    async fn update(&self, fields: &[Field]) -> Acted {
        let connected = self.connected()?;
        let machine = self.machine()?;
        self.last_look().await?;
        let reinstalls = connected.driver.capabilities().chooses_password && fields.contains(&Field::Image);
        let password = self.secret_text(if reinstalls {
            connection::NEXT_PASSWORD
        } else {
            connection::PASSWORD
        });
        let name = machine.name.clone().unwrap_or_default();
        let order = self.order(&name, password.as_ref());
        let answer = connected.driver.update(machine, &order, fields).await;
        let mut changes = Vec::new();
        // Whether an unclear reinstall was begun, the machine's state tells.
        if answer.is_ok() || !(reinstalls || is_refusal(&answer)) {
            changes.push(self.reordered(fields));
        }
        if reinstalls {
            changes.push(Change::Transition(Some(Transition {
                kind: TransitionKind::Reinstall,
                since: Time(self.reconciler.environment.now()),
                stopped: answer.is_ok(),
            })));
        }
        let what = drift::names(fields.iter().copied(), connected.account.key.cloud);
        Ok(self.asked(
            ActionKind::Update,
            machine,
            answer,
            changes,
            &format!("is being changed ({what})"),
        ))
    }

    async fn delete(&self, id: &str, why: &str) -> Acted {
        let connected = self.connected()?;
        let machine = self
            .seen
            .evidence
            .machines
            .iter()
            .find(|machine| machine.id == id)
            .ok_or(Failure::Stale)?;
        self.last_look().await?;
        let answer = connected.driver.delete(machine).await;
        if answer.is_ok() && self.object.machine_id().as_deref() == Some(id) {
            let now = self.reconciler.environment.now();
            self.reconciler
                .remember(self.object.id(), |memory| memory.delete_acknowledged = Some(now));
        }
        Ok(self.asked(
            ActionKind::Delete,
            machine,
            answer,
            Vec::new(),
            &format!("is being deleted: {why}"),
        ))
    }

    /// A call was sent. What it changed shows in the next lists, also where the answer was unclear.
    fn asked(
        &self,
        kind: ActionKind,
        machine: &Machine,
        answer: provider::Result<()>,
        changes: Vec<Change>,
        news: &str,
    ) -> Outcome {
        match answer {
            Ok(()) => {
                self.remember_action(kind, machine);
                Outcome::told(changes, format!("machine {} {news}", machine.id))
            }
            Err(error) if error.kind == Kind::Ambiguous => {
                self.remember_action(kind, machine);
                let news = format!(
                    "machine {} {news}, though the cloud's answer was unclear: {}",
                    machine.id, error.message
                );
                Outcome::told(changes, news)
            }
            // What was tried and refused is counted too, so that a start that always fails is not tried for ever.
            Err(error) => {
                let counted = changes
                    .into_iter()
                    .filter(|change| *change == Change::CountStart && error.kind != Kind::NoCapacity);
                Outcome {
                    changes: counted.collect(),
                    result: Err(error.into()),
                    news: None,
                }
            }
        }
    }

    async fn forget(&self, changes: &[Change], why: &Obstacle) -> Acted {
        // The annotation goes first: without status it would bind the object to the machine that is gone. The version
        // that this leads to is the one that status is then written on.
        let patch = json!({ "metadata": {
            "resourceVersion": self.object.metadata.resource_version,
            "annotations": { BINDING_ANNOTATION: null },
        } });
        let unbound = call(
            self.api()
                .patch(self.name(), &PatchParams::default(), &Patch::Merge(patch)),
        )
        .await?;
        self.reconciler.wrote(unbound);
        self.reconciler.remember(self.object.id(), |memory| {
            memory.own_claim = None;
            memory.sent = None;
            memory.action = None;
            memory.delete_acknowledged = None;
        });
        Ok(Outcome::told(changes.to_vec(), why.message.clone()))
    }

    async fn let_go(&self) -> Acted {
        let id = self.object.machine_id().unwrap_or_default();
        let namespace = self.object.namespace().unwrap_or_default();
        let provider = crate::account::ProviderKey::of(&self.object.spec.provider_ref, &namespace);
        remember_released(&self.reconciler.client, &provider, &id).await?;
        connection::disown(&self.reconciler.client, self.object, &self.seen.secret).await?;
        self.drop_finalizer(&format!("machine {id} is kept, as spec.deletionPolicy says"))
            .await
    }

    async fn drop_finalizer(&self, why: &str) -> Acted {
        let seen = self.object.metadata.resource_version.as_deref();
        drop_finalizer(&self.api(), self.name(), INSTANCE_FINALIZER, seen).await?;
        Ok(Outcome::told(Vec::new(), why))
    }
}

fn too_late() -> provider::Error {
    provider::Error::new(
        Kind::Ambiguous,
        "the claim's deadline passed while the order was under way",
    )
}

/// Whether the cloud clearly did not do it.
fn is_refusal(answer: &provider::Result<()>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind != Kind::Ambiguous)
}

/// A password of 24 characters that any vendor's rules for passwords accept: all four kinds of characters, none that
/// a shell minds.
fn password(bytes: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.+=@%";
    let mut password: String = bytes
        .iter()
        .take(20)
        .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
        .collect();
    password.push_str("aA2-");
    password
}

/// How events refer to an instance.
pub(super) fn object_reference(object: &GpuInstance) -> ObjectReference {
    object.object_ref(&())
}
