//! The driver's HTTP interface: it can do all that the handle can.

mod client;

use client::{Client, SOON, comes_to, start};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn the_meter_tells_machines_money_and_calls() {
    let sim = start().await;
    let (client, admin) = (Client::of(&sim), Client::admin(&sim));
    let id = client.running(&sim, "n").await;
    client.list().await;
    let advanced = admin.post("/clock/advance", json!({"ms": 3_600_000})).await.json();
    assert!(advanced["ahead_ms"].as_i64().expect("a number") >= 3_600_000);
    let meter = admin.get("/meter").await.json();
    assert_eq!(meter["alive"], json!(1));
    assert_eq!(meter["created_by_calls"], json!(1));
    assert_eq!(meter["rate_per_hour"], json!(1.89));
    assert!((meter["cost"].as_f64().expect("a number") - 1.89).abs() < 0.01);
    assert_eq!(meter["calls"], json!({"xgc.deploy": 1, "xgc.list": 1}));
    let machine = &meter["machines"][0];
    for (name, value) in [
        ("id", json!(id)),
        ("cloud", json!("xgc")),
        ("account", json!("u-1")),
        ("name", json!("n")),
        ("first_name", json!("n")),
        ("state", json!("running")),
        ("phase", json!("running")),
        ("gpu_model", json!("NVIDIA GeForce RTX 4090")),
        ("gpu_count", json!(1)),
        ("foreign", json!(false)),
        ("alive", json!(true)),
        ("destroyed_at", Value::Null),
        ("destroyed_by", Value::Null),
        ("rate_per_hour", json!(1.89)),
    ] {
        assert_eq!(machine[name], value, "{name}");
    }
    assert!(machine["created_at"].as_str().expect("a time").ends_with('Z'));
}

#[tokio::test]
async fn calls_are_logged_whole_and_without_secrets() {
    let sim = start().await;
    let (client, admin) = (Client::of(&sim), Client::admin(&sim));
    client.rent("n").await;
    client.command("shutdown", "nope").await;
    client.get("/open/balance?token=sim-xgc-token-1").await;
    let answer = admin.get("/calls").await;
    assert!(!answer.text.contains("sim-xgc-token-1"));
    let calls = answer.json();
    let deploy = &calls[0];
    for (name, value) in [
        ("seq", json!(1)),
        ("cloud", json!("xgc")),
        ("account", json!("u-1")),
        ("operation", json!("xgc.deploy")),
        ("method", json!("POST")),
        ("path", json!("/open/instance/deploy")),
        ("machine", json!("n")),
        ("outcome", json!("ok")),
        ("status", json!(200)),
        ("code", Value::Null),
        ("committed", json!(true)),
        ("faults", json!([])),
        ("user_agent", json!("cloudsim-test/1")),
    ] {
        assert_eq!(deploy[name], value, "{name}");
    }
    assert!(deploy["duration_ms"].is_u64());
    assert_eq!(calls[1]["outcome"], json!("error"));
    assert_eq!(calls[1]["code"], json!("1000"));
    assert_eq!(calls[1]["committed"], json!(false));
    assert_eq!(calls[2]["path"], json!("/open/balance"));

    let only = admin
        .get("/calls?operation=xgc.shutdown&account=u-1&after=1")
        .await
        .json();
    assert_eq!(only.as_array().expect("a list").len(), 1);
    let counts = admin.get("/calls/counts").await.json();
    assert_eq!(counts["xgc.deploy"], json!(1));
    assert_eq!(admin.send(Method::DELETE, "/calls", None).await.status, 204);
    assert_eq!(admin.get("/calls").await.json(), json!([]));
    client.list().await;
    assert_eq!(admin.get("/calls").await.json()[0]["seq"], json!(4));
}

