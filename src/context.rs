//! What every part of the work needs.

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::environment::Environment;
use crate::kubernetes::{Events, Leadership, Namespaces, Readiness};
use crate::metrics::Metrics;

/// What every part of the work needs. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The API server.
    pub client: Client,
    /// Where to count.
    pub metrics: Metrics,
    /// Where to tell users.
    pub events: Events,
    /// Time and chance.
    pub environment: Arc<dyn Environment>,
    /// Part of every remote name: up to 8 of a-z and 0-9.
    pub installation_id: Arc<str>,
    /// Base URLs that may be called besides the vendors' own.
    pub allowed_endpoints: Arc<[Url]>,
    /// What is looked after.
    pub namespaces: Namespaces,
    /// How many objects are worked on at once.
    pub concurrency: u16,
    /// Where to say what is still waited for, such as the first list of each watch.
    pub readiness: Readiness,
    /// Whether this process leads, for a check right before a call that costs money.
    pub leadership: Leadership,
    /// Cancelled when nothing new may be begun.
    pub shutdown: CancellationToken,
}
