//! What is made of the vendor's answers.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::provider::{Machine, Proof};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::wire::with;
use crate::{DETAIL, ID, LIST_BY_QUERY, REGION, Scene, URL, fixture, good, in_use, machine};

async fn described(detail: &Value, url: Option<Value>) -> Machine {
    let scene = Scene::new().await;
    scene.says(DETAIL, detail.clone());
    if let Some(url) = url {
        scene.says(URL, url);
    }
    scene.provider.describe(&machine(InstanceState::Running)).await.unwrap()
}

fn running(more: Value) -> Value {
    let mut detail = fixture("detail");
    let running = json!({"status": "Running", "startTime": "2022-05-11 19:31:00"});
    detail["data"] = with(with(detail["data"].take(), running), more);
    detail
}

#[tokio::test]
async fn a_detail_is_a_machine() {
    let waiting = described(&fixture("detail"), None).await;
    assert_eq!(waiting.id, ID);
    assert_eq!(waiting.name.as_deref(), Some("Instances_2205113837"));
    assert_eq!(
        (waiting.state, waiting.cloud_state.as_str()),
        (InstanceState::Creating, "Waiting")
    );
    assert_eq!(
        (waiting.gpu_model.as_deref(), waiting.gpu_count),
        (Some("TeslaM40"), Some(1))
    );
    assert_eq!(waiting.region.as_deref(), Some(REGION));
    // 19:30:34 in China.
    assert_eq!(waiting.created_at.unwrap().to_string(), "2022-05-11T11:30:34Z");
    assert_eq!(waiting.started_at, None);
    assert!(waiting.note.unwrap().contains("until resources are free"));
    assert_eq!(waiting.price_per_hour, None);
}

#[tokio::test]
async fn a_running_machine_has_a_shell_ports_and_a_page() {
    let detail = running(json!({"taskType": "jupyter", "containerPortInfoList": [
        {"accessUrl": "10.0.35.26:30022", "containerPort": "22", "protocolType": "SSH"},
        {"accessUrl": "http://10.0.35.26:7090/x/?token=hunter2", "containerPort": 18888, "protocolType": "HTTP"},
    ]}));
    let machine = described(&detail, Some(fixture("url"))).await;
    let ssh = machine.ssh.clone().unwrap();
    assert_eq!(
        (ssh.user.as_str(), ssh.host.as_str(), ssh.port),
        ("root", "10.0.35.26", 30022)
    );
    let ports: Vec<_> = machine
        .ports
        .iter()
        .map(|port| (port.port, port.url.as_str()))
        .collect();
    assert_eq!(ports, [(22, "10.0.35.26:30022"), (18888, "http://10.0.35.26:7090/x/")]);
    assert_eq!(
        machine.jupyter_url.as_deref(),
        Some("http://10.0.35.26:7090/jupyter-forward/6bdbefd1c27d472084e34f9c067c2900/")
    );
    assert_eq!(
        machine.secrets.jupyter_token.as_ref().unwrap().expose_secret(),
        "sothisai_6bdbefd1c27d472084e34f9c067c2900"
    );
    assert!(!machine.partial);
    assert!(!format!("{machine:?}").contains("sothisai"));
}

#[tokio::test]
async fn what_is_not_told_yet_is_asked_for_again() {
    let without_url = running(json!({"taskType": "codeserver"}));
    let without_address =
        running(json!({"containerPortInfoList": [{"containerPort": "22", "protocolType": "SSH", "accessUrl": ""}]}));
    for (detail, url) in [
        (&without_url, None),
        (&without_url, Some(good(Value::Null))),
        (&without_address, None),
    ] {
        assert!(described(detail, url).await.partial);
    }
    assert!(!described(&running(json!({"taskType": "ssh"})), None).await.partial);
}

#[tokio::test]
async fn every_word_for_a_state_is_known() {
    for (word, started, state, expired) in [
        ("Waiting", Value::Null, InstanceState::Creating, false),
        ("Waiting", json!("2022-05-11 19:30:34"), InstanceState::Starting, false),
        ("Deploying", json!("--"), InstanceState::Creating, false),
        ("Running", json!("2022-05-11 19:30:34"), InstanceState::Running, false),
        ("running", Value::Null, InstanceState::Running, false),
        ("Terminated", Value::Null, InstanceState::Stopped, false),
        ("stop", Value::Null, InstanceState::Stopped, false),
        ("Completed", Value::Null, InstanceState::Stopped, true),
        ("Failed", Value::Null, InstanceState::Failed, false),
        ("Hibernating", Value::Null, InstanceState::Unknown, false),
    ] {
        let scene = Scene::new().await;
        let row = json!({"id": ID, "instanceServiceName": "x", "status": word, "startTime": started});
        scene.says(LIST_BY_QUERY, good(json!({"total": 1, "data": [row]})));
        let listing = scene.provider.list(&in_use(&[REGION])).await.unwrap();
        assert_eq!(listing.proof, Proof::Complete);
        let machine = &listing.machines[0];
        assert_eq!((machine.state, machine.expired), (state, expired), "{word}");
        assert_eq!(machine.cloud_state, word);
    }
}

#[tokio::test]
async fn codes_of_success_are_texts_or_numbers() {
    for code in [json!("0"), json!(0)] {
        let scene = Scene::new().await;
        let mut detail = fixture("detail");
        detail["code"] = code;
        scene.says(DETAIL, detail);
        assert!(scene.provider.describe(&machine(InstanceState::Creating)).await.is_ok());
    }
    // Only the host of tokens says so.
    for (code, good) in [
        (json!(200), true),
        (json!("200"), true),
        (json!(201), false),
        (Value::Null, false),
    ] {
        let scene = Scene::new().await;
        let mut tokens = fixture("tokens");
        tokens["code"] = code;
        scene.says(crate::TOKENS, tokens);
        assert_eq!(scene.provider.identify().await.is_ok(), good);
    }
    let scene = Scene::new().await;
    scene.answers(
        DETAIL,
        [ResponseTemplate::new(200).set_body_json(json!({"code": 200, "data": {}}))],
    );
    assert!(
        scene
            .provider
            .describe(&machine(InstanceState::Creating))
            .await
            .is_err()
    );
}
