//! A process that gets no CPU for a while.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::sync::Notify;

/// Whether a process stands still.
#[derive(Default)]
pub struct Frozen {
    still: AtomicBool,
    thawed: Notify,
}

impl Frozen {
    pub fn freeze(&self) {
        self.still.store(true, Ordering::SeqCst);
    }

    pub fn thaw(&self) {
        self.still.store(false, Ordering::SeqCst);
        self.thawed.notify_waiters();
    }
}

/// A future that does not move while its process stands still.
pub struct Freezable<F> {
    frozen: Arc<Frozen>,
    thawing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    inner: Pin<Box<F>>,
}

impl<F: Future> Freezable<F> {
    pub fn new(frozen: &Arc<Frozen>, inner: F) -> Self {
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
