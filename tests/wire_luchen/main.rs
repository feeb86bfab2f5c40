//! Luchen's driver on the wire: what it sends, what it makes of the vendor's answers, and of everything else that may
//! come back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod answers;
mod catalog;
mod failures;
mod pages;
mod requests;
mod session;
#[path = "../wire/mod.rs"]
mod wire;

use std::sync::Arc;

use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::{Created, Credentials, Listing, Machine, Provider, Result, Scope};
use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use wire::NAME;

const USER: &str = "alice-7d1";
const PASSWORD: &str = "pw-3f9a;x";
const ACCOUNT: &str = "3f0e2d1c-0000-4000-8000-000000000001";
const ID: &str = "notebook-43f8fcd9-0000-4000-8000-96891d9dfb5e";
const IMAGE: &str = "7a81788c-0000-4000-8000-2409e3c8150c";
const REGION: &str = "fce31a0c-0000-4000-8000-41caa1bdd251";
const H800: &str = "dc25f5be-0000-4000-8000-000000000001";

/// One of the vendor's examples, from `tests/fixtures/luchen`.
fn fixture(name: &str) -> Value {
    wire::fixture("luchen", name)
}

fn token() -> String {
    fixture("login")["accessToken"].as_str().unwrap().to_owned()
}

/// What arrived: method, path below the base, and body.
type Received = (String, String, Option<Value>);

/// A server that takes the login and gives one answer to everything else, and an account there.
struct Scene {
    server: MockServer,
    provider: Arc<dyn Provider>,
}

impl Scene {
    async fn answering(template: ResponseTemplate) -> Self {
        let scene = Self::logged_in(ResponseTemplate::new(200).set_body_json(fixture("login"))).await;
        Mock::given(any()).respond_with(template).mount(&scene.server).await;
        scene
    }

    async fn logged_in(login: ResponseTemplate) -> Self {
        let server = MockServer::start().await;
        let at_login = Mock::given(path("/luchen/user/login")).respond_with(login);
        at_login.with_priority(1).mount(&server).await;
        let provider = connect(&format!("{}/luchen", server.uri()));
        Self { server, provider }
    }

    async fn saying(body: &Value) -> Self {
        Self::answering(ResponseTemplate::new(200).set_body_json(body)).await
    }

    /// Takes orders: the types, the volumes and the create's answer are the fixtures.
    async fn selling() -> Self {
        let scene = Self::saying(&fixture("taken")).await;
        scene.at("/resource/user/instance/list", &fixture("types")).await;
        scene.at("/storage/volume/list", &fixture("volumes")).await;
        scene.at("/instance/create", &fixture("created")).await;
        scene
    }

    async fn at(&self, operation: &str, body: &Value) {
        self.with(operation, ResponseTemplate::new(200).set_body_json(body))
            .await;
    }

    /// From now on, this operation is answered so.
    async fn with(&self, operation: &str, template: ResponseTemplate) {
        let place = Mock::given(path(format!("/luchen{operation}"))).respond_with(template);
        place.with_priority(2).mount(&self.server).await;
    }

    /// Everything that arrived, logins included.
    async fn all(&self) -> Vec<Received> {
        let requests = self.server.received_requests().await.expect("recorded");
        let read = |request: &wiremock::Request| {
            assert_eq!(request.url.query(), None);
            let body = (!request.body.is_empty()).then(|| request.body_json().expect("JSON"));
            let path = request.url.path().trim_start_matches("/luchen").to_owned();
            if path != "/user/login" {
                let cookie = request.headers["cookie"].to_str().unwrap();
                assert!(cookie.starts_with("AccessToken=eyJ"), "{cookie}");
            }
            (request.method.to_string(), path, body)
        };
        requests.iter().map(read).collect()
    }

    /// The requests that arrived, without logins.
    async fn received(&self) -> Vec<Received> {
        let mut all = self.all().await;
        all.retain(|(_, path, _)| path != "/user/login");
        all
    }

    async fn logins(&self) -> usize {
        let all = self.all().await;
        all.iter().filter(|(_, path, _)| path == "/user/login").count()
    }

    /// How often an operation was asked.
    async fn count(&self, operation: &str) -> usize {
        self.received()
            .await
            .iter()
            .filter(|(_, path, _)| path == operation)
            .count()
    }
}

fn connect(endpoint: &str) -> Arc<dyn Provider> {
    let account = json!({"luchen": {"credentialsSecretRef": {"name": "luchen"}, "endpoint": endpoint}});
    // As it comes out of `echo … | base64`.
    let credentials =
        Credentials::from_iter([("username", format!("{USER}\n")), ("password", format!("{PASSWORD}\n"))]);
    wire::connect(endpoint, account, &credentials, System).expect("connected")
}

/// A spec as a user writes it, with these members set as well.
fn spec(more: Value) -> GpuInstanceSpec {
    let usual = json!({
        "providerRef": {"name": "luchen"},
        "region": REGION,
        "gpu": {"model": "H800-SXM", "count": 1},
        "image": IMAGE,
    });
    wire::spec(usual, more)
}

/// All that Luchen's list of types could tell is pinned.
fn pinned(more: Value) -> GpuInstanceSpec {
    let mut spec = spec(more);
    spec.gpu = None;
    spec.luchen.get_or_insert_default().instance_type_id = Some(H800.to_owned());
    spec
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
