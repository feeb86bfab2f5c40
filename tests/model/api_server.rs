//! An API server in memory: objects with versions, finalizers, owners and a status of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header::ACCEPT};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::world::{Effect, Fate, ProcessId, World};

/// Where an object is: the kind as paths name it, namespace, name.
pub type Place = (String, String, String);

/// A change that a watch brings.
#[derive(Clone, Debug)]
pub enum Change {
    Applied(Value),
    Deleted(Value),
}

/// Changes as they happen, each with its kind.
pub type Changes = mpsc::UnboundedReceiver<(String, Change)>;

#[derive(Default)]
struct Stored {
    objects: BTreeMap<Place, Value>,
    version: u64,
    uids: u64,
    watchers: Vec<mpsc::UnboundedSender<(String, Change)>>,
}

/// The API server.
pub struct ApiServer {
    world: Arc<World>,
    stored: Mutex<Stored>,
}

type Answer = Result<Value, (u16, &'static str, String)>;

impl ApiServer {
    pub fn new(world: Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            world,
            stored: Mutex::default(),
        })
    }

    /// A client, as this process has it.
    pub fn client(self: &Arc<Self>, process: ProcessId) -> kube::Client {
        kube::Client::new(
            Router::new().fallback(answer).with_state((Arc::clone(self), process)),
            "ml",
        )
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap()
    }

    /// All objects of a kind, and their changes from now on.
    pub fn watch(&self) -> (Vec<(String, Value)>, Changes) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut stored = self.stored();
        stored.watchers.push(sender);
        let objects = stored
            .objects
            .iter()
            .map(|((kind, ..), object)| (kind.clone(), object.clone()));
        (objects.collect(), receiver)
    }

    /// What a user does, past all faults: reads.
    pub fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.stored().objects.get(&place(kind, name)).cloned()
    }

    pub fn all(&self, kind: &str) -> Vec<Value> {
        let stored = self.stored();
        let of_kind = stored.objects.iter().filter(|((of, ..), _)| of == kind);
        of_kind.map(|(_, object)| object.clone()).collect()
    }

    /// What a user does: creates.
    pub fn create(&self, kind: &str, object: Value) -> Value {
        self.stored()
            .create((kind.into(), "ml".into(), String::new()), object)
            .expect("a new object")
    }

    /// What a user does: changes.
    pub fn change(&self, kind: &str, name: &str, patch: &Value) -> bool {
        self.stored().patch(&place(kind, name), patch).is_ok()
    }

    /// What a user does: deletes.
    pub fn delete(&self, kind: &str, name: &str) {
        let _ = self.stored().delete(&place(kind, name));
    }

    async fn serve(&self, process: ProcessId, request: Request) -> Response {
        let what = Asked::read(request).await;
        if what.place.0 == "events" {
            return (StatusCode::CREATED, Json(what.body)).into_response();
        }
        let fate = self.world.fate(process, &what.to_string(), what.effect());
        if fate == Fate::DiesBefore {
            self.world.die(process).await;
        }
        tokio::time::sleep(self.world.span(1, 20)).await;
        let lost = || (504, "Timeout", "the model lost it".to_owned());
        let answer = match fate {
            Fate::RequestLost => Err(lost()),
            Fate::Refused if what.effect() == Effect::Writes => Err(conflict("the model says so")),
            Fate::Refused => Err((429, "TooManyRequests", "the model is busy".to_owned())),
            _ => self.stored().answer(&what),
        };
        match fate {
            Fate::DiesAfter => self.world.die(process).await,
            // Some are told that it failed, others are told nothing.
            Fate::ReplyLost if self.world.one_in(2) => tokio::time::sleep(Duration::from_hours(1)).await,
            _ => {}
        }
        tokio::time::sleep(self.world.span(1, 20)).await;
        respond(
            if fate == Fate::ReplyLost { Err(lost()) } else { answer },
            what.metadata_only,
        )
    }
}

async fn answer(State((server, process)): State<(Arc<ApiServer>, ProcessId)>, request: Request) -> Response {
    server.serve(process, request).await
}

/// Where a namespaced object of the model is.
fn place(kind: &str, name: &str) -> Place {
    (kind.into(), "ml".into(), name.into())
}

fn respond(answer: Answer, metadata_only: bool) -> Response {
    match answer {
        Ok(object) if metadata_only => {
            let meta = json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
            });
            Json(meta).into_response()
        }
        Ok(object) => Json(object).into_response(),
        Err((code, reason, message)) => {
            let status = json!({
                "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
                "code": code, "reason": reason, "message": message,
            });
            (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
        }
    }
}

fn conflict(message: &str) -> (u16, &'static str, String) {
    (409, "Conflict", message.to_owned())
}

fn not_found() -> (u16, &'static str, String) {
    (404, "NotFound", "no such object".to_owned())
}

