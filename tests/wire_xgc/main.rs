//! XGC's driver on the wire: what it sends, what it makes of the vendor's answers, and of everything else that may
//! come back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod answers;
mod failures;
mod requests;

use std::sync::Arc;

use gpu_instance_operator::api::{GpuInstanceSpec, GpuProviderSpec, InstanceState};
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::endpoint::EndpointPolicy;
use gpu_instance_operator::provider::{
    Connector, Created, Credentials, Listing, Machine, Order, Provider, Result, Scope,
};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

const TOKEN: &str = "tok-3f9a";
const ID: &str = "cfwbjwa0soug79w2";
const NAME: &str = "gi-3f2a91c0-9b1c7d2e4f60-1";
const IMAGE: &str = "7fd1f863-c2e2-4af6-b41b-cf92a034c2d3";

/// One of the vendor's answers, from `tests/fixtures/xgc`.
fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/xgc/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
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
    let policy = EndpointPolicy::new([endpoint.parse().expect("a URL")]).expect("allowed");
    let connector = Connector::new(policy, Arc::new(System)).expect("HTTPS can be set up");
    let account = json!({"xgc": {"credentialsSecretRef": {"name": "xgc"}, "endpoint": endpoint}});
    let account: GpuProviderSpec = serde_json::from_value(account).expect("a spec");
    // As it comes out of `echo token | base64`.
    let credentials = Credentials::from_iter([("token", format!("{TOKEN}\n"))]);
    connector.connect(&account, &credentials).expect("connected")
}

/// A spec as a user writes it, with these members set as well.
fn spec(more: Value) -> GpuInstanceSpec {
    let mut spec = json!({
        "providerRef": {"name": "xgc"},
        "gpu": {"model": "RTX 4090", "count": 1},
        "image": IMAGE,
    });
    let (Value::Object(members), Value::Object(more)) = (&mut spec, more) else {
        panic!("members of a spec")
    };
    members.extend(more);
    serde_json::from_value(spec).expect("a spec")
}

fn machine(state: InstanceState) -> Machine {
    Machine::new(ID, state, "word")
}

async fn create(provider: &dyn Provider, spec: &GpuInstanceSpec) -> Result<Created> {
    let order = Order {
        name: NAME,
        spec,
        startup_script: None,
        password: None,
    };
    provider.create(&order).await
}

async fn list(body: &Value) -> Result<Listing> {
    Scene::saying(body).await.provider.list(&Scope::default()).await
}
