//! Luchen's twin as a client sees it: paths, sessions, pages, words, states over time, money.

use std::time::Duration;

use cloudsim::{AccountConfig, Cause, Cloud, Cloudsim, Config, CredentialConfig, Fault, NewMachine, Pace};
use reqwest::Method;
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_hours(1);
const EAST: &str = "fce31a0c-0000-0000-0000-41caa1bdd251";
const H800: &str = "dc25f5be-0000-0000-0000-000000000001";
const NOT_LOGGED_IN: &str = "未登录或登录已过期,请重新登录";

struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    fn new(sim: &Cloudsim) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::new(),
            base: sim.luchen().url(),
            token: String::new(),
        }
    }

    async fn logged_in(sim: &Cloudsim, username: &str, password: &str) -> Self {
        let mut client = Self::new(sim);
        let (status, body) = client.post("/user/login", login(username, password)).await;
        assert_eq!(status, 200, "{body}");
        body["accessToken"]
            .as_str()
            .expect("a token")
            .clone_into(&mut client.token);
        client
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let cookie = format!("theme=dark; AccessToken={}", self.token);
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("Cookie", cookie);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn rent(&self, body: Value) -> String {
        let (status, body) = self.post("/instance/create", body).await;
        assert_eq!(status, 200, "{body}");
        body["instanceId"].as_str().expect("an id").to_owned()
    }

    async fn command(&self, verb: &str, id: &str) -> (u16, Value) {
        self.post(&format!("/instance/{verb}"), json!({"instanceId": id})).await
    }

    async fn rows(&self) -> Vec<Value> {
        let (status, body) = self.post("/instance/list", pager(1, 100)).await;
        assert_eq!(status, 200, "{body}");
        body["instances"].as_array().expect("rows").clone()
    }

    async fn word(&self) -> String {
        let rows = self.rows().await;
        let word = rows[0]["instanceRuntimeInfo"]["status"].as_str().expect("a word");
        word.to_owned()
    }
}

fn login(username: &str, password: &str) -> Value {
    json!({"username": username, "password": password})
}

fn pager(page: usize, size: usize) -> Value {
    json!({"pager": {"currentPage": page, "pageSize": size}})
}

fn order(name: &str) -> Value {
    json!({
        "name": name,
        "imageId": "7a81788c-0000-0000-0000-2409e3c8150c",
        "instanceTypeId": H800,
        "region": EAST,
        "billing": {"chargeMode": "perHour", "duration": 1},
        "remoteStorages": [],
        "instanceConfiguration": {"enableCommonData": false, "enableDocker": false, "initScript": ""},
        "nodePorts": [],
    })
}

/// Everything lasts so long that only the virtual clock gets it done.
async fn start() -> Cloudsim {
    Cloudsim::start(Config::default().with_pace(&Pace::every(60_000)))
        .await
        .expect("a free port")
}

async fn client(sim: &Cloudsim) -> Client {
    Client::logged_in(sim, "sim-luchen-user", "sim-luchen-password-1").await
}

#[tokio::test]
async fn every_path_answers_to_its_method_only_and_only_to_a_session() {
    let sim = start().await;
    let good = client(&sim).await;
    let stranger = Client::new(&sim);
    for (method, path, operation) in [
        (Method::POST, "/instance/create", "create"),
        (Method::POST, "/instance/list", "list"),
        (Method::POST, "/instance/start", "start"),
        (Method::POST, "/instance/stop", "stop"),
        (Method::POST, "/instance/terminate", "terminate"),
        (Method::POST, "/resource/user/instance/list", "types"),
        (Method::GET, "/balance", "balance"),
        (Method::POST, "/storage/volume/list", "volumes"),
        (Method::POST, "/storage/volume/create", "volume_create"),
        (Method::POST, "/storage/volume/delete", "volume_delete"),
    ] {
        sim.reset_calls();
        let body = (method == Method::POST).then(|| json!({}));
        let (_, said) = good.send(method.clone(), path, body.clone()).await;
        assert!(said.is_object(), "{path}: {said}");
        assert_eq!(sim.calls()[0].operation, format!("luchen.{operation}"));
        let (status, said) = stranger.send(method.clone(), path, body).await;
        assert_eq!(
            (status, said),
            (401, json!({"code": -1, "message": NOT_LOGGED_IN})),
            "{path}"
        );
        let wrong = if method == Method::GET {
            Method::POST
        } else {
            Method::GET
        };
        assert_eq!(good.send(wrong, path, None).await.0, 404, "{path}");
    }
    // The vendor's heading says so, and it is wrong.
    assert_eq!(good.command("delete", "x").await.0, 404);
}

