//! An instance as XGC shows it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    machine::{Detail as MachineDetail, Machine, Phase, Saved},
    world::World,
};

use super::catalog::public_image;

pub(super) const GIB: i64 = 1 << 30;

const MODEL_PREFIX: &str = "NVIDIA GeForce ";
const CORES_PER_GPU: u32 = 16;
const MEMORY_PER_GPU: i64 = 60 * GIB;

/// What only XGC's machines have.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    pub(crate) image: String,
    pub(crate) image_type: String,
    pub(crate) system_disk_bytes: i64,
    pub(crate) storage_mount_path: String,
    pub(crate) ssh_key: String,
    pub(crate) ssh_port: u16,
    pub(crate) password: String,
    pub(crate) jupyter_token: String,
    pub(crate) xgcos_token: String,
}

/// Requests have the whole name of a model, answers the short one.
fn short_model(model: &str) -> &str {
    model.strip_prefix(MODEL_PREFIX).unwrap_or(model)
}

fn seconds(at: Option<Timestamp>) -> i64 {
    at.map_or(0, Timestamp::as_second)
}

/// All members of an instance, in the list and alone.
pub(super) fn show(world: &World, machine: &Machine) -> Value {
    let MachineDetail::Xgc(detail) = &machine.detail else {
        return Value::Null;
    };
    let id = &machine.id;
    let reachable = machine.phase == Phase::Running || !world.xgc.settings.ssh_only_while_running;
    let released = matches!(
        machine.phase,
        Phase::Stopped { released: true } | Phase::SavingImage { was: Saved::Released }
    );
    let cores = CORES_PER_GPU * machine.gpu_count.max(1);
    let image_name = public_image(&detail.image)
        .filter(|_| detail.image_type == "public")
        .unwrap_or_default();
    json!({
        "id": id,
        "create_timestamp": machine.created_at.as_second(),
        "data_center_name": "浙江一区",
        "name": machine.name,
        "public_image": image_name,
        "gpu_model": short_model(&machine.gpu_model),
        "gpu_used": machine.gpu_count,
        "cpu_model": "AMD EPYC 7543",
        "cpu_core_count": cores,
        "memory_size": MEMORY_PER_GPU * i64::from(machine.gpu_count.max(1)),
        "system_disk_size": detail.system_disk_bytes,
        "data_disk_size": 50 * GIB,
        "expandable_data_disk_size": 450 * GIB,
        "data_disk_mount_path": "/root/data",
        "storage_mount_path": detail.storage_mount_path,
        "price_per_hour": machine.tariff.running.yuan_per_hour(),
        "ssh_key": detail.ssh_key,
        "ssh_port": if reachable { detail.ssh_port.to_string() } else { String::new() },
        "ssh_user": "root",
        "password": if reachable { detail.password.as_str() } else { "" },
        "jupyter_token": detail.jupyter_token,
        "jupyter_url": format!("https://{id}-8888.container.x-gpu.com"),
        "xgcos_token": detail.xgcos_token,
        "xgcos_url": format!("https://{id}-7777.container.x-gpu.com"),
        "start_timestamp": seconds(machine.started_at),
        "stop_timestamp": seconds(machine.stopped_at),
        "status": machine.state(),
        "ssh_domain": if reachable { format!("{id}.ssh.x-gpu.com") } else { String::new() },
        "web_url": format!("https://{id}-80.container.x-gpu.com"),
        "progress": machine.progress(world.now()),
        "image_id": detail.image,
        "image_type": detail.image_type,
        "image_price": 0.0,
        "image_save": matches!(machine.phase, Phase::SavingImage { .. }),
        "base_price": machine.tariff.running.yuan_per_hour(),
        "retain": if released { 1.0 } else { 0.0 },
        "retain_price": machine.tariff.released.yuan_per_hour(),
        "retain_size": float_bytes(detail.system_disk_bytes),
        "auto_shutdown": 0,
        "auto_shutdown_action": 0,
    })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "this size is a float in the vendor's table, and no disk has 2^53 bytes"
)]
fn float_bytes(bytes: i64) -> f64 {
    bytes as f64
}
