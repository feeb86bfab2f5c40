//! Each fault as a real HTTP client sees it, and what it leaves behind at the cloud.

mod client;

use std::time::{Duration, Instant};

use client::{Answer, Client, SOON, comes_to, start};
use cloudsim::{Cloudsim, Config, Effect, Fault, FaultOn, Outcome, Pace, When};
use reqwest::Method;
use serde_json::{Value, json};

const DEPLOY: &str = "/open/instance/deploy";

fn on_deploy() -> FaultOn {
    Fault::on("xgc.deploy")
}

async fn try_deploy(client: &Client, name: &str) -> reqwest::Result<Answer> {
    client.try_send(Method::POST, DEPLOY, Some(client::order(name))).await
}

/// Without any response head.
fn was_cut(result: reqwest::Result<Answer>) -> bool {
    let error = result.expect_err("no answer");
    let mut texts = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    error.is_request() && texts.iter().any(|text| text.contains("before message completed"))
}

fn alive(sim: &Cloudsim) -> usize {
    sim.alive().len()
}

#[tokio::test]
async fn a_cut_before_the_change_leaves_nothing() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().cut_before_commit());
    assert!(was_cut(try_deploy(&client, "n").await));
    assert_eq!(alive(&sim), 0);
    let call = &sim.calls()[0];
    assert_eq!(call.outcome, Outcome::Fault);
    assert_eq!(call.status, None);
    assert!(!call.committed);
    assert_eq!(call.faults, ["cut"]);
    // Once, unless asked otherwise.
    client.rent("n").await;
}

#[tokio::test]
async fn a_cut_after_the_change_leaves_a_machine() {
    let sim = start().await;
    let client = Client::of(&sim);
    // Also on a connection that has answered before.
    client.list().await;
    sim.fault(on_deploy().cut_after_commit());
    assert!(was_cut(try_deploy(&client, "n").await));
    assert_eq!(sim.machines_named("n").len(), 1);
    assert!(sim.calls()[1].committed);
    assert_eq!(sim.call_count("xgc.deploy"), 1, "the client did not try again");
}

#[tokio::test]
async fn reads_can_be_cut_too() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(Fault::on("xgc.list").cut_before_commit());
    assert!(was_cut(client.try_send(Method::GET, "/open/instances", None).await));
    client.list().await;
}

#[tokio::test]
async fn a_status_comes_before_or_after_the_change() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().status_before_commit(503));
    sim.fault(on_deploy().status_after_commit(500));
    assert_eq!(client.deploy("a").await.status, 503);
    assert_eq!(alive(&sim), 0);
    assert_eq!(client.deploy("b").await.status, 500);
    assert_eq!(alive(&sim), 1);
    let calls = sim.calls();
    assert_eq!((calls[0].status, calls[0].committed), (Some(503), false));
    assert_eq!((calls[1].status, calls[1].committed), (Some(500), true));
}

#[tokio::test]
async fn gateways_speak_html() {
    let sim = start().await;
    let client = Client::of(&sim);
    for status in [502, 404] {
        sim.fault(Fault::on("xgc.get").html(status));
        let answer = client.get("/open/instance/any").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["content-type"], "text/html");
        assert!(answer.text.starts_with("<html>"));
    }
    sim.fault(on_deploy().effect(Effect::Html {
        status: 502,
        when: When::After,
    }));
    assert_eq!(client.deploy("n").await.status, 502);
    assert_eq!(alive(&sim), 1);
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back_or_does_not() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().rate_limited());
    let answer = client.deploy("n").await;
    assert_eq!(answer.status, 429);
    assert!(!answer.headers.contains_key("retry-after"));
    sim.fault(on_deploy().rate_limited_for(7));
    assert_eq!(client.deploy("n").await.headers["retry-after"], "7");
    sim.fault(on_deploy().rate_limited_until(30));
    let answer = client.deploy("n").await;
    let date = answer.headers["retry-after"].to_str().expect("text");
    assert_eq!(date.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len());
    let at = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(date)
        .expect("an HTTP date");
    let ahead = at.as_second() - jiff::Timestamp::now().as_second();
    assert!((28..=31).contains(&ahead), "{date}");
    assert_eq!(alive(&sim), 0);
}

