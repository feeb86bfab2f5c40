//! Capital Online's driver on the wire: what it sends, what it makes of the vendor's answers, and of everything else
//! that may come back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod answers;
mod failures;
mod requests;
#[path = "../wire/mod.rs"]
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::{Created, Credentials, Listing, Machine, Provider, Result, Scope};
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use wire::NAME;

const KEY_ID: &str = "AKTESTEXAMPLE0001";
const SECRET: &str = "SKtest/Example+Secret=01";
const PASSWORD: &str = "Pass-w0rd-of-ours";
const ID: &str = "0d19f7e6-553f-43be-ab3f-b5c31b3511d9";
const IMAGE: &str = "d32af696-5774-4936-8f09-e9f4cf069b31";
const COMPUTE: &str = "8fbdb61e-b941-46db-89f6-f8953b278ec9";

/// One of the vendor's answers, from `tests/fixtures/capital_online`.
fn fixture(name: &str) -> Value {
    wire::fixture("capital_online", name)
}

/// A request as it arrived: method, path, its own part of the query, and its body.
type Sent = (String, String, BTreeMap<String, String>, Option<Value>);

/// A server that answers each action, and an account there.
struct Scene {
    server: MockServer,
    provider: Arc<dyn Provider>,
}

impl Scene {
    async fn new() -> Self {
        let server = MockServer::start().await;
        let provider = connect(&server.uri());
        Self { server, provider }
    }

    async fn answering(template: ResponseTemplate) -> Self {
        let scene = Self::new().await;
        Mock::given(any()).respond_with(template).mount(&scene.server).await;
        scene
    }

    async fn saying(body: &Value) -> Self {
        Self::answering(ResponseTemplate::new(200).set_body_json(body)).await
    }

    /// Answers one action so, until something else is said.
    async fn on(&self, action: &str, body: &Value) {
        Mock::given(query_param("Action", action))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&self.server)
            .await;
    }

    /// The requests that arrived since the last look. Each had a signed query with a nonce of its own.
    async fn received(&self) -> Vec<Sent> {
        let requests = self.server.received_requests().await.expect("recorded");
        self.server.reset().await;
        let mut nonces = Vec::new();
        let sent = requests.iter().map(|request| {
            let mut query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
            nonces.extend(query.remove("SignatureNonce"));
            for (name, value) in [
                ("AccessKeyId", KEY_ID),
                ("SignatureMethod", "HMAC-SHA1"),
                ("SignatureVersion", "1.0"),
                ("Version", "2019-08-08"),
            ] {
                assert_eq!(query.remove(name).as_deref(), Some(value));
            }
            assert_eq!(query.remove("Timestamp").map(|time| time.len()), Some(20));
            assert_eq!(query.remove("Signature").map(|signature| signature.len()), Some(28));
            let body = (!request.body.is_empty()).then(|| request.body_json().expect("JSON"));
            (request.method.to_string(), request.url.path().to_owned(), query, body)
        });
        let sent: Vec<Sent> = sent.collect();
        let count = nonces.len();
        nonces.sort();
        nonces.dedup();
        assert_eq!((nonces.len(), count), (sent.len(), sent.len()), "fresh nonces");
        sent
    }
}

fn connect(server: &str) -> Arc<dyn Provider> {
    let account = json!({"capitalOnline": {
        "credentialsSecretRef": {"name": "cds"},
        "endpoint": format!("{server}/gpubms/v1"),
        "vpcEndpoint": format!("{server}/vpc/"),
    }});
    // As it comes out of `echo secret | base64`.
    let secret = format!("{SECRET}\n");
    let credentials = Credentials::from_iter([("accessKeyId", KEY_ID), ("accessKeySecret", &secret)]);
    wire::connect(server, account, &credentials, System).expect("connected")
}

/// A spec as a user writes it, with these members set as well.
fn spec(more: Value) -> GpuInstanceSpec {
    let mut spec = json!({
        "providerRef": {"name": "cds"},
        "region": "CN_Hohhot_B",
        "image": IMAGE,
        "capitalOnline": {"vpcId": "vpc-1", "subnetId": "net-1", "goodsId": 7685, "computeId": COMPUTE},
    });
    merge(&mut spec, more);
    serde_json::from_value(spec).expect("a spec")
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

fn machine(state: InstanceState) -> Machine {
    Machine::new(ID, state, "word")
}

fn password() -> SecretString {
    PASSWORD.into()
}

async fn create(provider: &dyn Provider, spec: &GpuInstanceSpec) -> Result<Created> {
    provider.create(&wire::order(spec, Some(&password()))).await
}

async fn list(body: &Value) -> Result<Listing> {
    Scene::saying(body).await.provider.list(&Scope::default()).await
}
