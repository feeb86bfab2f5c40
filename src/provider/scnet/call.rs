//! One call of a region's container interface, told so that it can be sent again with another token.

use reqwest::Url;
use reqwest::header::HeaderName;
use secrecy::SecretString;
use serde_json::Value;

use super::Operation;
use crate::provider::endpoint::join;
use crate::provider::http::{Effect, Method, Request};
use crate::provider::operation::Operation as _;
use crate::provider::{Error, Kind, Result};

/// The header that a token goes into.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("token");

/// What is asked of a region.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    operation: Operation,
    effect: Effect,
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl<'a> Ask<'a> {
    /// A call of what is below `/ai/openapi/v2`.
    pub(super) fn new(
        operation: Operation,
        effect: Effect,
        method: Method,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            operation,
            effect,
            method,
            path: path.into_iter().collect(),
            query: Vec::new(),
            body: None,
        }
    }

    /// Adds a part of the query.
    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Names the machines that the call is for, one `ids=` each. What the cloud does without any is not known, so such
    /// a call is never made.
    pub(super) fn ids(mut self, ids: &[&str]) -> Result<Self> {
        if ids.is_empty() || ids.iter().any(|id| id.is_empty()) {
            return Err(Error::new(
                Kind::Invalid,
                format!("{}: not sent: it names no machine", self.operation.declare().name),
            ));
        }
        self.query.extend(ids.iter().map(|id| ("ids", (*id).to_owned())));
        Ok(self)
    }

    /// Sets the body; a `GET` may have one.
    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The request, to a region's base URL with a region's token.
    pub(super) fn request(&self, base: &Url, token: &SecretString) -> Result<Request> {
        let path = [&["ai", "openapi", "v2"], self.path.as_slice()].concat();
        let request = Request::new(self.operation, self.effect, self.method.clone(), join(base, &path));
        let request = self
            .query
            .iter()
            .fold(request, |request, (name, value)| request.query(name, value))
            .secret_header(TOKEN, token, ToOwned::to_owned)?;
        match &self.body {
            Some(body) => request.json(body),
            None => Ok(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_for_no_machine_is_not_sent() {
        for ids in [&[][..], &[""], &["a", ""]] {
            let ask = Ask::new(Operation::Delete, Effect::Repeatable, Method::DELETE, ["x"]);
            assert_eq!(ask.ids(ids).unwrap_err().kind, Kind::Invalid);
        }
    }

    #[test]
    fn ids_are_repeated() {
        let ask = Ask::new(Operation::Delete, Effect::Repeatable, Method::DELETE, ["x"]);
        let ask = ask.ids(&["a", "b"]).unwrap();
        let base = Url::parse("https://h:65106/").unwrap();
        let request = ask.request(&base, &"t".into()).unwrap();
        assert!(format!("{request:?}").contains("/ai/openapi/v2/x"));
        assert_eq!(ask.query, [("ids", "a".to_owned()), ("ids", "b".to_owned())]);
    }
}
