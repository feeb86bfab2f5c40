//! Whether every watch has brought its first list: before that, what a cache does not have may exist all the same.
//!
//! kube's own `Store::wait_until_ready` wakes only the last of those that wait, and each controller waits already.

use std::sync::Arc;

use tokio::sync::watch;

/// The first lists that are waited for. Cheap to clone; all clones wait for the same.
#[derive(Clone, Debug)]
pub struct FirstLists {
    missing: Arc<watch::Sender<usize>>,
}

impl Default for FirstLists {
    fn default() -> Self {
        Self {
            missing: Arc::new(watch::Sender::new(0)),
        }
    }
}

/// One list that is waited for.
#[derive(Debug)]
pub struct FirstList {
    missing: Option<Arc<watch::Sender<usize>>>,
}

impl FirstLists {
    /// Waits for one list more.
    #[must_use]
    pub fn one_more(&self) -> FirstList {
        self.missing.send_modify(|missing| *missing += 1);
        FirstList {
            missing: Some(Arc::clone(&self.missing)),
        }
    }

    /// Waits until all have come.
    pub async fn all(&self) {
        // The sender lives as long as this: waiting cannot fail.
        let _ = self.missing.subscribe().wait_for(|missing| *missing == 0).await;
    }
}

impl FirstList {
    /// It has come; later ones are no news.
    pub fn came(&mut self) {
        if let Some(missing) = self.missing.take() {
            missing.send_modify(|missing| *missing -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn everyone_who_waits_is_woken_by_the_last_list() {
        let lists = FirstLists::default();
        let (mut one, mut other) = (lists.one_more(), lists.one_more());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let lists = lists.clone();
                    async move { lists.all().await }
                })
            })
            .collect();
        one.came();
        one.came();
        tokio::task::yield_now().await;
        assert!(lists.all().now_or_never().is_none());
        other.came();
        for waiting in waiting {
            waiting.await.unwrap();
        }
    }
}
