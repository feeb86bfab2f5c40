//! What is made of refusals, of gateways and of specs that cannot be.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::condition::Reason;
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::provider::{Error, Kind, Provider, Scope};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{ID, PASSWORD, Scene, USER, connect, create, fixture, machine, pinned, spec, token};

/// The error of a read, of a change that may be repeated, and of an order.
async fn errors(provider: &dyn Provider) -> [Error; 3] {
    let running = machine(InstanceState::Running);
    [
        provider.list(&Scope::default()).await.map(drop).unwrap_err(),
        provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap_err(),
        create(provider, &pinned(json!({}))).await.map(drop).unwrap_err(),
    ]
}

/// A server that answers so to all but the list of types.
async fn answering(template: ResponseTemplate) -> Scene {
    let scene = Scene::answering(template).await;
    scene.at("/resource/user/instance/list", &fixture("types")).await;
    scene
}

fn message(text: &str) -> Value {
    json!({ "message": text })
}

#[tokio::test]
async fn a_refusal_in_known_words_means_that_nothing_was_done() {
    for (body, kind, says) in [
        (
            fixture("missing_member"),
            Kind::Invalid,
            "its validator misses a member: 字段 \"instanceConfiguration.enableDocker\" 未设置 (HTTP ",
        ),
        (
            fixture("no_instance"),
            Kind::NotFound,
            "it knows no such machine: ent: instance not found",
        ),
        (message("Instance Not Found"), Kind::NotFound, "Instance Not Found"),
        (
            fixture("no_volume"),
            Kind::Invalid,
            "it knows no such volume: Volume not found",
        ),
        (message("库存不足"), Kind::NoCapacity, "none is in stock: 库存不足"),
        (
            json!({"code": 7, "message": "账户余额不足"}),
            Kind::InsufficientBalance,
            "账户余额不足 (code 7, HTTP ",
        ),
        (message("quota exceeded"), Kind::Quota, "a quota is used up"),
    ] {
        for status in [200, 400, 404, 500] {
            let scene = answering(ResponseTemplate::new(status).set_body_json(&body)).await;
            for error in errors(&*scene.provider).await {
                assert_eq!(error.kind, kind, "{error}");
                assert!(
                    error.message.starts_with("luchen.") && error.message.contains(says),
                    "{error}"
                );
            }
            assert_eq!(scene.count("/instance/create").await, 1, "nothing is repeated");
        }
    }
}

#[tokio::test]
async fn anything_else_leaves_an_order_open() {
    let json = |status, body: Value| ResponseTemplate::new(status).set_body_json(body);
    for (answer, says) in [
        (json(200, message("系统繁忙")), "the cloud refused: 系统繁忙 (HTTP 200)"),
        (
            json(400, json!({"code": "E7", "message": "what"})),
            "what (code E7, HTTP 400)",
        ),
        (json(500, message("what")), "what (HTTP 500)"),
        (json(500, fixture("created")), "answered 500"),
        (json(502, fixture("no_instance")), "answered 502"),
        (json(503, message("余额不足")), "answered 503"),
        (json(302, fixture("created")), "a redirect"),
        (json(200, json!("ok")), "answered 200"),
        (json(200, Value::Null), "answered 200"),
        (ResponseTemplate::new(200).set_body_string(""), "an empty body"),
        (
            ResponseTemplate::new(200).set_body_string("{\"instanceId\":"),
            "cannot be read",
        ),
        (
            ResponseTemplate::new(404).set_body_string("404 page not found"),
            "404: 404 page not found",
        ),
        (
            ResponseTemplate::new(403).set_body_raw("<title>WAF</title>", "text/html"),
            "403 with a web page: WAF",
        ),
        (
            ResponseTemplate::new(401).set_body_string("who are you?"),
            "401: who are you?",
        ),
        (
            ResponseTemplate::new(200).set_body_raw("<title>潞晨云</title>", "text/html"),
            "200 with a web page: 潞晨云",
        ),
        (
            ResponseTemplate::new(502).set_body_raw("<title>502 Bad Gateway</title>", "text/html"),
            "502 Bad Gateway",
        ),
    ] {
        let scene = answering(answer).await;
        let errors = errors(&*scene.provider).await;
        let kinds = errors.each_ref().map(|error| error.kind);
        assert_eq!(
            kinds,
            [Kind::Transient, Kind::Transient, Kind::Ambiguous],
            "{says}: {errors:?}"
        );
        for error in errors {
            assert!(error.message.contains(says), "{error} should say {says}");
        }
        assert_eq!(scene.count("/instance/create").await, 1);
    }
}

