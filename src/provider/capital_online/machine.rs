//! Capital Online's rows read as machines.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use crate::api::instance::{Port, PortProtocol};
use crate::api::status::{InstanceState, PortEndpoint};
use crate::provider::{Listing, Machine, Proof, Ssh, loose};

/// How many rows a page is asked to have; the vendor's own default.
pub(super) const PAGE_SIZE: usize = 500;

const SSH_PORT: u16 = 22;
const SSH_USER: &str = "root";

/// The pages of a list, as far as they are read.
#[derive(Debug, Default)]
pub(super) struct Pages {
    machines: Vec<Machine>,
    rows: usize,
    total: Option<i64>,
    unreadable: usize,
    nameless: usize,
    /// Why the pages do not fit together.
    broken: Option<&'static str>,
}

impl Pages {
    /// Takes in one more page, and tells whether there are more; `None` where there is no list in the answer.
    pub(super) fn add(&mut self, data: &Value) -> Option<bool> {
        let total = loose::integer(data, "TotalCount");
        let rows = match data.get("Records")? {
            Value::Array(rows) => rows.as_slice(),
            // Believed to be an empty list only with the number beside it.
            Value::Null if total == Some(0) => &[],
            _ => return None,
        };
        if self.rows > 0 && total != self.total {
            self.broken = Some("Capital Online's list changed while it was read");
        }
        self.total = total;
        self.rows += rows.len();
        for row in rows {
            match machine(row) {
                Some(_) if is_gone(row) => {}
                Some(machine) => {
                    self.nameless += usize::from(machine.name.is_none());
                    self.machines.push(machine);
                }
                None => self.unreadable += 1,
            }
        }
        let expected = total.and_then(|total| usize::try_from(total).ok());
        let more = expected.map_or(rows.len() >= PAGE_SIZE, |expected| self.rows < expected);
        Some(more && !rows.is_empty())
    }

    /// Notes that not all pages were read.
    pub(super) fn give_up(&mut self) {
        self.broken = Some("Capital Online's list has more pages than are read");
    }

    /// All machines of all pages.
    pub(super) fn listing(self) -> Listing {
        let ids: BTreeSet<&str> = self.machines.iter().map(|machine| machine.id.as_str()).collect();
        let is_repeating = ids.len() < self.machines.len();
        let rows = self.rows;
        let complaint = match (self.broken, self.total) {
            (Some(broken), _) => broken.to_owned(),
            (None, None) => "Capital Online's list does not say how many machines there are".to_owned(),
            (None, Some(total)) if usize::try_from(total) != Ok(rows) => {
                format!("Capital Online's list says that there are {total} machines and shows {rows}")
            }
            _ if self.unreadable > 0 => {
                format!(
                    "{} of {rows} machines in Capital Online's list cannot be read",
                    self.unreadable
                )
            }
            _ if is_repeating => "Capital Online's list shows a machine twice".to_owned(),
            _ if self.nameless > 0 => {
                format!(
                    "{} of {rows} machines in Capital Online's list are shown without a name",
                    self.nameless
                )
            }
            _ => String::new(),
        };
        Listing {
            proof: if complaint.is_empty() {
                Proof::Complete
            } else {
                Proof::Incomplete(complaint)
            },
            machines: self.machines,
        }
    }
}

/// A row that says that its machine is no more: it is as if it were not there.
fn is_gone(row: &Value) -> bool {
    matches!(
        loose::state_word(row, "State").to_lowercase().as_str(),
        "deleted" | "destroy"
    )
}

/// The machine of a row; `None` where not even its id can be read.
fn machine(row: &Value) -> Option<Machine> {
    let mut machine = Machine::new(loose::id(row, "ResourceId")?, InstanceState::Unknown, "");
    read(&mut machine, row);
    Some(machine)
}

/// The machine with what its detail shows; what the detail leaves out stays. `None` if it is another machine's.
pub(super) fn detailed(machine: &Machine, data: &Value, now: Timestamp) -> Option<Machine> {
    if loose::id(data, "ResourceId")? != machine.id {
        return None;
    }
    let mut detailed = machine.clone();
    read(&mut detailed, data);
    let prepaid = loose::word(data, "InstanceChargeType").is_some_and(|mode| mode.eq_ignore_ascii_case("PrePaid"));
    if let Some(end) = loose::word(data, "ExpireDate").filter(|_| prepaid) {
        detailed.expired = moment(&end).is_some_and(|end| end <= now);
        // Somebody may pay for more at any moment, which no row shows.
        detailed.partial = detailed.expired;
        detailed.note = Some(format!("paid until {}", end.chars().take(32).collect::<String>()));
    }
    Some(detailed)
}

fn read(machine: &mut Machine, row: &Value) {
    machine.name = loose::text(row, "Name").or(machine.name.take());
    let word = loose::state_word(row, "State");
    if !word.is_empty() || machine.cloud_state.is_empty() {
        machine.state = state(&word);
        machine.cloud_state = word;
    }
    machine.region = loose::word(row, "RegionId").or(machine.region.take());
    machine.ssh = address(row)
        .map(|address| Ssh {
            host: address.to_string(),
            port: SSH_PORT,
            user: SSH_USER.to_owned(),
        })
        .or(machine.ssh.take())
        .filter(|_| machine.state == InstanceState::Running);
}

/// Only `running` and `rebuilding` are on the vendor's GPU pages; the others are of its sister products.
fn state(word: &str) -> InstanceState {
    match word.to_lowercase().as_str() {
        "building" | "creating" => InstanceState::Creating,
        "running" => InstanceState::Running,
        "restarting" => InstanceState::Restarting,
        "shutting_down" | "stopping" => InstanceState::Stopping,
        "shutdown" | "stopped" => InstanceState::Stopped,
        "starting_up" | "starting" => InstanceState::Starting,
        "rebuilding" => InstanceState::Reinstalling,
        "creating_image" => InstanceState::SavingImage,
        "deleting" | "destroying" => InstanceState::Deleting,
        "error" | "failed" => InstanceState::Failed,
        _ => InstanceState::Unknown,
    }
}

/// Where the machine is reached: its public address, else the one in its subnet.
fn address(row: &Value) -> Option<Ipv4Addr> {
    let cards = row["Networks"]["NetworkCards"].as_array()?;
    let read = |card: &Value, name: &str| loose::word(card, name)?.parse::<Ipv4Addr>().ok();
    // The list writes it so, the detail otherwise.
    let public = |card: &Value| read(card, "EipAddress").or_else(|| read(card, "eipAddress"));
    let is_public = |card: &&Value| loose::word(card, "IpType").is_some_and(|kind| kind == "public");
    cards
        .iter()
        .find_map(public)
        .or_else(|| cards.iter().filter(is_public).find_map(|card| read(card, "IpAddress")))
        .or_else(|| cards.iter().find_map(|card| read(card, "IpAddress")))
}

/// A time as the vendor writes it, in China's: prepaid months end at midnight there.
fn moment(text: &str) -> Option<Timestamp> {
    let time: DateTime = text.parse().ok()?;
    let china = TimeZone::fixed(Offset::constant(8));
    Some(time.to_zoned(china).ok()?.timestamp())
}

/// Every port of a running machine is at its own address.
pub(super) fn port_endpoint(machine: &Machine, port: Port) -> Option<PortEndpoint> {
    let host = &machine.ssh.as_ref()?.host;
    let url = match port.protocol {
        PortProtocol::Http => format!("http://{host}:{}", port.port),
        PortProtocol::Ssh | PortProtocol::Tcp => format!("{host}:{}", port.port),
    };
    Some(PortEndpoint { port: port.port, url })
}