#[tokio::test]
async fn a_hang_ends_in_silence() {
    let sim = start().await;
    let client = Client::of(&sim);
    for (fault, machines) in [
        (on_deploy().hang_before_commit(), 0),
        (on_deploy().hang_after_commit(), 1),
    ] {
        sim.fault(fault);
        let call = tokio::time::timeout(Duration::from_millis(200), try_deploy(&client, "n")).await;
        assert!(call.is_err(), "it answered");
        assert_eq!(alive(&sim), machines);
        assert_eq!(sim.held().len(), 1);
        assert_eq!(sim.release_all(), 1);
        let over = sim
            .wait_until(SOON, |sim| {
                sim.calls().iter().all(|call| call.outcome != Outcome::Pending)
            })
            .await;
        assert!(over);
        assert_eq!(alive(&sim), machines, "releasing it changes nothing");
    }
}

#[tokio::test]
async fn a_hang_can_end_by_itself() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().effect(Effect::Hang {
        when: When::After,
        ms: Some(100),
    }));
    let started = Instant::now();
    assert!(was_cut(try_deploy(&client, "n").await));
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(alive(&sim), 1);
}

#[tokio::test]
async fn a_paused_call_is_carried_out_though_its_caller_is_gone() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().pause_before_commit());
    let call = tokio::time::timeout(Duration::from_millis(200), try_deploy(&client, "n")).await;
    assert!(call.is_err());
    assert_eq!(alive(&sim), 0);
    let held = sim.held();
    assert_eq!(held[0].operation, "xgc.deploy");
    assert_eq!(held[0].machine.as_deref(), Some("n"));
    assert_eq!(held[0].outcome, Outcome::Pending);
    drop(client);
    assert!(sim.release(held[0].seq));
    assert!(!sim.release(held[0].seq));
    assert!(sim.wait_until(SOON, |sim| alive(sim) == 1).await);
}

#[tokio::test]
async fn a_paused_call_answers_as_if_nothing_was() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().pause_before_commit());
    let release = async {
        assert!(sim.wait_until(SOON, |sim| !sim.held().is_empty()).await);
        assert_eq!(alive(&sim), 0);
        sim.release_all();
    };
    let (id, ()) = tokio::join!(client.rent("n"), release);
    assert!(sim.machine(&id).is_some());
}

#[tokio::test]
async fn a_late_commit_surprises_who_gave_up() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().commit_late(300));
    let call = tokio::time::timeout(Duration::from_millis(50), try_deploy(&client, "n")).await;
    assert!(call.is_err());
    assert!(client.names().await.is_empty());
    assert!(sim.wait_until(SOON, |sim| alive(sim) == 1).await);
}

#[tokio::test]
async fn a_slow_answer_is_a_good_one() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().slow(150));
    let started = Instant::now();
    client.rent("n").await;
    assert!(started.elapsed() >= Duration::from_millis(150));
    assert!(sim.calls()[0].duration_ms >= 150);
}

#[tokio::test]
async fn json_can_end_early() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().truncated_json());
    let answer = client.deploy("n").await;
    assert_eq!(answer.status, 200);
    assert!(!answer.text.is_empty());
    assert!(serde_json::from_str::<Value>(&answer.text).is_err());
    assert_eq!(alive(&sim), 1);
    sim.fault(on_deploy().cut_in_body());
    let error = try_deploy(&client, "n").await.expect_err("half a body");
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(alive(&sim), 2);
    sim.fault(Fault::on("xgc.list").effect(Effect::Truncate {
        keep: Some(0),
        cut: false,
    }));
    assert_eq!(client.get("/open/instances").await.text, "");
}

#[tokio::test]
async fn json_can_have_another_shape() {
    let sim = start().await;
    let client = Client::of(&sim);
    client.rent("n").await;
    let list = async |fault: Fault| {
        sim.fault(fault);
        client.get("/open/instances").await.json()
    };
    let on_list = || Fault::on("xgc.list");
    assert_eq!(list(on_list().with("/data", "oops")).await["data"], json!("oops"));
    assert_eq!(
        list(on_list().with("/data/list", json!({}))).await["data"]["list"],
        json!({})
    );
    assert_eq!(
        list(on_list().with("/data/list", Value::Null)).await["data"]["list"],
        Value::Null
    );
    assert_eq!(
        list(on_list().with("/data/total", "1")).await["data"]["total"],
        json!("1")
    );
    assert_eq!(list(on_list().with("", json!([]))).await, json!([]));
    assert_eq!(list(on_list().with("/surprise", 1)).await["surprise"], json!(1));
    assert!(list(on_list().without("/data")).await.get("data").is_none());
    assert!(list(on_list().without("/success")).await.get("success").is_none());
    let body = Effect::Body {
        status: 200,
        body: json!(null),
        when: When::Before,
    };
    assert_eq!(list(on_list().effect(body)).await, Value::Null);
}

