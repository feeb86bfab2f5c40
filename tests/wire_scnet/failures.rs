//! What is made of refusals, of gateways and of specs that cannot be.

use gpu_instance_operator::api::InstanceState::{Running, Stopped};
use gpu_instance_operator::api::condition::Reason;
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::provider::{Error, Field, Kind, check};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{CREATE, DETAIL, SCRIPT, START, STOP, Scene, create, fixture, machine, order, refusal, spec};

/// The error of a read, of a change that may be repeated, and of the three that may not, where all are answered so.
async fn errors(answer: &ResponseTemplate) -> [Error; 5] {
    let scene = Scene::new().await;
    for call in [DETAIL, STOP, CREATE, START, SCRIPT] {
        scene.answers(call, [answer.clone()]);
    }
    let provider = &scene.provider;
    let spec = spec(json!({}));
    [
        provider.describe(&machine(Running)).await.map(drop).unwrap_err(),
        provider
            .stop(&machine(Running), StopMode::ReleaseGpu, None)
            .await
            .unwrap_err(),
        create(&**provider, &spec).await.map(drop).unwrap_err(),
        provider.start(&machine(Stopped), None).await.unwrap_err(),
        provider
            .update(&machine(Running), &order(&spec, Some("x")), &[Field::StartupScript])
            .await
            .unwrap_err(),
    ]
}

const OPEN: [Kind; 5] = [
    Kind::Transient,
    Kind::Transient,
    Kind::Ambiguous,
    Kind::Ambiguous,
    Kind::Ambiguous,
];

#[tokio::test]
async fn every_code_has_its_meaning() {
    for (code, kinds) in [
        (10001, OPEN),
        (10003, [Kind::Invalid; 5]),
        (10004, [Kind::Invalid; 5]),
        (10007, [Kind::InsufficientBalance; 5]),
        (10008, [Kind::Unauthorized; 5]),
        (10009, [Kind::Unauthorized; 5]),
        (10010, [Kind::Invalid; 5]),
        (10011, [Kind::Invalid; 5]),
        (10012, OPEN),
        (716_020, OPEN),
        (716_864, OPEN),
        (716_865, OPEN),
        (716_866, OPEN),
        (716_870, [Kind::Invalid; 5]),
        (31337, OPEN),
    ] {
        for code in [json!(code), json!(code.to_string())] {
            let answer = ResponseTemplate::new(200).set_body_json(refusal(code.clone(), "说明"));
            let errors = errors(&answer).await;
            assert_eq!(errors.each_ref().map(|error| error.kind), kinds, "{code}");
            assert!(errors[0].message.contains("说明 (code "), "{}", errors[0]);
        }
    }
}

#[tokio::test]
async fn anything_else_leaves_an_order_open() {
    let json = |status, body: Value| ResponseTemplate::new(status).set_body_json(body);
    for answer in [
        json(500, fixture("create")),
        json(302, fixture("create")),
        json(200, json!("ok")),
        json(200, json!({"msg": "success", "data": "x"})),
        json(200, json!({"code": "zero", "data": "x"})),
        ResponseTemplate::new(200).set_body_string(""),
        ResponseTemplate::new(200).set_body_string("{\"code\":\"0\","),
        ResponseTemplate::new(404).set_body_string("404 page not found"),
        ResponseTemplate::new(502).set_body_raw("<title>502 Bad Gateway</title>", "text/html"),
    ] {
        let errors = errors(&answer).await;
        assert_eq!(errors.each_ref().map(|error| error.kind), OPEN, "{errors:?}");
    }
}

