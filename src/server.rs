//! The HTTP server for probes and metrics.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::kubernetes::Readiness;
use crate::metrics::Metrics;

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; choose another address with --listen")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

/// A server that has its port, and answers once it is run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    router: Router,
}

impl Server {
    /// Takes the port.
    pub async fn bind(address: SocketAddr, readiness: Readiness, metrics: Metrics) -> Result<Self, ListenError> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ListenError { address, source })?;
        Ok(Self {
            listener,
            router: router(readiness, metrics),
        })
    }

    /// Where it listens: with the port that it got, where any was asked for.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers, for as long as this is polled.
    pub async fn run(self) -> std::io::Result<()> {
        axum::serve(self.listener, self.router).await
    }
}

fn router(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        // Alive as long as it can answer: a restart mends neither a missing CRD nor a cloud that is down.
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(measured).with_state(metrics))
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let missing = readiness.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", missing.join("\n")))
    }
}

async fn measured(State(metrics): State<Metrics>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a server on a free port; its base URL.
    async fn serve(readiness: Readiness) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(address, readiness, Metrics::new()).await.unwrap();
        let address = server.listener.local_addr().unwrap();
        tokio::spawn(server.run());
        format!("http://{address}")
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing_and_health_does_not_care() {
        let readiness = Readiness::default();
        let gate = readiness.gate("kinds", "the CRD gpuinstances.gpuinstance.dev is not installed");
        let base = serve(readiness).await;

        let answer = reqwest::get(format!("{base}/readyz")).await.unwrap();
        assert_eq!(answer.status(), 503);
        let text = answer.text().await.unwrap();
        assert_eq!(text, "kinds: the CRD gpuinstances.gpuinstance.dev is not installed\n");
        assert_eq!(reqwest::get(format!("{base}/healthz")).await.unwrap().status(), 200);

        gate.open();
        assert_eq!(reqwest::get(format!("{base}/readyz")).await.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn metrics_are_served_as_openmetrics() {
        let base = serve(Readiness::default()).await;
        let answer = reqwest::get(format!("{base}/metrics")).await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("gpu_instance_operator_build_info"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = Server::bind(address, Readiness::default(), Metrics::new())
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&address.to_string()) && text.contains("--listen"),
            "{text}"
        );
    }
}