#[tokio::test]
async fn a_token_says_whose_it_is_and_ends() {
    let sim = start().await;
    for (username, password) in [("sim-luchen-user", "wrong"), ("nobody", "sim-luchen-password-1")] {
        let (status, said) = Client::new(&sim).post("/user/login", login(username, password)).await;
        assert_eq!((status, said), (400, json!({"message": "用户名或密码错误"})));
    }
    let (one, two) = (client(&sim).await, client(&sim).await);
    assert_ne!(one.token, two.token);
    assert_eq!(one.token.split('.').count(), 3);
    sim.advance(Duration::from_hours(23));
    assert!(one.rows().await.is_empty());
    sim.advance(HOUR);
    assert_eq!(one.post("/instance/list", pager(1, 10)).await.0, 401);
    let again = client(&sim).await;
    let account = sim.luchen().account("u-1");
    account.revoke("sim-luchen-user").expect("it has it");
    assert_eq!(again.post("/instance/list", pager(1, 10)).await.0, 401);
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let sim = start().await;
    sim.luchen().add_account(&AccountConfig {
        id: "u-2".to_owned(),
        credentials: vec![CredentialConfig {
            key: "bob".to_owned(),
            secret: "pw".to_owned(),
        }],
        balance: 10.0,
    });
    let mine = client(&sim).await;
    let theirs = Client::logged_in(&sim, "bob", "pw").await;
    let id = mine.rent(order("mine")).await;
    assert!(theirs.rows().await.is_empty());
    for verb in ["start", "stop", "terminate"] {
        let refusal = (404, json!({"message": "ent: instance not found"}));
        assert_eq!(theirs.command(verb, &id).await, refusal);
        assert_eq!(mine.command(verb, "notebook-none").await, refusal);
    }
    assert_eq!(mine.rows().await.len(), 1);
}

#[tokio::test]
async fn the_validator_names_the_first_member_that_is_missing() {
    let sim = start().await;
    let client = client(&sim).await;
    for path in [
        "name",
        "imageId",
        "instanceTypeId",
        "region",
        "billing",
        "billing.chargeMode",
        "billing.duration",
        "remoteStorages",
        "instanceConfiguration",
        "instanceConfiguration.enableCommonData",
        "instanceConfiguration.enableDocker",
        "instanceConfiguration.initScript",
        "nodePorts",
    ] {
        for null in [false, true] {
            let mut body = order("n");
            let (parent, member) = path.rsplit_once('.').unwrap_or(("", path));
            let parent = if parent.is_empty() {
                &mut body
            } else {
                &mut body[parent]
            };
            let members = parent.as_object_mut().expect("an object");
            members.remove(member);
            if null {
                members.insert(member.to_owned(), Value::Null);
            }
            let refusal = (400, json!({"message": format!("字段 \"{path}\" 未设置")}));
            assert_eq!(client.post("/instance/create", body).await, refusal);
        }
    }
    for (pointer, value, says) in [
        ("/imageId", json!("none"), "ent: image not found"),
        ("/region", json!("none"), "ent: region not found"),
        ("/instanceTypeId", json!("none"), "ent: instance type not found"),
        ("/billing/chargeMode", json!("perYear"), "参数错误: billing.chargeMode"),
        ("/billing/duration", json!(2), "参数错误: billing.duration"),
        ("/nodePorts", json!([{"port": 80}]), "参数错误: nodePorts"),
        ("/nodePorts", json!([22]), "参数错误: nodePorts"),
        ("/name", json!(7), "参数错误: name"),
        (
            "/remoteStorages",
            json!([{"mountPath": "/a", "remoteStorageName": "x", "remoteStorageId": "x", "type": "x"}]),
            "Volume not found",
        ),
    ] {
        let mut body = order("n");
        *body.pointer_mut(pointer).expect("a place") = value;
        assert_eq!(
            client.post("/instance/create", body).await.1,
            json!({ "message": says })
        );
    }
    assert!(sim.machines().is_empty());
}

