//! SCNet, 国家超算互联网.

use cloudsim::{Cloud, Fault};
use serde_json::{Value, json};

use super::{Calls, CloudFacts, InPlace, Price};

const SCRIPT: &str = "echo changed";

pub const SCNET: CloudFacts = CloudFacts {
    cloud: Cloud::Scnet,
    name: "scnet",
    block: "scnet",
    shown_as: "SCNet",
    account: "sim-scnet-user",
    account_id: "sim-scnet-user",
    key_is_account: false,
    endpoints: |url| json!({ "endpoint": url, "centerEndpoint": url }),
    secret: |account, key, proof| json!({ "user": account, "accessKey": key, "secretKey": proof }),
    spec: || {
        json!({
            "region": "11112",
            "gpu": { "model": "TeslaM40", "count": 1 },
            "cpu": 3,
            "memory": "15Gi",
            "image": "10.0.35.26:5000/gpu/admin/base/jupyter:4.4-py3.7-cpu",
            "ports": [{ "port": 22, "protocol": "SSH" }],
        })
    },
    other_image: "image.ac.com:5000/dcu/admin/base/custom:vllm0.7.2-ubuntu22.04",
    many: 10,
    calls: Calls {
        list: "scnet.list",
        create: "scnet.create",
        delete: &["scnet.delete"],
        change: &["scnet.start", "scnet.stop", "scnet.resize", "scnet.execute_script"],
    },
    price: Price::Never,
    stop_modes: &[],
    gives_gpu_back: true,
    orders_are_tasks: false,
    deletes_running: false,
    restarts_at_once: false,
    chooses_password: false,
    secret_has_also: &["jupyter_token", "jupyter_url"],
    unsupported: || {
        vec![
            ("maxPricePerHour", json!({ "maxPricePerHour": "100" })),
            (
                "ports[0].protocol",
                json!({ "ports": [{ "port": 5000, "protocol": "TCP" }] }),
            ),
            (
                "volumes[0].size",
                json!({ "volumes": [{ "source": "/public1", "mountPath": "/a", "size": "50Gi" }] }),
            ),
            ("snapshotOnStop", json!({ "snapshotOnStop": { "name": "image" } })),
            ("billing.mode", json!({ "billing": { "mode": "OffPeak" } })),
            (
                "billing.mode",
                json!({ "billing": { "mode": "Prepaid", "period": { "unit": "Week", "count": 1 } } }),
            ),
        ]
    },
    // The script is run on the machine as it is; the size changes while it is stopped.
    in_place: Some(InPlace {
        spec: || {
            json!({
                "gpu": { "model": "TeslaM40", "count": 2 }, "cpu": 8, "memory": "20Gi", "startupScript": SCRIPT,
            })
        },
        is_made: |sim, id| {
            let ran = sim.scnet_scripts(id).iter().any(|script| script.trim_end() == SCRIPT);
            ran && sim.machine(id).is_some_and(|machine| machine.gpu_count == 2)
        },
    }),
    snapshot: None,
    looks_empty: || Fault::on("scnet.list").with("/data", Value::Null),
    not_found: Some(|| Fault::on("scnet.detail").refuse(10009, "作业不存在")),
    ordered_id: "/data",
    refuses_for_capacity: false,
    frozen: ("Stopped", "InsufficientBalance"),
    sign_in: Some("scnet.tokens"),
};
