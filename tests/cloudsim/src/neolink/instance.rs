//! An instance as Neolink shows it.

use serde_json::{Map, Value, json};

use crate::machine::{Detail as MachineDetail, Machine, Phase};

const CORES_PER_GPU: u32 = 16;
const MEMORY_PER_GPU_GIB: u32 = 96;

/// What only Neolink's machines have.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    pub(crate) cluster: String,
    pub(crate) uid: String,
    pub(crate) order_id: String,
    pub(crate) image: String,
    /// As ordered.
    pub(crate) cost: Value,
    /// Path and gigabytes.
    pub(crate) volumes: Vec<(String, i64)>,
    pub(crate) discount_id: String,
    /// What its price is for once, in fen.
    pub(crate) unit_price: i64,
    pub(crate) ssh_port: u16,
    pub(crate) password: String,
    pub(crate) jupyter_token: String,
}

/// All members of an instance, in the list, alone and after a create. `servers` and `Pods` are there only while it runs.
pub(super) fn show(machine: &Machine) -> Value {
    let MachineDetail::Neolink(detail) = &machine.detail else {
        return Value::Null;
    };
    let is_creating = machine.phase == Phase::Creating;
    let mut shown = json!({
        "name": machine.id,
        "namespace": machine.account,
        "Region": detail.cluster,
        "displayName": machine.name,
        "description": "",
        "annotations": annotations(machine, detail),
        "uid": detail.uid,
        "image": detail.image,
        "replicas": 1,
        "resources": {
            "cpu": (CORES_PER_GPU * machine.gpu_count).to_string(),
            "memory": format!("{}Gi", MEMORY_PER_GPU_GIB * machine.gpu_count),
            "GPUNum": machine.gpu_count.to_string(),
            "GPUType": machine.gpu_model,
        },
        "volumeMounts": volume_mounts(detail, is_creating),
        "creationTimestamp": machine.created_at.to_string(),
        "updateTimestamp": "0001-01-01T00:00:00Z",
        "ScheduleStopTimestamp": "0001-01-01T00:00:00Z",
        "status": machine.state(),
        "cost": detail.cost,
    });
    if let (Phase::Running, Some(members)) = (machine.phase, shown.as_object_mut()) {
        while_running(members, machine, detail);
    }
    shown
}

fn annotations(machine: &Machine, detail: &Detail) -> Value {
    let cost = |name: &str| detail.cost[name].clone();
    json!({
        "neolink.ai/cost-coupon-id": cost("CouponID"),
        "neolink.ai/cost-discount-id": detail.discount_id,
        "neolink.ai/cost-disk-sku-id": cost("DiskSKUID"),
        "neolink.ai/cost-gpu-sku-id": cost("GPUSKUID"),
        "neolink.ai/cost-order-id": detail.order_id,
        "neolink.ai/cost-time": cost("CostTime"),
        "neolink.ai/cost-type": cost("CostType"),
        "neolink.ai/description": "",
        "neolink.ai/display-name": machine.name,
        "neolink.ai/gpu.machine": machine.gpu_model,
        "neolink.ai/gpu.resource.key": format!("nvidia.com/gpu-{}", machine.gpu_model.to_lowercase()),
        "neolink.ai/region": detail.cluster,
        "neolink.ai/saveDataEnabled": "false",
        "neolink.ai/unit-price": detail.unit_price.to_string(),
    })
}

/// The answer to a create shows volumes without their size.
fn volume_mounts(detail: &Detail, is_creating: bool) -> Value {
    let system = json!({
        "PathInContainer": "/", "Type": "local-filesystem", "Size": 30, "PVCName": "",
        "displayName": "系统盘", "filesystemType": "system",
    });
    let data = detail.volumes.iter().enumerate().map(|(n, (path, size))| {
        let claim = format!("volume-{n:02x}{}", &detail.uid[..6]);
        json!({
            "PathInContainer": path, "Type": "shared-filesystem", "Size": if is_creating { 0 } else { *size },
            "displayName": format!("磁盘-{claim}"), "PVCName": claim, "filesystemType": "data",
        })
    });
    std::iter::once(system).chain(data).collect()
}

fn while_running(members: &mut Map<String, Value>, machine: &Machine, detail: &Detail) {
    let uid = &detail.uid;
    members.insert(
        "servers".to_owned(),
        json!({
            "Jupyterlab": format!("http://{uid}.gw.neolink-ai.com/jupyter?token={}", detail.jupyter_token),
            "Tensorboard": format!("http://{uid}.gw.neolink-ai.com/monitor"),
            "SSH": {
                "sshAddr": format!("ssh -p{} root@{uid}.gws.neolink-ai.com", detail.ssh_port),
                "sshPassword": detail.password,
            },
        }),
    );
    members.insert(
        "Pods".to_owned(),
        json!([{
            "Name": format!("{}-{}", machine.id, &uid[..5]),
            "Containers": [{"Name": "worker"}],
            "nodeScheduled": format!("gpu-{}-03", machine.gpu_model.to_lowercase()),
            "ip": "172.31.213.79",
        }]),
    );
}
