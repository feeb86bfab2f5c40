//! What is asked of a cloud.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::call::Call;
use super::redact::Secrets;
use crate::provider::operation::Operation;
use crate::provider::{Error, Kind, Result};

/// What it means to send a request twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// It changes something, but a second time nothing more: a stop, a delete.
    Repeatable,
    /// Each time it is carried out counts: a create. No answer to it is [`Kind::Ambiguous`].
    Once,
}

/// A request. Its `Debug` shows neither query, headers nor body.
pub struct Request {
    operation: &'static str,
    effect: Effect,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    secrets: Vec<SecretString>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("effect", &self.effect)
            .field("method", &self.method)
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A request. The URL is used as it is, so that a query that was signed stays as it was signed.
    #[must_use]
    pub fn new(operation: impl Operation, effect: Effect, method: Method, url: Url) -> Self {
        Self {
            operation: operation.declare().name,
            effect,
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            secrets: Vec::new(),
        }
    }

    /// Adds a part of the query; the same name may come several times.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Adds a header that anyone may see.
    pub fn header(mut self, name: HeaderName, value: &str) -> Result<Self> {
        let value = self.header_value(&name, value)?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Adds a header that nobody may see. `form` puts the secret into its place: `Bearer …`, `AccessToken=…`.
    pub fn secret_header(
        mut self,
        name: HeaderName,
        secret: &SecretString,
        form: impl FnOnce(&str) -> String,
    ) -> Result<Self> {
        let mut value = self.header_value(&name, &form(secret.expose_secret()))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self.secret(secret.clone()))
    }

    /// Names a secret that is somewhere in this request only, such as a signature or a password to be set, so that it
    /// is taken out of what the cloud says to it.
    #[must_use]
    pub fn secret(mut self, secret: SecretString) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Sets a JSON body; a `GET` may have one.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body)
            .map_err(|_| Error::new(Kind::Invalid, format!("{}: not sent: no JSON", self.operation)))?;
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Some(body);
        Ok(self)
    }

    /// UTF-8 passes, line breaks don't.
    fn header_value(&self, name: &HeaderName, value: &str) -> Result<HeaderValue> {
        HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Error::new(
                Kind::Unauthorized,
                format!(
                    "{}: not sent: the value for header {name} has control characters",
                    self.operation
                ),
            )
        })
    }

    pub(super) fn into_parts(self, secrets: Secrets) -> (reqwest::Request, Call) {
        let mut request = reqwest::Request::new(self.method, self.url);
        *request.headers_mut() = self.headers;
        *request.body_mut() = self.body.map(Into::into);
        (request, Call::new(self.operation, self.effect, secrets, self.secrets))
    }
}
