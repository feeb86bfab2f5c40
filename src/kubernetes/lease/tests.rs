//! Contenders against an API server in memory, under a clock that is turned by hand.

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;
use crate::environment::System;

/// Keeps one Lease as an API server does: each write gets a new `resourceVersion`, and needs the last one.
#[derive(Clone, Default)]
struct ApiServer(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    lease: Option<Value>,
    version: u64,
    writes: u32,
    mood: Mood,
}

/// What the API server does with a request.
#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Well,
    /// It answers nothing.
    Silent,
    /// It answers that it is overloaded.
    Overloaded,
    /// It writes, and the answer is lost; once.
    LosesAnswer,
}

impl ApiServer {
    fn client(&self) -> Client {
        Client::new(Router::new().fallback(answer).with_state(self.clone()), "default")
    }

    fn elector(&self, replica: &str) -> Elector {
        Elector::new(self.client(), "gpu", replica, Arc::new(System))
    }

    fn set_mood(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    fn holder(&self) -> Option<String> {
        let stored = self.0.lock().unwrap();
        let holder = &stored.lease.as_ref()?["spec"]["holderIdentity"];
        holder.as_str().map(ToOwned::to_owned)
    }

    fn spec(&self, field: &str) -> Value {
        self.0.lock().unwrap().lease.as_ref().unwrap()["spec"][field].clone()
    }

    fn writes(&self) -> u32 {
        self.0.lock().unwrap().writes
    }

    /// Another client changes the Lease.
    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut stored = self.0.lock().unwrap();
        let mut lease = stored.lease.clone().unwrap();
        change(&mut lease);
        stored.store(lease);
    }

    fn delete(&self) {
        self.0.lock().unwrap().lease = None;
    }
}

impl Stored {
    fn store(&mut self, mut lease: Value) -> Value {
        self.version += 1;
        self.writes += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(lease.clone());
        lease
    }

    /// The answer to a request that arrived.
    fn answer(&mut self, method: &Method, body: Option<Value>) -> Response {
        let refuse = |code: StatusCode, reason: &str| {
            let status = json!({ "kind": "Status", "status": "Failure", "code": code.as_u16(), "reason": reason, "message": reason });
            (code, Json(status)).into_response()
        };
        match (method, body, &self.lease) {
            (&Method::GET, _, Some(lease)) => Json(lease.clone()).into_response(),
            (&Method::POST, Some(_), Some(_)) => refuse(StatusCode::CONFLICT, "AlreadyExists"),
            (&Method::POST, Some(body), None) => Json(self.store(body)).into_response(),
            (&Method::PUT, Some(body), Some(lease)) => {
                if body["metadata"]["resourceVersion"] == lease["metadata"]["resourceVersion"] {
                    Json(self.store(body)).into_response()
                } else {
                    refuse(StatusCode::CONFLICT, "Conflict")
                }
            }
            _ => refuse(StatusCode::NOT_FOUND, "NotFound"),
        }
    }
}

async fn answer(State(server): State<ApiServer>, request: Request) -> Response {
    let method = request.method().clone();
    let bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let mood = server.0.lock().unwrap().mood;
    match mood {
        Mood::Silent => std::future::pending().await,
        Mood::Overloaded => StatusCode::TOO_MANY_REQUESTS.into_response(),
        Mood::Well => server
            .0
            .lock()
            .unwrap()
            .answer(&method, serde_json::from_slice(&bytes).ok()),
        Mood::LosesAnswer => {
            {
                let mut stored = server.0.lock().unwrap();
                let _ = stored.answer(&method, serde_json::from_slice(&bytes).ok());
                if method != Method::GET {
                    stored.mood = Mood::Well;
                }
            }
            if method == Method::GET {
                server.0.lock().unwrap().answer(&method, None)
            } else {
                std::future::pending().await
            }
        }
    }
}

