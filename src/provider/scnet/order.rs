//! A spec in `SCNet`'s words.

use serde::Serialize;
use serde_json::{Value, json};

use crate::api::cloud::{ScnetAccelerator, ScnetInstance};
use crate::api::instance::{GpuInstanceSpec, PortProtocol};
use crate::api::{Cloud, quantity};
use crate::provider::{Error, Kind, Machine, Order, Refusal, Result};

/// How long a container may run where the spec does not say.
const UNLIMITED: &str = "unlimited";

/// What the cloud's own lists make of a spec's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The resource group, in its own spelling.
    pub(super) resource_group: String,
    /// `path` of the image.
    pub(super) image_path: String,
    /// `version` of the image, `name:tag`.
    pub(super) image_version: String,
}

/// The body of a create. Every member is there: the vendor wants them, empty or not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container<'a> {
    instance_service_name: &'a str,
    description: &'static str,
    task_type: &'static str,
    accelerator_type: &'static str,
    version: &'a str,
    image_path: &'a str,
    timeout_limit: &'a str,
    task_number: i64,
    resource_group: &'a str,
    use_start_script: bool,
    start_script_action_scope: &'static str,
    start_script_content: String,
    cpu_number: i64,
    /// In MB.
    ram_size: u64,
    gpu_number: i64,
    mount_info_list: Vec<Value>,
    container_port_info_list: Vec<Value>,
}

impl<'a> Container<'a> {
    pub(super) fn new(order: &Order<'a>, resolved: &'a Resolved) -> Self {
        let spec = order.spec;
        let own = spec.scnet.as_ref();
        let script = order.startup_script.filter(|script| !script.trim().is_empty());
        Self {
            instance_service_name: order.name,
            description: "rented by gpu-instance-operator",
            task_type: own.and_then(|own| own.task_type).unwrap_or_default().into(),
            accelerator_type: accelerator(spec).into(),
            version: &resolved.image_version,
            image_path: &resolved.image_path,
            timeout_limit: own.and_then(timeout_limit).unwrap_or(UNLIMITED),
            task_number: task_number(spec),
            resource_group: &resolved.resource_group,
            use_start_script: script.is_some(),
            start_script_action_scope: script_scope(spec),
            start_script_content: script.map_or_else(String::new, lines),
            cpu_number: spec.cpu.unwrap_or_default(),
            ram_size: megabytes(spec),
            gpu_number: gpu_count(spec),
            mount_info_list: mounts(spec),
            container_port_info_list: ports(spec),
        }
    }
}

/// The body of a script to be run on a machine that runs.
pub(super) fn script(machine: &Machine, spec: &GpuInstanceSpec, script: &str) -> Value {
    json!({
        "id": machine.id,
        "startScriptContent": lines(script),
        "startScriptActionScope": script_scope(spec),
    })
}

/// The body of a change of size.
pub(super) fn resize(machine: &Machine, spec: &GpuInstanceSpec) -> Value {
    json!({
        "id": machine.id,
        "cpuNumber": spec.cpu.unwrap_or_default(),
        "gpuNumber": gpu_count(spec),
        "ramSize": megabytes(spec),
    })
}

/// Refuses a change to another model: a machine stays in its resource group.
pub(super) fn check_resize(machine: &Machine, resource_group: &str) -> Result<()> {
    match machine.gpu_model.as_deref() {
        Some(group) if group != resource_group => Err(Error::new(
            Kind::Invalid,
            format!(
                "spec.gpu.model is {resource_group}, but the machine is in resource group {group} and stays there: set \
                 it back, or let spec.updatePolicy Recreate replace the machine"
            ),
        )),
        _ => Ok(()),
    }
}

/// Each line ends with a line feed, the last one too.
fn lines(script: &str) -> String {
    script.lines().flat_map(|line| [line, "\n"]).collect()
}

/// The kind of accelerator: as said, else none where no GPU is asked for, else a GPU.
pub(super) fn accelerator(spec: &GpuInstanceSpec) -> ScnetAccelerator {
    let said = spec.scnet.as_ref().and_then(|own| own.accelerator_type);
    said.unwrap_or(if gpu_count(spec) == 0 {
        ScnetAccelerator::Cpu
    } else {
        ScnetAccelerator::Gpu
    })
}

pub(super) fn gpu_count(spec: &GpuInstanceSpec) -> i64 {
    spec.gpu.as_ref().map_or(0, |gpu| gpu.count)
}

