//! A decorator: each call to a cloud is counted, timed and logged, whichever cloud it is.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{
    Balance, Capabilities, Created, Error, Field, Identity, Listing, Machine, Order, Provider, Quote, Refusal, Result,
    Scope, TaskState,
};
use crate::api::instance::{GpuInstanceSpec, Port, Snapshot, StopMode};
use crate::api::status::PortEndpoint;
use crate::metrics::{Metrics, Operation};

/// An account whose every call is counted, timed and logged. Nothing that is sent or answered is logged, but for an
/// error's kind and message, which are clean by contract.
pub struct Observed {
    inner: Arc<dyn Provider>,
    metrics: Metrics,
    name: String,
}

impl Observed {
    /// Observes this account. `name` is the provider object's, for the log: `ml/xgc`, or `shared` without a namespace.
    #[must_use]
    pub fn new(inner: Arc<dyn Provider>, metrics: Metrics, name: impl Into<String>) -> Self {
        Self {
            inner,
            metrics,
            name: name.into(),
        }
    }

    async fn observe<T: Send>(&self, operation: Operation, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let started = Instant::now();
        let result = call.await;
        let took = started.elapsed();
        let cloud = self.inner.capabilities().cloud;
        let error = result.as_ref().err();
        self.metrics
            .called(cloud, operation, error.map(|error| error.kind), took);
        let operation: &'static str = operation.into();
        let (provider, took_ms) = (&self.name, took.as_millis());
        match error {
            None => tracing::debug!(%cloud, provider, operation, took_ms, "the cloud answered"),
            Some(Error { kind, message, .. }) => {
                tracing::warn!(%cloud, provider, operation, took_ms, kind = kind.label(), message, "the call failed");
            }
        }
        result
    }
}

#[async_trait]
impl Provider for Observed {
    fn capabilities(&self) -> &'static Capabilities {
        self.inner.capabilities()
    }

    fn check(&self, spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        self.inner.check(spec)
    }

    async fn identify(&self) -> Result<Identity> {
        self.observe(Operation::Identify, self.inner.identify()).await
    }

    async fn balance(&self) -> Result<Option<Balance>> {
        self.observe(Operation::Balance, self.inner.balance()).await
    }

    async fn list(&self, scope: &Scope) -> Result<Listing> {
        self.observe(Operation::List, self.inner.list(scope)).await
    }

    async fn describe(&self, machine: &Machine) -> Result<Machine> {
        self.observe(Operation::Describe, self.inner.describe(machine)).await
    }

    async fn quote(&self, spec: &GpuInstanceSpec) -> Result<Quote> {
        self.observe(Operation::Quote, self.inner.quote(spec)).await
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        self.observe(Operation::Create, self.inner.create(order)).await
    }

    async fn task(&self, task: &str, scope: &Scope) -> Result<TaskState> {
        self.observe(Operation::Task, self.inner.task(task, scope)).await
    }

    async fn start(&self, machine: &Machine, reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        self.observe(Operation::Start, self.inner.start(machine, reshape)).await
    }

    async fn stop(&self, machine: &Machine, mode: StopMode, snapshot: Option<&Snapshot>) -> Result<()> {
        self.observe(Operation::Stop, self.inner.stop(machine, mode, snapshot))
            .await
    }

    async fn restart(&self, machine: &Machine) -> Result<()> {
        self.observe(Operation::Restart, self.inner.restart(machine)).await
    }

    async fn save_image(&self, machine: &Machine, snapshot: &Snapshot) -> Result<()> {
        self.observe(Operation::SaveImage, self.inner.save_image(machine, snapshot))
            .await
    }

    async fn update(&self, machine: &Machine, order: &Order<'_>, fields: &[Field]) -> Result<()> {
        self.observe(Operation::Update, self.inner.update(machine, order, fields))
            .await
    }

    async fn delete(&self, machine: &Machine) -> Result<()> {
        self.observe(Operation::Delete, self.inner.delete(machine)).await
    }

    fn port_endpoint(&self, machine: &Machine, port: Port) -> Option<PortEndpoint> {
        self.inner.port_endpoint(machine, port)
    }
}