#[tokio::test]
async fn success_can_come_without_an_id() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().without("/data/id"));
    assert_eq!(client.deploy("a").await.data(), json!({}));
    sim.fault(on_deploy().with("/data/id", ""));
    assert_eq!(client.deploy("b").await.data(), json!({"id": ""}));
    assert_eq!(alive(&sim), 2);
}

#[tokio::test]
async fn envelopes_can_lie() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().refuse(7, "系统繁忙"));
    let envelope = client.deploy("n").await.json();
    assert_eq!(envelope, json!({"code": 7, "msg": "系统繁忙", "success": false}));
    sim.fault(on_deploy().success_with_code(1000, "x"));
    let envelope = client.deploy("n").await.json();
    assert_eq!(envelope, json!({"code": 1000, "msg": "x", "success": true}));
    assert_eq!(alive(&sim), 0);
    sim.fault(on_deploy().effect(Effect::Refuse {
        code: 1000,
        message: None,
        success: false,
        when: When::After,
    }));
    let envelope = client.deploy("n").await.json();
    assert_eq!(envelope, json!({"code": 1000, "success": false}));
    assert_eq!(alive(&sim), 1);
}

#[tokio::test]
async fn clouds_refuse_in_their_own_words() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().no_capacity());
    assert_eq!(client.deploy("n").await.refusal(), "可用GPU不足");
    sim.fault(on_deploy().low_balance());
    assert_eq!(client.deploy("n").await.refusal(), "余额不足");
    sim.fault(Fault::on("xgc.*").unauthorized());
    assert_eq!(client.get("/open/whoami").await.refusal(), "未找到访问令牌");
    client.get("/open/whoami").await.data();
    assert_eq!(alive(&sim), 0);
}

#[tokio::test]
async fn one_call_can_lag_in_the_list() {
    let sim = start_slow().await;
    let client = Client::of(&sim);
    client.rent("seen").await;
    // The newest comes first, to the second.
    sim.advance(Duration::from_secs(2));
    sim.fault(on_deploy().list_lag(10_000));
    let id = client.rent("hidden").await;
    assert_eq!(client.names().await, ["seen"]);
    assert_eq!(client.list().await["total"], json!(1));
    sim.advance(Duration::from_secs(10));
    assert_eq!(client.names().await, ["hidden", "seen"]);

    sim.fault(Fault::on("xgc.destroy").list_lag(10_000));
    client.command("destroy", &id).await;
    sim.advance(Duration::from_mins(1));
    assert!(!sim.machine(&id).expect("a machine").alive);
    assert_eq!(client.names().await, ["hidden", "seen"]);
    sim.advance(Duration::from_secs(10));
    assert_eq!(client.names().await, ["seen"]);
}

async fn start_slow() -> Cloudsim {
    client::start_with(Config::default().with_pace(&Pace::every(60_000))).await
}

#[tokio::test]
async fn a_lost_answer_and_a_lagging_list_come_together() {
    let sim = start_slow().await;
    let client = Client::of(&sim);
    sim.fault(on_deploy().list_lag(10_000));
    sim.fault(on_deploy().cut_after_commit());
    assert!(was_cut(try_deploy(&client, "n").await));
    assert!(client.names().await.is_empty());
    assert_eq!(sim.calls()[0].faults, ["list_lag", "cut"]);
    sim.advance(Duration::from_secs(10));
    assert_eq!(client.names().await, ["n"]);
}

#[tokio::test]
async fn lists_can_be_empty_or_short() {
    let sim = start().await;
    let client = Client::of(&sim);
    for number in 0..5 {
        client.rent(&format!("n{number}")).await;
    }
    sim.fault(Fault::on("xgc.list").empty_list());
    assert_eq!(client.list().await, json!({"list": [], "total": 0}));
    sim.fault(Fault::on("xgc.list").short_list(3));
    let list = client.list().await;
    assert_eq!(list["total"], json!(5));
    assert_eq!(list["list"].as_array().expect("a list").len(), 3);
    assert_eq!(client.names().await.len(), 5);
}