/// A request, taken apart.
struct Asked {
    method: Method,
    place: Place,
    status: bool,
    metadata_only: bool,
    body: Value,
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, _, name) = &self.place;
        let verb = match (&self.method, self.status, name.as_str()) {
            (&Method::GET, _, "") => "list",
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
    async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let accept = parts
            .headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let metadata_only = accept.contains("PartialObjectMetadata");
        let words: Vec<&str> = parts.uri.path().split('/').filter(|word| !word.is_empty()).collect();
        let rest = if words[0] == "api" { &words[2..] } else { &words[3..] };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, kind, rest @ ..] => (*namespace, [&[*kind], rest].concat()),
            rest => ("", rest.to_vec()),
        };
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        Self {
            method: parts.method,
            place: (
                rest[0].to_owned(),
                namespace.to_owned(),
                rest.get(1).copied().unwrap_or_default().to_owned(),
            ),
            status: rest.get(2) == Some(&"status"),
            metadata_only,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    fn effect(&self) -> Effect {
        if self.method == Method::GET {
            Effect::Reads
        } else {
            Effect::Writes
        }
    }
}

impl Stored {
    fn answer(&mut self, asked: &Asked) -> Answer {
        match asked.method {
            Method::GET if asked.place.2.is_empty() => {
                let items = self.objects.iter().filter(|((kind, ..), _)| *kind == asked.place.0);
                let items: Vec<_> = items.map(|(_, object)| object.clone()).collect();
                let meta = json!({ "resourceVersion": self.version.to_string() });
                Ok(json!({ "apiVersion": "v1", "kind": "List", "metadata": meta, "items": items }))
            }
            Method::GET => self.objects.get(&asked.place).cloned().ok_or_else(not_found),
            Method::POST => self.create(asked.place.clone(), asked.body.clone()),
            Method::PUT if asked.status => self.replace_status(&asked.place, &asked.body),
            Method::PATCH => self.patch(&asked.place, &asked.body),
            _ => Err((405, "MethodNotAllowed", asked.to_string())),
        }
    }

    fn create(&mut self, mut place: Place, mut object: Value) -> Answer {
        object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut place.2);
        if self.objects.contains_key(&place) {
            return Err((409, "AlreadyExists", format!("{place:?} exists")));
        }
        self.uids += 1;
        let meta = &mut object["metadata"];
        meta["namespace"] = json!(place.1);
        meta["uid"] = json!(format!("{:012x}-0000-4000-8000-000000000000", self.uids * 0x1111));
        meta["generation"] = json!(1);
        Ok(self.store(place, object))
    }

    fn replace_status(&mut self, place: &Place, body: &Value) -> Answer {
        let mut object = self.objects.get(place).cloned().ok_or_else(not_found)?;
        guard(&object, &body["metadata"])?;
        let mut status = body["status"].clone();
        prune(&mut status);
        if object["status"] == status {
            return Ok(object);
        }
        object["status"] = status;
        Ok(self.store(place.clone(), object))
    }

    fn patch(&mut self, place: &Place, patch: &Value) -> Answer {
        let before = self.objects.get(place).cloned().ok_or_else(not_found)?;
        guard(&before, &patch["metadata"])?;
        let mut object = before.clone();
        merge(&mut object, patch);
        object["metadata"]["resourceVersion"].clone_from(&before["metadata"]["resourceVersion"]);
        if object == before {
            return Ok(object);
        }
        if object["spec"] != before["spec"] {
            bump_generation(&mut object);
        }
        let leaving = !object["metadata"]["deletionTimestamp"].is_null() && !has_finalizers(&object);
        let stored = self.store(place.clone(), object);
        if leaving {
            self.remove(place);
        }
        Ok(stored)
    }

    fn delete(&mut self, place: &Place) -> Answer {
        let mut object = self.objects.get(place).cloned().ok_or_else(not_found)?;
        if !has_finalizers(&object) {
            self.remove(place);
            return Ok(object);
        }
        if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
            bump_generation(&mut object);
            self.store(place.clone(), object.clone());
        }
        Ok(object)
    }

    fn store(&mut self, place: Place, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell(&place.0, &Change::Applied(object.clone()));
        self.objects.insert(place, object.clone());
        object
    }

    /// Removes an object, and all that it owned.
    fn remove(&mut self, place: &Place) {
        let Some(mut object) = self.objects.remove(place) else {
            return;
        };
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell(&place.0, &Change::Deleted(object.clone()));
        let uid = object["metadata"]["uid"].clone();
        let owned = |object: &Value| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| !owners.is_empty() && owners.iter().all(|owner| owner["uid"] == uid))
        };
        let orphans: Vec<Place> = self
            .objects
            .iter()
            .filter(|(_, object)| owned(object))
            .map(|(place, _)| place.clone())
            .collect();
        for orphan in orphans {
            self.remove(&orphan);
        }
    }

    fn tell(&mut self, kind: &str, change: &Change) {
        self.watchers
            .retain(|watcher| watcher.send((kind.to_owned(), change.clone())).is_ok());
    }
}

fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|finalizers| !finalizers.is_empty())
}

fn bump_generation(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    object["metadata"]["generation"] = json!(generation + 1);
}

/// Who writes with a version, or for a UID, writes only what is still so.
fn guard(object: &Value, meta: &Value) -> Result<(), (u16, &'static str, String)> {
    for field in ["resourceVersion", "uid"] {
        let expected = &meta[field];
        if !expected.is_null() && *expected != object["metadata"][field] {
            return Err(conflict(&format!(
                "{field} is {}, not {expected}",
                object["metadata"][field]
            )));
        }
    }
    Ok(())
}

/// A JSON merge patch.
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut object[key], value);
        }
    }
}

/// Drops what is null, as the API server does with a field that the schema does not let be null.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}
