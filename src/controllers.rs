//! Puts the controllers together: the watches, what they share, and how they wake each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use kube::Api;
use kube::core::DeserializeGuard;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::account::cache::Cache;
use crate::account::controller::{self as providers, watch};
use crate::account::{InstanceRef, ProviderKey, Sessions, Ticker, Unwanted};
use crate::api::instance::ProviderKind;
use crate::api::remote_name::Installation;
use crate::api::{ClusterGpuProvider, GpuInstance, GpuProvider};
use crate::context::Context;
use crate::instance::{Reconciler, controller as instances};
use crate::kubernetes::{Backoff, FirstLists, Namespaces};
use crate::provider::Connector;
use crate::provider::endpoint::{EndpointPolicy, EndpointRefused};

/// The controllers cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The installation's id cannot be part of a remote name.
    #[error("the installation id {0:?} must be one to eight of a-z and 0-9")]
    Installation(String),
    /// An allowed endpoint is not one.
    #[error("--allow-endpoint: {0}")]
    Endpoint(#[from] EndpointRefused),
    /// There is no HTTP client to be had.
    #[error("no HTTP client for the clouds: {0}")]
    Http(#[from] crate::provider::Error),
}

/// Ways to wake the controller of a namespaced kind, one for each scope that is watched.
#[derive(Clone)]
struct Wakers<T> {
    namespaces: Namespaces,
    senders: Vec<UnboundedSender<T>>,
}

impl<T> Wakers<T> {
    fn new(namespaces: &Namespaces) -> (Self, Vec<UnboundedReceiver<T>>) {
        let scopes = match namespaces {
            Namespaces::All => 1,
            Namespaces::Only(names) => names.len(),
        };
        let (senders, receivers) = (0..scopes).map(|_| unbounded_channel()).unzip();
        let namespaces = namespaces.clone();
        (Self { namespaces, senders }, receivers)
    }

    fn wake(&self, namespace: &str, what: T) {
        let scope = match &self.namespaces {
            Namespaces::All => Some(0),
            Namespaces::Only(names) => names.iter().position(|name| name == namespace),
        };
        if let Some(sender) = scope.and_then(|scope| self.senders.get(scope)) {
            // A controller that has ended wants to know of nothing.
            let _ = sender.send(what);
        }
    }
}

/// Runs the controllers of all kinds until the shutdown is asked for, and ends when what they had begun has ended.
pub async fn run(context: Context) -> Result<(), Error> {
    let id = context.installation_id.as_ref();
    let installation = Installation::new(id).ok_or_else(|| Error::Installation(id.to_owned()))?;
    let policy = EndpointPolicy::new(context.allowed_endpoints.iter().cloned())?;
    let connector = Connector::new(policy, Arc::clone(&context.environment))?.measured(context.metrics.clone());
    let watched = watch_all(&context);
    let (wake_instances, woken) = Wakers::<InstanceRef>::new(&context.namespaces);
    let (wake_providers, asked) = Wakers::<ProviderKey>::new(&context.namespaces);
    let (ask_shared, asked_shared) = unbounded_channel();
    let wake = move |instance: InstanceRef| wake_instances.wake(&instance.namespace.clone(), instance);
    let ask = move |provider: ProviderKey| match provider.kind {
        ProviderKind::GpuProvider => wake_providers.wake(&provider.namespace.clone().unwrap_or_default(), provider),
        ProviderKind::ClusterGpuProvider => {
            let _ = ask_shared.send(provider);
        }
    };
    let sessions = Arc::new(Sessions::default());
    let ticker = Arc::new(Ticker {
        client: context.client.clone(),
        namespaces: context.namespaces.clone(),
        connector: Box::new(connector),
        sessions: Arc::clone(&sessions),
        cache: watched.cache.clone(),
        installation: installation.clone(),
        environment: Arc::clone(&context.environment),
        metrics: context.metrics.clone(),
        events: context.events.clone(),
        leads: leads(&context),
        wake: Box::new(wake.clone()),
        backoff: Backoff::new(Arc::clone(&context.environment)),
        memory: Mutex::new(BTreeMap::new()),
        unwanted: Unwanted::default(),
        giving_free: tokio::sync::Mutex::default(),
    });
    let reconciler = Arc::new(Reconciler {
        client: context.client.clone(),
        cache: watched.cache.clone(),
        sessions,
        installation,
        environment: Arc::clone(&context.environment),
        events: context.events.clone(),
        metrics: context.metrics.clone(),
        backoff: Backoff::new(Arc::clone(&context.environment)),
        leads: leads(&context),
        ask: Box::new(ask),
        wake: Box::new(wake),
        memories: Mutex::new(BTreeMap::new()),
    });
    drive(context, watched, ticker, reconciler, woken, asked, asked_shared).await;
    Ok(())
}

/// Whether this process leads, for who is about to change something at a cloud.
fn leads(context: &Context) -> Box<dyn Fn() -> bool + Send + Sync> {
    let leadership = context.leadership.clone();
    Box::new(move || leadership.is_held())
}

type Stream<K> = futures::stream::BoxStream<'static, Result<DeserializeGuard<K>, kube::runtime::watcher::Error>>;

/// All watches: the caches that they fill, and the changes that they bring.
struct Watched {
    cache: Cache,
    instances: Vec<Stream<GpuInstance>>,
    providers: Vec<Stream<GpuProvider>>,
    shared: Option<Stream<ClusterGpuProvider>>,
}

fn watch_all(context: &Context) -> Watched {
    use futures::StreamExt;
    let (client, namespaces) = (&context.client, &context.namespaces);
    let first_lists = FirstLists::default();
    let (instance_stores, instances) = namespaces
        .apis(client)
        .into_iter()
        .map(|api| watch(api, first_lists.one_more()))
        .map(|(store, stream)| (store, stream.boxed()))
        .unzip();
    let (provider_stores, providers) = namespaces
        .apis(client)
        .into_iter()
        .map(|api| watch(api, first_lists.one_more()))
        .map(|(store, stream)| (store, stream.boxed()))
        .unzip();
    let (cluster_providers, shared) = namespaces
        .cluster_wide()
        .then(|| watch::<ClusterGpuProvider>(Api::all(client.clone()), first_lists.one_more()))
        .map(|(store, stream)| (store, stream.boxed()))
        .unzip();
    let cache = Cache {
        instances: instance_stores,
        providers: provider_stores,
        cluster_providers,
        first_lists,
    };
    Watched {
        cache,
        instances,
        providers,
        shared,
    }
}

async fn drive(
    context: Context,
    watched: Watched,
    ticker: Arc<Ticker>,
    reconciler: Arc<Reconciler>,
    woken: Vec<UnboundedReceiver<InstanceRef>>,
    asked: Vec<UnboundedReceiver<ProviderKey>>,
    asked_shared: UnboundedReceiver<ProviderKey>,
) {
    let Watched {
        cache,
        instances,
        providers,
        shared,
    } = watched;
    let gate = context.readiness.gate("watches", "the first list of every kind");
    let synced = async {
        cache.first_lists.all().await;
        gate.open();
    };
    let secrets = context.namespaces.apis(&context.client);
    let over_instances = instances
        .into_iter()
        .zip(cache.instances.clone())
        .zip(secrets)
        .zip(woken)
        .map(|(((stream, store), secrets), woken)| {
            let reconciler = Arc::clone(&reconciler);
            instances::run(
                reconciler,
                stream,
                store,
                secrets,
                woken,
                context.concurrency,
                context.shutdown.clone(),
            )
        });
    let over_providers =
        providers
            .into_iter()
            .zip(cache.providers.clone())
            .zip(asked)
            .map(|((stream, store), asked)| {
                providers::run(Arc::clone(&ticker), stream, store, asked, context.shutdown.clone())
            });
    let over_shared = shared.zip(cache.cluster_providers.clone()).map(|(stream, store)| {
        providers::run(
            Arc::clone(&ticker),
            stream,
            store,
            asked_shared,
            context.shutdown.clone(),
        )
    });
    tokio::join!(
        synced,
        join_all(over_instances),
        join_all(over_providers),
        join_all(over_shared)
    );
}
