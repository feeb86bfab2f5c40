//! What is made of refusals, of gateways and of specs that cannot be.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::condition::Reason;
use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::provider::{Error, Kind, Provider, Scope};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{ID, Scene, TOKEN, connect, create, fixture, machine, spec};

/// The error of a read, of a change that may be repeated, and of the two that may not.
async fn errors(provider: &dyn Provider) -> [Error; 4] {
    let snapshot = Snapshot {
        name: "mine".to_owned(),
        tag: None,
    };
    let machine = machine(InstanceState::Running);
    [
        provider.list(&Scope::default()).await.map(drop).unwrap_err(),
        provider.stop(&machine, StopMode::ReleaseGpu, None).await.unwrap_err(),
        create(provider, &spec(json!({}))).await.map(drop).unwrap_err(),
        provider.save_image(&machine, &snapshot).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn a_refusal_in_known_words_means_that_nothing_was_done() {
    for (name, kind, says) in [
        (
            "bad_token",
            Kind::Unauthorized,
            "the token is not known: 未找到访问令牌 (code 1000)",
        ),
        (
            "no_token",
            Kind::Unauthorized,
            "carried no token: 访问令牌为空 (code 1000)",
        ),
        (
            "no_capacity",
            Kind::NoCapacity,
            "no such GPU is free now: 可用GPU不足 (code 1000)",
        ),
        ("model_unavailable", Kind::NoCapacity, "cannot be had now: "),
        (
            "low_balance",
            Kind::InsufficientBalance,
            "the balance is too low: 账户余额不足 (code 1000)",
        ),
        (
            "bad_parameter",
            Kind::Invalid,
            "a parameter is wrong: 参数错误: image (code 1000)",
        ),
    ] {
        let scene = Scene::saying(&fixture(name)).await;
        for error in errors(&*scene.provider).await {
            assert_eq!(error.kind, kind, "{error}");
            assert!(
                error.message.starts_with("xgc.") && error.message.contains(says),
                "{error}"
            );
        }
        assert_eq!(scene.received().await.len(), 4, "nothing is repeated");
    }
}

#[tokio::test]
async fn anything_else_leaves_an_order_open() {
    let failure = |code: Value, msg: &str| json!({"code": code, "msg": msg, "success": false});
    let json = |status, body: Value| ResponseTemplate::new(status).set_body_json(body);
    for (answer, says) in [
        (
            json(200, fixture("unknown_failure")),
            "the cloud refused: without giving a reason (code 1000)",
        ),
        (json(200, failure(json!(1001), "系统繁忙")), "系统繁忙 (code 1001)"),
        (json(200, failure(json!("E7"), "what")), "what (code E7)"),
        (json(400, failure(json!(1000), "what")), "what (code 1000, HTTP 400)"),
        (
            json(404, failure(json!(1000), "未找到实例")),
            "未找到实例 (code 1000, HTTP 404)",
        ),
        (json(500, fixture("no_capacity")), "answered 500"),
        (json(500, fixture("deploy")), "answered 500"),
        (json(302, fixture("deploy")), "a redirect"),
        (json(200, json!("ok")), "answered 200"),
        (json(200, Value::Null), "answered 200"),
        (ResponseTemplate::new(200).set_body_string(""), "an empty body"),
        (
            ResponseTemplate::new(200).set_body_string("{\"code\":200,"),
            "cannot be read",
        ),
        (
            ResponseTemplate::new(401).set_body_string("who are you?"),
            "401: who are you?",
        ),
        (
            ResponseTemplate::new(403).set_body_raw("<title>WAF</title>", "text/html"),
            "403 with a web page: WAF",
        ),
        (
            ResponseTemplate::new(404).set_body_string("404 page not found"),
            "404: 404 page not found",
        ),
        (
            ResponseTemplate::new(502).set_body_raw("<title>502 Bad Gateway</title>", "text/html"),
            "502 with a web page: 502 Bad Gateway",
        ),
    ] {
        let scene = Scene::answering(answer).await;
        let errors = errors(&*scene.provider).await;
        let kinds = errors.each_ref().map(|error| error.kind);
        assert_eq!(
            kinds,
            [Kind::Transient, Kind::Transient, Kind::Ambiguous, Kind::Ambiguous],
            "{says}: {errors:?}"
        );
        for error in errors {
            assert!(error.message.contains(says), "{error} should say {says}");
        }
    }
}

#[tokio::test]
async fn a_status_counts_only_with_the_vendors_own_words() {
    for status in [401, 403] {
        let body = json!({"code": 1000, "msg": "无权限", "success": false});
        let scene = Scene::answering(ResponseTemplate::new(status).set_body_json(body)).await;
        for error in errors(&*scene.provider).await {
            assert_eq!(error.kind, Kind::Unauthorized, "{error}");
        }
    }
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "0");
    let scene = Scene::answering(busy).await;
    for error in errors(&*scene.provider).await {
        assert_eq!(error.kind, Kind::RateLimited, "{error}");
    }
}

#[tokio::test]
async fn a_success_without_what_was_asked_for_is_no_success() {
    let scene = Scene::saying(&fixture("taken")).await;
    let provider = &*scene.provider;
    let error = create(provider, &spec(json!({}))).await.unwrap_err();
    assert_eq!(error.kind, Kind::Ambiguous);
    assert!(error.message.contains("no id of the new machine"), "{error}");
    assert_eq!(
        provider.list(&Scope::default()).await.unwrap_err().kind,
        Kind::Transient
    );
    assert_eq!(provider.identify().await.unwrap_err().kind, Kind::Transient);
    assert_eq!(provider.balance().await.unwrap_err().kind, Kind::Transient);

    for uuid in [json!(""), json!("a/b"), json!("a b"), json!(null)] {
        let body = json!({"success": true, "data": {"uuid": uuid}});
        assert!(Scene::saying(&body).await.provider.identify().await.is_err(), "{uuid}");
    }
}

#[tokio::test]
async fn a_refused_destroy_is_tried_the_other_way() {
    let refusal = json!({"code": 1000, "msg": "当前实例状态不允许此操作", "success": false});
    for (state, verbs) in [
        (InstanceState::Running, ["shutdown_destroy", "destroy"]),
        (InstanceState::Stopped, ["destroy", "shutdown_destroy"]),
    ] {
        let scene = Scene::saying(&refusal).await;
        let error = scene.provider.delete(&machine(state)).await.unwrap_err();
        assert_eq!(error.kind, Kind::Transient);
        let sent = scene.received().await;
        let paths: Vec<_> = sent
            .iter()
            .map(|(_, path, _)| path.trim_start_matches("/xgc/open/instance/"))
            .collect();
        assert_eq!(paths, verbs);
        assert!(sent.iter().all(|(.., body)| body == &Some(json!({ "id": ID }))));
    }
}

#[tokio::test]
async fn a_destroy_that_failed_otherwise_is_not() {
    for answer in [
        ResponseTemplate::new(502),
        ResponseTemplate::new(200).set_body_json(fixture("bad_token")),
        ResponseTemplate::new(429),
    ] {
        let scene = Scene::answering(answer).await;
        scene
            .provider
            .delete(&machine(InstanceState::Running))
            .await
            .unwrap_err();
        assert_eq!(scene.received().await.len(), 1);
    }
}

#[tokio::test]
async fn the_token_is_in_no_error_whatever_the_cloud_repeats() {
    let echo = json!({"code": 1000, "msg": format!("bad header: Bearer {TOKEN}"), "success": false});
    for answer in [
        ResponseTemplate::new(200).set_body_json(&echo),
        ResponseTemplate::new(401).set_body_json(&echo),
        ResponseTemplate::new(429).set_body_string(format!("calm down, {TOKEN}")),
        ResponseTemplate::new(502).set_body_raw(format!("<title>{TOKEN}</title>"), "text/html"),
        ResponseTemplate::new(400).set_body_string(format!("{}{TOKEN}", "x".repeat(195))),
    ] {
        let scene = Scene::answering(answer).await;
        for error in errors(&*scene.provider).await {
            assert!(!format!("{error} {error:?}").contains(&TOKEN[..5]), "{error}");
        }
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_reached_has_done_nothing() {
    // Nothing listens on this port.
    let provider = connect("http://127.0.0.1:1/xgc");
    for error in errors(&*provider).await {
        assert_eq!(error.kind, Kind::Transient);
        assert!(error.message.contains("could not connect"), "{error}");
    }
}

#[test]
fn a_spec_that_cannot_be_is_refused_before_anything_is_rented() {
    let provider = connect("http://127.0.0.1:1/xgc");
    for (more, reason, says) in [
        (
            json!({"gpu": null}),
            Reason::Invalid,
            "spec.gpu is invalid: say which GPUs the machine has: known at XGC are RTX 4090, RTX 4090 D",
        ),
        (
            json!({"gpu": {"model": "  ", "count": 1}}),
            Reason::Invalid,
            "spec.gpu.model",
        ),
        (
            json!({"gpu": {"model": "NVIDIA", "count": 1}}),
            Reason::Invalid,
            "spec.gpu.model",
        ),
        (
            json!({"image": "pytorch:2.4"}),
            Reason::Invalid,
            "spec.image is invalid: XGC takes the id of an image",
        ),
        (
            json!({"ports": [{"port": 80, "protocol": "HTTP"}, {"port": 2222, "protocol": "SSH"}]}),
            Reason::Unsupported,
            "spec.ports[1]",
        ),
        (
            json!({"xgc": {"systemDiskExpand": "99999999999Ti"}}),
            Reason::Invalid,
            "spec.xgc.systemDiskExpand",
        ),
    ] {
        let refusal = provider.check(&spec(more)).unwrap_err();
        assert_eq!(refusal.reason, reason, "{}", refusal.message);
        assert!(refusal.message.contains(says), "{}", refusal.message);
    }
    for more in [
        json!({}),
        json!({"gpu": {"model": "RTX 6090", "count": 1}}),
        json!({"gpu": null, "image": null, "instanceId": ID}),
        json!({"ports": [{"port": 22, "protocol": "SSH"}, {"port": 8080, "protocol": "HTTP"}]}),
        json!({"xgc": {"systemDiskExpand": ""}}),
    ] {
        assert_eq!(provider.check(&spec(more)), Ok(()));
    }
}
