//! One process of the operator: the real passes, fed by watches that lag, under a scheduler that a seed drives.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use gpu_instance_operator::account::cache::Cache;
use gpu_instance_operator::account::{InstanceRef, ProviderKey, Sessions, Ticker};
use gpu_instance_operator::api::instance::ProviderKind;
use gpu_instance_operator::api::remote_name::Installation;
use gpu_instance_operator::api::{GpuInstance, GpuProvider};
use gpu_instance_operator::instance::Reconciler;
use gpu_instance_operator::kubernetes::{Backoff, Events, FirstLists, Namespaces};
use gpu_instance_operator::metrics::Metrics;
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::watcher::Event;
use serde_json::Value;
use tokio::task::JoinSet;

use super::api_server::{ApiServer, Change};
use super::cloud::{Cloud, Way};
use super::queue::Queue;
use super::world::{ProcessId, Virtual, World};

type Guarded<K> = DeserializeGuard<K>;
type Writer<K> = kube::runtime::reflector::store::Writer<Guarded<K>>;

/// What a process may be told, and stops with it.
pub struct Process {
    pub id: ProcessId,
    /// Whether it believes that it leads.
    leads: Arc<AtomicBool>,
    /// Whether it stands still, as a process that gets no CPU does.
    frozen: Arc<Frozen>,
    /// How far its watches are behind, in milliseconds at most.
    pub staleness: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Frozen {
    still: AtomicBool,
    thawed: tokio::sync::Notify,
}

impl Process {
    /// Starts with an empty memory.
    pub fn start(id: ProcessId, world: &Arc<World>, api: &Arc<ApiServer>, cloud: &Arc<Cloud>) -> Self {
        world.note(format!("p{id} starts"));
        let leads = Arc::new(AtomicBool::new(true));
        let frozen = Arc::new(Frozen::default());
        let staleness = Arc::new(AtomicU64::new(50));
        let instances = Arc::new(Queue::new(Arc::clone(world)));
        let providers = Arc::new(Queue::new(Arc::clone(world)));
        let (instance_store, instance_writer) = store();
        let (provider_store, provider_writer) = store();
        let cache = Cache {
            instances: vec![instance_store.clone()],
            providers: vec![provider_store],
            cluster_providers: None,
            first_lists: FirstLists::default(),
        };
        let shared = Shared {
            world: Arc::clone(world),
            instances: Arc::clone(&instances),
            providers: Arc::clone(&providers),
            leads: Arc::clone(&leads),
        };
        let (ticker, reconciler) = shared.operator(id, api.client(id), cloud, cache);
        let mut feed = Feed {
            world: Arc::clone(world),
            instances: instance_writer,
            providers: provider_writer,
            instance_queue: Arc::clone(&instances),
            provider_queue: Arc::clone(&providers),
            staleness: Arc::clone(&staleness),
            seen: BTreeMap::new(),
        };
        let (first, mut changes) = api.watch();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            feed.begin(first);
            while let Some((kind, change)) = changes.recv().await {
                tokio::time::sleep(feed.delay()).await;
                feed.take(&kind, &change);
            }
        });
        let still = Arc::clone(&frozen);
        tasks.spawn(work(instances, move |key: InstanceRef| {
            let (reconciler, store) = (Arc::clone(&reconciler), instance_store.clone());
            Freezable::new(&still, async move { pass(&reconciler, &store, &key).await })
        }));
        let still = Arc::clone(&frozen);
        tasks.spawn(work(providers, move |key: ProviderKey| {
            let ticker = Arc::clone(&ticker);
            Freezable::new(&still, async move { ticker.tick(&key).await })
        }));
        Self {
            id,
            leads,
            frozen,
            staleness,
            tasks,
        }
    }

    /// Tells it that it does not lead any more.
    pub fn deposed(&self) {
        self.leads.store(false, Ordering::SeqCst);
    }

    /// It gets no CPU from now on.
    pub fn freeze(&self) {
        self.frozen.still.store(true, Ordering::SeqCst);
    }

    /// It goes on as if no time had passed.
    pub fn thaw(&self) {
        self.frozen.still.store(false, Ordering::SeqCst);
        self.frozen.thawed.notify_waiters();
    }

    /// Whether one of its tasks has panicked.
    pub fn panicked(&mut self) -> Option<String> {
        let ended = self.tasks.try_join_next()?;
        ended
            .err()
            .filter(tokio::task::JoinError::is_panic)
            .map(|panic| panic.to_string())
    }
}

/// Looks at whatever is due, several at a time.
async fn work<K, F>(queue: Arc<Queue<K>>, run: impl Fn(K) -> F)
where
    K: Clone + Ord + Send + 'static,
    F: Future<Output = Duration> + Send + 'static,
{
    let mut running = JoinSet::new();
    loop {
        let key = queue.next().await;
        let (queue, pass) = (Arc::clone(&queue), run(key.clone()));
        running.spawn(async move {
            let again = pass.await;
            queue.done(key, again);
        });
        while let Some(ended) = running.try_join_next() {
            ended.expect("a pass does not panic");
        }
    }
}

async fn pass(reconciler: &Reconciler, store: &Store<Guarded<GpuInstance>>, key: &InstanceRef) -> Duration {
    let found = store.get(&ObjectRef::new(&key.name).within(&key.namespace));
    match found.as_ref().map(|guarded| &guarded.0) {
        Some(Ok(instance)) => reconciler.pass(instance).await,
        _ => Duration::MAX,
    }
}

/// What the parts of a process share.
struct Shared {
    world: Arc<World>,
    instances: Arc<Queue<InstanceRef>>,
    providers: Arc<Queue<ProviderKey>>,
    leads: Arc<AtomicBool>,
}

