//! The listener. It holds the sockets itself, since a connection can only be cut by who holds it.

use std::{convert::Infallible, future::pending, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request as HttpRequest, StatusCode},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

use crate::{
    admin,
    call::{Delivery, carry_out},
    cloud::Cloud,
    exchange::Request,
    simulator::Simulator,
};

/// More than any call here needs.
const BODY_LIMIT_BYTES: usize = 1 << 20;

/// Serves until the simulator is told to stop.
pub(crate) async fn serve(simulator: Arc<Simulator>, listener: TcpListener) {
    let admin = admin::router(Arc::clone(&simulator));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = simulator.stopped() => return,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(serve_connection(Arc::clone(&simulator), admin.clone(), socket));
                }
                Err(error) => {
                    // Such as too many open files: wait for some to be closed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve_connection(simulator: Arc<Simulator>, admin: Router, socket: TcpStream) {
    // An answer is one small segment; waiting for more would only slow tests down.
    let _ = socket.set_nodelay(true);
    let cut = Arc::new(Notify::new());
    let service = service_fn(|request| answer(Arc::clone(&simulator), admin.clone(), Arc::clone(&cut), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        // Leaving this function drops the socket, with whatever was not yet written.
        () = cut.notified() => {}
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
        }
    }
}

async fn answer(
    simulator: Arc<Simulator>,
    admin: Router,
    cut: Arc<Notify>,
    request: HttpRequest<Incoming>,
) -> Result<Response, Infallible> {
    let cloud = simulator
        .twins
        .iter()
        .map(|twin| twin.cloud())
        .find(|cloud| below(request.uri().path(), *cloud).is_some());
    let Some(cloud) = cloud else {
        return hyper::service::Service::call(&TowerToHyperService::new(admin), request).await;
    };
    let request = match read(cloud, request).await {
        Ok(request) => request,
        Err(error) => {
            return Ok((StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response());
        }
    };
    // A task of its own: a call that a client has given up is carried out nonetheless, as at a real cloud.
    let call = tokio::spawn(carry_out(simulator, cloud, request));
    match call.await {
        Ok(Delivery::Respond(response)) => Ok(response),
        Ok(Delivery::Cut) => {
            cut.notify_one();
            pending().await
        }
        Err(error) => Ok((StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()),
    }
}

async fn read(cloud: Cloud, request: HttpRequest<Incoming>) -> io::Result<Request> {
    let (head, body) = request.into_parts();
    let body = to_bytes(Body::new(body), BODY_LIMIT_BYTES)
        .await
        .map_err(io::Error::other)?;
    Ok(Request {
        path: below(head.uri.path(), cloud).unwrap_or_default().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        method: head.method,
        headers: head.headers,
        body,
    })
}

/// The path below a cloud's prefix.
fn below(path: &str, cloud: Cloud) -> Option<&str> {
    let rest = path.strip_prefix('/')?.strip_prefix(cloud.prefix())?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}
