//! Neolink's driver on the wire: what it sends, what it makes of the vendor's answers, and of everything else that may
//! come back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod answers;
mod catalog;
mod failures;
mod lists;
mod requests;
#[path = "../wire/mod.rs"]
mod wire;

use std::sync::Arc;

use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::environment::Environment;
use gpu_instance_operator::provider::{Created, Credentials, Listing, Machine, Provider, Result, Scope};
use jiff::Timestamp;
use serde_json::{Value, json};
use wiremock::matchers::{any, method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use wire::NAME;

const TOKEN: &str = "tok-3f9a";
const USER: &str = "xxx";
const REGION: &str = "14c5a9e3-0d09-4aa0-99d3-c096b80cceaa";
const CLUSTER: &str = "host-cluster";
const ID: &str = "instance-ccffxxxx";
const IMAGE: &str = "images.neolink-ai.com/matrixdc/pytorch:2.4";

/// The clock of these tests: within the discount of the vendor's example.
struct Noon;

impl Environment for Noon {
    fn now(&self) -> Timestamp {
        "2024-09-02T12:00:00Z".parse().unwrap()
    }

    fn random(&self) -> u64 {
        0
    }

    fn secret_bytes(&self) -> [u8; 32] {
        [0; 32]
    }
}

/// One of the vendor's examples, from `tests/fixtures/neolink`.
fn fixture(name: &str) -> Value {
    wire::fixture("neolink", name)
}

/// The vendor's example with a SKU for most of these tests beside it: one 4090 by the hour.
fn skus() -> Value {
    let mut skus = fixture("skus");
    let mut sku = skus[0].clone();
    for (name, value) in [
        ("name", json!("4090")),
        ("gpuSeries", json!("4090")),
        ("gpuProduct", json!("4090")),
        ("skusID", json!("66")),
        ("ratio", json!(1)),
        ("price", json!(2.5)),
    ] {
        sku[name] = value;
    }
    skus.as_array_mut().unwrap().push(sku);
    skus
}

/// A server with the vendor's regions and catalog, that gives one answer to everything else; and an account there.
struct Scene {
    server: MockServer,
    provider: Arc<dyn Provider>,
}

impl Scene {
    async fn answering(template: ResponseTemplate) -> Self {
        Self::with_catalog(&skus(), template).await
    }

    async fn saying(body: &Value) -> Self {
        Self::answering(ResponseTemplate::new(200).set_body_json(body)).await
    }

    async fn with_catalog(catalog: &Value, template: ResponseTemplate) -> Self {
        let server = MockServer::start().await;
        let json = |body: &Value| ResponseTemplate::new(200).set_body_json(body);
        let regions = Mock::given(method("GET")).and(path("/neolink/regions"));
        regions.respond_with(json(&fixture("regions"))).mount(&server).await;
        let skus = Mock::given(method("GET")).and(path_regex("^/neolink/skus/computings$"));
        skus.respond_with(json(catalog)).mount(&server).await;
        Mock::given(any()).respond_with(template).mount(&server).await;
        let provider = connect(&format!("{}/neolink", server.uri()));
        Self { server, provider }
    }

    /// The requests that arrived, but for the reads of the regions: method, path with query, and body. Each carried
    /// the token and the user's id.
    async fn received(&self) -> Vec<(String, String, Option<Value>)> {
        let requests = self.server.received_requests().await.expect("recorded");
        let requests = requests
            .iter()
            .filter(|request| request.url.path() != "/neolink/regions");
        requests
            .map(|request| {
                assert_eq!(request.headers["authorization"], format!("bearer {TOKEN}"));
                assert_eq!(request.headers["namespace"], USER);
                let body = (!request.body.is_empty()).then(|| request.body_json().expect("JSON"));
                let query = request
                    .url
                    .query()
                    .map_or_else(String::new, |query| format!("?{query}"));
                let path = request.url.path().strip_prefix("/neolink").expect("below the base");
                (request.method.to_string(), format!("{path}{query}"), body)
            })
            .collect()
    }
}

fn connect(endpoint: &str) -> Arc<dyn Provider> {
    let account = json!({"neolink": {"credentialsSecretRef": {"name": "neolink"}, "endpoint": endpoint}});
    // As it comes out of `echo token | base64`.
    let credentials = Credentials::from_iter([("token", format!("{TOKEN}\n")), ("userId", format!("{USER}\n"))]);
    wire::connect(endpoint, account, &credentials, Noon).expect("connected")
}

/// A spec as a user writes it, with these members set as well.
fn spec(more: Value) -> GpuInstanceSpec {
    let usual = json!({
        "providerRef": {"name": "neolink"},
        "region": REGION,
        "gpu": {"model": "RTX 4090", "count": 1},
        "image": IMAGE,
    });
    wire::spec(usual, more)
}

fn machine(state: InstanceState) -> Machine {
    let mut machine = Machine::new(ID, state, "word");
    machine.region = Some(CLUSTER.to_owned());
    machine
}

async fn create(provider: &dyn Provider, spec: &GpuInstanceSpec) -> Result<Created> {
    provider.create(&wire::order(spec, None)).await
}

async fn list(body: &Value) -> Result<Listing> {
    Scene::saying(body).await.provider.list(&Scope::default()).await
}