#[tokio::test]
async fn an_order_without_an_id_in_its_answer_is_open() {
    for data in [Value::Null, json!(""), json!({}), json!(["x"]), json!("a b")] {
        let scene = Scene::new().await;
        scene.says(CREATE, json!({"code": "0", "msg": "success", "data": data}));
        let error = create(&*scene.provider, &spec(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, Kind::Ambiguous, "{error}");
    }
}

#[tokio::test]
async fn being_asked_to_wait_is_heard() {
    let answer = ResponseTemplate::new(429).insert_header("retry-after", "7");
    for error in errors(&answer).await {
        let pause = error.retry_after.unwrap().as_secs();
        // What is asked meanwhile is told how much is left.
        assert!(
            error.kind == Kind::RateLimited && (5..=7).contains(&pause),
            "{pause} {error}"
        );
    }
}

#[tokio::test]
async fn tokens_are_in_no_message() {
    let scene = Scene::new().await;
    scene.says(
        STOP,
        refusal("31337", "bad token eyJ-region-11112 of SKtestExample0001"),
    );
    let error = scene
        .provider
        .stop(&machine(Running), StopMode::ReleaseGpu, None)
        .await
        .unwrap_err();
    assert!(error.message.contains("bad token *** of ***"), "{error}");
}

#[tokio::test]
async fn a_spec_that_cannot_be_is_refused_by_the_fields_name() {
    let scene = Scene::new().await;
    for (more, reason, says) in [
        (json!({"gpu": null}), Reason::Invalid, "spec.gpu is invalid"),
        (
            json!({"gpu": {"count": 0}}),
            Reason::Invalid,
            "spec.gpu.model is invalid",
        ),
        (
            json!({"scnet": {"acceleratorType": "cpu"}}),
            Reason::Invalid,
            "spec.scnet.acceleratorType is invalid",
        ),
        (json!({"region": "0"}), Reason::Invalid, "spec.region is invalid"),
        (json!({"region": ""}), Reason::Invalid, "spec.region is invalid"),
        (json!({"cpu": null}), Reason::Invalid, "spec.cpu is invalid"),
        (json!({"memory": "0Gi"}), Reason::Invalid, "spec.memory is invalid"),
        (
            json!({"volumes": [{"mountPath": "/x"}]}),
            Reason::Invalid,
            "spec.volumes[0].source is invalid",
        ),
        (
            json!({"volumes": [{"source": "/a", "mountPath": "/x", "size": "1Gi"}]}),
            Reason::Unsupported,
            "spec.volumes[0].size is not supported",
        ),
        (
            json!({"scnet": {"timeoutLimit": "00:00:00"}}),
            Reason::Invalid,
            "spec.scnet.timeoutLimit is invalid",
        ),
        (
            json!({"ports": [{"port": 22, "protocol": "TCP"}]}),
            Reason::Unsupported,
            "spec.ports[0].protocol is not supported",
        ),
        (
            json!({"ports": [{"port": 22, "protocol": "SSH"}, {"port": 23, "protocol": "SSH"}]}),
            Reason::Unsupported,
            "spec.ports is not supported",
        ),
        (
            json!({"maxPricePerHour": "1"}),
            Reason::Unsupported,
            "spec.maxPricePerHour is not supported",
        ),
        (
            json!({"snapshotOnStop": {"name": "x"}}),
            Reason::Unsupported,
            "spec.snapshotOnStop is not supported",
        ),
        (
            json!({"stopMode": "KeepGpu"}),
            Reason::Unsupported,
            "spec.stopMode is not supported",
        ),
        (
            json!({"billing": {"mode": "Prepaid", "period": {"unit": "Day", "count": 1}}}),
            Reason::Unsupported,
            "spec.billing.mode is not supported",
        ),
    ] {
        let spec = spec(more);
        let refusal = check(&spec, scene.provider.capabilities(), false)
            .and_then(|()| scene.provider.check(&spec))
            .unwrap_err();
        assert_eq!(refusal.reason, reason, "{}", refusal.message);
        assert!(refusal.message.starts_with(says), "{}", refusal.message);
    }
    let fine = spec(
        json!({"gpu": {"model": "cpu1", "count": 0}, "startupScript": "x", "ports": [{"port": 22, "protocol": "SSH"}]}),
    );
    assert_eq!(check(&fine, scene.provider.capabilities(), false), Ok(()));
    assert_eq!(scene.provider.check(&fine), Ok(()));
}
