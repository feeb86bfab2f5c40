//! A request on its way: what may be said of it when it fails.

use secrecy::SecretString;

use super::Effect;
use super::redact::Secrets;
use crate::provider::{Error, Kind};

/// What is known of a request while it is on its way.
#[derive(Clone, Debug)]
pub(super) struct Call {
    operation: &'static str,
    effect: Effect,
    secrets: Secrets,
    own_secrets: Vec<SecretString>,
}

impl Call {
    pub(super) fn new(
        operation: &'static str,
        effect: Effect,
        secrets: Secrets,
        own_secrets: Vec<SecretString>,
    ) -> Self {
        Self {
            operation,
            effect,
            secrets,
            own_secrets,
        }
    }

    pub(super) fn operation(&self) -> &'static str {
        self.operation
    }

    /// Takes every secret that this request could bring back out of a text.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.redact(text, &self.own_secrets)
    }

    pub(super) fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {}", self.operation, self.redact(what)))
    }

    /// The request may have been carried out, and nobody says so: what that means depends on its effect.
    pub(super) fn unclear(&self, what: &str) -> Error {
        match self.effect {
            Effect::Read | Effect::Repeatable => self.error(Kind::Transient, what),
            Effect::Once => self.error(
                Kind::Ambiguous,
                &format!("{what}; the request may have been carried out"),
            ),
        }
    }

    /// What became of a request that got no whole answer. Only a failure before the connection stood proves that
    /// nothing was sent.
    pub(super) fn transport_error(&self, error: &reqwest::Error) -> Error {
        let cause = cause(error);
        if error.is_connect() {
            self.error(Kind::Transient, &format!("could not connect: {cause}"))
        } else if error.is_builder() {
            self.error(Kind::Transient, &format!("not sent: {cause}"))
        } else if error.is_timeout() {
            self.unclear("no answer in time")
        } else {
            self.unclear(&format!("the connection broke: {cause}"))
        }
    }
}

/// The innermost reason: the outer ones repeat the URL, which may be signed.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
        .downcast_ref::<reqwest::Error>()
        .map_or_else(|| innermost.to_string(), |_| "unknown reason".to_owned())
}
