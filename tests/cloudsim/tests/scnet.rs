//! `SCNet`'s twin, held to the vendor's tables by a plain HTTP client.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]
#![allow(
    clippy::float_cmp,
    clippy::assigning_clones,
    reason = "amounts that are exact, and words that are short"
)]

use std::time::Duration;

use cloudsim::scnet::Lists;
use cloudsim::{Change, Cloudsim, Config, NewMachine, Pace};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sha2::Sha256;

const USER: &str = "sim-scnet-user";
const KEY: &str = "sim-scnet-access-key";
const SECRET: &str = "sim-scnet-secret-key-1";

/// The twin, its time standing still but where a test moves it, and somebody who has signed in.
struct Scene {
    sim: Cloudsim,
    http: Client,
    /// Of region 11112.
    token: String,
}

impl Scene {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sim = Cloudsim::start(Config::default().with_pace(&Pace::every(60_000)))
            .await
            .unwrap();
        let mut scene = Self {
            sim,
            http: Client::new(),
            token: String::new(),
        };
        scene.token = scene.tokens(SECRET).await["data"][0]["token"]
            .as_str()
            .unwrap()
            .to_owned();
        scene
    }

    /// Signs in, as the vendor's page says, with this secret key.
    async fn tokens(&self, secret: &str) -> Value {
        let timestamp = jiff::Timestamp::now().as_second().to_string();
        let message = format!(r#"{{"accessKey":"{KEY}","timestamp":"{timestamp}","user":"{USER}"}}"#);
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(message.as_bytes());
        let signature: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let request = self.http.post(format!("{}/api/user/v3/tokens", self.sim.scnet().url()));
        let headers = [
            ("user", USER),
            ("accessKey", KEY),
            ("timestamp", &timestamp),
            ("signature", &signature),
        ];
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Asks region 11112, with its token; `(code, data)`.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (String, Value) {
        self.ask_as(&self.token, method, path, body).await
    }

    async fn ask_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (String, Value) {
        let url = format!("{}/regions/11112/ai/openapi/v2/{path}", self.sim.scnet().url());
        let mut request = self.http.request(method, url).header("token", token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        if answer.status() != 200 {
            return (answer.status().as_u16().to_string(), Value::Null);
        }
        let answer: Value = answer.json().await.unwrap();
        (answer["code"].as_str().unwrap().to_owned(), answer["data"].clone())
    }

    async fn create(&self, more: Value) -> (String, Value) {
        let mut body = json!({
            "instanceServiceName": "mine", "description": "", "taskType": "jupyter", "acceleratorType": "gpu",
            "version": "jupyter:4.4-py3.7-cpu",
            "imagePath": "10.0.35.26:5000/gpu/admin/base/jupyter:4.4-py3.7-cpu",
            "timeoutLimit": "unlimited", "taskNumber": 1, "resourceGroup": "TeslaM40",
            "useStartScript": false, "startScriptActionScope": "all", "startScriptContent": "",
            "cpuNumber": 3, "ramSize": 15360, "gpuNumber": 1, "mountInfoList": [],
            "containerPortInfoList": [{"protocolType": "SSH", "containerPort": "22"}],
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.ask(Method::POST, "instance-service/task", Some(body)).await
    }

    async fn id(&self) -> String {
        let (code, id) = self.create(json!({})).await;
        assert_eq!(code, "0");
        id.as_str().unwrap().to_owned()
    }

    async fn code(&self, method: Method, path: &str) -> String {
        self.ask(method, path, None).await.0
    }

    async fn detail(&self, id: &str) -> Value {
        self.ask(Method::GET, &format!("instance-service/{id}/detail"), None)
            .await
            .1
    }

    fn passes(&self, seconds: u64) {
        self.sim.advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn whoever_signs_gets_a_token_for_every_region() {
    let scene = Scene::new().await;
    scene
        .sim
        .change_scnet_settings(|settings| settings.regions[1].enabled = false);
    let answer = scene.tokens(SECRET).await;
    let rows = answer["data"].as_array().unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row["clusterId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["11112", "111131", "0"]);
    assert_eq!(
        (rows[1]["token"].is_null(), rows[2]["clusterName"].as_str()),
        (true, Some("ac"))
    );
    assert_eq!(scene.tokens("guessed").await["code"], "10009");
    scene.sim.scnet().account(USER).set_balance(-1.0).unwrap();
    assert_eq!(scene.tokens(SECRET).await["code"], "10007");
}

#[tokio::test]
async fn a_token_is_for_its_region_and_its_time() {
    let scene = Scene::new().await;
    let answer = scene.tokens(SECRET).await;
    for (row, code) in [(0, "0"), (1, "10008"), (2, "10008")] {
        let token = answer["data"][row]["token"].as_str().unwrap();
        let (said, _) = scene
            .ask_as(token, Method::GET, "instance-service/task/list", None)
            .await;
        assert_eq!(said, code, "row {row}");
    }
    scene.passes(25 * 3600);
    assert_eq!(scene.code(Method::GET, "instance-service/task/list").await, "10008");
}

#[tokio::test]
async fn an_order_is_checked_member_by_member() {
    let scene = Scene::new().await;
    for (more, code) in [
        (json!({"instanceServiceName": ""}), "10003"),
        (json!({"resourceGroup": null}), "10003"),
        (json!({"resourceGroup": "H100"}), "10004"),
        (json!({"acceleratorType": "dcu"}), "10004"),
        (json!({"cpuNumber": "3"}), "10004"),
        (json!({"cpuNumber": 41}), "10004"),
        (json!({"ramSize": 31889}), "10004"),
        (json!({"gpuNumber": 3}), "10004"),
        (json!({"version": "jupyter:1"}), "10004"),
        (json!({"taskType": "vnc"}), "10004"),
        (json!({"timeoutLimit": "1 day"}), "10004"),
        (json!({"startScriptActionScope": null}), "10003"),
        (json!({"useStartScript": true}), "10003"),
        (
            json!({"useStartScript": true, "startScriptContent": "no end of line"}),
            "10004",
        ),
        (
            json!({"containerPortInfoList": [{"protocolType": "SSH", "containerPort": 22}]}),
            "10004",
        ),
        (
            json!({"mountInfoList": [{"sourcePath": "/a", "targetPath": "/b"}]}),
            "10004",
        ),
    ] {
        assert_eq!(scene.create(more.clone()).await.0, code, "{more}");
    }
    assert!(scene.sim.machines().is_empty());
}

#[tokio::test]
async fn a_machine_waits_is_deployed_runs_stops_and_goes() {
    let scene = Scene::new().await;
    let id = scene.id().await;
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let status = async |scene: &Scene| scene.detail(&id).await["status"].as_str().unwrap_or("gone").to_owned();
    assert_eq!(status(&scene).await, "Waiting");
    scene.passes(40);
    assert_eq!(status(&scene).await, "Deploying");
    let url = format!("instance-service/{id}/url");
    assert_eq!(scene.code(Method::GET, &url).await, "10004");
    scene.passes(20);
    assert_eq!(status(&scene).await, "Running");
    let (_, page) = scene.ask(Method::GET, &url, None).await;
    assert!(page.as_str().unwrap().contains("?token=sothisai_"));
    let port = scene.detail(&id).await["containerPortInfoList"][0].clone();
    assert!(port["accessUrl"].as_str().unwrap().starts_with("10.0.35.26:"));

    let (stop, delete) = (
        format!("instance-service/task/actions/stop?ids={id}"),
        format!("instance-service/task?ids={id}"),
    );
    assert_eq!(scene.code(Method::DELETE, &delete).await, "10004", "it runs");
    assert_eq!(
        scene.code(Method::POST, "instance-service/task/actions/stop").await,
        "10003",
        "no ids"
    );
    assert_eq!(scene.code(Method::POST, &format!("{stop}&ids=nonesuch")).await, "10004");
    assert_eq!(status(&scene).await, "Running", "all or none");
    assert_eq!(scene.code(Method::POST, &stop).await, "0");
    scene.passes(60);
    assert_eq!(status(&scene).await, "Terminated");
    assert_eq!(scene.sim.meter().rate_per_hour, 0.0);
    let start = format!("instance-service/task/actions/restart?instanceServiceId={id}");
    assert_eq!(scene.code(Method::POST, &start).await, "0");
    assert_eq!(
        scene.code(Method::POST, &start).await,
        "10004",
        "it is on its way already"
    );
    scene.passes(60);
    assert_eq!(scene.code(Method::POST, &stop).await, "0");
    scene.passes(60);
    assert_eq!(scene.code(Method::DELETE, &delete).await, "0");
    scene.passes(60);
    assert_eq!(status(&scene).await, "gone");
    assert!(scene.sim.alive().is_empty());
}

#[tokio::test]
async fn a_machine_whose_time_is_over_is_completed_and_one_in_the_queue_waits() {
    let scene = Scene::new().await;
    let (_, id) = scene.create(json!({"timeoutLimit": "00:10:00"})).await;
    let id = id.as_str().unwrap();
    scene.passes(60);
    assert_eq!(scene.detail(id).await["status"], "Running");
    scene.passes(600);
    assert_eq!(scene.detail(id).await["status"], "Completed");
    scene.sim.change_scnet_settings(|settings| settings.queues = true);
    let queued = scene.id().await;
    scene.passes(24 * 3600 - 1000);
    assert_eq!(scene.detail(&queued).await["status"], "Waiting");
    scene.sim.change(&queued, Change::Start).unwrap();
    assert_eq!(scene.detail(&queued).await["status"], "Running");
}

#[tokio::test]
async fn lists_come_in_two_forms_and_two_shapes() {
    let scene = Scene::new().await;
    for _ in 0..3 {
        scene.id().await;
    }
    scene
        .sim
        .plant(&NewMachine::named(cloudsim::Cloud::Scnet, USER, "foreign"))
        .unwrap();
    let body = || {
        Some(
            json!({"instanceServiceName": null, "limit": 3, "sort": "desc", "start": 2, "status": null, "taskType": null}),
        )
    };
    let by_query = "instance-service/task/list?limit=3&start=2";
    let (_, data) = scene.ask(Method::GET, by_query, None).await;
    assert_eq!((&data["total"], data["data"].as_array().unwrap().len()), (&json!(4), 2));
    assert_eq!(scene.ask(Method::GET, "instance-service/task", body()).await.1, data);
    assert_eq!(
        scene.code(Method::GET, "instance-service/task").await,
        "10003",
        "the body was dropped"
    );
    scene.sim.change_scnet_settings(|settings| settings.bare_lists = true);
    assert_eq!(scene.ask(Method::GET, by_query, None).await.1, data["data"]);
    scene.sim.change_scnet_settings(|settings| settings.lists = Lists::Body);
    assert_eq!(scene.code(Method::GET, by_query).await, "404");
    assert_eq!(scene.ask(Method::GET, "instance-service/task", body()).await.0, "0");
}

#[tokio::test]
async fn a_size_is_changed_while_stopped_and_a_script_runs_while_running() {
    let scene = Scene::new().await;
    let id = scene.id().await;
    let resize = async |cores: i64| {
        let body = json!({"id": id, "cpuNumber": cores, "gpuNumber": 2, "ramSize": 16384});
        scene
            .ask(
                Method::POST,
                "instance-service/resource-spec/actions/update",
                Some(body),
            )
            .await
            .0
    };
    let script = async || {
        let body = json!({"id": id, "startScriptContent": "date\n", "startScriptActionScope": "header"});
        scene
            .ask(Method::POST, "instance-service/task/actions/execute-script", Some(body))
            .await
            .0
    };
    scene.passes(60);
    assert_eq!((resize(4).await, script().await), ("10004".to_owned(), "0".to_owned()));
    scene.sim.change(&id, Change::Stop { release: true }).unwrap();
    assert_eq!(
        (resize(41).await, resize(4).await, script().await),
        ("10004".to_owned(), "0".to_owned(), "10004".to_owned())
    );
    let detail = scene.detail(&id).await;
    assert_eq!(
        (&detail["cpuNumber"], &detail["gpuNumber"], &detail["ramSize"]),
        (&json!(4), &json!(2), &json!(16384))
    );
    assert_eq!(scene.sim.scnet_scripts(&id), ["date\n"]);
}
