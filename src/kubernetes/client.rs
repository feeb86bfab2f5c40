//! The client for the API server.

use std::time::Duration;

use kube::{Client, Config};

use super::deadline::chain;

/// No client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a Pod's service account was found, or it cannot be read.
    #[error("no Kubernetes cluster is configured; set KUBECONFIG, or run in a Pod: {}", chain(.0))]
    NoCluster(#[source] kube::config::InferConfigError),
    /// What was found cannot be used.
    #[error("the Kubernetes configuration cannot be used: {}", chain(.0))]
    Unusable(#[source] kube::Error),
}

/// What the operator calls itself at the API server, so that audit logs and metrics there can name it.
const USER_AGENT: &str = concat!("gpu-instance-operator/", env!("CARGO_PKG_VERSION"));

/// A client for the cluster that `KUBECONFIG`, `~/.kube/config` or the Pod's service account names.
///
/// # Guarantees
/// - It repeats nothing by itself. kube's own retry sleeps up to 1000 s inside a call; whoever called knows better
///   what is still wanted by then, and backs off for itself.
/// - Connecting and sending have deadlines. Receiving has none here, because a watch is silent for minutes: watches end
///   by kube's own idle timeout, and every other call goes through [`super::call`].
pub async fn connect() -> Result<Client, ConnectError> {
    let config = Config::infer().await.map_err(ConnectError::NoCluster)?;
    Client::try_from(tuned(config)).map_err(ConnectError::Unusable)
}

fn tuned(mut config: Config) -> Config {
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.write_timeout = Some(Duration::from_secs(10));
    config.read_timeout = None;
    config.headers.push((
        axum::http::header::USER_AGENT,
        axum::http::HeaderValue::from_static(USER_AGENT),
    ));
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use std::sync::{Arc, Mutex};

    /// An API server that refuses everything as overloaded, and remembers who asked.
    async fn overloaded(State(seen): State<Arc<Mutex<Vec<String>>>>, headers: HeaderMap) -> StatusCode {
        let agent = headers.get("user-agent").and_then(|agent| agent.to_str().ok());
        seen.lock().unwrap().push(agent.unwrap_or_default().to_owned());
        StatusCode::TOO_MANY_REQUESTS
    }

    #[tokio::test]
    async fn it_names_itself_and_repeats_nothing() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seen = Arc::default();
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let router = Router::new().fallback(overloaded).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(server, router).await });

        let config = Config::new(format!("http://{address}").parse().unwrap());
        let client = Client::try_from(tuned(config)).unwrap();
        super::super::call(client.apiserver_version()).await.unwrap_err();

        assert_eq!(*seen.lock().unwrap(), [USER_AGENT]);
    }
}
