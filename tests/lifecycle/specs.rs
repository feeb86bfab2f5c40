//! What the spec says is what is rented.

use serde_json::json;

use crate::operator::{OTHER_IMAGE, Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_what_is_rented() {
    let scene = Scene::start("specs").await;
    scene
        .apply(instance(
            "short",
            json!({ "gpu": { "model": "rtx-4090-d", "count": 2 } }),
        ))
        .await;
    scene
        .apply(instance(
            "long",
            json!({ "gpu": { "model": "NVIDIA GeForce RTX 4090 D", "count": 1 } }),
        ))
        .await;
    scene
        .apply(instance("none", json!({ "gpu": { "model": null, "count": 0 } })))
        .await;
    let whole = json!({
        "image": OTHER_IMAGE,
        "volumes": [{ "mountPath": "/root/cloud" }],
        "ports": [{ "port": 8080, "protocol": "HTTP" }, { "port": 22, "protocol": "SSH" }],
    });
    scene.apply(instance("whole", whole)).await;
    for (name, model, summary) in [
        ("short", "NVIDIA GeForce RTX 4090 D", "2 x RTX 4090 D"),
        ("long", "NVIDIA GeForce RTX 4090 D", "1 x RTX 4090 D"),
        ("none", "", "none"),
    ] {
        let object = scene.until_ready(name).await;
        assert_eq!(object.text("/status/gpu/summary"), summary);
        let machine = scene.sim.machine(object.instance_id()).unwrap();
        if machine.gpu_count > 0 {
            assert_eq!(machine.gpu_model, model);
        }
        assert_eq!(object.at("/status/gpu/count"), machine.gpu_count);
    }
    let object = scene.until_ready("whole").await;
    let shown = scene.shown_by_xgc("u-1").await;
    let machine = shown
        .iter()
        .find(|machine| machine["id"] == object.instance_id())
        .unwrap();
    assert_eq!(
        (&machine["image_id"], &machine["image_type"]),
        (&json!(OTHER_IMAGE), &json!("public"))
    );
    assert_eq!(machine["storage_mount_path"], "/root/cloud");
    let secret = scene.connection("whole").await;
    for key in ["password", "jupyter_token"] {
        assert_eq!(secret.secret(key).as_deref(), machine[key].as_str());
    }
    let url = format!("https://{}-8080.container.x-gpu.com", object.instance_id());
    let port = &object.at("/status/endpoints/ports")[0];
    assert_eq!((&port["port"], &port["url"]), (&json!(8080), &json!(url)), "{object}");
    assert_eq!(object.truth("Available"), "True");
}
