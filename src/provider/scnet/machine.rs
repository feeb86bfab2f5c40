//! `SCNet`'s rows and details read as machines.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::Value;

use super::address;
use crate::api::status::{InstanceState, PortEndpoint};
use crate::provider::{Machine, loose};

/// The vendor writes local times without saying so; it is in China.
const CLOCK: Offset = Offset::constant(8);

/// The machine of a row of the list or of a detail; `None` where not even its id can be read.
pub(super) fn machine(row: &Value, region: &str) -> Option<Machine> {
    let id = loose::id(row, "id")?;
    let word = loose::state_word(row, "status");
    let started_at = moment(row, "startTime");
    let mut machine = Machine::new(id, state(&word, started_at.is_some()), word);
    machine.name = loose::text(row, "instanceServiceName");
    machine.note = note(&machine.cloud_state);
    machine.gpu_count = loose::integer(row, "gpuNumber");
    machine.gpu_model = loose::word(row, "resourceGroup");
    machine.image = loose::word(row, "imagePath");
    machine.region = Some(region.to_owned());
    machine.created_at = moment(row, "createTime");
    machine.started_at = started_at;
    machine.expired = is(&machine.cloud_state, "Completed");
    Some(machine)
}

/// What a machine that has run before waits for is a start, else its making.
fn state(word: &str, has_run: bool) -> InstanceState {
    let begins = if has_run {
        InstanceState::Starting
    } else {
        InstanceState::Creating
    };
    match word.to_ascii_lowercase().as_str() {
        "running" => InstanceState::Running,
        "deploying" | "waiting" => begins,
        "terminated" | "stopped" | "stop" | "completed" => InstanceState::Stopped,
        "failed" => InstanceState::Failed,
        _ => InstanceState::Unknown,
    }
}

fn note(word: &str) -> Option<String> {
    let note = if is(word, "Waiting") {
        "SCNet has queued it until resources are free, which can take long"
    } else if is(word, "Completed") {
        "its scnet.timeoutLimit is over"
    } else {
        return None;
    };
    Some(note.to_owned())
}

fn is(word: &str, known: &str) -> bool {
    word.eq_ignore_ascii_case(known)
}

/// `2022-05-11 19:30:34`; `--` and null mean absent.
fn moment(row: &Value, name: &str) -> Option<Timestamp> {
    let time: DateTime = loose::word(row, name)?.parse().ok()?;
    CLOCK.to_timestamp(time).ok()
}

/// Whether the machine serves a page of its own, that [`add_page`] is for: all kinds do but a bare shell.
pub(super) fn serves_page(detail: &Value) -> bool {
    !loose::word(detail, "taskType").is_some_and(|kind| is(&kind, "ssh"))
}

/// What a row does not show: where the ports are reached.
pub(super) fn add_ports(machine: &mut Machine, detail: &Value) {
    let ports = detail.get("containerPortInfoList").and_then(Value::as_array);
    for port in ports.into_iter().flatten() {
        let Some(number) = loose::integer(port, "containerPort").and_then(|number| u16::try_from(number).ok()) else {
            continue;
        };
        let said = loose::word(port, "accessUrl").unwrap_or_default();
        let is_shell = loose::word(port, "protocolType").is_some_and(|protocol| is(&protocol, "SSH"));
        let url = if is_shell {
            let ssh = address::ssh(&said);
            let url = ssh.as_ref().map(|ssh| format!("{}:{}", ssh.host, ssh.port));
            machine.ssh = machine.ssh.take().or(ssh);
            url
        } else {
            address::web(&said).map(|(url, _)| url)
        };
        match url {
            Some(url) => machine.ports.push(PortEndpoint { port: number, url }),
            None => machine.partial = true,
        }
    }
}

/// The page that the container serves, and the token that opens it.
pub(super) fn add_page(machine: &mut Machine, said: Option<&str>) {
    match said.and_then(address::web) {
        Some((url, token)) => {
            machine.jupyter_url = Some(url);
            machine.secrets.jupyter_token = token;
        }
        None => machine.partial = true,
    }
}
