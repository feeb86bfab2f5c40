//! Writes to the API server: finalizers, the binding annotation, and letting go.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::Stage;
use super::outcome::{Acted, Failure, Outcome};
use crate::account::{HoldError, Holding, Obstacle, ProviderKey, hold, remember_released};
use crate::api::condition::Reason;
use crate::api::remote_name::BindingAnnotation;
use crate::api::{BINDING_ANNOTATION, INSTANCE_FINALIZER};
use crate::crash_point;
use crate::instance::connection;
use crate::instance::observation::InstanceView;
use crate::instance::step::Change;
use crate::kubernetes::{Taken, call, drop_finalizer, take_finalizer};

impl Stage<'_> {
    pub(super) async fn take_finalizer(&self) -> Acted {
        match take_finalizer(&self.api(), self.name(), INSTANCE_FINALIZER).await? {
            Taken::Held => Ok(Outcome::told(Vec::new(), "before anything is paid for")),
            Taken::Deleting | Taken::Missing => Err(Failure::Stale),
        }
    }

    pub(super) async fn hold_provider(&self) -> Acted {
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

    pub(super) fn record(&self, changes: &[Change], why: &Obstacle) -> Outcome {
        if changes.contains(&Change::Unclaim) {
            self.rest_after_futile_order();
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

    pub(super) async fn bind(&self) -> Acted {
        let binding = BindingAnnotation {
            uid: self.object.id().to_owned(),
            account: self.object.bound_account().unwrap_or_default(),
            instance_id: self.object.machine_id().ok_or(Failure::Stale)?,
        };
        self.annotate(&binding.to_string()).await?;
        Ok(Outcome::told(Vec::new(), format!("this object is bound to {binding}")))
    }

    /// Writes the binding annotation of the object as it was read: not of one that has its name by now, nor of one whose
    /// status has forgotten the machine since, for the annotation would outlive what it says.
    async fn annotate(&self, value: &str) -> Result<(), Failure> {
        let meta = &self.object.metadata;
        let patch = json!({ "metadata": {
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "annotations": { BINDING_ANNOTATION: value },
        } });
        call(
            self.api()
                .patch_metadata(self.name(), &PatchParams::default(), &Patch::Merge(patch)),
        )
        .await?;
        Ok(())
    }

    pub(super) async fn forget(&self, changes: &[Change], why: &Obstacle) -> Acted {
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

    pub(super) async fn let_go(&self) -> Acted {
        let id = self.object.machine_id().unwrap_or_default();
        let provider = ProviderKey::meant_by(self.object);
        let client = &self.reconciler.client;
        remember_released(client, &provider, &id).await?;
        // The other providers of the account may outlive this one, and sweep.
        if let Some(connected) = self.connected {
            let others = self.reconciler.cache.providers().into_iter();
            let account = &connected.account.key;
            for other in others.filter(|other| other.key != provider && other.spoke_for(account)) {
                remember_released(client, &other.key, &id).await?;
            }
        }
        crash_point::reached(format_args!("let go: remembered"));
        connection::disown(&self.reconciler.client, self.object, &self.seen.secret).await?;
        crash_point::reached(format_args!("let go: Secret disowned"));
        self.drop_finalizer(&format!("machine {id} is kept, as spec.deletionPolicy says"))
            .await
    }

    pub(super) async fn drop_finalizer(&self, why: &str) -> Acted {
        let seen = self.object.metadata.resource_version.as_deref();
        drop_finalizer(&self.api(), self.name(), INSTANCE_FINALIZER, seen).await?;
        Ok(Outcome::told(Vec::new(), why))
    }
}
