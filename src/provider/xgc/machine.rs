//! XGC's rows read as machines.

use std::collections::BTreeSet;

use serde_json::Value;

use super::capabilities::XGC;
use crate::api::instance::{Port, PortProtocol};
use crate::api::money;
use crate::api::status::{InstanceState, PortEndpoint};
use crate::provider::{Listing, Machine, MachineSecrets, Proof, Ssh, jupyter, loose, market_name};

/// The container's port of the shell.
pub(super) const SSH_PORT: u16 = 22;

/// All machines of a list; `None` where there is no list in the answer.
pub(super) fn listing(data: &Value) -> Option<Listing> {
    let total = loose::integer(data, "total");
    let rows = match data.get("list")? {
        Value::Array(rows) => rows.as_slice(),
        // How the vendor's language writes a list that was never filled; believed only with the number beside it.
        Value::Null if total == Some(0) => &[],
        _ => return None,
    };
    let mut machines = Vec::with_capacity(rows.len());
    let (mut unreadable, mut nameless) = (0, 0);
    for row in rows {
        match machine(row) {
            Some(machine) if is_gone(row) => drop(machine),
            Some(machine) => {
                nameless += usize::from(machine.name.is_none());
                machines.push(machine);
            }
            None => unreadable += 1,
        }
    }
    let ids: BTreeSet<&str> = machines.iter().map(|machine| machine.id.as_str()).collect();
    let is_repeating = ids.len() < machines.len();
    let proof = proof(rows.len(), total, unreadable, nameless, is_repeating);
    Some(Listing { machines, proof })
}

fn proof(rows: usize, total: Option<i64>, unreadable: usize, nameless: usize, is_repeating: bool) -> Proof {
    let complaint = match total {
        None => "XGC's list does not say how many machines there are".to_owned(),
        Some(total) if usize::try_from(total) != Ok(rows) => {
            format!("XGC's list says that there are {total} machines and shows {rows}")
        }
        _ if unreadable > 0 => format!("{unreadable} of {rows} machines in XGC's list cannot be read"),
        _ if is_repeating => "XGC's list shows a machine twice".to_owned(),
        _ if nameless > 0 => format!("{nameless} of {rows} machines in XGC's list are shown without a name"),
        _ => return Proof::Complete,
    };
    Proof::Incomplete(complaint)
}

/// A row that says that its machine is no more: it is as if it were not there.
fn is_gone(row: &Value) -> bool {
    loose::state_word(row, "status") == "destroyed"
}

/// The machine of a row; `None` where not even its id can be read.
fn machine(row: &Value) -> Option<Machine> {
    let id = loose::id(row, "id")?;
    let word = loose::state_word(row, "status");
    let state = state(&word);
    let mut machine = Machine::new(id, state, word);
    machine.name = loose::text(row, "name");
    machine.gpu_model = loose::word(row, "gpu_model").map(|model| market_name(&model));
    machine.gpu_count = loose::integer(row, "gpu_used");
    machine.image = loose::word(row, "image_id");
    machine.region = loose::word(row, "data_center_name");
    machine.price_per_hour = price(row, state);
    machine.currency = machine.price_per_hour.map(|_| XGC.currency);
    machine.created_at = loose::unix_seconds(row, "create_timestamp");
    machine.started_at = loose::unix_seconds(row, "start_timestamp");
    machine.secrets = MachineSecrets {
        password: loose::word(row, "password").map(Into::into),
        jupyter_token: loose::word(row, "jupyter_token").map(Into::into),
        private_key: None,
    };
    if state == InstanceState::Running {
        machine.ssh = ssh(row);
        if let Some((url, token)) = loose::word(row, "jupyter_url").and_then(|url| jupyter::split(&url)) {
            machine.jupyter_url = Some(url);
            machine.secrets.jupyter_token = machine.secrets.jupyter_token.or(token);
        }
    }
    Some(machine)
}

fn state(word: &str) -> InstanceState {
    match word {
        "deploying" => InstanceState::Creating,
        "booting" => InstanceState::Starting,
        "running" => InstanceState::Running,
        "shutting_down" => InstanceState::Stopping,
        "shutdown" => InstanceState::Stopped,
        "destroying" => InstanceState::Deleting,
        "saving_image" => InstanceState::SavingImage,
        "freezing" | "freeze" => InstanceState::Frozen,
        "replacing_image" => InstanceState::Reinstalling,
        _ => InstanceState::Unknown,
    }
}

/// What the machine costs now: while it is stopped and its GPU is released, what its disk costs.
fn price(row: &Value, state: InstanceState) -> Option<money::Decimal> {
    let released = state == InstanceState::Stopped && loose::boolean(row, "retain") == Some(true);
    let retained = loose::number(row, "retain_price").filter(|_| released);
    retained
        .or_else(|| loose::number(row, "price_per_hour"))
        .and_then(money::from_vendor)
}

/// The shell, if all of it is there and none of it could do harm in a command line.
fn ssh(row: &Value) -> Option<Ssh> {
    let host = loose::word(row, "ssh_domain").filter(|host| is_host(host))?;
    let port = u16::try_from(loose::integer(row, "ssh_port")?)
        .ok()
        .filter(|port| *port > 0)?;
    let user = loose::word(row, "ssh_user").unwrap_or_else(|| "root".to_owned());
    is_host(&user).then_some(Ssh { host, port, user })
}

fn is_host(text: &str) -> bool {
    loose::is_plain(text) && !text.starts_with('-')
}

/// Every port of a running machine is published over HTTPS under a name of its own; the shell's is behind another one.
pub(super) fn port_endpoint(machine: &Machine, port: Port) -> Option<PortEndpoint> {
    if machine.state != InstanceState::Running {
        return None;
    }
    let url = match port.protocol {
        PortProtocol::Http => format!("https://{}-{}.container.x-gpu.com", machine.id, port.port),
        PortProtocol::Ssh if port.port == SSH_PORT => {
            let ssh = machine.ssh.as_ref()?;
            format!("{}:{}", ssh.host, ssh.port)
        }
        PortProtocol::Ssh | PortProtocol::Tcp => return None,
    };
    Some(PortEndpoint { port: port.port, url })
}
