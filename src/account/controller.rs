//! Wiring: watches of both kinds of provider, each pass a [`Ticker::tick`].

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Api, PostParams};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::predicates;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, reflector};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Ticker;
use super::resolve::{ProviderKey, ProviderView};
use crate::api::instance::ProviderKind;
use crate::api::provider::ProviderStatus;
use crate::api::{ClusterGpuProvider, GROUP, GpuProvider};
use crate::kubernetes::{CallError, FirstList, call};

/// Where kubectl keeps what was applied on the client's side: the whole manifest.
const LAST_APPLIED_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A kind of provider.
pub trait ProviderObject:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize + Send + Sync + 'static
{
    /// Which.
    const KIND: ProviderKind;

    /// Puts a status in.
    fn set_status(&mut self, status: ProviderStatus);
}

impl ProviderObject for GpuProvider {
    const KIND: ProviderKind = ProviderKind::GpuProvider;

    fn set_status(&mut self, status: ProviderStatus) {
        self.status = Some(status);
    }
}

impl ProviderObject for ClusterGpuProvider {
    const KIND: ProviderKind = ProviderKind::ClusterGpuProvider;

    fn set_status(&mut self, status: ProviderStatus) {
        self.status = Some(status);
    }
}

/// A watch that feeds a store and a controller: the store with every change, the controller with those that matter.
pub fn watch<K>(
    api: Api<DeserializeGuard<K>>,
    mut first_list: FirstList,
) -> (
    Store<DeserializeGuard<K>>,
    impl Stream<Item = Result<DeserializeGuard<K>, watcher::Error>> + Send,
)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let stream = watcher(api, watcher::Config::default())
        .default_backoff()
        // What nobody here reads, and is as large as all else.
        .modify(|object| {
            object.managed_fields_mut().clear();
            object.annotations_mut().remove(LAST_APPLIED_ANNOTATION);
        })
        .reflect(writer)
        .inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                first_list.came();
            }
        })
        .applied_objects()
        .predicate_filter(what_wakes(), PredicateConfig::default());
    (store, stream)
}

/// What a controller wakes for: not for what it writes into status itself.
pub fn what_wakes<K: Resource>() -> impl Predicate<K> {
    predicates::generation
        .combine(predicates::annotations)
        .combine(predicates::finalizers)
}

/// Runs the passes over one kind of provider until told to stop.
pub async fn run<K: ProviderObject>(
    ticker: Arc<Ticker>,
    stream: impl Stream<Item = Result<DeserializeGuard<K>, watcher::Error>> + Send + 'static,
    store: Store<DeserializeGuard<K>>,
    mut asked: mpsc::UnboundedReceiver<ProviderKey>,
    shutdown: CancellationToken,
) {
    let asked = futures::stream::poll_fn(move |cx| asked.poll_recv(cx)).map(|key| {
        let reference = ObjectRef::<DeserializeGuard<K>>::new(&key.name);
        match &key.namespace {
            Some(namespace) => reference.within(namespace),
            None => reference,
        }
    });
    Controller::for_stream(stream, store)
        .reconcile_on(asked)
        .graceful_shutdown_on(async move { shutdown.cancelled().await })
        .run(
            |object, ticker: Arc<Ticker>| async move {
                ticker.cache.first_lists.all().await;
                let key = ProviderKey { kind: K::KIND, namespace: object.namespace(), name: object.name_any() };
                if let Err(invalid) = &object.0 {
                    warn!(provider = %key, error = invalid.error, "this version cannot read the provider; it is left alone");
                }
                Ok::<_, Infallible>(Action::requeue(ticker.tick(&key).await))
            },
            |_, error, _| match *error {},
            ticker,
        )
        .for_each(|result| async {
            if let Err(error) = result {
                tracing::debug!(%error, "a provider's pass did not happen");
            }
        })
        .await;
}

/// Writes the status of a provider of either kind.
pub(super) async fn write_status(client: &Client, key: &ProviderKey, status: ProviderStatus) -> Result<(), CallError> {
    match key.kind {
        ProviderKind::GpuProvider => {
            let namespace = key.namespace.as_deref().unwrap_or_default();
            replace::<GpuProvider>(&Api::namespaced(client.clone(), namespace), &key.name, status).await
        }
        ProviderKind::ClusterGpuProvider => {
            replace::<ClusterGpuProvider>(&Api::all(client.clone()), &key.name, status).await
        }
    }
}

async fn replace<K: ProviderObject>(api: &Api<K>, name: &str, status: ProviderStatus) -> Result<(), CallError> {
    let mut object = call(api.get(name)).await?;
    object.set_status(status);
    call(api.replace_status(name, &PostParams::default(), &object))
        .await
        .map(drop)
}

/// How events refer to a provider.
pub(super) fn reference(provider: &ProviderView) -> ObjectReference {
    let kind: &str = provider.key.kind.into();
    ObjectReference {
        api_version: Some(format!("{GROUP}/v1alpha1")),
        kind: Some(kind.to_owned()),
        name: Some(provider.key.name.clone()),
        namespace: provider.key.namespace.clone(),
        uid: Some(provider.uid.clone()),
        ..ObjectReference::default()
    }
}