#[tokio::test]
async fn a_success_without_what_was_asked_for_is_no_success() {
    for body in [
        json!({}),
        json!({"instanceId": ""}),
        json!({"instanceId": "a/b"}),
        json!({"instanceId": null}),
    ] {
        let scene = answering(ResponseTemplate::new(200).set_body_json(&body)).await;
        let error = create(&*scene.provider, &pinned(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, Kind::Ambiguous, "{body}");
    }
    let chatty = json!({"instanceId": ID, "message": "success"});
    let scene = answering(ResponseTemplate::new(200).set_body_json(&chatty)).await;
    create(&*scene.provider, &pinned(json!({}))).await.unwrap();
}

#[tokio::test]
async fn a_host_without_what_only_its_sister_is_known_to_have() {
    let scene = answering(ResponseTemplate::new(404).set_body_string("404 page not found")).await;
    assert_eq!(scene.provider.balance().await.unwrap(), None);
    let error = scene
        .provider
        .start(&machine(InstanceState::Stopped), None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    assert!(error.message.contains("start it in the console"), "{error}");
    let scene = answering(ResponseTemplate::new(404).set_body_json(fixture("no_instance"))).await;
    let error = scene
        .provider
        .start(&machine(InstanceState::Stopped), None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    let scene = answering(ResponseTemplate::new(502)).await;
    assert_eq!(scene.provider.balance().await.unwrap_err().kind, Kind::Transient);
}

#[tokio::test]
async fn a_machine_that_is_not_taken_running_is_stopped_first() {
    for (state, commands) in [
        (InstanceState::Running, vec!["/instance/terminate", "/instance/stop"]),
        (InstanceState::Creating, vec!["/instance/terminate", "/instance/stop"]),
        (InstanceState::Stopping, vec!["/instance/terminate"]),
        (InstanceState::Stopped, vec!["/instance/terminate"]),
    ] {
        let scene = Scene::saying(&message("请先停止实例")).await;
        scene.at("/instance/stop", &fixture("taken")).await;
        let error = scene.provider.delete(&machine(state)).await.unwrap_err();
        assert_eq!(error.kind, Kind::Transient, "{error}");
        assert!(error.message.contains("请先停止实例"), "{error}");
        assert_eq!(
            error.message.contains("is being stopped"),
            commands.len() > 1,
            "{error}"
        );
        let sent = scene.received().await;
        let paths: Vec<_> = sent.iter().map(|(_, path, _)| path.as_str()).collect();
        assert_eq!(paths, commands);
    }
    for answer in [
        ResponseTemplate::new(502),
        ResponseTemplate::new(404).set_body_json(fixture("no_instance")),
        ResponseTemplate::new(404),
        ResponseTemplate::new(429),
    ] {
        let scene = Scene::answering(answer).await;
        scene
            .provider
            .delete(&machine(InstanceState::Running))
            .await
            .unwrap_err();
        assert_eq!(
            scene.received().await.len(),
            1,
            "what failed otherwise is not followed by a stop"
        );
    }
}

#[tokio::test]
async fn the_token_is_in_no_error_whatever_the_cloud_repeats() {
    let echo = message(&format!("bad cookie AccessToken={} of {USER}/{PASSWORD}", token()));
    for answer in [
        ResponseTemplate::new(200).set_body_json(&echo),
        ResponseTemplate::new(401).set_body_json(&echo),
        ResponseTemplate::new(502).set_body_raw(format!("<title>{}</title>", token()), "text/html"),
        ResponseTemplate::new(400).set_body_string(token()),
    ] {
        let scene = answering(answer).await;
        for error in errors(&*scene.provider).await {
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("eyJ") && !shown.contains(USER) && !shown.contains(PASSWORD),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_reached_has_done_nothing() {
    // Nothing listens on this port.
    let provider = connect("http://127.0.0.1:1/luchen");
    for error in errors(&*provider).await {
        assert_eq!(error.kind, Kind::Transient);
        assert!(error.message.contains("could not connect"), "{error}");
    }
}

#[test]
fn a_spec_that_cannot_be_is_refused_before_anything_is_rented() {
    let provider = connect("http://127.0.0.1:1/luchen");
    for (more, reason, says) in [
        (
            json!({"gpu": null}),
            Reason::Invalid,
            "spec.gpu is invalid: say which GPUs the machine has, or pin",
        ),
        (
            json!({"gpu": null, "luchen": {"instanceTypeId": ""}}),
            Reason::Invalid,
            "spec.gpu",
        ),
        (
            json!({"gpu": {"model": "NVIDIA", "count": 1}}),
            Reason::Invalid,
            "spec.gpu.model",
        ),
        (
            json!({"image": "pytorch:2.4"}),
            Reason::Invalid,
            "spec.image is invalid: Luchen takes the id of an image",
        ),
        (
            json!({"ports": [{"port": 80, "protocol": "HTTP"}, {"port": 2222, "protocol": "SSH"}]}),
            Reason::Unsupported,
            "spec.ports[1]",
        ),
        (
            json!({"ports": [{"port": 22, "protocol": "TCP"}]}),
            Reason::Unsupported,
            "spec.ports[0]",
        ),
        (
            json!({"volumes": [{"mountPath": "/a"}]}),
            Reason::Invalid,
            "spec.volumes[0].source",
        ),
        (
            json!({"luchen": {"extraDataDiskSize": "9999999Ti"}}),
            Reason::Invalid,
            "spec.luchen.extraDataDiskSize",
        ),
        (
            json!({"luchen": {"dockerStorageSize": "50Gi"}}),
            Reason::Invalid,
            "it goes with enableDocker",
        ),
    ] {
        let refusal = provider.check(&spec(more)).unwrap_err();
        assert_eq!(refusal.reason, reason, "{}", refusal.message);
        assert!(refusal.message.contains(says), "{}", refusal.message);
    }
    for more in [
        json!({}),
        json!({"gpu": {"count": 0}}),
        json!({"luchen": {"extraDataDiskSize": "0Gi", "dockerStorageSize": "0Gi"}}),
        json!({"ports": [{"port": 22, "protocol": "SSH"}, {"port": 22000, "protocol": "TCP"}]}),
    ] {
        assert_eq!(provider.check(&spec(more)), Ok(()));
    }
    assert_eq!(provider.check(&pinned(json!({}))), Ok(()));
}
