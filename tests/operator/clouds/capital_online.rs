//! Capital Online, 首云.

use cloudsim::{Cloud, Fault};
use serde_json::json;

use super::{Calls, CloudFacts, InPlace, Price};

pub const CAPITAL_ONLINE: CloudFacts = CloudFacts {
    cloud: Cloud::CapitalOnline,
    name: "capital-online",
    block: "capitalOnline",
    shown_as: "CapitalOnline",
    account: "c-1",
    account_id: "key-",
    key_is_account: true,
    endpoints: |url| json!({ "endpoint": format!("{url}/gpubms/v1"), "vpcEndpoint": format!("{url}/vpc") }),
    secret: |_, key, proof| json!({ "accessKeyId": key, "accessKeySecret": proof }),
    spec: || {
        json!({
            "region": "CN_Hohhot_B",
            "image": "d32af696-5774-4936-8f09-e9f4cf069b31",
            "capitalOnline": {
                "vpcId": "b2ca7892-a329-11ef-943a-66fdd349a9b1",
                "subnetId": "b2cc9168-a329-11ef-943a-66fdd349a9b1",
                "goodsId": 7685,
                "computeId": "8fbdb61e-b941-46db-89f6-f8953b278ec9",
                "reserveEip": true,
            },
        })
    },
    other_image: UBUNTU_22,
    many: 50,
    calls: Calls {
        list: "capital_online.DescribeGpu",
        create: "capital_online.CreateGpuInstance",
        delete: &["capital_online.DeleteGpuInstances"],
        change: &["capital_online.OperateGpuPower", "capital_online.ReinstallGpu"],
    },
    price: Price::BeforeOrder("13.50"),
    stop_modes: &["KeepGpu"],
    gives_gpu_back: false,
    orders_are_tasks: true,
    deletes_running: false,
    restarts_at_once: true,
    chooses_password: true,
    secret_has_also: &["password"],
    unsupported: || {
        vec![
            ("gpu", json!({ "gpu": { "model": "H800", "count": 1 } })),
            ("cpu", json!({ "cpu": 8 })),
            ("memory", json!({ "memory": "32Gi" })),
            ("volumes", json!({ "volumes": [{ "mountPath": "/a" }] })),
            ("startupScript", json!({ "startupScript": "echo hello" })),
            ("snapshotOnStop", json!({ "snapshotOnStop": { "name": "image" } })),
            ("billing.mode", json!({ "billing": { "mode": "OffPeak" } })),
        ]
    },
    // A reinstall, which gives the machine another password.
    in_place: Some(InPlace {
        spec: || json!({ "image": UBUNTU_22 }),
        is_made: |sim, _| sim.call_count("capital_online.ReinstallGpu") == 1,
    }),
    snapshot: None,
    looks_empty: || Fault::on("capital_online.DescribeGpu").without("/Data/Records"),
    not_found: Some(|| Fault::on("capital_online.DescribeGpuDetail").refuse(404, "ResourceNotFound")),
    ordered_id: "/Data/taskId",
    refuses_for_capacity: true,
    frozen: ("Unknown", "UnknownState"),
    sign_in: None,
};

const UBUNTU_22: &str = "e43bf7a7-6885-4a47-9f1a-fa05d0a7ac42";