#[tokio::test]
async fn one_machine_of_a_list_can_be_altered() {
    let sim = start().await;
    let client = Client::of(&sim);
    let id = client.running(&sim, "gi-abc-1").await;
    client.running(&sim, "other").await;
    let row = async |fault: Fault| {
        sim.fault(fault.for_machine("gi-*"));
        let list = client.list().await;
        let rows = list["list"].as_array().expect("a list").clone();
        let (ours, others): (Vec<Value>, Vec<Value>) = rows.into_iter().partition(|row| row["id"] == json!(id));
        assert_eq!(others[0]["name"], json!("other"));
        assert_eq!(others[0]["status"], json!("running"));
        ours[0].clone()
    };
    let on_list = || Fault::on("xgc.list");
    assert_eq!(
        row(on_list().machines_with("/status", "hibernating")).await["status"],
        json!("hibernating")
    );
    assert_eq!(
        row(on_list().machines_with("/gpu_used", "1")).await["gpu_used"],
        json!("1")
    );
    assert_eq!(
        row(on_list().machines_with("/new_field", json!([1]))).await["new_field"],
        json!([1])
    );
    assert_eq!(row(on_list().cut_names(4)).await["name"], json!("gi-a"));
    assert!(row(on_list().machines_without(&["/name"])).await.get("name").is_none());
    let bare = row(on_list().machines_without(&["/ssh_domain", "/ssh_port", "/password"])).await;
    assert_eq!(bare["status"], json!("running"));
    for name in ["ssh_domain", "ssh_port", "password"] {
        assert!(bare.get(name).is_none());
    }
    // A machine alone is altered like one in a list.
    sim.fault(Fault::on("xgc.get").machines_with("/status", "hibernating"));
    assert_eq!(client.instance(&id).await["status"], json!("hibernating"));
    assert_eq!(client.instance(&id).await["status"], json!("running"));
}

#[tokio::test]
async fn a_fault_for_a_machine_waits_until_the_list_shows_it() {
    let sim = start().await;
    let client = Client::of(&sim);
    sim.fault(
        Fault::on("xgc.list")
            .machines_with("/status", "odd")
            .for_machine("late"),
    );
    client.list().await;
    client.rent("early").await;
    assert_ne!(client.list().await["list"][0]["status"], json!("odd"));
    client.rent("late").await;
    assert_eq!(
        client.list().await["list"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|row| row["status"] == json!("odd"))
            .count(),
        1
    );
}

#[tokio::test]
async fn faults_are_matched_by_operation_account_machine_and_count() {
    let sim = start().await;
    sim.xgc()
        .add_account(&cloudsim::AccountConfig::with_tokens("u-2", ["other"]));
    let mine = Client::of(&sim);
    let theirs = Client::new(sim.xgc().url(), Some("other".to_owned()));

    sim.fault(on_deploy().no_capacity().for_account("u-2").until_cleared());
    mine.rent("n").await;
    theirs.deploy("n").await.refusal();
    theirs.deploy("n").await.refusal();
    let report = &sim.faults()[0];
    assert_eq!((report.matched, report.fired), (2, 2));
    assert!(sim.clear_fault(report.id));
    assert!(!sim.clear_fault(report.id));
    theirs.rent("n").await;

    let id = mine.running(&sim, "me").await;
    let not_me = mine.running(&sim, "not-me").await;
    sim.fault(Fault::on("xgc.shutdown").refuse(1, "x").for_machine("me"));
    mine.command("shutdown", &not_me).await;
    comes_to(&sim, &not_me, "shutdown").await;
    assert_eq!(mine.command("shutdown", &id).await.json()["code"], json!(1));

    sim.fault(Fault::on("*").status_before_commit(500).from_nth(3).times(2));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(mine.get("/open/balance").await.status);
    }
    assert_eq!(statuses, [200, 200, 500, 500, 200, 200]);
    sim.clear_faults();
    assert!(sim.faults().is_empty());
}

#[tokio::test]
async fn a_probability_is_replayed_by_its_seed() {
    let pattern = async |seed: u64| {
        let sim = start().await;
        let client = Client::of(&sim);
        let fault = Fault::on("xgc.balance").status_before_commit(500);
        sim.fault(fault.until_cleared().with_probability(0.5, seed));
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(client.get("/open/balance").await.status);
        }
        statuses
    };
    let first = pattern(3).await;
    assert_eq!(first, pattern(3).await);
    assert_ne!(first, pattern(4).await);
    let failed = first.iter().filter(|status| **status == 500).count();
    assert!((8..=32).contains(&failed), "{failed}");
}

#[tokio::test]
async fn dropping_the_simulator_closes_what_is_open() {
    let sim = start().await;
    let client = Client::of(&sim);
    client.list().await;
    sim.fault(on_deploy().hang_before_commit());
    let held = tokio::spawn(async move { try_deploy(&client, "n").await.is_err() });
    assert!(sim.wait_until(SOON, |sim| !sim.held().is_empty()).await);
    let address = sim.address();
    drop(sim);
    let ended = tokio::time::timeout(SOON, held)
        .await
        .expect("it ends")
        .expect("no panic");
    assert!(ended);
    let mut refused = false;
    for _ in 0..100 {
        refused = tokio::net::TcpStream::connect(address).await.is_err();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(refused);
}
