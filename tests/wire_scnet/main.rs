//! `SCNet`'s driver on the wire: what it sends, what it makes of the vendor's answers, and of everything else that may
//! come back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]
#![allow(clippy::pedantic, reason = "answers that are made where they are said")]
mod answers;
mod failures;
mod lists;
mod requests;
mod tokens;
#[path = "../wire/mod.rs"]
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::{ConnectError, Created, Credentials, Machine, Order, Provider, Result, Scope};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use wire::NAME;

const REGION: &str = "11112";
const TOKEN: &str = "eyJ-region-11112";
const ID: &str = "4c1f43ddb030483e89b55413bee6c004";
const IMAGE: &str = "10.0.35.26:5000/gpu/admin/base/jupyter:4.4-py3.7-cpu";

const TOKENS: &str = "POST /tokens/api/user/v3/tokens";
const CENTER: &str = "GET /center/ac/openapi/v2/center";
const IMAGES: &str = "POST /ai/openapi/v2/image/images";
const RESOURCES: &str = "GET /ai/openapi/v2/instance-service/resources";
const GROUPS: &str = "GET /ai/openapi/v2/instance-service/resource-group";
const CREATE: &str = "POST /ai/openapi/v2/instance-service/task";
const START: &str = "POST /ai/openapi/v2/instance-service/task/actions/restart";
const STOP: &str = "POST /ai/openapi/v2/instance-service/task/actions/stop";
const DELETE: &str = "DELETE /ai/openapi/v2/instance-service/task";
const SCRIPT: &str = "POST /ai/openapi/v2/instance-service/task/actions/execute-script";
const RESIZE: &str = "POST /ai/openapi/v2/instance-service/resource-spec/actions/update";
const LIST_BY_QUERY: &str = "GET /ai/openapi/v2/instance-service/task/list";
const LIST_BY_BODY: &str = "GET /ai/openapi/v2/instance-service/task";
const DETAIL: &str = "GET /ai/openapi/v2/instance-service/4c1f43ddb030483e89b55413bee6c004/detail";
const URL: &str = "GET /ai/openapi/v2/instance-service/4c1f43ddb030483e89b55413bee6c004/url";

/// One of the vendor's answers, from `tests/fixtures/scnet`.
fn fixture(name: &str) -> Value {
    wire::fixture("scnet", name)
}

fn good(data: Value) -> Value {
    json!({"code": "0", "msg": "操作成功", "data": data})
}

fn refusal(code: impl Into<Value>, msg: &str) -> Value {
    json!({"code": code.into(), "msg": msg, "data": null})
}

/// Answers by method and path: each of a call's answers once, the last for ever. What has none is not found.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<BTreeMap<String, Vec<ResponseTemplate>>>>);

impl Answers {
    fn set(&self, call: &str, answers: Vec<ResponseTemplate>) {
        self.0.lock().unwrap().insert(call.to_owned(), answers);
    }
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let call = format!("{} {}", request.method, request.url.path());
        let mut answers = self.0.lock().unwrap();
        match answers.get_mut(&call) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => ResponseTemplate::new(404).set_body_string("404 page not found"),
        }
    }
}

/// A request that arrived: its call, its query and its body.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    call: String,
    query: String,
    body: Option<Value>,
    token: Option<String>,
}

/// The cloud, and an account there.
struct Scene {
    server: MockServer,
    answers: Answers,
    provider: Arc<dyn Provider>,
}

impl Scene {
    /// With tokens, an address for the region, its limits and the ordered image.
    async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// The same with these members of the provider's block.
    async fn with(more: Value) -> Self {
        let server = MockServer::start().await;
        let answers = Answers::default();
        Mock::given(any()).respond_with(answers.clone()).mount(&server).await;
        let provider = connect(&server.uri(), more).unwrap();
        let scene = Self {
            answers,
            provider,
            server,
        };
        scene.says(TOKENS, fixture("tokens"));
        let mut center = fixture("center");
        center["data"]["aiUrls"][0]["url"] = json!(format!("{}/ai", scene.server.uri()));
        scene.says(CENTER, center);
        scene.says(RESOURCES, fixture("resources"));
        let mut images = fixture("images");
        images["data"]["data"][0]["path"] = json!(IMAGE);
        images["data"]["data"][0]["version"] = json!("jupyter:4.4-py3.7-cpu");
        scene.says(IMAGES, images);
        scene
    }

    fn says(&self, call: &str, body: Value) {
        self.answers(call, [ResponseTemplate::new(200).set_body_json(body)]);
    }

    fn answers(&self, call: &str, answers: impl IntoIterator<Item = ResponseTemplate>) {
        self.answers.set(call, answers.into_iter().collect());
    }

    /// All requests so far, but for those that sign in, find the way or read the catalog.
    async fn calls(&self) -> Vec<Call> {
        let aside = [TOKENS, CENTER, RESOURCES, GROUPS, IMAGES];
        let all = self.all_calls().await;
        all.into_iter()
            .filter(|call| !aside.contains(&call.call.as_str()))
            .collect()
    }

    async fn all_calls(&self) -> Vec<Call> {
        let requests = self.server.received_requests().await.expect("recorded");
        requests.iter().map(call_of).collect()
    }

    async fn count(&self, call: &str) -> usize {
        let calls = self.all_calls().await;
        calls.iter().filter(|seen| seen.call == call).count()
    }
}

fn call_of(request: &Request) -> Call {
    Call {
        call: format!("{} {}", request.method, request.url.path()),
        query: request.url.query().unwrap_or_default().to_owned(),
        body: (!request.body.is_empty()).then(|| request.body_json().expect("JSON")),
        token: request
            .headers
            .get("token")
            .map(|token| token.to_str().unwrap().to_owned()),
    }
}

/// What was called, with the region's token, which every call of a region must carry.
fn called(call: &str, query: &str, body: Option<Value>) -> Call {
    Call {
        call: call.to_owned(),
        query: query.to_owned(),
        body,
        token: Some(TOKEN.to_owned()),
    }
}

fn connect(uri: &str, more: Value) -> std::result::Result<Arc<dyn Provider>, ConnectError> {
    let account = json!({
        "credentialsSecretRef": {"name": "scnet"},
        "endpoint": format!("{uri}/tokens"),
        "centerEndpoint": format!("{uri}/center"),
    });
    let account = json!({ "scnet": wire::with(account, more) });
    let keys = [
        ("user", "bob"),
        ("accessKey", "85f96a42b13f4d2c8b760d2775bbcca8"),
        ("secretKey", "SKtestExample0001\n"),
    ];
    wire::connect(uri, account, &Credentials::from_iter(keys), System)
}

/// A spec as a user writes it, with these members set as well.
fn spec(more: Value) -> GpuInstanceSpec {
    let usual = json!({
        "providerRef": {"name": "scnet"},
        "region": REGION,
        "gpu": {"model": "TeslaM40", "count": 1},
        "cpu": 3,
        "memory": "15Gi",
        "image": IMAGE,
    });
    wire::spec(usual, more)
}

fn machine(state: InstanceState) -> Machine {
    let mut machine = Machine::new(ID, state, "word");
    machine.region = Some(REGION.to_owned());
    machine
}

fn order<'a>(spec: &'a GpuInstanceSpec, script: Option<&'a str>) -> Order<'a> {
    Order {
        startup_script: script,
        ..wire::order(spec, None)
    }
}

async fn create(provider: &dyn Provider, spec: &GpuInstanceSpec) -> Result<Created> {
    provider.create(&order(spec, None)).await
}

fn in_use(regions: &[&str]) -> Scope {
    Scope {
        regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        ..Scope::default()
    }
}
