//! The watches of a process: every change, in order, some time later; or none, until it lists anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gpu_instance_operator::account::controller::what_wakes;
use gpu_instance_operator::account::{InstanceRef, ProviderKey};
use gpu_instance_operator::api::instance::ProviderKind;
use gpu_instance_operator::api::{ClusterGpuProvider, GpuInstance, GpuProvider};
use gpu_instance_operator::instance::controller::instance_of;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::Predicate;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Notify;

use super::Queues;
use crate::model::api_server::{ApiServer, Change};
use crate::model::world::World;

pub type Guarded<K> = DeserializeGuard<K>;

/// How well a process hears what its watches bring.
pub struct Ears {
    /// How far they are behind, in milliseconds at most.
    pub staleness: AtomicU64,
    deaf: AtomicBool,
    listed: Notify,
}

impl Default for Ears {
    fn default() -> Self {
        Self {
            staleness: AtomicU64::new(50),
            deaf: AtomicBool::new(false),
            listed: Notify::new(),
        }
    }
}

impl Ears {
    /// Every change is lost from now on.
    pub fn go_deaf(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    /// It lists all anew, and hears again.
    pub fn list_anew(&self) {
        self.deaf.store(false, Ordering::SeqCst);
        self.listed.notify_one();
    }
}

/// The watches of a process.
pub struct Feed {
    pub world: Arc<World>,
    pub api: Arc<ApiServer>,
    pub ears: Arc<Ears>,
    pub queues: Queues,
    pub instances: Watched<GpuInstance>,
    pub providers: Watched<GpuProvider>,
    pub shared: Watched<ClusterGpuProvider>,
}

impl Feed {
    /// Brings changes for as long as the process lives.
    pub async fn run(mut self) {
        loop {
            let (objects, mut changes) = self.api.watch();
            self.begin(&objects);
            loop {
                let change = tokio::select! {
                    biased;
                    () = self.ears.listed.notified() => break,
                    change = changes.recv() => change,
                };
                let Some((kind, change)) = change else { return };
                let delay = self.world.span(0, self.ears.staleness.load(Ordering::SeqCst));
                tokio::time::sleep(delay).await;
                if !self.ears.deaf.load(Ordering::SeqCst) {
                    self.take(&kind, &change);
                }
            }
        }
    }

    fn begin(&mut self, objects: &[(String, Arc<Value>)]) {
        self.instances.writer.apply_watcher_event(&Event::Init);
        self.providers.writer.apply_watcher_event(&Event::Init);
        self.shared.writer.apply_watcher_event(&Event::Init);
        for (kind, object) in objects {
            self.keep(kind, &Change::Applied(Arc::clone(object)), true);
        }
        self.instances.writer.apply_watcher_event(&Event::InitDone);
        self.providers.writer.apply_watcher_event(&Event::InitDone);
        self.shared.writer.apply_watcher_event(&Event::InitDone);
    }

    fn take(&mut self, kind: &str, change: &Change) {
        self.keep(kind, change, false);
    }

    fn keep(&mut self, kind: &str, change: &Change, first: bool) {
        match kind {
            "gpuinstances" => {
                if let Some(object) = self.instances.keep(change, first) {
                    self.queues.wake_instance(InstanceRef {
                        namespace: object.namespace().unwrap_or_default(),
                        name: object.name_any(),
                    });
                }
            }
            "gpuproviders" => {
                if let Some(object) = self.providers.keep(change, first) {
                    self.wake_provider(ProviderKind::GpuProvider, object.namespace(), object.name_any());
                }
            }
            "clustergpuproviders" => {
                if let Some(object) = self.shared.keep(change, first) {
                    self.wake_provider(ProviderKind::ClusterGpuProvider, None, object.name_any());
                }
            }
            "secrets" => {
                let (Change::Applied(object) | Change::Deleted(object)) = change;
                let secret = PartialObjectMeta::<Secret>::deserialize(&**object).expect("a Secret");
                if let Some(instance) = instance_of(&secret) {
                    self.queues.wake_instance(instance);
                }
            }
            _ => {}
        }
    }

    fn wake_provider(&self, kind: ProviderKind, namespace: Option<String>, name: String) {
        self.queues.wake_provider(ProviderKey { kind, namespace, name });
    }
}

/// A watch of one kind: the store that it fills, and what of each object has woken a controller last.
pub struct Watched<K: kube::Resource<DynamicType = ()> + Clone + 'static> {
    writer: Writer<Guarded<K>>,
    woken_by: BTreeMap<String, Option<u64>>,
}

impl<K> Watched<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + 'static,
{
    pub fn new(writer: Writer<Guarded<K>>) -> Self {
        Self {
            writer,
            woken_by: BTreeMap::new(),
        }
    }

    /// Takes in a change; the object, if a controller wakes for it.
    fn keep(&mut self, change: &Change, first: bool) -> Option<Guarded<K>> {
        let (Change::Applied(object) | Change::Deleted(object)) = change;
        let object = Guarded::<K>::deserialize(&**object).expect("an object");
        let event = match change {
            Change::Applied(_) if first => Event::InitApply(object.clone()),
            Change::Applied(_) => Event::Apply(object.clone()),
            Change::Deleted(_) => Event::Delete(object.clone()),
        };
        self.writer.apply_watcher_event(&event);
        if matches!(change, Change::Deleted(_)) {
            return None;
        }
        let wakes = what_wakes().hash_property(&object);
        let before = self.woken_by.insert(object.uid().unwrap_or_default(), wakes);
        (before != Some(wakes)).then_some(object)
    }
}

impl super::Queues {
    fn wake_instance(&self, instance: InstanceRef) {
        self.instances.add(instance, Duration::ZERO);
    }

    fn wake_provider(&self, provider: ProviderKey) {
        self.providers.add(provider, Duration::ZERO);
    }
}
