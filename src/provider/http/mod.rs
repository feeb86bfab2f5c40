//! HTTP to the clouds: one pool of connections a process, a turn and a deadline for every request, answers of bounded
//! size, and errors sorted by what they mean for money.
//!
//! A driver builds a [`Request`], sends it with its account's [`Client`] and judges the [`Reply`]: what a status or a
//! code means is the vendor's own affair, but whether a request may have been carried out is decided here.

mod call;
mod redact;
mod reply;
mod request;

use std::time::Duration;

pub use reqwest::Method;
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

pub use reply::Reply;
pub use request::{Effect, Request};

use super::pace::Pace;
use super::{Error, Kind, Result};
use call::Call;
use redact::Secrets;

/// How long one request may take in all: its turn, the connection, the answer to its last byte.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of that a request may wait for its turn; what has not been sent by then is not sent at all, so that
/// nothing goes out with too little time left to hear the answer.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than the keep-alive of usual gateways, so that no request is sent into a connection that is being closed:
/// for a create that would be an outcome that nobody knows.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest answer that is read: thousands of machines.
const BODY_LIMIT: usize = 8 << 20;

/// The connections of this process to all clouds.
#[derive(Clone, Debug)]
pub struct Transport(reqwest::Client);

impl Transport {
    /// Sets the connections up. Servers are checked by the certificates that the system trusts.
    pub fn new() -> Result<Self> {
        // Whoever installs the provider first wins, and all install the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .user_agent(concat!("gpu-instance-operator/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map(Self)
            .map_err(|error| {
                Error::new(
                    Kind::Unsupported,
                    format!("HTTPS cannot be set up: {}", call::cause(&error)),
                )
            })
    }
}

/// One account's way to its cloud.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    pace: Pace,
    secrets: Secrets,
    call_timeout: Duration,
}

impl Client {
    /// A way to a cloud that keeps to this pace. The secrets are those of the account: they are taken out of whatever
    /// the cloud says before anyone reads it.
    #[must_use]
    pub fn new(transport: &Transport, pace: Pace, secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            transport: transport.clone(),
            pace,
            secrets: Secrets::new(secrets),
            call_timeout: CALL_TIMEOUT,
        }
    }

    /// Takes one more secret out of what the cloud says: a session's token that a login has just given. The oldest of
    /// these are forgotten, those of the account never.
    pub fn keep_secret(&self, secret: SecretString) {
        self.secrets.add(secret);
    }

    /// Sends a request when its turn comes, once, and reads the whole answer.
    ///
    /// `Ok` is any answer, whatever its status, but 429 (which is [`Kind::RateLimited`]). Errors are
    /// [`Kind::Transient`] or [`Kind::RateLimited`] where the request was surely not sent or not accepted; else by its
    /// [`Effect`].
    pub async fn send(&self, request: Request) -> Result<Reply> {
        let deadline = Instant::now() + self.call_timeout;
        let (request, call) = request.into_parts(self.secrets.clone());
        if !self.pace.turn(TURN_TIMEOUT).await {
            return Err(call.error(
                Kind::RateLimited,
                "not sent: more is waiting than limits.requestsPerSecond lets through",
            ));
        }
        let begun = Instant::now();
        let outcome = timeout_at(deadline, self.exchange(request, &call))
            .await
            .unwrap_or_else(|_| Err(call.unclear("no answer in time")));
        let status = outcome.as_ref().map_or(0, |reply| reply.status().as_u16());
        tracing::debug!(
            operation = call.operation(),
            status,
            millis = begun.elapsed().as_millis(),
            error = outcome.as_ref().err().map(|error| error.kind.label()),
            "asked the cloud"
        );
        outcome
    }

    async fn exchange(&self, request: reqwest::Request, call: &Call) -> Result<Reply> {
        let mut response = self
            .transport
            .0
            .execute(request)
            .await
            .map_err(|error| call.transport_error(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| call.transport_error(&error))? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(call.unclear(&format!("an answer of more than {} MiB", BODY_LIMIT >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        let reply = Reply::new(call.clone(), response.status(), response.headers(), body);
        if reply.status() == StatusCode::TOO_MANY_REQUESTS {
            return Err(reply.error(Kind::RateLimited, &format!("the cloud answered {}", reply.describe())));
        }
        Ok(reply)
    }
}

#[cfg(test)]
mod tests;