#[tokio::test]
async fn a_list_needs_a_pager_and_has_pages() {
    let sim = start().await;
    let client = client(&sim).await;
    for body in [json!({}), json!({"pager": {}}), pager(0, 10), pager(1, 0)] {
        assert_eq!(client.post("/instance/list", body).await.0, 500);
    }
    for n in 0..25 {
        let machine = NewMachine::named(Cloud::Luchen, "u-1", &format!("n-{n}"));
        sim.plant(&machine).expect("planted");
    }
    let mut seen = Vec::new();
    for (page, rows) in [(1, 10), (2, 10), (3, 5), (4, 0)] {
        let (_, body) = client.post("/instance/list", pager(page, 10)).await;
        assert_eq!(
            body["pager"],
            json!({"currentPage": page, "pageSize": 10, "totalEntries": 25})
        );
        let shown = body["instances"].as_array().expect("rows");
        assert_eq!(shown.len(), rows);
        seen.extend(
            shown
                .iter()
                .map(|row| row["instanceMetadata"]["instanceId"].to_string()),
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

#[tokio::test]
async fn states_come_in_their_order_and_only_running_is_reached() {
    let sim = start().await;
    let client = client(&sim).await;
    let id = client.rent(order("n")).await;
    assert!(id.starts_with("notebook-"));
    for (seconds, word) in [
        (0, "Initializing"),
        (20, "PullingImage"),
        (30, "Starting"),
        (10, "Running"),
    ] {
        sim.advance(Duration::from_secs(seconds));
        assert_eq!(client.word().await, word);
        let spec = client.rows().await[0]["instanceSpecInfo"].clone();
        let is_running = word == "Running";
        assert_eq!(spec["regionInfo"]["sshAddress"] != json!(""), is_running);
        assert_eq!(spec["nodePorts"] != json!([]), is_running);
    }
    let ports = client.rows().await[0]["instanceSpecInfo"]["nodePorts"].clone();
    assert_eq!((&ports[0]["port"], &ports[1]["port"]), (&json!(22), &json!(8888)));
    assert_eq!(client.command("stop", &id).await, (200, json!({ "instanceId": id })));
    assert_eq!(client.word().await, "Stopping");
    assert_eq!(client.command("start", &id).await.0, 400);
    sim.advance(HOUR);
    assert_eq!(client.word().await, "Stopped");
    assert_eq!(client.command("start", &id).await, (200, json!({ "instanceId": id })));
    sim.advance(HOUR);
    assert_ne!(client.rows().await[0]["instanceSpecInfo"]["nodePorts"], ports);
    assert_eq!(
        client.command("terminate", &id).await,
        (200, json!({ "instanceId": id }))
    );
    assert_eq!(client.command("terminate", &id).await.0, 400);
    sim.advance(HOUR);
    assert!(client.rows().await.is_empty());
    assert_eq!(sim.machine(&id).expect("known").destroyed_by, Some(Cause::Api));
}

#[tokio::test]
async fn a_pull_that_fails_goes_on_for_ever() {
    let sim = start().await;
    let client = client(&sim).await;
    let mut body = order("n");
    body["imageId"] = json!("bad00000-0000-0000-0000-000000000000");
    let id = client.rent(body).await;
    sim.advance(Duration::from_hours(10));
    let runtime = client.rows().await[0]["instanceRuntimeInfo"].clone();
    assert_eq!(runtime["status"], "PullingImage");
    assert_eq!(
        (&runtime["phase"], &runtime["diagnosisReason"]),
        (&json!("DownloadImage"), &json!("BackOff"))
    );
    client.command("terminate", &id).await;
    sim.advance(HOUR);
    assert!(client.rows().await.is_empty());
}

#[tokio::test]
async fn a_machine_costs_by_the_hour_it_runs_or_its_term_at_once() {
    let sim = start().await;
    let client = client(&sim).await;
    let close = |amount: f64| (sim.meter().cost - amount).abs() < 0.05;
    let id = client.rent(order("n")).await;
    sim.advance(Duration::from_mins(1));
    assert!(close(0.0), "what is not running yet costs nothing");
    sim.advance(HOUR);
    assert!(close(12.5), "{}", sim.meter().cost);
    client.command("stop", &id).await;
    sim.advance(Duration::from_mins(1));
    let cost = sim.meter().cost;
    sim.advance(10 * HOUR);
    assert!(close(cost), "what is stopped costs nothing");

    let mut body = order("term");
    body["billing"] = json!({"chargeMode": "perDay", "duration": 3});
    client.rent(body.clone()).await;
    assert!(close(cost + 750.0), "{}", sim.meter().cost);
    sim.advance(5 * HOUR);
    assert!(close(cost + 750.0), "{}", sim.meter().cost);
    let refusal = (400, json!({"message": "余额不足"}));
    assert_eq!(client.post("/instance/create", body).await, refusal);
    let (_, balance) = client.send(Method::GET, "/balance", None).await;
    assert!(balance["balance"].as_f64().expect("a number") < 250.0);
}

#[tokio::test]
async fn types_have_prices_and_stock() {
    let sim = start().await;
    let client = client(&sim).await;
    let types = async || client.post("/resource/user/instance/list", json!({})).await.1;
    let first = |types: &Value| {
        let families = types["instanceInfos"].as_array().expect("families");
        let family = families
            .iter()
            .find(|family| family["gpuName"] == "H800-SXM")
            .expect("H800");
        family["regionInfos"][0]["instanceTypeInfos"][0].clone()
    };
    let kind = first(&types().await);
    assert_eq!(
        (&kind["instanceTypeId"], &kind["gpuNum"], &kind["stockStatus"]),
        (&json!(H800), &json!(1), &json!("InStock"))
    );
    assert_eq!(kind["price"][0], json!({"chargeMode": "perHour", "price": 12.5}));
    sim.change_luchen_settings(|settings| settings.set_capacity(H800, 1));
    client.rent(order("n")).await;
    assert_eq!(first(&types().await)["stockStatus"], "OutOfStock");
    let refusal = (400, json!({"message": "库存不足"}));
    assert_eq!(client.post("/instance/create", order("m")).await, refusal);
}

#[tokio::test]
async fn volumes_are_made_listed_and_deleted() {
    let sim = start().await;
    let client = client(&sim).await;
    let body = json!({"name": "mine", "sizeGB": 200, "region": EAST, "volumeType": "filesystem"});
    let (_, made) = client.post("/storage/volume/create", body).await;
    let (_, listed) = client.post("/storage/volume/list", pager(1, 10)).await;
    assert_eq!(listed["pager"]["totalEntries"], 2);
    assert_eq!(listed["volumeList"][1]["volumeId"], made["volumeId"]);
    assert_eq!(
        client.post("/storage/volume/delete", made.clone()).await,
        (200, json!({}))
    );
    let refusal = (404, json!({"message": "Volume not found"}));
    assert_eq!(client.post("/storage/volume/delete", made).await, refusal);
    assert_eq!(client.post("/storage/volume/list", json!({})).await.0, 500);
}

#[tokio::test]
async fn faults_know_where_the_machines_are() {
    let sim = start().await;
    let client = client(&sim).await;
    for name in ["a", "b"] {
        client.rent(order(name)).await;
    }
    sim.fault(Fault::on("luchen.list").cut_names(0).for_machine("a"));
    let names: Vec<Value> = client
        .rows()
        .await
        .iter()
        .map(|row| row["instanceMetadata"]["instanceName"].clone())
        .collect();
    assert!(names.contains(&json!("")) && names.contains(&json!("b")), "{names:?}");
    sim.fault(Fault::on("luchen.list").empty_list());
    let (_, body) = client.post("/instance/list", pager(1, 10)).await;
    assert_eq!(
        (&body["instances"], &body["pager"]["totalEntries"]),
        (&json!([]), &json!(0))
    );
    sim.fault(Fault::on("luchen.create").list_lag(10_000));
    client.rent(order("late")).await;
    assert_eq!(client.rows().await.len(), 2);
    sim.advance(Duration::from_secs(10));
    assert_eq!(client.rows().await.len(), 3);
    sim.fault(Fault::on("luchen.list").unauthorized());
    assert_eq!(client.post("/instance/list", pager(1, 10)).await.0, 401);
}

#[tokio::test]
async fn all_refusals_can_come_under_one_status() {
    let sim = start().await;
    sim.change_luchen_settings(|settings| settings.refusal_status = Some(200));
    let client = client(&sim).await;
    assert_eq!(
        client.command("stop", "none").await,
        (200, json!({"message": "ent: instance not found"}))
    );
    assert_eq!(client.post("/instance/list", json!({})).await.0, 200);
}
