//! An API server in memory, as processes and users get to it.

mod request;
mod rules;
mod store;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::Value;
use tokio::sync::mpsc;

use super::faults::{Effect, Fate};
use super::world::{ProcessId, World};
use request::Asked;
use store::{Refusal, Store};

pub use store::Witness;

/// The namespace in which all happens.
pub const NAMESPACE: &str = "ml";

/// Where an object is: the kind as paths name it, namespace (none for a kind of the cluster), name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl Place {
    /// `name`, or `namespace/name`.
    fn of(kind: &str, name: &str) -> Self {
        let (namespace, name) = name.split_once('/').unwrap_or((NAMESPACE, name));
        let is_of_cluster = matches!(kind, "clustergpuproviders" | "namespaces");
        Self {
            kind: kind.to_owned(),
            namespace: if is_of_cluster {
                String::new()
            } else {
                namespace.to_owned()
            },
            name: name.to_owned(),
        }
    }
}

/// A change that a watch brings.
#[derive(Clone, Debug)]
pub enum Change {
    Applied(Arc<Value>),
    Deleted(Arc<Value>),
}

/// Changes as they happen, each with its kind.
pub type Changes = mpsc::UnboundedReceiver<(String, Change)>;

/// The API server.
pub struct ApiServer {
    world: Arc<World>,
    /// What its operators put into the names that they give.
    pub installation: &'static str,
    stored: Mutex<Store>,
}

impl ApiServer {
    pub fn new(world: Arc<World>, installation: &'static str) -> Arc<Self> {
        Arc::new(Self {
            world,
            installation,
            stored: Mutex::default(),
        })
    }

    /// A client, as this process has it.
    pub fn client(self: &Arc<Self>, process: ProcessId) -> kube::Client {
        let routes = Router::new().fallback(answer).with_state((Arc::clone(self), process));
        kube::Client::new(routes, NAMESPACE)
    }

    fn stored(&self) -> MutexGuard<'_, Store> {
        self.stored.lock().unwrap()
    }

    /// Has somebody told of each object that is gone, at the moment when it goes.
    pub fn witnessed_by(&self, witness: Witness) {
        self.stored().witnessed_by(witness);
    }

    /// How often anything was changed.
    pub fn version(&self) -> u64 {
        self.stored().version()
    }

    /// All objects, and their changes from now on.
    pub fn watch(&self) -> (Vec<(String, Arc<Value>)>, Changes) {
        self.stored().watch()
    }

    /// An object as it is.
    pub fn get(&self, kind: &str, name: &str) -> Option<Arc<Value>> {
        self.stored().get(&Place::of(kind, name))
    }

    /// All objects of a kind, as they are.
    pub fn all(&self, kind: &str) -> Vec<Arc<Value>> {
        self.stored().of_kind(kind).cloned().collect()
    }
}

/// What a user does, past all faults. What breaks a rule of its kind is refused, as by the real API server.
impl ApiServer {
    /// Whether it was created.
    pub fn create(&self, kind: &str, object: Value) -> bool {
        if let Err(why) = rules::check(kind, &object, None) {
            self.world.note(format!("    refused: {why}"));
            return false;
        }
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(NAMESPACE);
        let place = Place::of(kind, &format!("{namespace}/"));
        self.stored().create(&place, object).is_ok()
    }

    /// Whether it was changed.
    pub fn change(&self, kind: &str, name: &str, patch: &Value) -> bool {
        let place = Place::of(kind, name);
        let Some(before) = self.stored().get(&place) else {
            return false;
        };
        let mut after = (*before).clone();
        store::merge(&mut after, patch);
        if let Err(why) = rules::check(kind, &after, Some(&before)) {
            self.world.note(format!("    refused: {why}"));
            return false;
        }
        self.stored().patch(&place, patch).is_ok()
    }

    /// Changes what is stored past all rules: as an older version of a kind let it be, or a backup of etcd brings it.
    pub fn force(&self, kind: &str, name: &str, patch: &Value) {
        let _ = self.stored().patch(&Place::of(kind, name), patch);
    }

    /// An object is no more, whatever holds on to it: what a loss of the cluster does.
    pub fn lose(&self, kind: &str, name: &str) {
        self.stored().lose(&Place::of(kind, name));
    }

    pub fn delete(&self, kind: &str, name: &str) {
        let _ = self.stored().delete(&Place::of(kind, name));
    }

    /// Deletes all that is in the namespace.
    pub fn delete_all(&self) {
        let places: Vec<Place> = self.stored().places().cloned().collect();
        for place in places.iter().filter(|place| place.namespace == NAMESPACE) {
            let _ = self.stored().delete(place);
        }
    }
}

impl ApiServer {
    async fn serve(&self, process: ProcessId, request: Request) -> Response {
        let asked = Asked::read(request).await;
        if asked.place.kind == "events" {
            return (StatusCode::CREATED, Json(asked.body)).into_response();
        }
        let fate = self.world.fate(process, &asked.to_string(), asked.effect());
        if fate == Fate::DiesBefore {
            self.world.die(process).await;
        }
        tokio::time::sleep(self.world.span(1, 20)).await;
        let lost = || (504, "Timeout", "the model lost it".to_owned());
        let answer = match fate {
            Fate::RequestLost => Err(lost()),
            Fate::Refused if asked.effect() == Effect::Writes => Err(conflict("the model says so")),
            Fate::Refused => Err((429, "TooManyRequests", "the model is busy".to_owned())),
            _ => asked.answer(&mut self.stored()),
        };
        match fate {
            Fate::DiesAfter => self.world.die(process).await,
            // Some are told that it failed, others are told nothing.
            Fate::ReplyLost if self.world.one_in(2) => tokio::time::sleep(Duration::from_hours(1)).await,
            _ => {}
        }
        tokio::time::sleep(self.world.span(1, 20)).await;
        asked.respond(if fate == Fate::ReplyLost { Err(lost()) } else { answer })
    }
}

async fn answer(State((server, process)): State<(Arc<ApiServer>, ProcessId)>, request: Request) -> Response {
    server.serve(process, request).await
}

fn conflict(message: &str) -> Refusal {
    (409, "Conflict", message.to_owned())
}

fn not_found() -> Refusal {
    (404, "NotFound", "no such object".to_owned())
}
