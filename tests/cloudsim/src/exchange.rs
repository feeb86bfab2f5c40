//! A call of a cloud's API, away from HTTP.

use axum::{
    body::Bytes,
    http::{HeaderMap, Method},
};
use serde_json::Value;

/// What a cloud was asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Below the cloud's prefix, beginning with a slash.
    pub(crate) path: String,
    /// As it came, without the question mark; empty where there is none.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a request is, before anything is done about it.
#[derive(Debug)]
pub(crate) struct Recognised {
    /// Without the cloud's prefix, such as `deploy`.
    pub(crate) operation: &'static str,
    /// Whose credentials it carries, if they are good.
    pub(crate) account: Option<String>,
    /// The name of the machine that it is about.
    pub(crate) machine: Option<String>,
}

/// What a cloud answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// The cloud's error code; none is success.
    pub(crate) code: Option<String>,
    /// Whether something was changed.
    pub(crate) committed: bool,
    /// The machine that was created or changed.
    pub(crate) touched: Option<String>,
    pub(crate) machines: Option<Machines>,
}

impl Reply {
    /// A success that changed nothing, with this to say.
    pub(crate) fn json(body: Value) -> Self {
        Self {
            status: 200,
            body: Body::Json(body),
            code: None,
            committed: false,
            touched: None,
            machines: None,
        }
    }

    /// The same without JSON.
    pub(crate) fn text(status: u16, content_type: &'static str, text: String) -> Self {
        Self {
            status,
            body: Body::Text { content_type, text },
            ..Self::json(Value::Null)
        }
    }

    /// What the HTTP framework that most of the clouds use says about a path that it does not have.
    pub(crate) fn page_not_found() -> Self {
        Self {
            code: Some("404".to_owned()),
            ..Self::text(404, "text/plain", "404 page not found".to_owned())
        }
    }
}

#[derive(Debug)]
pub(crate) enum Body {
    Json(Value),
    Text { content_type: &'static str, text: String },
}

/// Where in a reply's JSON the machines are.
#[derive(Debug)]
pub(crate) struct Machines {
    /// The pointer to the list, or to the only machine.
    pub(crate) pointer: &'static str,
    /// The pointer to the total, if it is a list that has one.
    pub(crate) total: Option<&'static str>,
    /// The pointer below a machine to its name.
    pub(crate) name: &'static str,
    /// Their names, in the order of the list.
    pub(crate) names: Vec<String>,
}

/// Why a cloud refuses a call that is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoCapacity,
    LowBalance,
    Unauthorized,
    Other {
        code: i64,
        message: Option<String>,
        success: bool,
    },
}
