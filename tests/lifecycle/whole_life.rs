//! One machine from its creation to its end, and what is told on the way.

use cloudsim::Phase;
use serde_json::json;

use crate::operator::{Kind, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn one_machine_from_creation_to_deletion() {
    let scene = Scene::start("one-machine").await;
    scene
        .apply(instance("train-1", json!({ "restartedAt": "2020-01-01T00:00:00Z" })))
        .await;
    scene.kubectl(&["wait", "gpui/train-1", "--for=condition=Ready", "--timeout=60s"]);
    scene.kubectl(&["wait", "gpui/train-1", "--for=condition=Available", "--timeout=60s"]);
    created(&scene).await;
    stopped_and_started(&scene).await;
    stopped_with_its_gpu_and_started(&scene).await;
    restarted_once(&scene).await;
    measured(&scene).await;

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive(), []);
    assert_eq!(scene.rented_and_destroyed(), (1, 1));
    told(&scene).await;
}

async fn created(scene: &Scene) {
    let object = scene.until_ready("train-1").await;
    let [machine] = <[_; 1]>::try_from(scene.sim.alive()).unwrap();
    assert_eq!(object.instance_id(), machine.id);
    assert!(
        machine.name.starts_with("gi-t") && machine.name.ends_with("-1"),
        "{}",
        machine.name
    );
    assert_eq!(object.text("/status/accountId"), "u-1");
    assert_eq!(object.text("/status/pricePerHour"), "1.89");
    assert_eq!(object.text("/status/currency"), "CNY");
    assert_eq!(object.text("/status/lastRestartedAt"), "2020-01-01T00:00:00Z");
    assert_eq!(object.finalizers(), ["gpuinstance.dev/instance"]);
    let bound = format!("{}/u-1/{}", object.uid(), machine.id);
    assert_eq!(object.text("/metadata/annotations/gpuinstance.dev~1binding"), bound);
    assert_eq!(object.truth("Synced"), "True");
    assert!(
        object.condition("Reconciling").is_none() && object.condition("Stalled").is_none(),
        "{object}"
    );
    // A time that is there at creation is not a wish to restart.
    assert_eq!(scene.sim.call_count("xgc.boot"), 0);
    shown_by_kubectl(scene, &machine.id);
}

fn shown_by_kubectl(scene: &Scene, id: &str) {
    let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    let table = scene.kubectl(&["get", "gpui"]);
    let [header, row] = <[&str; 2]>::try_from(table.lines().collect::<Vec<_>>()).unwrap();
    assert_eq!(words(header), ["NAME", "STATE", "GPU", "READY", "PRICE", "SSH", "AGE"]);
    assert!(
        row.contains("Running") && row.contains("1 x RTX 4090") && row.contains("1.89"),
        "{table}"
    );
    assert!(row.contains(&format!("root@{id}.ssh.x-gpu.com:")), "{table}");
    let wide = scene.kubectl(&["get", "gpuinstances", "-o", "wide"]);
    let header = words(wide.lines().next().unwrap());
    assert_eq!(header[7..], ["CLOUD", "REGION", "INSTANCE", "MESSAGE"]);
    assert!(
        wide.contains("XGC") && wide.contains(id) && wide.contains("the machine runs"),
        "{wide}"
    );
    let category = scene.kubectl(&["get", "gpu", "-o", "name"]);
    assert_eq!(
        category,
        "gpuinstance.gpuinstance.dev/train-1\n\ngpuprovider.gpuinstance.dev/xgc".replace("\n\n", "\n")
    );
    assert!(scene.kubectl(&["get", "gpup"]).contains("xgc"));
}

async fn stopped_and_started(scene: &Scene) {
    let before = scene.get(Kind::GpuInstance, "train-1").await;
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    let object = scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!(object.truth("Available"), "False");
    assert_eq!(object.text("/status/pricePerHour"), "", "a released GPU costs nothing");
    assert!(object.at("/status/endpoints").is_null(), "{object}");
    let machine = scene.sim.machine(before.instance_id()).unwrap();
    assert_eq!(machine.phase, Phase::Stopped { released: true });
    assert_eq!(scene.sim.call_count("xgc.shutdown_release_gpu"), 1);

    scene.change("train-1", json!({ "power": "Running" })).await;
    let object = scene.until_ready("train-1").await;
    assert_eq!(object.instance_id(), before.instance_id());
    assert_eq!(scene.sim.call_count("xgc.boot"), 1);
}

