//! The connection Secret.

use serde_json::json;

use crate::operator::{Kind, Object, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_secret_opens_the_machine_and_goes_with_it() {
    let scene = Scene::start("connection").await;
    scene.apply(instance("train-1", json!({}))).await;
    let object = scene.until_ready("train-1").await;
    let secret = written(&scene, &object).await;
    rebuilt_when_deleted(&scene, &secret).await;
    kept_while_stopped(&scene).await;

    scene
        .apply(instance("other", json!({ "connectionSecretName": "mine" })))
        .await;
    let other = scene.until_ready("other").await;
    assert_eq!(other.text("/status/binding/name"), "mine");
    assert!(scene.get(Kind::Secret, "mine").await.secret("password").is_some());

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::Secret, "train-1-connection").await;
}

async fn written(scene: &Scene, object: &Object) -> Object {
    let secret = scene.connection("train-1").await;
    let keys = secret.secret_keys();
    let known = [
        "host",
        "jupyter_token",
        "jupyter_url",
        "password",
        "port",
        "provider",
        "ssh_command",
        "ssh_config",
        "type",
        "uri",
        "username",
    ];
    assert_eq!(keys, known);
    let key = |key: &str| secret.secret(key).unwrap();
    assert_eq!((key("type").as_str(), key("provider").as_str()), ("gpuinstance", "xgc"));
    assert_eq!(key("host"), object.text("/status/endpoints/ssh/host"));
    assert_eq!(key("port"), object.at("/status/endpoints/ssh/port").to_string());
    assert_eq!(
        key("uri"),
        format!("ssh://{}", object.text("/status/endpoints/ssh/address"))
    );
    assert!(key("ssh_config").contains("\n  HostName ") && key("ssh_command").starts_with("ssh -p "));
    let shown = &scene.shown_by_xgc("u-1").await[0];
    assert_eq!(
        (key("password"), key("jupyter_token")),
        (
            shown["password"].as_str().unwrap().to_owned(),
            shown["jupyter_token"].as_str().unwrap().to_owned(),
        )
    );
    assert_eq!(secret.text("/metadata/ownerReferences/0/uid"), object.uid());
    assert_eq!(secret.text("/metadata/labels/gpuinstance.dev~1instance"), "train-1");
    assert_eq!(
        secret.text("/metadata/labels/app.kubernetes.io~1managed-by"),
        "gpu-instance-operator"
    );
    assert_eq!(object.text("/status/binding/name"), "train-1-connection");
    secret
}

async fn rebuilt_when_deleted(scene: &Scene, secret: &Object) {
    scene.delete(Kind::Secret, "train-1-connection").await;
    let again = |object: &Object| object.uid() != secret.uid();
    let rebuilt = scene
        .until(Kind::Secret, "train-1-connection", "written again", again)
        .await;
    assert_eq!(rebuilt.at("/data"), secret.at("/data"));
}

async fn kept_while_stopped(scene: &Scene) {
    let before = scene.connection("train-1").await;
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("train-1", "Stopped").await;
    scene.after_lists(2).await;
    assert_eq!(scene.connection("train-1").await.at("/data"), before.at("/data"));
    scene.change("train-1", json!({ "power": "Running" })).await;
    let object = scene.until_ready("train-1").await;
    let port = object.at("/status/endpoints/ssh/port").to_string();
    assert_ne!(
        before.secret("port").unwrap(),
        port,
        "XGC gives another port at each start"
    );
    let now = |secret: &Object| secret.secret("port").as_ref() == Some(&port);
    scene
        .until(Kind::Secret, "train-1-connection", "the port of now", now)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_secret_is_never_touched_and_nothing_is_rented() {
    let scene = Scene::start("foreign-secret").await;
    let foreign = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "train-1-connection" }, "stringData": { "mine": "untouched" },
    });
    let foreign = scene.apply(foreign).await;
    scene.apply(instance("train-1", json!({}))).await;
    let object = scene.until_not_ready("train-1", "SecretNotOwned").await;
    assert!(
        object.said("Ready", "message").contains("train-1-connection"),
        "{object}"
    );
    assert_eq!(object.truth("Stalled"), "True");
    scene.after_lists(2).await;
    assert_eq!(scene.sim.call_count("xgc.deploy"), 0);
    let untouched = scene.connection("train-1").await;
    assert_eq!(
        untouched.text("/metadata/resourceVersion"),
        foreign.text("/metadata/resourceVersion")
    );

    scene.delete(Kind::Secret, "train-1-connection").await;
    scene.request_reconcile(Kind::GpuInstance, "train-1").await;
    scene.until_ready("train-1").await;
    assert!(scene.connection("train-1").await.secret("password").is_some());
}
