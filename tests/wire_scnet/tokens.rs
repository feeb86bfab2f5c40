//! Signing in, finding a region, and what becomes of tokens that end.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gpu_instance_operator::api::InstanceState::Stopped;
use gpu_instance_operator::api::condition::Reason;
use gpu_instance_operator::provider::Kind;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{
    CENTER, CREATE, REGION, START, STOP, Scene, TOKENS, called, connect, create, fixture, good, in_use, machine,
    refusal, spec,
};

/// Tokens that end so many seconds from now; the region's is called by this name.
fn tokens(name: &str, seconds: i64) -> Value {
    let mut tokens = fixture("tokens");
    let mut claims = fixture("claims");
    let end = jiff::Timestamp::now().as_millisecond() + seconds * 1000;
    claims["expireTime"] = json!(end.to_string());
    tokens["data"][0]["token"] = json!(token(name, &claims));
    tokens
}

fn token(name: &str, claims: &Value) -> String {
    format!("{name}.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn the_user_signs_in_once_for_all_regions() {
    let scene = Scene::new().await;
    scene.says(START, good(json!("x")));
    assert_eq!(scene.provider.identify().await.unwrap().account, "bob");
    for _ in 0..3 {
        scene.provider.start(&machine(Stopped), None).await.unwrap();
    }
    assert_eq!((scene.count(TOKENS).await, scene.count(CENTER).await), (1, 1));
    let requests = scene.server.received_requests().await.unwrap();
    let headers = &requests[0].headers;
    assert_eq!(headers["user"], "bob");
    assert_eq!(headers["accesskey"], "85f96a42b13f4d2c8b760d2775bbcca8");
    let timestamp: i64 = headers["timestamp"].to_str().unwrap().parse().unwrap();
    assert!(
        (jiff::Timestamp::now().as_second() - timestamp).abs() < 60,
        "in seconds"
    );
    let signature = headers["signature"].to_str().unwrap();
    assert!(
        signature.len() == 64
            && signature
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
    assert!(requests[0].body.is_empty());
}

#[tokio::test]
async fn tokens_are_renewed_before_they_end() {
    // Renewed half a minute early, but kept for a minute at least.
    for (seconds, sign_ins) in [(3600, 1), (-3600, 1)] {
        let scene = Scene::new().await;
        scene.says(START, good(json!("x")));
        scene.says(TOKENS, tokens("t", seconds));
        for _ in 0..3 {
            scene.provider.start(&machine(Stopped), None).await.unwrap();
        }
        assert_eq!(scene.count(TOKENS).await, sign_ins);
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_call_sent_again_once() {
    for refused in [
        ok(refusal("10008", "权限不足")),
        ok(refusal(10009, "没有权限访问接口")),
        ResponseTemplate::new(401).set_body_json(refusal("E401", "token expired")),
    ] {
        let scene = Scene::new().await;
        scene.answers(TOKENS, [ok(tokens("old", 3600)), ok(tokens("new", 3600))]);
        scene.answers(CREATE, [refused, ok(fixture("create"))]);
        create(&*scene.provider, &spec(json!({}))).await.unwrap();
        let calls = scene.calls().await;
        let used: Vec<_> = calls.iter().map(|call| &call.token.as_ref().unwrap()[..3]).collect();
        assert_eq!(used, ["old", "new"]);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_not_tried_for_ever() {
    let scene = Scene::new().await;
    scene.answers(TOKENS, [ok(tokens("old", 3600)), ok(tokens("new", 3600))]);
    scene.says(STOP, refusal("10008", "权限不足"));
    let error = scene
        .provider
        .stop(
            &machine(Stopped),
            gpu_instance_operator::api::instance::StopMode::ReleaseGpu,
            None,
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unauthorized);
    assert!(error.message.contains("权限不足 (code 10008)"), "{error}");
    assert_eq!((scene.count(STOP).await, scene.count(TOKENS).await), (2, 2));
}

#[tokio::test]
async fn keys_that_do_not_fit_are_said_to_be_so() {
    for code in [json!("10009"), json!(10008)] {
        let scene = Scene::new().await;
        scene.says(TOKENS, refusal(code, "校验失败"));
        let error = scene.provider.identify().await.unwrap_err();
        assert_eq!(error.kind, Kind::Unauthorized);
        assert!(error.message.contains("check user, accessKey and secretKey"), "{error}");
        assert!(!error.message.contains("SKtest"), "{error}");
    }
    let scene = Scene::new().await;
    scene.says(TOKENS, refusal("10007", "用户已被冻结"));
    assert_eq!(
        scene.provider.identify().await.unwrap_err().kind,
        Kind::InsufficientBalance
    );
}

#[tokio::test]
async fn a_region_without_a_token_is_disabled_and_the_platform_is_none() {
    let scene = Scene::new().await;
    let mut answer = fixture("tokens");
    answer["data"][0]["token"] = Value::Null;
    scene.says(TOKENS, answer);
    for (region, says) in [
        (REGION, "is disabled for this account"),
        ("ac", "is the platform itself"),
        ("x", "there"),
    ] {
        let error = scene
            .provider
            .quote(&spec(json!({ "region": region })))
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Invalid);
        assert!(
            error.message.contains(says) || error.message.contains("not among"),
            "{error}"
        );
    }
    assert_eq!(scene.count(CENTER).await, 0);
}

#[tokio::test]
async fn a_regions_address_is_the_first_enabled_and_must_be_allowed() {
    let scene = Scene::new().await;
    scene.says(START, good(json!("x")));
    let mut center = fixture("center");
    let good = format!("{}/ai", scene.server.uri());
    center["data"]["aiUrls"] = json!([
        {"enable": "false", "url": "https://off.scnet.cn/ai"},
        {"enable": "true", "url": "https://other.example:65106/ai"},
        {"enable": "true", "url": good},
    ]);
    scene.says(CENTER, center.clone());
    scene.provider.start(&machine(Stopped), None).await.unwrap();
    for (urls, kind, says) in [
        (
            json!([{"enable": "true", "url": "https://other.example:65106/ai"}]),
            Kind::EndpointNotAllowed,
            "--allow-endpoint https://other.example:65106/ai",
        ),
        (
            json!([{"enable": "true", "url": "http://www.scnet.cn/ai"}]),
            Kind::EndpointNotAllowed,
            "--allow-endpoint",
        ),
        (
            json!([{"enable": "false", "url": good}]),
            Kind::Invalid,
            "no container service enabled",
        ),
        (json!("https://www.scnet.cn/ai"), Kind::Transient, "no aiUrls"),
    ] {
        let scene = Scene::new().await;
        center["data"]["aiUrls"] = urls;
        scene.says(CENTER, center.clone());
        let error = scene.provider.quote(&spec(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(says), "{error}");
        if kind == Kind::EndpointNotAllowed {
            let listing = scene.provider.list(&in_use(&[REGION])).await.unwrap();
            assert!(listing.proof.gap(Some(REGION)).unwrap().contains("--allow-endpoint"));
        }
    }
}

#[tokio::test]
async fn the_center_of_a_twin_is_not_the_vendors() {
    let scene = Scene::with(json!({"centerEndpoint": ""})).await;
    scene.says(START, good(json!("x")));
    let mut center = fixture("center");
    center["data"]["aiUrls"][0]["url"] = json!(format!("{}/ai", scene.server.uri()));
    scene.says("GET /tokens/ac/openapi/v2/center", center);
    scene.provider.start(&machine(Stopped), None).await.unwrap();
    assert_eq!(
        scene.calls().await.last(),
        Some(&called(START, &format!("instanceServiceId={}", crate::ID), None))
    );
}

#[tokio::test]
async fn bases_that_are_not_allowed_are_refused() {
    for (more, field) in [
        (json!({"endpoint": "http://169.254.169.254"}), "spec.scnet.endpoint"),
        (
            json!({"centerEndpoint": "http://169.254.169.254"}),
            "spec.scnet.centerEndpoint",
        ),
    ] {
        let error = connect("http://127.0.0.1:1", more).err().expect("refused");
        assert_eq!(error.reason(), Reason::EndpointNotAllowed);
        assert!(error.to_string().contains(field), "{error}");
    }
}
