//! What XGC cannot do is refused by the field's name, and nothing is rented.

use serde_json::json;

use crate::operator::{Scene, instance};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cloud_lacks_is_refused_by_name() {
    let scene = Scene::start("refusals").await;
    let table = [
        ("region", json!({ "region": "cn-1" })),
        ("cpu", json!({ "cpu": 8 })),
        ("memory", json!({ "memory": "32Gi" })),
        ("gpu.count", json!({ "gpu": { "count": 9 } })),
        ("offer", json!({ "offer": "some", "gpu": null })),
        (
            "ports[0].protocol",
            json!({ "ports": [{ "port": 5000, "protocol": "TCP" }] }),
        ),
        (
            "volumes",
            json!({ "volumes": [{ "mountPath": "/a" }, { "mountPath": "/b" }] }),
        ),
        (
            "volumes[0].source",
            json!({ "volumes": [{ "mountPath": "/a", "source": "disk-1" }] }),
        ),
        (
            "volumes[0].size",
            json!({ "volumes": [{ "mountPath": "/a", "size": "50Gi" }] }),
        ),
        ("startupScript", json!({ "startupScript": "echo hello" })),
        (
            "startupScriptFrom",
            json!({ "startupScriptFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } }),
        ),
        (
            "snapshotOnStop.tag",
            json!({ "snapshotOnStop": { "name": "image", "tag": "v1" } }),
        ),
        ("billing.mode", json!({ "billing": { "mode": "OffPeak" } })),
        (
            "billing.mode",
            json!({ "billing": { "mode": "Prepaid", "period": { "unit": "Week", "count": 1 } } }),
        ),
    ];
    for (n, (_, spec)) in table.iter().enumerate() {
        scene.apply(instance(&format!("unsupported-{n}"), spec.clone())).await;
    }
    let invalid = [("luchen", json!({ "luchen": {} })), ("image", json!({ "image": null }))];
    for (n, (_, spec)) in invalid.iter().enumerate() {
        scene.apply(instance(&format!("invalid-{n}"), spec.clone())).await;
    }
    let unsupported = table
        .iter()
        .map(|(field, _)| ("Unsupported", "unsupported", *field))
        .enumerate();
    let invalid = invalid
        .iter()
        .map(|(field, _)| ("Invalid", "invalid", *field))
        .enumerate();
    for (n, (reason, prefix, field)) in unsupported.chain(invalid) {
        let object = scene.until_not_ready(&format!("{prefix}-{n}"), reason).await;
        let message = object.said("Ready", "message");
        assert!(message.contains(&format!("spec.{field} ")), "{field}: {message}");
        assert_eq!(
            (object.truth("Stalled"), object.truth("Synced")),
            ("True", "True"),
            "{object}"
        );
        assert!(object.finalizers().is_empty(), "{object}");
    }
    scene.after_lists(2).await;
    assert_eq!((scene.sim.call_count("xgc.deploy"), scene.sim.machines().len()), (0, 0));
    // Mended, it is rented.
    scene.change("unsupported-0", json!({ "region": null })).await;
    scene.until_ready("unsupported-0").await;
}
