//! Neolink.

use cloudsim::{Cloud, Fault};
use serde_json::json;

use super::{Calls, CloudFacts, Price, SavedImage};

pub const NEOLINK: CloudFacts = CloudFacts {
    cloud: Cloud::Neolink,
    name: "neolink",
    block: "neolink",
    shown_as: "Neolink",
    account: "u-1",
    account_id: "u-1",
    key_is_account: false,
    endpoints: |url| json!({ "endpoint": url }),
    secret: |account, key, _| json!({ "token": key, "userId": account }),
    spec: || {
        json!({
            "region": "r-1",
            "gpu": { "model": "RTX 4090", "count": 1 },
            "image": "harbor.example/library/pytorch:2.4",
            "volumes": [{ "source": "data", "mountPath": "/root/data", "size": "50Gi" }],
        })
    },
    other_image: "harbor.example/library/pytorch:2.5",
    many: 10,
    calls: Calls {
        list: "neolink.list",
        create: "neolink.create",
        delete: &["neolink.delete"],
        change: &["neolink.power_on", "neolink.power_off"],
    },
    price: Price::BeforeOrder("2.50"),
    stop_modes: &[],
    gives_gpu_back: true,
    orders_are_tasks: false,
    deletes_running: false,
    restarts_at_once: false,
    chooses_password: false,
    secret_has_also: &["jupyter_token", "jupyter_url", "password"],
    unsupported: || {
        vec![
            ("gpu.count", json!({ "gpu": { "model": null, "count": 0 } })),
            ("cpu", json!({ "cpu": 8 })),
            ("memory", json!({ "memory": "32Gi" })),
            (
                "ports[0].protocol",
                json!({ "ports": [{ "port": 5000, "protocol": "HTTP" }] }),
            ),
            ("startupScript", json!({ "startupScript": "echo hello" })),
            ("billing.mode", json!({ "billing": { "mode": "OffPeak" } })),
            (
                "billing.autoRenew",
                json!({ "billing": {
                    "mode": "Prepaid", "period": { "unit": "Day", "count": 3 }, "autoRenew": true,
                } }),
            ),
        ]
    },
    in_place: None,
    snapshot: Some(SavedImage {
        spec: || json!({ "name": "mine", "tag": "v1" }),
        stop: &["neolink.power_off"],
        saved: |sim| sim.neolink_images().len(),
    }),
    looks_empty: || Fault::on("neolink.list").refuse(404, "cluster not found"),
    not_found: None,
    ordered_id: "/name",
    refuses_for_capacity: true,
    frozen: ("Stopped", "InsufficientBalance"),
    sign_in: None,
};
