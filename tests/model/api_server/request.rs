//! What a process asks of the API server, and how it is answered.

use std::fmt;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header::ACCEPT};
use axum::response::{IntoResponse, Response};
use axum::{Json, body::Body};
use serde_json::{Value, json};

use super::store::{Refusal, Store};
use super::{Place, not_found};
use crate::model::faults::Effect;

pub type Answer = Result<Arc<Value>, Refusal>;

/// A request, taken apart.
pub struct Asked {
    pub method: Method,
    pub place: Place,
    pub status: bool,
    pub metadata_only: bool,
    pub body: Value,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { kind, name, .. } = &self.place;
        let verb = match (&self.method, self.status, name.as_str()) {
            (&Method::GET, _, "") => "list",
            (&Method::GET, ..) if self.metadata_only => "look at",
            (&Method::GET, ..) => "get",
            (&Method::POST, ..) => "create",
            (&Method::PUT, true, _) => "status of",
            (&Method::PATCH, ..) => "patch",
            _ => self.method.as_str(),
        };
        write!(f, "{verb} {kind} {name}")
    }
}

impl Asked {
    pub async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let (place, status) = place(parts.uri.path());
        Self {
            method: parts.method,
            place,
            status,
            metadata_only: accept.is_some_and(|accept| accept.contains("PartialObjectMetadata")),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    pub fn effect(&self) -> Effect {
        if self.method == Method::GET {
            Effect::Reads
        } else {
            Effect::Writes
        }
    }

    /// Carries it out.
    pub fn answer(&self, store: &mut Store) -> Answer {
        match self.method {
            Method::GET if self.place.name.is_empty() => Ok(Arc::new(store.list(&self.place))),
            Method::GET => store.get(&self.place).ok_or_else(not_found),
            Method::POST => store.create(&self.place, self.body.clone()),
            Method::PUT if self.status => store.replace_status(&self.place, &self.body),
            Method::PATCH => store.patch(&self.place, &self.body),
            _ => Err((405, "MethodNotAllowed", self.to_string())),
        }
    }

    pub fn respond(&self, answer: Answer) -> Response {
        match answer {
            Ok(object) if self.metadata_only => {
                let meta = json!({
                    "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
                });
                Json(meta).into_response()
            }
            Ok(object) => Response::new(Body::from(serde_json::to_vec(&*object).unwrap())),
            Err((code, reason, message)) => {
                let status = json!({
                    "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
                    "code": code, "reason": reason, "message": message,
                });
                (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
            }
        }
    }
}

/// What a path names, and whether it is its status.
fn place(path: &str) -> (Place, bool) {
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let rest = if words[0] == "api" { &words[2..] } else { &words[3..] };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        rest => ("", rest),
    };
    let place = Place {
        kind: rest[0].to_owned(),
        namespace: namespace.to_owned(),
        name: rest.get(1).copied().unwrap_or_default().to_owned(),
    };
    (place, rest.get(2) == Some(&"status"))
}