pub(super) fn task_number(spec: &GpuInstanceSpec) -> i64 {
    spec.scnet.as_ref().and_then(|own| own.task_number).unwrap_or(1)
}

/// The memory in MB, as the vendor counts: 15 GiB are 15360.
pub(super) fn megabytes(spec: &GpuInstanceSpec) -> u64 {
    quantity::bytes(spec.memory()).map_or(0, |bytes| bytes.div_ceil(1 << 20))
}

/// How long it may run, unless left out.
pub(super) fn timeout_limit(own: &ScnetInstance) -> Option<&str> {
    own.timeout_limit.as_deref().filter(|limit| !limit.is_empty())
}

/// A time limit `HH:MM:SS` in seconds; `None` for none.
pub(super) fn seconds(limit: &str) -> Option<u64> {
    limit.split(':').try_fold(0_u64, |sum, part| {
        sum.checked_mul(60)?.checked_add(part.trim().parse().ok()?)
    })
}

fn script_scope(spec: &GpuInstanceSpec) -> &'static str {
    let said = spec.scnet.as_ref().and_then(|own| own.startup_script_scope);
    said.unwrap_or_default().into()
}

fn mounts(spec: &GpuInstanceSpec) -> Vec<Value> {
    let kind: &str = spec
        .scnet
        .as_ref()
        .and_then(|own| own.mount_type)
        .unwrap_or_default()
        .into();
    spec.volumes
        .iter()
        .map(|volume| {
            json!({
                "sourcePath": volume.source().unwrap_or_default(),
                "targetPath": volume.mount_path,
                "type": kind,
            })
        })
        .collect()
}

/// Numbers of ports are texts here.
fn ports(spec: &GpuInstanceSpec) -> Vec<Value> {
    spec.ports
        .iter()
        .map(|port| {
            let protocol: &str = port.protocol.into();
            json!({ "protocolType": protocol, "containerPort": port.port.to_string() })
        })
        .collect()
}

/// Refuses what can't be right. What only might be wrong is `SCNet`'s to refuse.
pub(super) fn check(spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
    let Some(gpu) = &spec.gpu else {
        return Err(Refusal::invalid(
            "gpu",
            "name the resource group as gpu.model, and the number of accelerators as gpu.count; count 0 means none",
        ));
    };
    if gpu.model().is_none() {
        return Err(Refusal::invalid(
            "gpu.model",
            "name the resource group: SCNet needs one for a machine without an accelerator too",
        ));
    }
    if gpu.count > 0 && accelerator(spec) == ScnetAccelerator::Cpu {
        return Err(Refusal::invalid(
            "scnet.acceleratorType",
            "cpu has no accelerators: leave it out, or set gpu.count to 0",
        ));
    }
    if spec.region() == Some(super::tokens::PLATFORM) {
        return Err(Refusal::invalid(
            "region",
            "0 is the platform itself, which runs no machines",
        ));
    }
    if megabytes(spec) == 0 {
        return Err(Refusal::invalid("memory", "it must be more than 0"));
    }
    for (n, volume) in spec.volumes.iter().enumerate() {
        if volume.source().is_none() {
            return Err(Refusal::invalid(
                &format!("volumes[{n}].source"),
                "name the directory of your account at SCNet that is mounted",
            ));
        }
    }
    let shells = spec.ports.iter().filter(|port| port.protocol == PortProtocol::Ssh);
    if shells.count() > 1 {
        return Err(Refusal::unsupported(
            "ports",
            Cloud::Scnet,
            "only one of them can be the shell (SSH)",
        ));
    }
    let limit = spec.scnet.as_ref().and_then(timeout_limit);
    if limit.and_then(seconds) == Some(0) {
        return Err(Refusal::invalid(
            "scnet.timeoutLimit",
            "the machine would end at once; write HH:MM:SS, or unlimited",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_script_ends() {
        for (script, expected) in [("a", "a\n"), ("a\r\nb\n", "a\nb\n"), ("a\n\nb", "a\n\nb\n")] {
            assert_eq!(lines(script), expected);
        }
    }

    #[test]
    fn limits_are_read_in_seconds() {
        for (limit, expected) in [
            ("360:00:00", Some(1_296_000)),
            ("00:00:30", Some(30)),
            ("unlimited", None),
        ] {
            assert_eq!(seconds(limit), expected);
        }
    }
}
