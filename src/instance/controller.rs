//! Wiring: the watch of instances and of their connection Secrets, each pass a [`Reconciler::pass`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Reconciler;
use crate::account::InstanceRef;
use crate::api::{GpuInstance, INSTANCE_LABEL, MANAGED_BY_LABEL, MANAGER};

type Guarded = DeserializeGuard<GpuInstance>;

/// Runs the passes over the instances of one scope until told to stop.
pub async fn run(
    reconciler: Arc<Reconciler>,
    stream: impl Stream<Item = Result<Guarded, watcher::Error>> + Send + 'static,
    store: Store<Guarded>,
    secrets: Api<PartialObjectMeta<Secret>>,
    mut woken: mpsc::UnboundedReceiver<InstanceRef>,
    concurrency: u16,
    shutdown: CancellationToken,
) {
    let woken = futures::stream::poll_fn(move |cx| woken.poll_recv(cx))
        .map(|instance| ObjectRef::<Guarded>::new(&instance.name).within(&instance.namespace));
    Controller::for_stream(stream, store)
        .with_config(Config::default().concurrency(concurrency))
        .reconcile_on(futures::stream::select(woken, of_secrets(secrets)))
        .graceful_shutdown_on(async move { shutdown.cancelled().await })
        .run(reconcile, |_, error, _| match *error {}, reconciler)
        .for_each(|result| async {
            if let Err(error) = result {
                tracing::debug!(%error, "an instance's pass did not happen");
            }
        })
        .await;
}

/// Instances whose connection Secret has changed or gone: it is put right again. Only names are watched, no contents.
fn of_secrets(secrets: Api<PartialObjectMeta<Secret>>) -> impl Stream<Item = ObjectRef<Guarded>> + Send {
    let ours = watcher::Config::default().labels(&format!("{MANAGED_BY_LABEL}={MANAGER},{INSTANCE_LABEL}"));
    watcher(secrets, ours)
        .default_backoff()
        .touched_objects()
        .filter_map(|secret| async move {
            let instance = instance_of(&secret.ok()?)?;
            Some(ObjectRef::<Guarded>::new(&instance.name).within(&instance.namespace))
        })
}

/// The instance that a connection Secret belongs to.
#[must_use]
pub fn instance_of(secret: &PartialObjectMeta<Secret>) -> Option<InstanceRef> {
    let owners = secret.owner_references();
    let owner = owners.iter().find(|owner| owner.kind == "GpuInstance")?;
    Some(InstanceRef {
        namespace: secret.namespace()?,
        name: owner.name.clone(),
    })
}

async fn reconcile(guarded: Arc<Guarded>, reconciler: Arc<Reconciler>) -> Result<Action, Infallible> {
    let instance = match &guarded.0 {
        Ok(instance) => instance,
        Err(invalid) => {
            let instance = format!("{}/{}", guarded.namespace().unwrap_or_default(), guarded.name_any());
            warn!(
                instance,
                error = invalid.error,
                "this version cannot read the instance; it and its machine are left alone"
            );
            return Ok(Action::await_change());
        }
    };
    reconciler.cache.first_lists.all().await;
    let started = tokio::time::Instant::now();
    let again = reconciler.pass(instance).await;
    reconciler.metrics.reconciled(started.elapsed());
    Ok(if again == Duration::MAX {
        Action::await_change()
    } else {
        Action::requeue(again)
    })
}
