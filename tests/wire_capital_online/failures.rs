//! What is made of everything else that may come back.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::provider::{Error, Kind, Scope};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{PASSWORD, SECRET, Scene, create, machine, spec};

async fn creating(template: ResponseTemplate) -> Error {
    let scene = Scene::answering(template).await;
    create(&*scene.provider, &spec(json!({}))).await.unwrap_err()
}

fn refusal(status: u16, code: &str, text: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"Code": code, "Message": text}))
}

#[tokio::test]
async fn a_refusal_that_is_known_means_that_nothing_was_rented() {
    for (status, code, text, kind) in [
        (400, "NotSufficient", "库存不足", Kind::NoCapacity),
        (400, "IpNotEnough", "", Kind::NoCapacity),
        (400, "ParameterInvalid", "Password", Kind::Invalid),
        (400, "InvalidParameter.IsNull", "", Kind::Invalid),
        (400, "ImageNotFound", "", Kind::Invalid),
        (404, "InvalidVpc.NotFound", "", Kind::Invalid),
        (400, "DataNotExists", "", Kind::Invalid),
        (400, "OrderCheckFailed", "账户余额不足", Kind::InsufficientBalance),
        (400, "SignatureDoesNotMatch", "", Kind::Unauthorized),
        (401, "Nonsense", "", Kind::Unauthorized),
        (429, "Anything", "", Kind::RateLimited),
        (400, "Throttling.User", "", Kind::RateLimited),
    ] {
        let error = creating(refusal(status, code, text)).await;
        assert_eq!(error.kind, kind, "{code}: {error}");
        assert!(code == "Anything" || error.message.contains(code), "{error}");
    }
}

#[tokio::test]
async fn anything_else_leaves_an_order_open() {
    for template in [
        refusal(400, "TaskToCoreFaild", "下发任务失败"),
        refusal(400, "LogicError", ""),
        refusal(403, "InvalidOperation", ""),
        refusal(400, "SignatureNonceUsed", ""),
        refusal(500, "InternalError", ""),
        refusal(200, "Failed", ""),
        refusal(200, "", ""),
        ResponseTemplate::new(200).set_body_json(json!({"Code": "Success", "Data": {}})),
        ResponseTemplate::new(200).set_body_json(json!({"Code": "Success", "Data": {"taskId": ""}})),
        ResponseTemplate::new(200).set_body_json(json!([])),
        ResponseTemplate::new(200).set_body_string("ok"),
        ResponseTemplate::new(502).set_body_string("<html><title>502 Bad Gateway</title></html>"),
        ResponseTemplate::new(302),
    ] {
        let error = creating(template).await;
        assert_eq!(error.kind, Kind::Ambiguous, "{error}");
    }
}

#[tokio::test]
async fn a_task_is_found_wherever_it_is_put() {
    for body in [
        json!({"Code": "Success", "Data": {"taskId": "t-1"}}),
        json!({"Code": "Success", "Data": {"TaskId": "t-1"}}),
        json!({"Code": "Success", "TaskId": "t-1", "Data": {}}),
        json!({"Code": "Success", "Data": {"TaskIds": ["t-1"]}}),
    ] {
        let scene = Scene::saying(&body).await;
        let created = create(&*scene.provider, &spec(json!({}))).await;
        assert_eq!(format!("{:?}", created.unwrap()), r#"Task("t-1")"#);
    }
}

#[tokio::test]
async fn all_three_names_of_a_message_are_read() {
    for name in ["Message", "Msg", "message"] {
        let body: Value = json!({"Code": "ParameterInvalid", name: "what is wrong"});
        let error = creating(ResponseTemplate::new(400).set_body_json(body)).await;
        assert!(error.message.contains("what is wrong"), "{error}");
    }
}

#[tokio::test]
async fn commands_that_may_be_repeated_are_never_open() {
    let scene = Scene::answering(refusal(500, "InternalError", "")).await;
    let running = machine(InstanceState::Running);
    let stopping = scene.provider.stop(&running, StopMode::KeepGpu, None).await;
    assert_eq!(stopping.unwrap_err().kind, Kind::Transient);
    assert_eq!(scene.provider.delete(&running).await.unwrap_err().kind, Kind::Transient);
    assert_eq!(
        scene.provider.restart(&running).await.unwrap_err().kind,
        Kind::Ambiguous
    );
}

#[tokio::test]
async fn a_machine_that_is_not_deleted_says_why() {
    let scene = Scene::answering(refusal(400, "LogicError", "非按需计费")).await;
    let error = scene
        .provider
        .delete(&machine(InstanceState::Stopped))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    assert!(error.message.contains("a prepaid one ends with its period"), "{error}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named_and_one_that_is_right_is_not() {
    for (date, expected) in [("Mon, 01 Jan 2018 00:00:00 GMT", true), ("nonsense", false)] {
        let template = refusal(401, "InvalidTimestamp.Expired", "").insert_header("Date", date);
        let scene = Scene::answering(template).await;
        let error = scene.provider.list(&Scope::default()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unauthorized);
        assert_eq!(error.message.contains("ahead of the cloud's"), expected, "{error}");
    }
}

#[tokio::test]
async fn no_secret_comes_back_in_an_error() {
    let text = format!("bad {SECRET} and {PASSWORD}");
    let error = creating(refusal(400, "ParameterInvalid", &text)).await;
    assert!(error.message.contains("***"), "{error}");
    assert!(
        !error.message.contains(SECRET) && !error.message.contains(PASSWORD),
        "{error}"
    );
}
