//! An instance as a row shows it.

use serde_json::{Map, Value, json};

use crate::{
    machine::{Detail as MachineDetail, Machine, Phase},
    world::World,
};

use super::settings::NameMember;

/// Ports that every machine has published.
const ALWAYS: [u16; 2] = [22, 8888];

/// What only Luchen's machines have.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    pub(super) type_id: String,
    pub(super) region: String,
    pub(super) image: String,
    pub(super) charge_mode: String,
    pub(super) mounts: Vec<Mount>,
    pub(super) data_disk_gb: u64,
    pub(super) common_data: bool,
    pub(super) docker: bool,
    pub(super) docker_gb: u64,
    pub(super) init_script: String,
    /// Asked for.
    pub(super) ports: Vec<u16>,
    /// Inside and outside.
    pub(super) node_ports: Vec<(u16, u16)>,
}

/// Storage in a machine.
#[derive(Debug, Clone)]
pub(super) struct Mount {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) kind: String,
}

impl Detail {
    /// Publishes all ports, each under one of these.
    pub(super) fn publish(&mut self, free: &[u16]) {
        let extra = self.ports.iter().copied().filter(|port| !ALWAYS.contains(port));
        self.node_ports = ALWAYS.into_iter().chain(extra).zip(free.iter().copied()).collect();
    }
}

/// A machine that is being made goes through several words, and stays at one of them if its image can't be pulled.
fn status(machine: &Machine, progress: i64, is_stuck: bool) -> String {
    match machine.phase {
        Phase::Creating if machine.state_shown.is_none() => {
            let word = match progress {
                _ if is_stuck => "PullingImage",
                0..20 => "Initializing",
                20..80 => "PullingImage",
                _ => "Starting",
            };
            word.to_owned()
        }
        _ => machine.state(),
    }
}

/// All that is known of a row.
pub(super) fn show(world: &World, machine: &Machine) -> Value {
    let MachineDetail::Luchen(detail) = &machine.detail else {
        return Value::Null;
    };
    let settings = &world.luchen.settings;
    let is_stuck = machine.phase == Phase::Creating && settings.unpullable_images.contains(&detail.image);
    let status = status(machine, machine.progress(world.now()), is_stuck);
    let is_running = machine.phase == Phase::Running;
    let region = settings.regions.iter().find(|region| region.id == detail.region);
    let address = region
        .filter(|_| is_running)
        .map_or("", |region| region.ssh_address.as_str());
    let node_ports: Vec<Value> = detail
        .node_ports
        .iter()
        .filter(|_| is_running)
        .map(|(port, node_port)| json!({"port": port, "nodePort": node_port}))
        .collect();
    let phase = if status == "PullingImage" {
        "DownloadImage"
    } else {
        status.as_str()
    };
    json!({
        "instanceMetadata": metadata(machine, settings.name_member),
        "instanceRuntimeInfo": {
            "phase": phase,
            "diagnosisReason": if is_stuck { "BackOff" } else { "" },
            "diagnosisMessage": if is_stuck { format!("Back-off pulling image {}", detail.image) } else { String::new() },
            "status": status,
        },
        "instanceSpecInfo": {
            "regionInfo": {
                "regionId": detail.region,
                "regionName": region.map_or("", |region| region.name.as_str()),
                "sshAddress": address,
            },
            "nodePorts": node_ports,
        },
    })
}

fn metadata(machine: &Machine, name_member: NameMember) -> Value {
    let mut metadata = Map::new();
    metadata.insert("instanceId".to_owned(), json!(machine.id));
    metadata.insert("instanceUsername".to_owned(), json!("root"));
    let member = match name_member {
        NameMember::InstanceName => "instanceName",
        NameMember::Name => "name",
    };
    metadata.insert(member.to_owned(), json!(machine.name));
    Value::Object(metadata)
}

/// The order as the driver of a test sees it.
pub(super) fn ordered(detail: &Detail) -> Value {
    let mounts: Vec<Value> = detail
        .mounts
        .iter()
        .map(|mount| json!({"mountPath": mount.path, "name": mount.name, "id": mount.id, "type": mount.kind}))
        .collect();
    json!({
        "instanceTypeId": detail.type_id,
        "region": detail.region,
        "imageId": detail.image,
        "chargeMode": detail.charge_mode,
        "mounts": mounts,
        "dataDiskGB": detail.data_disk_gb,
        "commonData": detail.common_data,
        "docker": detail.docker,
        "dockerGB": detail.docker_gb,
        "initScript": detail.init_script,
        "ports": detail.ports,
    })
}
