//! What reaches an API server in memory, under a clock that is turned by hand.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::Value;

use super::*;

/// Remembers every event that is created, and refuses any other write.
#[derive(Clone, Default)]
struct ApiServer {
    events: Arc<Mutex<Vec<Value>>>,
    silent: Arc<Mutex<bool>>,
}

async fn create(State(server): State<ApiServer>, method: Method, Json(event): Json<Value>) -> Response {
    if *server.silent.lock().unwrap() {
        std::future::pending::<()>().await;
    }
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    server.events.lock().unwrap().push(event.clone());
    Json(event).into_response()
}

impl ApiServer {
    fn events(&self) -> Events {
        let router = Router::new().fallback(create).with_state(self.clone());
        Events::new(Client::new(router, "default"), "replica-1")
    }

    fn notes(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .map(|event| event["note"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn instance(name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("gpuinstance.dev/v1alpha1".to_owned()),
        kind: Some("GpuInstance".to_owned()),
        name: Some(name.to_owned()),
        namespace: Some("ml".to_owned()),
        uid: Some(format!("uid-of-{name}")),
        ..ObjectReference::default()
    }
}

const ENOUGH: Duration = Duration::from_mins(2);

#[tokio::test(start_paused = true)]
async fn an_event_says_what_why_and_who() {
    let server = ApiServer::default();
    let events = server.events();
    events.warning(&instance("train-1"), "NoCapacity", "Create", "no RTX 4090 is free");
    events.flush(ENOUGH).await;

    let written = server.events.lock().unwrap()[0].clone();
    assert_eq!(written["type"], "Warning");
    assert_eq!(written["reason"], "NoCapacity");
    assert_eq!(written["action"], "Create");
    assert_eq!(written["note"], "no RTX 4090 is free");
    assert_eq!(written["reportingController"], "gpu-instance-operator");
    assert_eq!(written["reportingInstance"], "replica-1");
    assert_eq!(written["regarding"]["uid"], "uid-of-train-1");
    assert_eq!(written["metadata"]["namespace"], "ml");
}

#[tokio::test(start_paused = true)]
async fn the_same_words_are_written_once_and_other_words_at_once() {
    let server = ApiServer::default();
    let events = server.events();
    let object = instance("train-1");
    for _ in 0..100 {
        events.warning(&object, "Failed", "Create", "first");
    }
    events.warning(&object, "Failed", "Create", "second");
    events.warning(&instance("train-2"), "Failed", "Create", "first");
    for note in ["first", "second"] {
        events.warning(&object, "Failed", "Create", note);
    }
    events.flush(ENOUGH).await;
    assert_eq!(server.notes(), ["first", "second", "first"]);
}

#[tokio::test(start_paused = true)]
async fn words_are_news_again_after_a_while_or_after_success() {
    let server = ApiServer::default();
    let events = server.events();
    let object = instance("train-1");
    let say = async || {
        events.warning(&object, "Failed", "Create", "first");
        events.flush(ENOUGH).await;
        server.notes().len()
    };
    assert_eq!(say().await, 1);
    tokio::time::advance(REPEAT_AFTER.saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(say().await, 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(say().await, 2);
    events.forget("uid-of-train-1");
    assert_eq!(say().await, 3);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_never_repeats_itself_is_cut_off() {
    let server = ApiServer::default();
    let events = server.events();
    for n in 0..MOST_PER_OBJECT * 2 {
        events.warning(&instance("train-1"), "Failed", "Create", format!("request {n}"));
    }
    events.flush(ENOUGH).await;
    assert_eq!(server.notes().len(), MOST_PER_OBJECT);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_hangs_delays_nobody() {
    let server = ApiServer::default();
    *server.silent.lock().unwrap() = true;
    let events = server.events();
    let started = Instant::now();
    for n in 0..QUEUE * 2 {
        events.normal(&instance(&format!("train-{n}")), "Running", "Start", "it runs");
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    events.flush(Duration::from_secs(3)).await;
    assert_eq!(started.elapsed(), Duration::from_secs(3));

    *server.silent.lock().unwrap() = false;
    tokio::time::sleep(super::super::CALL_DEADLINE * 2).await;
    let written = server.notes().len();
    assert!((1..=QUEUE).contains(&written), "{written}");
}

#[test]
fn a_long_note_is_cut_at_a_character() {
    let note = cut("余".repeat(400));
    assert!(
        note.len() <= LONGEST_NOTE && note.ends_with("余…"),
        "{} bytes",
        note.len()
    );
    assert_eq!(cut("short".to_owned()), "short");
}
