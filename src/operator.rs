//! The life of the process: connect, wait for what is needed, lead, work, and end in good order.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::api::MANAGER;
use crate::api::remote_name::Installation;
use crate::cli::{Election, Run};
use crate::context::Context;
use crate::controllers;
use crate::environment::System;
use crate::kubernetes::{
    ConnectError, Elector, Events, Leadership, LeaseLost, Namespaces, Readiness, call, connect, wait_for_kinds,
};
use crate::metrics::Metrics;
use crate::server::{ListenError, Server};
use crate::shutdown;

/// How long calls in flight may go on after a shutdown was asked for. With what follows it stays within the 30 s that
/// Kubernetes gives a Pod by default.
const DRAIN: Duration = Duration::from_secs(20);
/// How long the last events may take.
const FLUSH: Duration = Duration::from_secs(2);
/// Enough for work that mostly waits; and renewing the Lease is never behind it.
const THREADS: usize = 2;

/// Why the operator ended, when nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Signals cannot be handled.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    /// There is no API server to talk to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The port for probes and metrics is not to be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The installation's id is not given, and where it comes from may not be read.
    #[error(
        "the operator's role does not let it read the namespace kube-system, which the installation's id comes from; \
         choose one with --installation-id (up to 8 of a-z and 0-9) and never change it while machines exist"
    )]
    NoInstallationId,
    /// Another replica may lead now.
    #[error(transparent)]
    LeaseLost(#[from] LeaseLost),
    /// The controllers cannot be put together.
    #[error(transparent)]
    Controllers(#[from] controllers::Error),
    /// The work ended by itself.
    #[error("the controllers ended unexpectedly: {0}")]
    Work(String),
}

/// The runtime that [`run`] wants.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
}

/// Runs until a signal asks for the end (`Ok`), or until it cannot go on.
pub async fn run(arguments: Run) -> Result<(), Error> {
    let shutdown = shutdown::on_signal().map_err(Error::Signals)?;
    let client = connect().await?;
    let (readiness, metrics) = (Readiness::default(), Metrics::new());
    let kinds = readiness.gate("kinds", "the first look at the API server");
    let server = Server::bind(arguments.telemetry.listen, readiness.clone(), metrics.clone()).await?;
    let listen = server.address().unwrap_or(arguments.telemetry.listen);
    let server = tokio::spawn(server.run());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %listen, "started");

    let namespaces = Namespaces::new(arguments.scope.namespaces);
    let prepare = async {
        wait_for_kinds(&client, &namespaces, &kinds).await;
        installation_id(&client, arguments.installation.id).await
    };
    let Some(installation_id) = shutdown.run_until_cancelled(prepare).await.transpose()? else {
        return Ok(());
    };
    tracing::info!(installation_id, ?namespaces, "ready");

    let replica = std::env::var("HOSTNAME").unwrap_or_else(|_| MANAGER.to_owned());
    let context = Context {
        events: Events::new(client.clone(), &replica),
        client,
        metrics,
        environment: Arc::new(System),
        installation_id: installation_id.into(),
        allowed_endpoints: arguments.endpoints.allowed.into(),
        namespaces,
        concurrency: arguments.work.concurrency,
        readiness,
        leadership: Leadership::uncontended(),
        shutdown,
    };
    let result = lead(context, &arguments.election, &replica).await;
    server.abort();
    result
}

/// Waits for leadership where it is contended, works, and gives it back.
async fn lead(mut context: Context, election: &Election, replica: &str) -> Result<(), Error> {
    if !election.enabled {
        context.metrics.set_leader(true);
        return work(context).await;
    }
    let namespace = election.namespace.clone().unwrap_or_else(pod_namespace);
    let environment = Arc::clone(&context.environment);
    let elector = Elector::new(context.client.clone(), &namespace, replica, environment);
    tracing::info!(namespace, identity = elector.identity(), "contending for leadership");
    let Some(mut lease) = context.shutdown.run_until_cancelled(elector.acquire()).await else {
        return Ok(());
    };
    context.leadership = lease.leadership();
    context.metrics.set_leader(true);
    let metrics = context.metrics.clone();
    let result = tokio::select! {
        lost = lease.keep() => return Err(lost.into()),
        result = work(context) => result,
    };
    metrics.set_leader(false);
    lease.release().await;
    result
}

/// Runs the controllers in a task of their own, and ends them in good order: after it returns, nothing acts any more.
/// Dropped half-way (leadership is lost), it ends them at once.
async fn work(context: Context) -> Result<(), Error> {
    let (shutdown, events) = (context.shutdown.clone(), context.events.clone());
    let mut controllers = AbortOnDrop(tokio::spawn(controllers::run(context)));
    let ended = tokio::select! {
        ended = &mut controllers.0 => Some(ended),
        () = shutdown.cancelled() => timeout(DRAIN, &mut controllers.0).await.ok(),
    };
    if ended.is_none() {
        tracing::warn!(
            "calls in flight did not end in {} s; ending without them",
            DRAIN.as_secs()
        );
        controllers.0.abort();
        let _ = (&mut controllers.0).await;
    }
    events.flush(FLUSH).await;
    match ended {
        Some(Err(panicked)) => Err(Error::Work(panicked.to_string())),
        Some(Ok(Err(error))) => Err(error.into()),
        Some(Ok(Ok(()))) if !shutdown.is_cancelled() => Err(Error::Work("no reason was given".to_owned())),
        Some(Ok(Ok(()))) | None => Ok(()),
    }
}

struct AbortOnDrop(JoinHandle<Result<(), controllers::Error>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The id that was chosen, else the first 8 hexadecimal digits of the UID of kube-system: it lives as long as the
/// cluster.
pub(crate) async fn installation_id(client: &Client, chosen: Option<String>) -> Result<String, Error> {
    if let Some(chosen) = chosen {
        return Ok(chosen);
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    loop {
        match call(namespaces.get_metadata("kube-system")).await {
            Ok(namespace) => match namespace.metadata.uid.as_deref().and_then(Installation::of_cluster) {
                Some(installation) => return Ok(installation.to_string()),
                None => return Err(Error::NoInstallationId),
            },
            Err(error) if error.is_forbidden() => return Err(Error::NoInstallationId),
            Err(error) => tracing::warn!(%error, "cannot read the namespace kube-system; trying again"),
        }
        sleep(Duration::from_secs(2)).await;
    }
}

/// The namespace of this Pod; `default` outside of one.
fn pod_namespace() -> String {
    std::fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
        .ok()
        .map(|text| text.trim().to_owned())
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or_else(|| "default".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::{Json, Router};
    use serde_json::json;

    #[tokio::test]
    async fn an_installation_is_named_after_its_cluster_or_by_its_owner() {
        let namespace = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": { "name": "kube-system", "uid": "3f2a91c0-77aa-4e1c-9d2b-000000000000" }
        });
        let client = Client::new(Router::new().fallback(async || Json(namespace)), "default");
        assert_eq!(installation_id(&client, None).await.unwrap(), "3f2a91c0");
        assert_eq!(installation_id(&client, Some("prod".into())).await.unwrap(), "prod");
    }

    #[tokio::test]
    async fn without_permission_the_flag_is_named() {
        let client = Client::new(Router::new().fallback(async || StatusCode::FORBIDDEN), "default");
        let error = installation_id(&client, None).await.unwrap_err();
        assert!(error.to_string().contains("--installation-id"), "{error}");
    }
}
