//! XGC's driver on the wire: what it sends, what it makes of the vendor's answers, and of everything else that may
//! come back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod answers;
mod failures;
mod requests;
#[path = "../wire/mod.rs"]
mod wire;

use std::sync::Arc;

use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::{Created, Credentials, Listing, Machine, Provider, Result, Scope};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use wire::NAME;

const TOKEN: &str = "tok-3f9a";
const ID: &str = "cfwbjwa0soug79w2";
const IMAGE: &str = "7fd1f863-c2e2-4af6-b41b-cf92a034c2d3";

/// One of the vendor's answers, from `tests/fixtures/xgc`.
fn fixture(name: &str) -> Value {
    wire::fixture("xgc", name)
}

/// A server that gives one answer to everything, and an account there.
struct Scene {
    server: MockServer,
    provider: Arc<dyn Provider>,
}

impl Scene {
    async fn answering(template: ResponseTemplate) -> Self {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(template).mount(&server).await;
        let endpoint = format!("{}/xgc", server.uri());
        let provider = connect(&endpoint);
        Self { server, provider }
    }

    async fn saying(body: &Value) -> Self {
        Self::answering(ResponseTemplate::new(200).set_body_json(body)).await
    }

    /// The requests that arrived since the last look: method, path and body. Each carried the token, and nothing else
    /// that it should not.
    async fn received(&self) -> Vec<(String, String, Option<Value>)> {
        let requests = self.server.received_requests().await.expect("recorded");
        self.server.reset().await;
        requests
            .iter()
            .map(|request| {
                assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
                assert_eq!(request.url.query(), None);
                let body = (!request.body.is_empty()).then(|| request.body_json().expect("JSON"));
                (request.method.to_string(), request.url.path().to_owned(), body)
            })
            .collect()
    }
}

fn connect(endpoint: &str) -> Arc<dyn Provider> {
    let account = json!({"xgc": {"credentialsSecretRef": {"name": "xgc"}, "endpoint": endpoint}});
    // As it comes out of `echo token | base64`.
    let credentials = Credentials::from_iter([("token", format!("{TOKEN}\n"))]);
    wire::connect(endpoint, account, &credentials, System).expect("connected")
}

/// A spec as a user writes it, with these members set as well.
fn spec(more: Value) -> GpuInstanceSpec {
    let usual = json!({
        "providerRef": {"name": "xgc"},
        "gpu": {"model": "RTX 4090", "count": 1},
        "image": IMAGE,
    });
    wire::spec(usual, more)
}

fn machine(state: InstanceState) -> Machine {
    Machine::new(ID, state, "word")
}

async fn create(provider: &dyn Provider, spec: &GpuInstanceSpec) -> Result<Created> {
    provider.create(&wire::order(spec, None)).await
}

async fn list(body: &Value) -> Result<Listing> {
    Scene::saying(body).await.provider.list(&Scope::default()).await
}