impl Shared {
    fn operator(
        &self,
        id: ProcessId,
        client: kube::Client,
        cloud: &Arc<Cloud>,
        cache: Cache,
    ) -> (Arc<Ticker>, Arc<Reconciler>) {
        let environment = Arc::new(Virtual(Arc::clone(&self.world)));
        let sessions = Arc::new(Sessions::default());
        let installation = Installation::new("model").unwrap();
        let events = Events::new(client.clone(), "model");
        let ticker = Ticker {
            client: client.clone(),
            namespaces: Namespaces::Only(vec!["ml".into()]),
            connector: Box::new(Way {
                cloud: Arc::clone(cloud),
                process: id,
            }),
            sessions: Arc::clone(&sessions),
            cache: cache.clone(),
            installation: installation.clone(),
            environment: environment.clone(),
            metrics: Metrics::new(),
            events: events.clone(),
            wake: self.waker(),
            backoff: Backoff::new(environment.clone()),
            memory: Mutex::default(),
        };
        let (leads, providers) = (Arc::clone(&self.leads), Arc::clone(&self.providers));
        let reconciler = Reconciler {
            client,
            cache,
            sessions,
            installation,
            environment: environment.clone(),
            events,
            metrics: Metrics::new(),
            backoff: Backoff::new(environment),
            leads: Box::new(move || leads.load(Ordering::SeqCst)),
            ask: Box::new(move |key| providers.add(key, Duration::ZERO)),
            wake: self.waker(),
            memories: Mutex::default(),
        };
        (Arc::new(ticker), Arc::new(reconciler))
    }

    fn waker(&self) -> Box<dyn Fn(InstanceRef) + Send + Sync> {
        let instances = Arc::clone(&self.instances);
        Box::new(move |instance| instances.add(instance, Duration::ZERO))
    }
}

/// The watches of a process: every change, in order, some time later.
struct Feed {
    world: Arc<World>,
    instances: Writer<GpuInstance>,
    providers: Writer<GpuProvider>,
    instance_queue: Arc<Queue<InstanceRef>>,
    provider_queue: Arc<Queue<ProviderKey>>,
    staleness: Arc<AtomicU64>,
    /// Of each object, what a controller wakes for: its generation, annotations and finalizers.
    seen: BTreeMap<(String, String), Value>,
}

impl Feed {
    fn delay(&self) -> Duration {
        self.world.span(0, self.staleness.load(Ordering::SeqCst))
    }

    fn begin(&mut self, objects: Vec<(String, Value)>) {
        self.instances.apply_watcher_event(&Event::Init);
        self.providers.apply_watcher_event(&Event::Init);
        for (kind, object) in objects {
            self.keep(&kind, &Change::Applied(object), true);
        }
        self.instances.apply_watcher_event(&Event::InitDone);
        self.providers.apply_watcher_event(&Event::InitDone);
    }

    fn take(&mut self, kind: &str, change: &Change) {
        self.keep(kind, change, false);
    }

    fn keep(&mut self, kind: &str, change: &Change, first: bool) {
        match kind {
            "gpuinstances" => {
                let (object, event) = event::<GpuInstance>(change, first);
                self.instances.apply_watcher_event(&event);
                if self.is_news(kind, change) {
                    let key = InstanceRef {
                        namespace: object.namespace().unwrap_or_default(),
                        name: object.name_any(),
                    };
                    self.instance_queue.add(key, Duration::ZERO);
                }
            }
            "gpuproviders" => {
                let (object, event) = event::<GpuProvider>(change, first);
                self.providers.apply_watcher_event(&event);
                if self.is_news(kind, change) {
                    let key = ProviderKey {
                        kind: ProviderKind::GpuProvider,
                        namespace: object.namespace(),
                        name: object.name_any(),
                    };
                    self.provider_queue.add(key, Duration::ZERO);
                }
            }
            _ => {}
        }
    }

    fn is_news(&mut self, kind: &str, change: &Change) -> bool {
        let Change::Applied(object) = change else { return true };
        let meta = &object["metadata"];
        let key = (kind.to_owned(), meta["uid"].to_string());
        let said = serde_json::json!([meta["generation"], meta["annotations"], meta["finalizers"]]);
        self.seen.insert(key, said.clone()) != Some(said)
    }
}

fn event<K>(change: &Change, first: bool) -> (Guarded<K>, Event<Guarded<K>>)
where
    Guarded<K>: serde::de::DeserializeOwned + Clone,
{
    let read = |object: &Value| serde_json::from_value::<Guarded<K>>(object.clone()).expect("an object");
    match change {
        Change::Applied(object) if first => (read(object), Event::InitApply(read(object))),
        Change::Applied(object) => (read(object), Event::Apply(read(object))),
        Change::Deleted(object) => (read(object), Event::Delete(read(object))),
    }
}

/// A future that does not move while its process stands still.
struct Freezable<F> {
    frozen: Arc<Frozen>,
    thawing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    inner: Pin<Box<F>>,
}

impl<F: Future> Freezable<F> {
    fn new(frozen: &Arc<Frozen>, inner: F) -> Self {
        Self {
            frozen: Arc::clone(frozen),
            thawing: None,
            inner: Box::pin(inner),
        }
    }
}

impl<F: Future> Future for Freezable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        while self.frozen.still.load(Ordering::SeqCst) {
            let frozen = Arc::clone(&self.frozen);
            let thawing = self
                .thawing
                .get_or_insert_with(|| Box::pin(async move { frozen.thawed.notified().await }));
            if thawing.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.thawing = None;
        }
        self.inner.as_mut().poll(cx)
    }
}
