//! What is remembered of each instance from pass to pass: also the object as this process wrote it last, for a cache lags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use kube::ResourceExt;

use super::Reconciler;
use super::memory::Memory;
use super::observation::InstanceView;
use crate::api::GpuInstance;

/// What is remembered of one instance.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    memory: Memory,
    /// The object as this process wrote it last: newer than the cache for a moment.
    written: Option<Arc<GpuInstance>>,
    /// The version of that: an object from the cache that is older is of no use.
    version: u64,
    /// It was given free: whatever a lagging watch still shows of it is not looked at any more.
    gone: bool,
}

impl Reconciler {
    fn memories(&self) -> MutexGuard<'_, BTreeMap<String, Remembered>> {
        // Every change under this lock is a plain assignment: a panic elsewhere leaves nothing half done.
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object as it is known best: as this process wrote it last, until the cache has that or something newer.
    /// `None` while nothing that new is at hand.
    pub(super) fn newest(&self, cached: &GpuInstance) -> Option<Arc<GpuInstance>> {
        let mut memories = self.memories();
        let remembered = memories.entry(cached.id().to_owned()).or_default();
        if version(cached) >= remembered.version {
            remembered.written = None;
            return Some(Arc::new(cached.clone()));
        }
        remembered.written.clone()
    }

    /// Remembers the object as the API server has returned it.
    pub(super) fn wrote(&self, mut object: GpuInstance) {
        // Larger than all the rest, and of no use here; the caches leave it out too.
        object.metadata.managed_fields = None;
        let mut memories = self.memories();
        let remembered = memories.entry(object.id().to_owned()).or_default();
        remembered.version = version(&object);
        remembered.written = Some(Arc::new(object));
    }

    /// The version on which the next write is made: the one that was read, or the one to which this process has brought
    /// the object since, by a write that was guarded by it.
    pub(super) fn version_written(&self, object: &GpuInstance) -> Option<String> {
        let memories = self.memories();
        let written = memories
            .get(object.id())
            .and_then(|remembered| remembered.written.as_deref());
        let newer = written.filter(|written| version(written) > version(object));
        newer.unwrap_or(object).metadata.resource_version.clone()
    }

    pub(super) fn drop_written(&self, uid: &str) {
        if let Some(remembered) = self.memories().get_mut(uid) {
            remembered.written = None;
        }
    }

    /// Changes what is remembered of an instance.
    pub(super) fn remember(&self, uid: &str, change: impl FnOnce(&mut Memory)) {
        change(&mut self.memories().entry(uid.to_owned()).or_default().memory);
    }

    /// What is remembered of an instance now.
    pub(super) fn memory(&self, uid: &str) -> Memory {
        self.memories()
            .get(uid)
            .map(|remembered| remembered.memory.clone())
            .unwrap_or_default()
    }

    /// Whether an instance was given free.
    pub(super) fn is_gone(&self, uid: &str) -> bool {
        self.memories().get(uid).is_some_and(|remembered| remembered.gone)
    }

    /// Remembers of an instance only that it is gone, for as long as the cache shows it.
    pub(super) fn remember_gone(&self, uid: &str) {
        let shown: BTreeSet<String> = self.cache.instances().filter_map(|guarded| guarded.uid()).collect();
        let mut memories = self.memories();
        let gone = Remembered {
            gone: true,
            ..Remembered::default()
        };
        memories.insert(uid.to_owned(), gone);
        memories.retain(|uid, remembered| !remembered.gone || shown.contains(uid));
    }
}

/// Versions of one object can be compared as numbers; what is not a number is older than everything.
fn version(object: &GpuInstance) -> u64 {
    object
        .metadata
        .resource_version
        .as_deref()
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}
