//! Capital Online's twin as a client of its own sees it: what it takes for a signature, and what it answers.
#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

use std::collections::BTreeMap;
use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use cloudsim::{Cloudsim, Config, Pace};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha1::Sha1;

const KEY: &str = "SIMAKCAPITALONLINE01";
const SECRET: &str = "sim-cds-secret/Key+1=";

/// The parts of a request's query.
type Query = BTreeMap<String, String>;

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn text(query: &Query) -> String {
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

fn signature(method: &str, query: &Query, secret: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{method}&%2F&{}", encode(&text(query))).as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

fn unsigned(action: &str, nonce: &str, at: Timestamp, own: &[(&str, &str)]) -> Query {
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let fixed = [
        ("Action", action),
        ("AccessKeyId", KEY),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &at),
        ("Version", "2019-08-08"),
    ];
    fixed
        .iter()
        .chain(own)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

struct Client {
    sim: Cloudsim,
    http: reqwest::Client,
}

impl Client {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sim = Cloudsim::start(Config::default().with_pace(&Pace::every(60_000)))
            .await
            .unwrap();
        let http = reqwest::Client::new();
        Self { sim, http }
    }

    /// The status, the code, and the answer.
    async fn send(&self, path: &str, query: &Query, body: Option<&Value>) -> (u16, String, Value) {
        let url = format!("{}{path}?{}", self.sim.capital_online().url(), text(query));
        let request = match body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).json(body),
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let answer: Value = answer.json().await.unwrap();
        (status, answer["Code"].as_str().unwrap_or_default().to_owned(), answer)
    }

    async fn call(&self, action: &str, own: &[(&str, &str)], body: Option<&Value>) -> (u16, String, Value) {
        let method = if body.is_some() { "POST" } else { "GET" };
        let nonce = format!("nonce-{}", self.sim.calls().len());
        let mut query = unsigned(action, &nonce, Timestamp::now(), own);
        query.insert("Signature".into(), signature(method, &query, SECRET));
        self.send("/gpubms/v1/", &query, body).await
    }
}

#[tokio::test]
async fn only_a_fresh_request_with_the_right_signature_is_taken() {
    let client = Client::new().await;
    let fresh = unsigned("DescribeGpu", "n-1", Timestamp::now(), &[("Name", "测试 gpu*~+/&=01")]);
    let sign = |query: &Query, method: &str, secret: &str| {
        let mut signed = query.clone();
        signed.insert("Signature".into(), signature(method, query, secret));
        signed
    };
    let good = sign(&fresh, "GET", SECRET);
    let mut tampered = good.clone();
    tampered.insert("Name".into(), "other".into());
    let aged = |minutes| {
        unsigned(
            "DescribeGpu",
            "n-2",
            Timestamp::now() - SignedDuration::from_mins(minutes),
            &[],
        )
    };
    let stranger = {
        let mut query = fresh.clone();
        query.insert("AccessKeyId".into(), "nobody".into());
        sign(&query, "GET", SECRET)
    };
    for (what, query, code) in [
        ("no signature", fresh.clone(), "SignatureDoesNotMatch"),
        ("another secret", sign(&fresh, "GET", "x"), "SignatureDoesNotMatch"),
        (
            "a secret with a & behind it",
            sign(&fresh, "GET", &format!("{SECRET}&")),
            "SignatureDoesNotMatch",
        ),
        ("another method", sign(&fresh, "POST", SECRET), "SignatureDoesNotMatch"),
        ("a parameter that was changed", tampered, "SignatureDoesNotMatch"),
        ("an unknown key", stranger, "InvalidAccessKeyId"),
        ("too old", sign(&aged(20), "GET", SECRET), "InvalidTimestamp.Expired"),
        ("too new", sign(&aged(-20), "GET", SECRET), "InvalidTimestamp.Expired"),
        ("all right", good.clone(), "Success"),
        ("the same once more", good, "SignatureNonceUsed"),
    ] {
        let (_, answered, answer) = client.send("/gpubms/v1/", &query, None).await;
        assert_eq!(answered, code, "{what}: {answer}");
    }
}

#[tokio::test]
async fn actions_are_at_their_own_path_and_method() {
    let client = Client::new().await;
    let (status, code, _) = client.call("DescribeGpuRegions", &[], Some(&json!({}))).await;
    assert_eq!((status, code.as_str()), (400, "UnsupportedAction"));
    let (_, code, _) = client.call("DescribeVPC", &[], Some(&json!({}))).await;
    assert_eq!(code, "UnsupportedAction", "networks are at the other path");
    let (_, code, _) = client.call("DescribeGpuRegions", &[], None).await;
    assert_eq!(code, "Success");
    assert_eq!(client.sim.call_count("capital_online.unknown"), 2);
}

#[tokio::test]
async fn an_order_is_one_task_for_all_its_machines_and_costs_until_they_are_gone() {
    let client = Client::new().await;
    let order = json!({
        "RegionId": "CN_Hohhot_B", "InstanceName": "many", "Password": "Tester@123", "InstanceChargeType": "PostPaid",
        "ComputeId": "8fbdb61e-b941-46db-89f6-f8953b278ec9", "GoodsId": 7685, "Amount": 2,
        "ImageId": "d32af696-5774-4936-8f09-e9f4cf069b31",
        "VpcNetWork": {"VpcId": "b2ca7892-a329-11ef-943a-66fdd349a9b1", "NetId": "b2cc9168-a329-11ef-943a-66fdd349a9b1"},
    });
    let (_, code, answer) = client.call("CreateGpuInstance", &[], Some(&order)).await;
    assert_eq!(code, "Success");
    let task = answer["Data"]["taskId"].as_str().unwrap().to_owned();
    let (.., answer) = client.call("DescribeGpuTask", &[("TaskId", &task)], None).await;
    assert_eq!(answer["Data"], json!({"Status": "init", "ResourceIds": []}));
    client.sim.advance(Duration::from_mins(2));
    let (.., answer) = client.call("DescribeGpuTask", &[("TaskId", &task)], None).await;
    assert_eq!(answer["Data"]["Status"], json!("succeed"));
    let ids = answer["Data"]["ResourceIds"].clone();
    assert_eq!(ids.as_array().unwrap().len(), 2);

    let (_, code, answer) = client
        .call("DeleteGpuInstances", &[], Some(&json!({"ResourceIds": ids})))
        .await;
    assert_eq!(code, "LogicError", "they run: {answer}");
    let off = json!({"Operate": "stop", "ResourceIds": ids});
    let (_, code, answer) = client.call("OperateGpuPower", &[], Some(&off)).await;
    assert_eq!(
        (code.as_str(), answer["Data"]["TaskIds"].as_array().unwrap().len()),
        ("Success", 2)
    );
    client.sim.advance(Duration::from_hours(1));
    assert!(
        client.sim.meter().rate_per_hour > 26.9,
        "what is off is paid for all the same"
    );
    let (_, code, _) = client
        .call("DeleteGpuInstances", &[], Some(&json!({"ResourceIds": ids})))
        .await;
    assert_eq!(code, "Success");
    client.sim.advance(Duration::from_hours(1));
    assert!(client.sim.alive().is_empty());
}