#[tokio::test]
async fn faults_are_set_listed_and_cleared() {
    let sim = start().await;
    let (client, admin) = (Client::of(&sim), Client::admin(&sim));
    let set = admin
        .post(
            "/faults",
            json!({"on": "xgc.deploy", "effect": {"kind": "no_capacity"}}),
        )
        .await;
    assert_eq!(set.status, 201);
    let id = set.json()["id"].as_u64().expect("an id");
    assert_eq!(client.deploy("n").await.refusal(), "可用GPU不足");
    let listed = admin.get("/faults").await.json();
    assert_eq!(listed[0]["id"], json!(id));
    assert_eq!(listed[0]["fired"], json!(1));
    assert_eq!(listed[0]["fault"]["times"], json!(1));
    let path = format!("/faults/{id}");
    assert_eq!(admin.send(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(admin.send(Method::DELETE, &path, None).await.status, 404);
    let forever = json!({
        "on": "xgc.*", "account": "u-1", "machine": "gi-*", "nth": 2, "times": null,
        "probability": 0.5, "seed": 3, "effect": {"kind": "cut", "when": "after"},
    });
    assert_eq!(admin.post("/faults", forever.clone()).await.status, 201);
    assert_eq!(admin.get("/faults").await.json()[0]["fault"], forever);
    assert_eq!(admin.send(Method::DELETE, "/faults", None).await.status, 204);
    assert_eq!(admin.get("/faults").await.json(), json!([]));
}

#[tokio::test]
async fn misspelt_faults_are_refused() {
    let sim = start().await;
    let admin = Client::admin(&sim);
    for fault in [
        json!({"on": "xgc.deploy"}),
        json!({"on": "xgc.deploy", "effect": {"kind": "cutt"}}),
        json!({"on": "xgc.deploy", "effect": {"kind": "cut", "whenn": "after"}}),
        json!({"on": "xgc.deploy", "effect": {"kind": "cut", "when": "later"}}),
        json!({"on": "xgc.deploy", "time": 2, "effect": {"kind": "cut"}}),
        json!({"on": "xgc.deploi", "effect": {"kind": "cut"}}),
        json!({"on": "xgd.*", "effect": {"kind": "cut"}}),
    ] {
        let answer = admin.post("/faults", fault.clone()).await;
        assert_eq!(answer.status, 422, "{fault}");
    }
    assert!(sim.faults().is_empty());
}

#[tokio::test]
async fn every_effect_of_the_readme_is_understood() {
    let sim = start().await;
    let admin = Client::admin(&sim);
    let readme = include_str!("../README.md");
    let mut kinds = std::collections::BTreeSet::new();
    for line in readme.lines().filter(|line| line.contains("\"effect\"")) {
        let fault = line.trim().trim_start_matches("-d '").trim_end_matches('\'');
        let start = fault.find('{').expect("a fault");
        let end = fault.rfind('}').expect("a fault");
        let fault: Value = serde_json::from_str(&fault[start..=end]).expect("JSON in the README");
        kinds.insert(fault["effect"]["kind"].as_str().expect("a kind").to_owned());
        let answer = admin.post("/faults", fault.clone()).await;
        assert_eq!(answer.status, 201, "{fault}: {}", answer.text);
    }
    assert_eq!(kinds.len(), 19, "{kinds:?}");
}

#[tokio::test]
async fn held_calls_are_listed_and_let_go() {
    let sim = start().await;
    let (client, admin) = (Client::of(&sim), Client::admin(&sim));
    for _ in 0..2 {
        let pause = json!({"on": "xgc.deploy", "effect": {"kind": "pause"}});
        admin.post("/faults", pause).await;
        let drive = async {
            assert!(sim.wait_until(SOON, |sim| !sim.held().is_empty()).await);
            let held = admin.get("/held").await.json();
            let seq = held[0]["seq"].as_u64().expect("a number");
            assert_eq!(admin.post("/held/999/release", json!({})).await.status, 404);
            let path = format!("/held/{seq}/release");
            assert_eq!(admin.send(Method::POST, &path, None).await.status, 204);
        };
        tokio::join!(client.rent("n"), drive);
        sim.clear_faults();
    }
    let none = admin.send(Method::POST, "/held/release", None).await.json();
    assert_eq!(none, json!({"released": 0}));
}

#[tokio::test]
async fn machines_are_planted_and_changed() {
    let sim = start().await;
    let (client, admin) = (Client::of(&sim), Client::admin(&sim));
    let planted = admin
        .post(
            "/machines",
            json!({"cloud": "xgc", "account": "u-1", "name": "foreign", "gpu_count": 2}),
        )
        .await;
    assert_eq!(planted.status, 201);
    let id = planted.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(client.names().await, ["foreign"]);
    let path = format!("/machines/{id}");
    for (change, state) in [
        (json!({"kind": "stop"}), "shutdown"),
        (json!({"kind": "stop", "release": true}), "shutdown"),
        (json!({"kind": "start"}), "running"),
        (json!({"kind": "freeze"}), "freeze"),
        (json!({"kind": "unfreeze"}), "shutdown"),
        (json!({"kind": "state", "word": "odd"}), "odd"),
        (json!({"kind": "state"}), "shutdown"),
        (json!({"kind": "rename", "name": "x"}), "shutdown"),
        (json!({"kind": "price", "per_hour": 3.5}), "shutdown"),
    ] {
        let report = admin.post(&path, change.clone()).await.json();
        assert_eq!(report["state"], json!(state), "{change}");
    }
    assert_eq!(admin.get(&path).await.json()["name"], json!("x"));
    admin.post(&path, json!({"kind": "destroy"})).await;
    assert_eq!(admin.get("/machines?alive=true").await.json(), json!([]));
    let all = admin
        .get("/machines?cloud=xgc&account=u-1&name=x&alive=false")
        .await
        .json();
    assert_eq!(all[0]["destroyed_by"], json!("admin"));
    assert_eq!(admin.post(&path, json!({"kind": "start"})).await.status, 409);
    assert_eq!(admin.post("/machines/nope", json!({"kind": "start"})).await.status, 404);
    assert_eq!(admin.get("/machines/nope").await.status, 404);
    let nobody = json!({"cloud": "xgc", "account": "nobody", "name": "n"});
    assert_eq!(admin.post("/machines", nobody).await.status, 404);
    let odd = json!({"cloud": "xgc", "account": "u-1", "name": "n", "gpu_model": "odd"});
    assert_eq!(admin.post("/machines", odd).await.status, 422);
}

#[tokio::test]
async fn accounts_are_added_and_changed() {
    let sim = start().await;
    let admin = Client::admin(&sim);
    assert_eq!(
        admin.get("/accounts").await.json()[0],
        json!({
            "cloud": "xgc", "id": "u-1", "balance": 1000.0,
            "credentials": [{"key": "sim-xgc-token-1", "secret": "", "revoked": false}],
        })
    );
    let account = json!({"id": "u-2", "credentials": [{"key": "t"}], "balance": 5.0});
    assert_eq!(admin.post("/accounts/xgc", account).await.status, 201);
    let change = async |change: Value| admin.post("/accounts/xgc/u-2", change).await.json();
    assert_eq!(
        change(json!({"kind": "balance", "yuan": 7.5})).await["balance"],
        json!(7.5)
    );
    let revoked = change(json!({"kind": "revoke", "key": "t"})).await;
    assert_eq!(revoked["credentials"][0]["revoked"], json!(true));
    change(json!({"kind": "restore", "key": "t"})).await;
    change(json!({"kind": "add", "key": "t2"})).await;
    let rotated = change(json!({"kind": "rotate", "key": "t3"})).await;
    assert_eq!(
        rotated["credentials"],
        json!([
            {"key": "t", "secret": "", "revoked": true},
            {"key": "t2", "secret": "", "revoked": true},
            {"key": "t3", "secret": "", "revoked": false},
        ])
    );
    assert_eq!(admin.get("/accounts/xgc/u-2").await.json(), rotated);
    assert_eq!(admin.get("/accounts/xgc/nobody").await.status, 404);
    let unknown = admin
        .post("/accounts/xgc/u-2", json!({"kind": "revoke", "key": "nope"}))
        .await;
    assert_eq!(unknown.status, 422);

    let client = Client::of(&sim);
    let placed = client
        .post("/open/recharge/order", json!({"amount": 5, "payment": "alipay"}))
        .await
        .data();
    let path = format!("/orders/xgc/{}/pay", placed["trade_no"].as_str().expect("a number"));
    assert_eq!(admin.send(Method::POST, &path, None).await.status, 204);
    assert!((sim.xgc().account("u-1").balance() - 1005.0).abs() < f64::EPSILON);
    assert_eq!(admin.send(Method::POST, "/orders/xgc/0/pay", None).await.status, 404);
}

#[tokio::test]
async fn settings_are_patched() {
    let sim = start().await;
    let (client, admin) = (Client::of(&sim), Client::admin(&sim));
    let patch = json!({
        "pace": {"creating_ms": 123},
        "gpu_models": {"NVIDIA GeForce RTX 4090": {"capacity": 0}},
        "save_image_name": "image_name",
    });
    let settings = admin.send(Method::PATCH, "/settings/xgc", Some(patch)).await.json();
    assert_eq!(settings["pace"]["creating_ms"], json!(123));
    assert_eq!(settings["pace"]["starting_ms"], json!(20));
    assert_eq!(
        settings["gpu_models"]["NVIDIA GeForce RTX 4090"],
        json!({"price_per_hour": 1.89, "capacity": 0})
    );
    assert_eq!(admin.get("/settings/xgc").await.json(), settings);
    assert_eq!(client.deploy("n").await.refusal(), "可用GPU不足");
    let odd = admin
        .send(Method::PATCH, "/settings/xgc", Some(json!({"pase": {}})))
        .await;
    assert_eq!(odd.status, 422);
    assert_eq!(admin.get("/settings/nimbus").await.status, 400);
}

#[tokio::test]
async fn a_reset_begins_anew() {
    let sim = start().await;
    let (client, admin) = (Client::of(&sim), Client::admin(&sim));
    let id = client.running(&sim, "n").await;
    admin
        .post("/faults", json!({"on": "*", "effect": {"kind": "cut"}}))
        .await;
    admin.post("/clock/advance", json!({"ms": 1_000_000})).await;
    assert_eq!(admin.send(Method::POST, "/reset", None).await.status, 204);
    assert!(sim.machines().is_empty());
    assert!(sim.faults().is_empty());
    assert!(sim.calls().is_empty());
    assert_eq!(admin.get("/clock").await.json()["ahead_ms"], json!(0));
    assert!((sim.xgc().account("u-1").balance() - 1000.0).abs() < f64::EPSILON);
    // The same seed, from the beginning.
    assert_eq!(client.rent("n").await, id);
    comes_to(&sim, &id, "running").await;
}

#[tokio::test]
async fn the_index_says_what_there_is() {
    let sim = start().await;
    let index = Client::admin(&sim).get("").await.json();
    assert_eq!(
        index["clouds"],
        json!(["xgc", "scnet", "luchen", "capital_online", "neolink"])
    );
    assert_eq!(index["accounts"][0]["id"], json!("u-1"));
    let root = Client::new(sim.url(), None);
    assert_eq!(root.get("/healthz").await.text, "ok");
    assert_eq!(root.get("/nimbus/open").await.status, 404);
}
