//! What is made of refusals, of gateways and of specs that cannot be.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::condition::Reason;
use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::provider::{Error, Kind, Provider, Scope};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{Scene, TOKEN, connect, create, fixture, machine, spec};

/// The error of a read, of three changes that may be repeated, and of the two that may not.
async fn errors(provider: &dyn Provider) -> [Error; 6] {
    let snapshot = Snapshot {
        name: "mine".to_owned(),
        tag: None,
    };
    let machine = machine(InstanceState::Running);
    [
        provider.list(&Scope::default()).await.map(drop).unwrap_err(),
        provider.stop(&machine, StopMode::ReleaseGpu, None).await.unwrap_err(),
        provider.start(&machine, None).await.unwrap_err(),
        provider.delete(&machine).await.unwrap_err(),
        create(provider, &spec(json!({}))).await.map(drop).unwrap_err(),
        provider
            .stop(&machine, StopMode::ReleaseGpu, Some(&snapshot))
            .await
            .unwrap_err(),
    ]
}

fn text(status: u16, text: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_string(text)
}

fn message(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"message": message}))
}

#[tokio::test]
async fn a_refusal_by_its_status_means_that_nothing_was_done() {
    for (answer, kind, says) in [
        (
            message(400, "bad image"),
            Kind::Invalid,
            "the cloud refused: bad image (HTTP 400)",
        ),
        (
            text(400, "bad image"),
            Kind::Invalid,
            "the cloud refused: bad image (HTTP 400)",
        ),
        (message(422, "bad image"), Kind::Invalid, "bad image (HTTP 422)"),
        (
            message(401, "expired"),
            Kind::Unauthorized,
            "the token is refused: expired (HTTP 401)",
        ),
        (text(401, ""), Kind::Unauthorized, "the token is refused (HTTP 401)"),
        (
            message(403, "no"),
            Kind::Unauthorized,
            "the token is refused: no (HTTP 403)",
        ),
        (message(402, "pay"), Kind::InsufficientBalance, "pay (HTTP 402)"),
        (message(400, "账户余额不足"), Kind::InsufficientBalance, "账户余额不足"),
        (
            message(403, "Insufficient Balance"),
            Kind::InsufficientBalance,
            "Insufficient Balance",
        ),
        (message(400, "GPU资源不足"), Kind::NoCapacity, "GPU资源不足"),
        (message(409, "out of stock"), Kind::NoCapacity, "out of stock"),
        (message(403, "GPU quota exceeded"), Kind::Quota, "quota"),
    ] {
        let scene = Scene::answering(answer).await;
        for error in errors(&*scene.provider).await {
            assert_eq!(error.kind, kind, "{error}");
            assert!(
                error.message.starts_with("neolink.") && error.message.contains(says),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn the_reason_is_found_under_any_usual_name() {
    for body in [
        json!({"message": "why"}),
        json!({"msg": "why", "code": 7}),
        json!({"error": "why"}),
        json!({"reason": "why"}),
        json!({"detail": "why"}),
        json!({"error": {"message": "why"}}),
        json!("why"),
    ] {
        let scene = Scene::answering(ResponseTemplate::new(400).set_body_json(&body)).await;
        let error = create(&*scene.provider, &spec(json!({}))).await.unwrap_err();
        assert_eq!(
            error.message, "neolink.create: the cloud refused: why (HTTP 400)",
            "{body}"
        );
    }
    let scene = Scene::answering(ResponseTemplate::new(400).set_body_json(json!({"code": 7}))).await;
    let error = create(&*scene.provider, &spec(json!({}))).await.unwrap_err();
    assert!(error.message.contains("without giving a reason"), "{error}");
}

#[tokio::test]
async fn only_json_says_that_a_machine_is_not_there() {
    let scene = Scene::answering(message(404, "no such instance")).await;
    let kinds = errors(&*scene.provider).await.map(|error| error.kind);
    assert_eq!(
        kinds,
        [
            Kind::NotFound,
            Kind::NotFound,
            Kind::NotFound,
            Kind::NotFound,
            Kind::Invalid,
            Kind::NotFound
        ]
    );
    for answer in [
        text(404, "404 page not found"),
        text(404, ""),
        ResponseTemplate::new(404).set_body_raw("<html>", "text/html"),
    ] {
        let scene = Scene::answering(answer).await;
        for error in errors(&*scene.provider).await {
            assert!(matches!(error.kind, Kind::Transient | Kind::Ambiguous), "{error}");
        }
    }
}

#[tokio::test]
async fn anything_else_leaves_an_order_open() {
    let json = |status, body: Value| ResponseTemplate::new(status).set_body_json(body);
    let html = |status, page: &str| ResponseTemplate::new(status).set_body_raw(page.to_owned(), "text/html");
    for (answer, says) in [
        (
            message(409, "the name exists"),
            "the cloud answered: the name exists (HTTP 409)",
        ),
        (message(405, "what"), "what (HTTP 405)"),
        (message(408, "slow"), "slow (HTTP 408)"),
        (message(500, "余额不足"), "余额不足 (HTTP 500)"),
        (json(500, fixture("create")), "HTTP 500"),
        (json(302, fixture("create")), "a redirect"),
        (json(200, json!({"code": 1, "message": "no"})), "the cloud's answer has"),
        (json(200, json!({"name": ""})), "the cloud's answer has"),
        (json(200, json!({"name": "a/../b"})), "the cloud's answer has"),
        (json(200, json!([])), "the cloud's answer has"),
        (json(200, json!("failed")), "the cloud's answer has"),
        (text(200, "{\"name\":"), ""),
        (html(200, "<title>Log in</title>"), ""),
        (text(400, ""), "400 with an empty body"),
        (json(400, json!([1])), "400 with"),
        (
            html(400, "<title>400 Bad Request</title>"),
            "400 with a web page: 400 Bad Request",
        ),
        (html(401, "<title>WAF</title>"), "401 with a web page: WAF"),
        (html(403, "<title>WAF</title>"), "403 with a web page: WAF"),
        (
            html(502, "<title>502 Bad Gateway</title>"),
            "502 with a web page: 502 Bad Gateway",
        ),
    ] {
        let scene = Scene::answering(answer).await;
        let errors = errors(&*scene.provider).await;
        let kinds = errors.each_ref().map(|error| error.kind);
        assert_eq!(
            kinds,
            [
                Kind::Transient,
                Kind::Transient,
                Kind::Transient,
                Kind::Transient,
                Kind::Ambiguous,
                Kind::Ambiguous
            ],
            "{says}: {errors:?}"
        );
        for error in errors {
            assert!(error.message.contains(says), "{error} should say {says}");
        }
    }
}

#[tokio::test]
async fn an_order_is_sent_once() {
    for answer in [ResponseTemplate::new(502), message(400, "no"), text(200, "")] {
        let scene = Scene::answering(answer).await;
        create(&*scene.provider, &spec(json!({}))).await.unwrap_err();
        let posts = scene
            .received()
            .await
            .into_iter()
            .filter(|(method, ..)| method == "POST");
        assert_eq!(posts.count(), 1);
    }
}

#[tokio::test]
async fn a_command_is_taken_by_ok_in_any_dress() {
    for (answer, is_taken) in [
        (ResponseTemplate::new(200).set_body_json(fixture("ok")), true),
        (text(200, "ok"), true),
        (text(200, "\"OK\"\n"), true),
        (text(200, "\"success\""), true),
        (text(200, "null"), true),
        (text(204, ""), true),
        (ResponseTemplate::new(202).set_body_json(fixture("detail")), true),
        (text(200, "\"failed\""), false),
        (text(200, "failed"), false),
        (text(200, "{\"message\":\"no\"}"), false),
        (text(200, "false"), false),
        (
            ResponseTemplate::new(200).set_body_raw("<html>ok</html>", "text/html"),
            false,
        ),
    ] {
        let shown = format!("{answer:?}");
        let scene = Scene::answering(answer).await;
        let outcome = scene.provider.start(&machine(InstanceState::Stopped), None).await;
        assert_eq!(
            outcome.map_err(|error| error.kind),
            if is_taken { Ok(()) } else { Err(Kind::Transient) },
            "{shown}"
        );
    }
}

#[tokio::test]
async fn busy_is_busy() {
    let scene = Scene::answering(ResponseTemplate::new(429).insert_header("retry-after", "0")).await;
    for error in errors(&*scene.provider).await {
        assert_eq!(error.kind, Kind::RateLimited, "{error}");
    }
}

#[tokio::test]
async fn a_user_id_that_is_not_the_tokens_is_refused() {
    let owned_by = |owners: &[&str]| {
        let rows: Vec<Value> = owners
            .iter()
            .enumerate()
            .map(|(n, owner)| {
                let mut row = fixture("create");
                (row["name"], row["namespace"]) = (json!(format!("instance-{n}")), json!(owner));
                row
            })
            .collect();
        json!({"hasNextPage": false, "nodes": rows, "totalCount": rows.len()})
    };
    for (owners, is_ours) in [
        (&[][..], true),
        (&["xxx"], true),
        (&["xxx", "yyy"], true),
        (&["yyy"], false),
    ] {
        let outcome = Scene::saying(&owned_by(owners)).await.provider.identify().await;
        match outcome {
            Ok(identity) if is_ours => assert_eq!(identity.account, "xxx"),
            Err(error) if !is_ours => {
                assert_eq!(error.kind, Kind::Unauthorized);
                assert!(error.message.contains("userId"), "{error}");
            }
            other => panic!("{owners:?}: {other:?}"),
        }
    }
    let refused = Scene::answering(message(401, "no")).await.provider.identify().await;
    assert_eq!(
        refused.unwrap_err().kind,
        Kind::Unauthorized,
        "that the regions can be read proves nothing"
    );
}

#[tokio::test]
async fn the_token_is_in_no_error_whatever_the_cloud_repeats() {
    for answer in [
        message(400, &format!("bad header: bearer {TOKEN}")),
        message(401, &format!("bad header: bearer {TOKEN}")),
        text(400, &format!("{}{TOKEN}", "x".repeat(195))),
        text(429, &format!("calm down, {TOKEN}")),
        ResponseTemplate::new(502).set_body_raw(format!("<title>{TOKEN}</title>"), "text/html"),
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
    let provider = connect("http://127.0.0.1:1/neolink");
    for error in errors(&*provider).await {
        assert_eq!(error.kind, Kind::Transient);
        assert!(error.message.contains("could not connect"), "{error}");
    }
}

#[test]
fn a_spec_that_cannot_be_is_refused_before_anything_is_rented() {
    let provider = connect("http://127.0.0.1:1/neolink");
    let prepaid = json!({"mode": "Prepaid", "period": {"unit": "Day", "count": 1}});
    for (more, reason, says) in [
        (json!({"gpu": null}), Reason::Invalid, "spec.gpu is invalid"),
        (
            json!({"gpu": {"model": "NVIDIA", "count": 1}}),
            Reason::Invalid,
            "spec.gpu.model",
        ),
        (json!({"image": "py torch"}), Reason::Invalid, "spec.image"),
        (
            json!({"ports": [{"port": 2222, "protocol": "SSH"}]}),
            Reason::Unsupported,
            "spec.ports[0]",
        ),
        (
            json!({"volumes": [{"mountPath": "/a"}, {"mountPath": "/b", "source": "my-volume"}]}),
            Reason::Invalid,
            "spec.volumes[1].source is invalid: Neolink makes a new volume",
        ),
        (
            json!({"volumes": [{"mountPath": "/a", "size": "99999999999Ti"}]}),
            Reason::Invalid,
            "spec.volumes[0].size",
        ),
        (
            json!({"billing": prepaid, "neolink": {"couponId": "c"}}),
            Reason::Invalid,
            "spec.neolink.couponId",
        ),
        (
            json!({"snapshotOnStop": {"name": "Mine"}}),
            Reason::Invalid,
            "spec.snapshotOnStop.name",
        ),
        (
            json!({"snapshotOnStop": {"name": "a//b"}}),
            Reason::Invalid,
            "spec.snapshotOnStop.name",
        ),
        (
            json!({"snapshotOnStop": {"name": "a-"}}),
            Reason::Invalid,
            "spec.snapshotOnStop.name",
        ),
        (
            json!({"snapshotOnStop": {"name": "a", "tag": "-v1"}}),
            Reason::Invalid,
            "spec.snapshotOnStop.tag",
        ),
    ] {
        let refusal = provider.check(&spec(more)).unwrap_err();
        assert_eq!(refusal.reason, reason, "{}", refusal.message);
        assert!(refusal.message.contains(says), "{}", refusal.message);
    }
    for more in [
        json!({}),
        json!({"gpu": null, "neolink": {"gpuSkuId": "66"}}),
        json!({"gpu": null, "image": null, "instanceId": "instance-1"}),
        json!({"ports": [{"port": 22, "protocol": "SSH"}]}),
        json!({"volumes": [{"mountPath": "/a", "source": "", "size": ""}]}),
        json!({"neolink": {"couponId": "c", "diskSkuId": "1"}}),
        json!({"billing": prepaid, "neolink": {"couponId": ""}}),
        json!({"snapshotOnStop": {"name": "team/my_image.v2", "tag": "v1.1.0"}}),
    ] {
        assert_eq!(provider.check(&spec(more)), Ok(()));
    }
}