async fn stopped_with_its_gpu_and_started(scene: &Scene) {
    scene
        .change("train-1", json!({ "power": "Stopped", "stopMode": "KeepGpu" }))
        .await;
    let object = scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!(object.text("/status/pricePerHour"), "1.89", "a kept GPU is paid for");
    let machine = scene.sim.machine(object.instance_id()).unwrap();
    assert_eq!(machine.phase, Phase::Stopped { released: false });
    assert_eq!(
        (
            scene.sim.call_count("xgc.shutdown"),
            scene.sim.call_count("xgc.shutdown_release_gpu")
        ),
        (1, 1)
    );
    scene.change("train-1", json!({ "power": "Running" })).await;
    scene.until_ready("train-1").await;
    assert_eq!(scene.sim.call_count("xgc.boot"), 2);
}

async fn restarted_once(scene: &Scene) {
    let restart = "2020-02-02T00:00:00Z";
    scene.change("train-1", json!({ "restartedAt": restart })).await;
    let restarted = |object: &crate::operator::Object| {
        object.is_ready_in("Running") && object.text("/status/lastRestartedAt") == restart
    };
    scene
        .until_instance("train-1", "restarted, and Ready again", restarted)
        .await;
    scene.after_lists(3).await;
    assert_eq!(
        (scene.sim.call_count("xgc.shutdown"), scene.sim.call_count("xgc.boot")),
        (2, 3),
        "once"
    );
}

async fn measured(scene: &Scene) {
    let (status, text) = scene.operator.get("/healthz").await;
    assert_eq!((status, text.trim()), (200, "ok"));
    // The next look at the account counts what is running now.
    scene.after_lists(2).await;
    let metrics = scene.operator.metrics().await;
    for line in [
        r#"gpu_instance_operator_instances{cloud="XGC",state="Running"} 1"#,
        r#"gpu_instance_operator_price_per_hour{cloud="XGC",account="u-1",currency="CNY"} 1.89"#,
        r#"gpu_instance_operator_cloud_calls_total{cloud="XGC",operation="create",outcome="ok"} 1"#,
        r#"gpu_instance_operator_cloud_calls_total{cloud="XGC",operation="start",outcome="ok"} 3"#,
        r#"gpu_instance_operator_cloud_calls_total{cloud="XGC",operation="stop",outcome="ok"} 3"#,
        "gpu_instance_operator_leader 1",
    ] {
        assert!(metrics.contains(line), "no {line} in\n{metrics}");
    }
}

/// Each thing that matters was told, in order, and again when it happened again.
async fn told(scene: &Scene) {
    scene.until_event("train-1", "Deleted").await;
    let events = scene.events_of("train-1").await;
    let reasons: Vec<&str> = events.iter().map(|event| event.reason.as_str()).collect();
    let created = ["Creating", "Running"];
    let stopped_and_started = ["Stopping", "Stopped", "Starting", "Running"];
    let restarted = ["Restarting", "Stopping", "Restarting", "Starting", "Running"];
    let deleted = ["Deleting", "Deleted"];
    let expected = [
        &created[..],
        &stopped_and_started,
        &stopped_and_started,
        &restarted,
        &deleted,
    ]
    .concat();
    assert_eq!(reasons, expected, "{events:#?}");
    assert!(events.iter().all(|event| event.kind == "Normal"), "{events:#?}");
    let id = &scene.sim.machines()[0].id;
    for reason in ["Creating", "Stopping", "Starting", "Deleting", "Deleted"] {
        let event = events.iter().find(|event| event.reason == reason).unwrap();
        assert!(event.note.contains(id), "{event}");
    }
}
