//! A machine as `SCNet` shows it: little in the list, all in its detail.

use jiff::{Timestamp, tz::Offset};
use serde_json::{Value, json};

use crate::{
    machine::{Detail as MachineDetail, Machine, Phase},
    world::World,
};

/// Local time, without saying so.
const CLOCK: Offset = Offset::constant(8);
const HOST: &str = "10.0.35.26";

/// The word for its state. The first half of being made or started is spent waiting.
fn word(world: &World, machine: &Machine) -> String {
    let is_waiting = matches!(machine.phase, Phase::Creating | Phase::Starting) && machine.progress(world.now()) < 50;
    if is_waiting && machine.state_shown.is_none() {
        return "Waiting".to_owned();
    }
    machine.state()
}

fn moment(at: Option<Timestamp>) -> Value {
    match at {
        Some(at) => json!(CLOCK.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()),
        None => Value::Null,
    }
}

/// A row of the list. Which members it has is not documented; these are the ones that clients read.
pub(super) fn row(world: &World, machine: &Machine) -> Value {
    let MachineDetail::Scnet(detail) = &machine.detail else {
        return Value::Null;
    };
    json!({
        "id": machine.id,
        "instanceServiceName": machine.name,
        "status": word(world, machine),
        "taskType": detail.task_type,
        "createTime": moment(Some(machine.created_at)),
        "startTime": moment(machine.started_at),
    })
}

/// Everything about a machine.
pub(super) fn detail(world: &World, machine: &Machine) -> Value {
    let MachineDetail::Scnet(detail) = &machine.detail else {
        return Value::Null;
    };
    let runs = machine.phase == Phase::Running;
    let ports: Vec<Value> = detail
        .ports
        .iter()
        .map(|(protocol, port)| {
            let url = match protocol.as_str() {
                _ if !runs => String::new(),
                "SSH" => format!("{HOST}:{}", detail.ssh_port),
                _ => format!("http://{HOST}:7090/forward/{}/{port}/", machine.id),
            };
            json!({"accessUrl": url, "containerPort": port, "protocolType": protocol})
        })
        .collect();
    let script = detail.scripts.first().map(String::as_str).unwrap_or_default();
    json!({
        "id": machine.id,
        "headerNotebookId": machine.id,
        "instanceServiceName": machine.name,
        "currentIndex": 1,
        "gpuNumber": machine.gpu_count,
        "cpuNumber": detail.cores,
        "ramSize": detail.memory_mb,
        "acceleratorType": detail.accelerator,
        "resourceGroup": machine.gpu_model,
        "resourceSpec": format!("{} 核心; {} 加速器; {} MB 内存", detail.cores, machine.gpu_count, detail.memory_mb),
        "taskNumber": detail.task_number,
        "timeoutLimit": detail.time_limit_ms.map_or_else(|| "unlimited".to_owned(), clock),
        "userName": machine.account,
        "version": detail.image.version,
        "imagePath": detail.image.path,
        "status": word(world, machine),
        "taskType": detail.task_type,
        "description": "",
        "createTime": moment(Some(machine.created_at)),
        "startTime": moment(machine.started_at),
        "endTime": moment(machine.stopped_at),
        "duration": "--",
        "remainingTime": "--",
        "tensorboardId": null,
        "tensorboardPath": null,
        "mountInfoList": detail.mounts,
        "containerPortInfoList": ports,
        "useStartScript": !script.is_empty(),
        "startScriptContent": script,
        "startScriptPath": null,
        "startScriptActionScope": "all",
        "headerNotebookIp": null,
    })
}

fn clock(millis: u64) -> String {
    let seconds = millis / 1000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The page that a running machine serves, with what opens it inside.
pub(super) fn page(machine: &Machine) -> Option<String> {
    let MachineDetail::Scnet(detail) = &machine.detail else {
        return None;
    };
    let id = &machine.id;
    match (machine.phase, detail.task_type.as_str()) {
        (Phase::Running, "jupyter") => Some(format!("http://{HOST}:7090/jupyter-forward/{id}/?token=sothisai_{id}")),
        (Phase::Running, "codeserver" | "rstudio") => {
            Some(format!("http://{HOST}:7090/{}-forward/{id}/", detail.task_type))
        }
        _ => None,
    }
}
