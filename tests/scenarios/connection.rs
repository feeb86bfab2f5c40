//! The connection Secret.

use serde_json::json;

use crate::operator::{Kind, Object, Scene, Setup};

pub async fn the_secret_opens_the_machine_and_goes_with_it(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let object = scene
        .until_instance("train-1", "Ready and Available", is_available)
        .await;
    let secret = written(&scene, &object).await;
    rebuilt_when_deleted(&scene, &secret).await;
    kept_while_stopped(&scene).await;

    scene
        .apply(scene.instance("other", json!({ "connectionSecretName": "mine" })))
        .await;
    let other = scene.until_instance("other", "Ready and Available", is_available).await;
    assert_eq!(other.text("/status/binding/name"), "mine");
    assert!(scene.get(Kind::Secret, "mine").await.secret("host").is_some());

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::Secret, "train-1-connection").await;
}

fn is_available(object: &Object) -> bool {
    object.is_ready_in("Running") && object.truth("Available") == "True"
}

async fn written(scene: &Scene, object: &Object) -> Object {
    let secret = scene.connection("train-1").await;
    assert_eq!(secret.secret_keys(), scene.at.connection_keys());
    let key = |key: &str| secret.secret(key).unwrap();
    assert_eq!(key("type"), "gpuinstance");
    assert_eq!(key("host"), object.text("/status/endpoints/ssh/host"));
    assert_eq!(key("port"), object.at("/status/endpoints/ssh/port").to_string());
    assert_eq!(
        key("uri"),
        format!("ssh://{}", object.text("/status/endpoints/ssh/address"))
    );
    assert!(key("ssh_config").contains("\n  HostName ") && key("ssh_command").starts_with("ssh -p "));
    assert_eq!(secret.text("/metadata/ownerReferences/0/uid"), object.uid());
    assert_eq!(secret.text("/metadata/labels/gpuinstance.dev~1instance"), "train-1");
    assert_eq!(
        secret.text("/metadata/labels/app.kubernetes.io~1managed-by"),
        "gpu-instance-operator"
    );
    assert_eq!(object.text("/status/binding/name"), "train-1-connection");
    if scene.at.chooses_password {
        let opens = scene.sim.capital_online_password(object.instance_id());
        assert_eq!(secret.secret("password"), opens);
    }
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
    let object = scene
        .until_instance("train-1", "Ready and Available", is_available)
        .await;
    // Most clouds give another port at each start.
    let port = object.at("/status/endpoints/ssh/port").to_string();
    let now = |secret: &Object| secret.secret("port").as_ref() == Some(&port);
    scene
        .until(Kind::Secret, "train-1-connection", "the port of now", now)
        .await;
}

pub async fn somebody_elses_secret_is_left_alone(setup: Setup) {
    let scene = setup.start().await;
    let foreign = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "train-1-connection" }, "stringData": { "mine": "untouched" },
    });
    let foreign = scene.apply(foreign).await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let object = scene.until_not_ready("train-1", "SecretNotOwned").await;
    assert!(
        object.said("Ready", "message").contains("train-1-connection"),
        "{object}"
    );
    assert_eq!(object.truth("Stalled"), "True");
    scene.request_reconcile(Kind::GpuInstance, "train-1").await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(scene.orders(), 0);
    let untouched = scene.connection("train-1").await;
    assert_eq!(
        untouched.text("/metadata/resourceVersion"),
        foreign.text("/metadata/resourceVersion")
    );

    scene.delete(Kind::Secret, "train-1-connection").await;
    scene.request_reconcile(Kind::GpuInstance, "train-1").await;
    scene
        .until_instance("train-1", "Ready and Available", is_available)
        .await;
    assert!(scene.connection("train-1").await.secret("host").is_some());
}
