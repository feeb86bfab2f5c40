//! What is to be looked at, and when: never one thing twice at once, and sooner if anyone asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::world::World;

/// A queue of keys that are due at some time.
pub struct Queue<K> {
    world: Arc<World>,
    state: Mutex<State<K>>,
    changed: Notify,
}

struct State<K> {
    due: BTreeMap<K, Instant>,
    running: BTreeSet<K>,
}

impl<K: Clone + Ord> Queue<K> {
    pub fn new(world: Arc<World>) -> Self {
        let state = State {
            due: BTreeMap::new(),
            running: BTreeSet::new(),
        };
        Self {
            world,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Has it looked at after this time at the latest.
    pub fn add(&self, key: K, after: Duration) {
        let Some(at) = Instant::now().checked_add(after) else {
            return;
        };
        let mut state = self.state.lock().unwrap();
        let due = state.due.entry(key).or_insert(at);
        *due = at.min(*due);
        self.changed.notify_one();
    }

    /// The next that is due; it runs until it is done.
    pub async fn next(&self) -> K {
        loop {
            let changed = self.changed.notified();
            match self.take() {
                Ok(key) => return key,
                Err(Some(at)) => {
                    let _ = tokio::time::timeout_at(at, changed).await;
                }
                Err(None) => changed.await,
            }
        }
    }

    fn take(&self) -> Result<K, Option<Instant>> {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let waiting = || state.due.iter().filter(|(key, _)| !state.running.contains(key));
        let due: Vec<K> = waiting()
            .filter(|(_, at)| **at <= now)
            .map(|(key, _)| key.clone())
            .collect();
        if due.is_empty() {
            return Err(waiting().map(|(_, at)| *at).min());
        }
        let one = self.world.below(due.len() as u64);
        let key = due[usize::try_from(one).unwrap()].clone();
        state.due.remove(&key);
        state.running.insert(key.clone());
        Ok(key)
    }

    /// It is done, and to be looked at again after this time.
    pub fn done(&self, key: K, again: Duration) {
        self.state.lock().unwrap().running.remove(&key);
        self.add(key, again);
        self.changed.notify_one();
    }
}
