//! Luchen's rows read as machines. The vendor's table of a row's members is not public: the names are those that a
//! client of the same platform reads.

use serde_json::Value;

use crate::api::instance::{Port, PortProtocol};
use crate::api::status::{InstanceState, PortEndpoint};
use crate::provider::{Machine, Ssh, loose};

/// The container's port of the shell; published without being asked for.
pub(super) const SSH_PORT: u16 = 22;
/// The container's port at which a published row probably has Jupyter.
const JUPYTER_PORT: u16 = 8888;
/// Longest text of the vendor's that is repeated.
const NOTE_CHARS: usize = 200;

/// What a running machine's owner has to know, for nothing in the connection Secret opens its shell.
const KEY_NOTE: &str =
    "its shell opens with an SSH key that was registered in Luchen's console before the machine was made";

/// A row of the list.
pub(super) enum Row {
    /// A machine.
    Machine(Box<Machine>),
    /// A machine that is no more: it is as if it were not there.
    Gone,
}

/// What a row says; `None` where not even its id can be read.
pub(super) fn read(row: &Value, redact: &dyn Fn(&str) -> String) -> Option<Row> {
    let metadata = &row["instanceMetadata"];
    let runtime = &row["instanceRuntimeInfo"];
    let spec = &row["instanceSpecInfo"];
    let id = loose::id(metadata, "instanceId")?;
    let word = loose::state_word(runtime, "status");
    if word.eq_ignore_ascii_case("Released") {
        return Some(Row::Gone);
    }
    let state = state(&word);
    let mut machine = Machine::new(id, state, word);
    machine.name = name(metadata);
    machine.region =
        loose::word(&spec["regionInfo"], "regionName").or_else(|| loose::word(&spec["regionInfo"], "regionId"));
    if state == InstanceState::Running {
        publish(&mut machine, metadata, spec);
        machine.note = Some(KEY_NOTE.to_owned());
    } else {
        machine.note = note(runtime, state, &machine.cloud_state, redact);
    }
    Some(Row::Machine(Box::new(machine)))
}

/// Clients disagree on what the name's member is called. An empty name is one; a missing one is none.
fn name(metadata: &Value) -> Option<String> {
    let said = ["instanceName", "name"].map(|member| loose::text(metadata, member));
    said.iter()
        .flatten()
        .find(|name| !name.trim().is_empty())
        .or(said.iter().flatten().next())
        .cloned()
}

fn state(word: &str) -> InstanceState {
    match word.to_ascii_lowercase().as_str() {
        "initializing" | "pullingimage" => InstanceState::Creating,
        "starting" => InstanceState::Starting,
        "restarting" => InstanceState::Restarting,
        "running" => InstanceState::Running,
        "stopping" => InstanceState::Stopping,
        // Archived: stopped, and its data is put away.
        "stopped" | "archived" => InstanceState::Stopped,
        "startingfailed" | "initializationfailed" => InstanceState::Failed,
        _ => InstanceState::Unknown,
    }
}

/// Only a running machine's address and ports are worth anything.
fn publish(machine: &mut Machine, metadata: &Value, spec: &Value) {
    let Some(host) = loose::word(&spec["regionInfo"], "sshAddress").filter(|host| is_host(host)) else {
        return;
    };
    let published: Vec<(u16, u16)> = spec["nodePorts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(node_port)
        .collect();
    for (port, node_port) in &published {
        if !machine.ports.iter().any(|known| known.port == *port) {
            let url = format!("{host}:{node_port}");
            machine.ports.push(PortEndpoint { port: *port, url });
        }
    }
    let at = |wanted: u16| {
        published
            .iter()
            .find(|(port, _)| *port == wanted)
            .map(|(_, node_port)| *node_port)
    };
    machine.jupyter_url = at(JUPYTER_PORT).map(|port| format!("http://{host}:{port}"));
    let user = loose::word(metadata, "instanceUsername").filter(|user| is_host(user));
    if let (Some(port), Some(user)) = (at(SSH_PORT), user) {
        machine.ssh = Some(Ssh { host, port, user });
    }
}

fn node_port(entry: &Value) -> Option<(u16, u16)> {
    let number = |member| {
        let number = loose::integer(entry, member)?;
        u16::try_from(number).ok().filter(|port| *port > 0)
    };
    Some((number("port")?, number("nodePort")?))
}

/// Fit to stand in a command line.
fn is_host(text: &str) -> bool {
    loose::is_plain(text) && !text.starts_with('-')
}

/// Why a machine does not run, as far as its phase and diagnosis say. A pull that backs off never ends and never
/// becomes a failure, so that is said.
fn note(runtime: &Value, state: InstanceState, word: &str, redact: &dyn Fn(&str) -> String) -> Option<String> {
    let say = |member| loose::word(runtime, member).map(|text| clean(&redact(&text)));
    let reason = say("diagnosisReason");
    let message = say("diagnosisMessage");
    let phase = say("phase").filter(|phase| !phase.eq_ignore_ascii_case(word));
    let backs_off = reason
        .as_deref()
        .is_some_and(|reason| reason.to_ascii_lowercase().contains("backoff"));
    let is_pulling = [Some(word), phase.as_deref()].into_iter().flatten().any(|word| {
        let word = word.to_ascii_lowercase();
        word.contains("image")
    });
    let mut said: Vec<String> = [phase, reason, message].into_iter().flatten().collect();
    if state == InstanceState::Creating && backs_off {
        said.push(
            if is_pulling {
                "its image cannot be pulled, and Luchen tries for ever without ever calling it failed: check \
                 spec.image in the console, then delete this object and make it anew with an image that exists"
            } else {
                "it fails to start again and again, and Luchen tries for ever without ever calling it failed: look \
                 into the console, or delete this object"
            }
            .to_owned(),
        );
    }
    if word.eq_ignore_ascii_case("Archived") {
        said.push("its data is archived".to_owned());
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn clean(text: &str) -> String {
    let line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    line.collect::<Vec<_>>().join(" ").chars().take(NOTE_CHARS).collect()
}

/// Ports are published plainly under the region's address: an HTTP server is reached without TLS unless it brings it.
pub(super) fn port_endpoint(machine: &Machine, port: Port) -> Option<PortEndpoint> {
    let published = machine.ports.iter().find(|published| published.port == port.port)?;
    let url = match port.protocol {
        PortProtocol::Http => format!("http://{}", published.url),
        PortProtocol::Tcp | PortProtocol::Ssh => published.url.clone(),
    };
    Some(PortEndpoint { port: port.port, url })
}
