//! XGC, 仙宫云.

use cloudsim::{Cloud, Fault};
use serde_json::json;

use super::{Calls, CloudFacts, InPlace, Price, SavedImage};
use crate::operator::manifest::{IMAGE, OTHER_IMAGE};

pub const XGC: CloudFacts = CloudFacts {
    cloud: Cloud::Xgc,
    name: "xgc",
    block: "xgc",
    shown_as: "XGC",
    account: "u-1",
    account_id: "u-1",
    key_is_account: false,
    endpoints: |url| json!({ "endpoint": url }),
    secret: |_, key, _| json!({ "token": key }),
    spec: || json!({ "gpu": { "model": "RTX 4090", "count": 1 }, "image": IMAGE }),
    other_image: OTHER_IMAGE,
    many: 50,
    calls: Calls {
        list: "xgc.list",
        create: "xgc.deploy",
        delete: &["xgc.destroy", "xgc.shutdown_destroy"],
        change: &["xgc.boot", "xgc.shutdown", "xgc.shutdown_release_gpu", "xgc.saveimage"],
    },
    price: Price::OnMachine("1.89"),
    stop_modes: &["KeepGpu", "ReleaseGpu"],
    gives_gpu_back: true,
    orders_are_tasks: false,
    deletes_running: true,
    restarts_at_once: false,
    chooses_password: false,
    secret_has_also: &["jupyter_token", "jupyter_url", "password"],
    unsupported: || {
        vec![
            ("region", json!({ "region": "cn-1" })),
            ("cpu", json!({ "cpu": 8 })),
            ("memory", json!({ "memory": "32Gi" })),
            ("gpu.count", json!({ "gpu": { "count": 9 } })),
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
        ]
    },
    in_place: Some(InPlace {
        spec: || json!({ "gpu": { "model": "RTX 4090 D", "count": 2 } }),
        is_made: |sim, id| {
            sim.machine(id).is_some_and(|machine| {
                (machine.gpu_model.as_str(), machine.gpu_count) == ("NVIDIA GeForce RTX 4090 D", 2)
            })
        },
    }),
    snapshot: Some(SavedImage {
        spec: || json!({ "name": "my-image" }),
        stop: &["xgc.saveimage", "xgc.shutdown_release_gpu"],
        saved: |sim| usize::try_from(sim.call_count("xgc.saveimage")).unwrap(),
    }),
    // What it says to an unknown id, and to much else.
    looks_empty: || Fault::on("xgc.list").refuse(1000, ""),
    not_found: None,
    ordered_id: "/data/id",
    refuses_for_capacity: true,
    frozen: ("Frozen", "InsufficientBalance"),
    sign_in: None,
};
