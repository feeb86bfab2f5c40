//! Does: one call to the cloud, or one write to the API server. What it led to is told as [`Change`]s to status.

mod machine;
mod object;
mod outcome;
mod password;
mod rent;

use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::Api;
use kube::{Resource, ResourceExt};
use secrecy::SecretString;

use super::Reconciler;
use super::connection;
use super::memory::{Action, ActionKind};
use super::observation::{InstanceView, Observation};
use super::step::Step;
use crate::account::Connected;
use crate::api::GpuInstance;
use crate::environment::later;
use crate::kubernetes::call;
use crate::provider::{self, Kind, Machine, Order};
pub(super) use outcome::{Failure, Outcome};

/// How long what the last look has shown is good enough to act on: longer than a call takes, and no longer.
const LOOK_HOLDS: Duration = Duration::from_secs(30);

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
            Step::StopExtra(id, why) => stage.stop_extra(id, why).await,
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
    /// read, so that what was planned is still what is wanted. Tells until when that is good enough to act on.
    async fn last_look(&self) -> Result<Timestamp, Failure> {
        let good_until = later(self.reconciler.environment.now(), LOOK_HOLDS);
        let read = call(self.api().get_metadata(self.name())).await?;
        let unchanged = read.metadata.resource_version == self.object.metadata.resource_version;
        if unchanged && (self.reconciler.leads)() {
            Ok(good_until)
        } else {
            Err(Failure::Stale)
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

    fn machine(&self) -> Result<&Machine, Failure> {
        self.machine_named(&self.object.machine_id().ok_or(Failure::Stale)?)
    }

    fn machine_named(&self, id: &str) -> Result<&Machine, Failure> {
        self.seen.machine(id).ok_or(Failure::Stale)
    }

    fn remember_action(&self, kind: ActionKind, machine: &Machine, acknowledged: bool) {
        let ended = self.reconciler.environment.now();
        self.reconciler.remember(self.object.id(), |memory| {
            memory.action = Some(Action {
                kind,
                instance_id: machine.id.clone(),
                before: machine.state,
                ended,
                acknowledged,
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
}

/// By then it may have been done, or not.
fn too_late() -> provider::Error {
    provider::Error::new(Kind::Ambiguous, "no answer came in the time that there was for it")
}

/// How events refer to an instance.
pub(super) fn object_reference(object: &GpuInstance) -> ObjectReference {
    object.object_ref(&())
}
