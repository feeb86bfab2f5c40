//! Luchen, 潞晨云.

use cloudsim::{Cloud, Fault};
use serde_json::json;

use super::{Calls, CloudFacts, Price};

pub const LUCHEN: CloudFacts = CloudFacts {
    cloud: Cloud::Luchen,
    name: "luchen",
    block: "luchen",
    shown_as: "Luchen",
    account: "u-1",
    account_id: "u-1",
    key_is_account: false,
    endpoints: |url| json!({ "endpoint": url }),
    secret: |_, key, proof| json!({ "username": key, "password": proof }),
    spec: || {
        json!({
            "region": "fce31a0c-0000-0000-0000-41caa1bdd251",
            "gpu": { "model": "H800-SXM", "count": 1 },
            "image": "0d0c0000-0000-0000-0000-000000000000",
        })
    },
    other_image: "7a81788c-0000-0000-0000-2409e3c8150c",
    many: 10,
    calls: Calls {
        list: "luchen.list",
        create: "luchen.create",
        delete: &["luchen.terminate"],
        change: &["luchen.start", "luchen.stop"],
    },
    price: Price::BeforeOrder("12.50"),
    stop_modes: &[],
    gives_gpu_back: true,
    orders_are_tasks: false,
    deletes_running: true,
    restarts_at_once: false,
    chooses_password: false,
    secret_has_also: &["jupyter_url"],
    unsupported: || {
        vec![
            ("cpu", json!({ "cpu": 8 })),
            ("memory", json!({ "memory": "32Gi" })),
            (
                "volumes[0].size",
                json!({ "volumes": [{ "source": "example-volume", "mountPath": "/a", "size": "50Gi" }] }),
            ),
            ("snapshotOnStop", json!({ "snapshotOnStop": { "name": "image" } })),
            (
                "billing.autoRenew",
                json!({ "billing": {
                    "mode": "Prepaid", "period": { "unit": "Day", "count": 1 }, "autoRenew": true,
                } }),
            ),
        ]
    },
    in_place: None,
    snapshot: None,
    looks_empty: || Fault::on("luchen.list").refuse(-1, "ent: instance not found"),
    not_found: None,
    ordered_id: "/instanceId",
    refuses_for_capacity: true,
    frozen: ("Stopped", "InsufficientBalance"),
    sign_in: Some("luchen.login"),
};
