//! One process of the operator: the real passes, fed by watches that lag, under a scheduler that a seed drives.

mod feed;
mod freeze;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gpu_instance_operator::account::cache::Cache;
use gpu_instance_operator::account::{InstanceRef, ProviderKey, Sessions, Ticker, Unwanted};
use gpu_instance_operator::api::GpuInstance;
use gpu_instance_operator::api::remote_name::Installation;
use gpu_instance_operator::instance::Reconciler;
use gpu_instance_operator::kubernetes::{Backoff, Events, FirstLists, Namespaces};
use gpu_instance_operator::metrics::Metrics;
use kube::runtime::reflector::{ObjectRef, Store, store};
use tokio::task::JoinSet;

use super::api_server::ApiServer;
use super::cloud::{Cloud, Way};
use super::queue::Queue;
use super::world::{ProcessId, Virtual, World};
use feed::{Ears, Feed, Guarded, Watched};
use freeze::{Freezable, Frozen};

/// A process, as others see it and what they may do to it.
pub struct Process {
    pub id: ProcessId,
    /// Whether it believes that it leads.
    leads: Arc<AtomicBool>,
    frozen: Arc<Frozen>,
    ears: Arc<Ears>,
    tasks: JoinSet<()>,
}

impl Process {
    /// Starts with an empty memory.
    pub fn start(id: ProcessId, world: &Arc<World>, api: &Arc<ApiServer>, cloud: &Arc<Cloud>) -> Self {
        world.note(format!("p{id} starts"));
        let queues = Queues {
            instances: Arc::new(Queue::new(Arc::clone(world))),
            providers: Arc::new(Queue::new(Arc::clone(world))),
        };
        let (instance_store, instances) = store();
        let (provider_store, providers) = store();
        let (shared_store, shared) = store();
        let cache = Cache {
            instances: vec![instance_store.clone()],
            providers: vec![provider_store],
            cluster_providers: Some(shared_store),
            first_lists: FirstLists::default(),
        };
        let leads = Arc::new(AtomicBool::new(true));
        let frozen = Arc::new(Frozen::default());
        let ears = Arc::new(Ears::default());
        let (ticker, reconciler) = operator(&Parts {
            world,
            queues: &queues,
            leads: &leads,
            client: api.client(id),
            way: Way {
                cloud: Arc::clone(cloud),
                process: id,
                installation: api.installation,
            },
            cache,
        });
        let feed = Feed {
            world: Arc::clone(world),
            api: Arc::clone(api),
            ears: Arc::clone(&ears),
            queues: queues.clone(),
            instances: Watched::new(instances),
            providers: Watched::new(providers),
            shared: Watched::new(shared),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(feed.run());
        let still = Arc::clone(&frozen);
        tasks.spawn(work(queues.instances, move |key: InstanceRef| {
            let (reconciler, store) = (Arc::clone(&reconciler), instance_store.clone());
            Freezable::new(&still, async move { pass(&reconciler, &store, &key).await })
        }));
        let still = Arc::clone(&frozen);
        tasks.spawn(work(queues.providers, move |key: ProviderKey| {
            let ticker = Arc::clone(&ticker);
            Freezable::new(&still, async move { tick(&ticker, &key).await })
        }));
        Self {
            id,
            leads,
            frozen,
            ears,
            tasks,
        }
    }

    /// It ends here and now.
    pub fn kill(&mut self) {
        self.tasks.abort_all();
    }

    /// Tells it that it does not lead any more.
    pub fn deposed(&self) {
        self.leads.store(false, Ordering::SeqCst);
    }

    /// It gets no CPU from now on.
    pub fn freeze(&self) {
        self.frozen.freeze();
    }

    /// It goes on as if no time had passed.
    pub fn thaw(&self) {
        self.frozen.thaw();
    }

    /// Its watches are so far behind, at most.
    pub fn lags(&self, most: Duration) {
        let most = u64::try_from(most.as_millis()).unwrap();
        self.ears.staleness.store(most, Ordering::SeqCst);
    }

    /// How far its watches are behind, at most.
    pub fn staleness(&self) -> Duration {
        Duration::from_millis(self.ears.staleness.load(Ordering::SeqCst))
    }

    /// Its watches bring nothing more.
    pub fn go_deaf(&self) {
        self.ears.go_deaf();
    }

    /// Its watches list all anew, and bring what happens from then on.
    pub fn list_anew(&self) {
        self.ears.list_anew();
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

/// What a process is to look at.
#[derive(Clone)]
struct Queues {
    instances: Arc<Queue<InstanceRef>>,
    providers: Arc<Queue<ProviderKey>>,
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

/// A controller looks at nothing that its store does not have.
async fn pass(reconciler: &Reconciler, store: &Store<Guarded<GpuInstance>>, key: &InstanceRef) -> Duration {
    let found = store.get(&ObjectRef::new(&key.name).within(&key.namespace));
    match found.as_ref().map(|guarded| &guarded.0) {
        Some(Ok(instance)) => reconciler.pass(instance).await,
        _ => Duration::MAX,
    }
}

async fn tick(ticker: &Ticker, key: &ProviderKey) -> Duration {
    if ticker.cache.provider(key).is_none() {
        return Duration::MAX;
    }
    ticker.tick(key).await
}

/// What an operator is put together from.
struct Parts<'a> {
    world: &'a Arc<World>,
    queues: &'a Queues,
    leads: &'a Arc<AtomicBool>,
    client: kube::Client,
    way: Way,
    cache: Cache,
}

fn operator(parts: &Parts<'_>) -> (Arc<Ticker>, Arc<Reconciler>) {
    let environment = Arc::new(Virtual::new(Arc::clone(parts.world)));
    let sessions = Arc::new(Sessions::default());
    let installation = Installation::new(parts.way.installation).unwrap();
    let events = Events::new(parts.client.clone(), "model");
    let believes = Arc::clone(parts.leads);
    let ticker = Ticker {
        client: parts.client.clone(),
        namespaces: Namespaces::All,
        connector: Box::new(parts.way.clone()),
        sessions: Arc::clone(&sessions),
        cache: parts.cache.clone(),
        installation: installation.clone(),
        environment: environment.clone(),
        metrics: Metrics::new(),
        events: events.clone(),
        leads: Box::new(move || believes.load(Ordering::SeqCst)),
        wake: waker(parts.queues),
        backoff: Backoff::new(environment.clone()),
        memory: Mutex::default(),
        unwanted: Unwanted::default(),
        giving_free: tokio::sync::Mutex::default(),
    };
    let (leads, providers) = (Arc::clone(parts.leads), Arc::clone(&parts.queues.providers));
    let reconciler = Reconciler {
        client: parts.client.clone(),
        cache: parts.cache.clone(),
        sessions,
        installation,
        environment: environment.clone(),
        events,
        metrics: Metrics::new(),
        backoff: Backoff::new(environment),
        leads: Box::new(move || leads.load(Ordering::SeqCst)),
        ask: Box::new(move |key| providers.add(key, Duration::ZERO)),
        wake: waker(parts.queues),
        memories: Mutex::new(BTreeMap::new()),
    };
    (Arc::new(ticker), Arc::new(reconciler))
}

fn waker(queues: &Queues) -> Box<dyn Fn(InstanceRef) + Send + Sync> {
    let instances = Arc::clone(&queues.instances);
    Box::new(move |instance| instances.add(instance, Duration::ZERO))
}
