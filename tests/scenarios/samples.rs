//! The manifests that newcomers copy.

use std::path::Path;

use serde_json::{Value, json};

use crate::operator::{Kind, Setup, merged};

/// With credentials filled in and led to the simulator, the sample is a machine that runs, stops, restarts and goes.
pub async fn the_sample_runs_as_it_is(setup: Setup) {
    let scene = setup.without_provider().start().await;
    for object in sample(scene.at.name) {
        scene.apply(ready_to_use(&scene, object)).await;
    }
    scene.until_ready("train-1").await;
    scene.kubectl(&["wait", "gpui/train-1", "--for=condition=Available", "--timeout=60s"]);
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("train-1", "Stopped").await;
    scene.change("train-1", json!({ "power": "Running" })).await;
    scene.until_ready("train-1").await;
    let restart = "2030-01-01T00:00:00Z";
    scene.change("train-1", json!({ "restartedAt": restart })).await;
    scene
        .until_instance("train-1", "restarted, and Ready again", |object| {
            object.is_ready_in("Running") && object.text("/status/lastRestartedAt") == restart
        })
        .await;
    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!((scene.sim.machines().len(), scene.sim.alive().len()), (1, 0));
}

/// The objects of `deploy/samples/<name>.yaml`.
fn sample(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("deploy/samples/{name}.yaml"));
    let text = std::fs::read_to_string(path).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

/// As the sample's first lines ask: with credentials in place of `replace-me`. And with the simulator as the cloud.
fn ready_to_use(scene: &crate::operator::Scene, object: Value) -> Value {
    match object["kind"].as_str().unwrap() {
        "Secret" => {
            let filled = scene.at.credentials(scene.at.name, &scene.account().report());
            let keys = |secret: &Value| {
                let data = secret["stringData"].as_object().unwrap();
                data.keys().cloned().collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(keys(&object), keys(&filled), "the sample's Secret");
            merged(object, filled)
        }
        "GpuProvider" => {
            let url = scene.cloud().url();
            merged(
                object,
                json!({ "spec": { scene.at.block: (scene.at.endpoints)(&url) } }),
            )
        }
        _ => object,
    }
}
