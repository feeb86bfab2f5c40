//! Publishes: the connection Secret, status, events. Writes nothing when nothing changed.

use std::time::Duration;

use kube::ResourceExt;
use kube::api::{Api, PostParams};

use super::act::{Failure, Outcome};
use super::observation::{CloudView, InstanceView, Observation, SecretView};
use super::project::{Scene, Verdict, project};
use super::step::Step;
use super::{Reconciler, connection};
use crate::api::GpuInstance;
use crate::api::status::{GpuInstanceStatus, InstanceState};
use crate::crash_point;
use crate::kubernetes::call;

impl Reconciler {
    /// Makes public what came of a pass.
    pub(super) async fn publish(
        &self,
        object: &GpuInstance,
        seen: &Observation,
        step: &Step,
        outcome: &Outcome,
        verdict: &Verdict,
    ) -> Result<(), Failure> {
        // Status is written all the same: it may say that the machine is to be stopped for its price.
        let secret = self.write_secret(object, seen).await;
        let secret_written = *secret
            .as_ref()
            .unwrap_or(&matches!(seen.secret, SecretView::Ours { .. }));
        // What act has remembered belongs to what is seen.
        let seen = Observation {
            memory: self.memory(object.id()),
            ..seen.clone()
        };
        let scene = Scene {
            object,
            seen: &seen,
            changes: &outcome.changes,
            verdict,
            secret_written,
            now: self.environment.now(),
        };
        let status = project(&scene);
        self.tell(object, step, outcome, Some(&status));
        if object.status.as_ref() != Some(&status) {
            self.write_status(object, status).await?;
        }
        secret.map(drop)
    }

    async fn write_status(&self, object: &GpuInstance, status: GpuInstanceStatus) -> Result<(), Failure> {
        let api: Api<GpuInstance> = Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        let mut wanted = GpuInstance {
            status: Some(status),
            ..object.clone()
        };
        wanted.metadata.resource_version = self.version_written(object);
        // The version that was read guards the write: a claim on a stale object is refused.
        let written = call(api.replace_status(&object.name_any(), &PostParams::default(), &wanted)).await?;
        self.measure_first_ready(object, &written);
        self.wrote(written);
        Ok(())
    }

    /// Tells how long a machine that was rented took, once, with the status that calls it Ready for the first time.
    fn measure_first_ready(&self, before: &GpuInstance, written: &GpuInstance) {
        let was_ready = before.status.as_ref().is_some_and(|status| status.was_ready);
        let Some(status) = written.status.as_ref().filter(|status| status.was_ready && !was_ready) else {
            return;
        };
        if let Some((cloud, claim)) = status.cloud().zip(status.claim.as_ref()) {
            let took = Duration::try_from(self.environment.now().duration_since(claim.since.0));
            self.metrics.became_ready(cloud, took.unwrap_or_default());
        }
    }

    /// Brings the connection Secret up to date with a running machine; `true` if there is one of ours.
    async fn write_secret(&self, object: &GpuInstance, seen: &Observation) -> Result<bool, Failure> {
        let exists = matches!(seen.secret, SecretView::Ours { .. });
        let CloudView::Connected(connected) = &seen.cloud else {
            return Ok(exists);
        };
        // By status, not by an annotation, which anybody may have written: passwords go to whom the machine belongs.
        let bound = object.status.as_ref().and_then(|status| seen.machine_of(status));
        let Some(machine) = bound.filter(|machine| machine.state == InstanceState::Running) else {
            return Ok(exists);
        };
        if object.metadata.deletion_timestamp.is_some()
            || !matches!(seen.secret, SecretView::Absent | SecretView::Ours { .. })
        {
            return Ok(exists);
        }
        let before = match &seen.secret {
            SecretView::Ours { data, .. } => data.clone(),
            _ => connection::with_password(seen.memory.password.as_ref()),
        };
        let data = connection::data(&object.name_any(), connected.account.cloud, machine, &before);
        connection::write(&self.client, object, &seen.secret, &data).await?;
        crash_point::reached(format_args!("publish: Secret written"));
        if connected.capabilities.chooses_password {
            let password = connection::settled_password(&data);
            self.remember(object.id(), |memory| memory.password = password);
        }
        Ok(true)
    }
}