/// Lets a future run for this long; its result if it ended.
async fn run_for<T>(span: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(span, future).await.ok()
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn of_two_contenders_one_leads_for_as_long_as_it_renews() {
    let server = ApiServer::default();
    let (first, second) = (server.elector("a"), server.elector("b"));
    let mut lease = first.acquire().await;
    assert_eq!(server.holder().as_deref(), Some(first.identity()));

    let standby = tokio::spawn(async move { second.acquire().await });
    assert_eq!(run_for(10 * MINUTE, lease.keep()).await, None);

    assert!(!standby.is_finished());
    assert!(lease.leadership().is_held());
    assert_eq!(server.holder().as_deref(), Some(first.identity()));
}

#[tokio::test(start_paused = true)]
async fn contenders_that_start_together_do_not_both_lead() {
    let server = ApiServer::default();
    let contenders = (0..8).map(|n| {
        let elector = server.elector(&format!("replica-{n}"));
        tokio::spawn(async move { elector.acquire().await })
    });
    let contenders: Vec<_> = contenders.collect();
    // Shorter than a Lease is valid: nobody may have taken over from the winner.
    sleep(VALID_FOR.saturating_sub(LOOK_EVERY)).await;
    assert_eq!(contenders.iter().filter(|contender| contender.is_finished()).count(), 1);
    assert_eq!(server.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_followed_when_its_lease_was_seen_to_expire() {
    let server = ApiServer::default();
    drop(server.elector("a").acquire().await);
    // The dead leader's clock was a day ahead: that must not matter.
    server.edit(|lease| lease["spec"]["renewTime"] = json!("2099-01-01T00:00:00.000000Z"));

    let second = server.elector("b");
    let started = Instant::now();
    drop(second.acquire().await);
    let waited = started.elapsed();
    assert!(waited >= VALID_FOR && waited <= VALID_FOR + LOOK_EVERY, "{waited:?}");
    assert_eq!(server.holder().as_deref(), Some(second.identity()));
    assert_eq!(server.spec("leaseTransitions"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_longer_validity_that_the_holder_wrote_is_respected() {
    let server = ApiServer::default();
    drop(server.elector("a").acquire().await);
    server.edit(|lease| lease["spec"]["leaseDurationSeconds"] = json!(60));
    let started = Instant::now();
    drop(server.elector("b").acquire().await);
    assert!(started.elapsed() >= MINUTE, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_taken_at_once() {
    let server = ApiServer::default();
    let lease = server.elector("a").acquire().await;
    lease.release().await;
    assert_eq!(server.holder().as_deref(), Some(""));

    let started = Instant::now();
    drop(server.elector("b").acquire().await);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_dropped_half_way_does_not_hinder_giving_back() {
    let server = ApiServer::default();
    let mut lease = server.elector("a").acquire().await;
    server.set_mood(Mood::LosesAnswer);
    assert_eq!(run_for(RENEW_EVERY + Duration::from_secs(1), lease.keep()).await, None);
    lease.release().await;
    assert_eq!(server.holder().as_deref(), Some(""));
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_loses_before_another_may_take_over() {
    for mood in [Mood::Silent, Mood::Overloaded] {
        let server = ApiServer::default();
        let mut lease = server.elector("a").acquire().await;
        let (leadership, started) = (lease.leadership(), Instant::now());
        server.set_mood(mood);
        let lost = lease.keep().await;
        assert!(matches!(lost, LeaseLost::NotRenewed(_)), "{lost}");
        assert_eq!(started.elapsed(), RENEW_DEADLINE);
        assert!(!leadership.is_held());
    }
    assert!(RENEW_DEADLINE < VALID_FOR);
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_is_survived() {
    let server = ApiServer::default();
    let mut lease = server.elector("a").acquire().await;
    let outage = server.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(4)).await;
        outage.set_mood(Mood::Silent);
        sleep(Duration::from_secs(3)).await;
        outage.set_mood(Mood::Well);
    });
    assert_eq!(run_for(MINUTE, lease.keep()).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_slept_through_its_deadline_does_not_try() {
    let server = ApiServer::default();
    let mut lease = server.elector("a").acquire().await;
    let leadership = lease.leadership();
    tokio::time::advance(RENEW_DEADLINE + Duration::from_secs(1)).await;
    assert!(!leadership.is_held());
    let writes = server.writes();
    let lost = lease.keep().await;
    assert!(matches!(lost, LeaseLost::NotRenewed(_)), "{lost}");
    assert_eq!(server.writes(), writes);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_over_a_lease_that_is_still_ours_is_no_loss() {
    let server = ApiServer::default();
    let mut lease = server.elector("a").acquire().await;
    server.edit(|lease| lease["metadata"]["labels"]["team"] = json!("ml"));
    assert_eq!(run_for(MINUTE, lease.keep()).await, None);
    server.set_mood(Mood::LosesAnswer);
    assert_eq!(run_for(MINUTE, lease.keep()).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_took_is_lost_at_the_next_renewal() {
    let server = ApiServer::default();
    let mut lease = server.elector("a").acquire().await;
    server.edit(|lease| lease["spec"]["holderIdentity"] = json!("b"));
    let started = Instant::now();
    assert_eq!(lease.keep().await, LeaseLost::Taken("b".to_owned()));
    assert!(started.elapsed() <= RENEW_EVERY + ATTEMPT_DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_deleted_is_lost() {
    let server = ApiServer::default();
    let mut lease = server.elector("a").acquire().await;
    server.delete();
    assert_eq!(lease.keep().await, LeaseLost::Deleted);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_taking_is_settled_by_looking() {
    let server = ApiServer::default();
    server.set_mood(Mood::LosesAnswer);
    let elector = server.elector("a");
    let started = Instant::now();
    let lease = elector.acquire().await;
    // Not after 15 s: it knows its own name in the Lease.
    assert!(started.elapsed() < VALID_FOR, "{:?}", started.elapsed());
    assert!(lease.leadership().is_held());
}

#[tokio::test(start_paused = true)]
async fn replicas_of_one_name_are_told_apart() {
    let server = ApiServer::default();
    assert_ne!(server.elector("a").identity(), server.elector("a").identity());
    assert!(Leadership::uncontended().is_held());
}
