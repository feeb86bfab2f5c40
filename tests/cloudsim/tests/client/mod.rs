//! A plain HTTP client of the simulator, with no knowledge of any cloud but its envelope.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::time::Duration;

use cloudsim::{Cloudsim, Config, Pace};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

pub(crate) const MINICONDA: &str = "a0607405-d0fd-4efc-b34e-de0872d4a633";

/// Long enough for whatever should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) async fn start() -> Cloudsim {
    start_with(Config::default().with_pace(&Pace::every(20))).await
}

pub(crate) async fn start_with(config: Config) -> Cloudsim {
    Cloudsim::start(config).await.expect("a free port")
}

pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    authorization: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("a JSON body")
    }

    /// The payload of a success.
    pub(crate) fn data(&self) -> Value {
        let envelope = self.json();
        assert_eq!(self.status, 200, "{envelope}");
        assert_eq!(envelope["code"], json!(200), "{envelope}");
        assert_eq!(envelope["success"], json!(true), "{envelope}");
        assert!(envelope["msg"].is_string(), "{envelope}");
        envelope["data"].clone()
    }

    /// The message of a failure, which comes under HTTP status 200 and code 1000.
    pub(crate) fn refusal(&self) -> String {
        let envelope = self.json();
        assert_eq!(self.status, 200, "{envelope}");
        assert_eq!(envelope["code"], json!(1000), "{envelope}");
        assert_eq!(envelope["success"], json!(false), "{envelope}");
        assert!(envelope.get("data").is_none(), "{envelope}");
        envelope["msg"].as_str().expect("a message").to_owned()
    }
}

impl Client {
    pub(crate) fn new(base: String, authorization: Option<String>) -> Self {
        // The workspace builds reqwest without a default; a second installation is refused, and that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent("cloudsim-test/1")
            .build()
            .expect("a client");
        Self {
            http,
            base,
            authorization,
        }
    }

    pub(crate) fn of(sim: &Cloudsim) -> Self {
        let token = sim.xgc().account("u-1").token();
        Self::new(sim.xgc().url(), Some(format!("Bearer {token}")))
    }

    pub(crate) fn admin(sim: &Cloudsim) -> Self {
        Self::new(sim.admin_url(), None)
    }

    pub(crate) async fn try_send(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await?,
        })
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.try_send(method, path, body).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn deploy(&self, name: &str) -> Answer {
        self.post("/open/instance/deploy", order(name)).await
    }

    /// Rents a machine; gives its id.
    pub(crate) async fn rent(&self, name: &str) -> String {
        let data = self.deploy(name).await.data();
        data["id"].as_str().expect("an id").to_owned()
    }

    /// Rents a machine, and waits until it runs.
    pub(crate) async fn running(&self, sim: &Cloudsim, name: &str) -> String {
        let id = self.rent(name).await;
        comes_to(sim, &id, "running").await;
        id
    }

    pub(crate) async fn command(&self, verb: &str, id: &str) -> Answer {
        self.post(&format!("/open/instance/{verb}"), json!({"id": id})).await
    }

    pub(crate) async fn list(&self) -> Value {
        self.get("/open/instances").await.data()
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        let data = self.list().await;
        data["list"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|machine| machine["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    pub(crate) async fn instance(&self, id: &str) -> Value {
        self.get(&format!("/open/instance/{id}")).await.data()
    }
}

pub(crate) async fn comes_to(sim: &Cloudsim, id: &str, state: &str) {
    let arrived = sim
        .wait_until(SOON, |sim| {
            sim.machine(id).is_some_and(|machine| machine.state == state)
        })
        .await;
    assert!(arrived, "{id} never came to be {state}: {:?}", sim.machine(id));
}

pub(crate) fn order(name: &str) -> Value {
    json!({
        "gpu_model": "NVIDIA GeForce RTX 4090",
        "gpu_count": 1,
        "data_center_id": 1,
        "image": MINICONDA,
        "image_type": "public",
        "name": name,
    })
}

pub(crate) fn with(mut order: Value, name: &str, value: Value) -> Value {
    order[name] = value;
    order
}

pub(crate) fn without(mut order: Value, name: &str) -> Value {
    order.as_object_mut().expect("an object").remove(name);
    order
}
