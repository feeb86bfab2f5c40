//! What was allowed to cost something, second by second, against what did.
//!
//! A machine may cost money while its object wants it so. Once it does not, the operator has one poll to find that out
//! and to act; what its cloud then takes to carry it out is the cloud's. Faults take time too: each has a price in time,
//! which follows from how long a call may hang and how long the operator waits before it tries again. What lies beyond
//! all that is money that nobody meant to spend.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gpu_instance_operator::api::GoDuration;
use gpu_instance_operator::api::money::{self, Decimal};
use gpu_instance_operator::api::status::InstanceState::{Creating, Failed, Frozen, Running, Stopped};
use gpu_instance_operator::kubernetes::CALL_DEADLINE;
use gpu_instance_operator::provider::http::CALL_TIMEOUT;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde_json::Value;

use super::api_server::ApiServer;
use super::cloud::{Cloud, Rented};
use super::faults::Fate;
use super::oracles::is_of;
use super::world::{Ill, World};

/// How often an account is listed where nobody says: the poll that the promise speaks of.
const POLL: Duration = Duration::from_secs(30);
/// What the calls themselves take: to connect, to list twice, to look at the object once more, to ask.
const CALLS: Duration = Duration::from_secs(10);
/// The longest that a quick retry waits, and the longest pause between two lists of a cloud that does not answer.
const QUICK: Duration = Duration::from_mins(1);
/// The first pause of a slow retry, which doubles.
const SLOW: Duration = Duration::from_secs(15);
/// How long the operator believes in a delete that was asked for, whatever lists show.
const DELETE_PATIENCE: Duration = Duration::from_mins(1);
/// How long a saved image of a process that died is waited for.
const IMAGE_PATIENCE: Duration = Duration::from_mins(2);
/// Until a process that died is started again, and has seen everything anew.
const RESTART: Duration = Duration::from_secs(10);
/// A fault so long ago is over; the longest wait above has ended.
const FORGOTTEN: Duration = Duration::from_mins(2);

/// The books of what nobody wants.
#[derive(Default)]
pub struct Money {
    unwanted: BTreeMap<String, Stretch>,
    /// Time that a scenario explains by what it did, such as a pause of the process.
    excused: Duration,
    wishes: Wishes,
    last: Option<Timestamp>,
}

/// A stretch of time in which a machine costs what nobody wants it to.
struct Stretch {
    since: Timestamp,
    spent: Duration,
    why: &'static str,
}

/// What users wish, as the API server has it.
#[derive(Default)]
struct Wishes {
    version: u64,
    objects: Vec<Arc<Value>>,
    /// What the Secrets hold.
    tokens: Vec<String>,
    poll: Duration,
}

impl Wishes {
    fn read(api: &ApiServer, version: u64) -> Self {
        let token = |secret: &Arc<Value>| {
            let bytes: ByteString = serde_json::from_value(secret["data"]["token"].clone()).ok()?;
            String::from_utf8(bytes.0).ok()
        };
        let providers = [api.all("gpuproviders"), api.all("clustergpuproviders")].concat();
        Self {
            version,
            objects: api.all("gpuinstances"),
            tokens: api.all("secrets").iter().filter_map(token).collect(),
            poll: providers.iter().map(poll_of).max().unwrap_or(POLL).max(POLL),
        }
    }
}

impl Money {
    /// What a scenario does takes so long, whatever the operator does.
    pub fn excuse(&mut self, span: Duration) {
        self.excused += span;
    }

    /// Some time has passed.
    pub fn look(&mut self, world: &World, api: &ApiServer, cloud: &Cloud, staleness: Duration) {
        world.looked("money is spent on what is wanted");
        let moment = world.now();
        let before = self.last.replace(moment).unwrap_or(moment);
        let passed = Duration::try_from(moment.duration_since(before)).unwrap_or_default();
        if self.wishes.version != api.version() {
            self.wishes = Wishes::read(api, api.version());
        }
        let wishes = std::mem::take(&mut self.wishes);
        let machines = cloud.machines();
        for machine in &machines {
            let Some(owner) = wishes.objects.iter().find(|object| is_of(machine, object)) else {
                continue;
            };
            if machine.renews && owner["spec"]["billing"]["autoRenew"] != true {
                world.wrong(format!("{} is paid for anew, which nobody asked for", machine.id));
            }
            let why = unwanted(owner, machine, moment).filter(|_| machine.bills(moment));
            // Whoever takes the key away cannot have the machine stopped with it.
            let accounts = || wishes.tokens.iter().filter_map(|token| cloud.account_of(token));
            match why.filter(|_| accounts().any(|account| account == machine.account)) {
                None => drop(self.unwanted.remove(&machine.id)),
                Some(why) => {
                    let behind = wishes.poll + staleness + cloud.lag();
                    self.count(world, machine, why, passed, behind);
                }
            }
        }
        self.wishes = wishes;
        self.unwanted
            .retain(|id, _| machines.iter().any(|machine| machine.id == *id));
    }

    fn count(&mut self, world: &World, machine: &Rented, why: &'static str, passed: Duration, behind: Duration) {
        let now = world.now();
        let stretch = self.unwanted.entry(machine.id.clone()).or_insert(Stretch {
            since: now,
            spent: Duration::ZERO,
            why,
        });
        // What the cloud is about to end anyway is the cloud's.
        if matches!(machine.state(now), Some(Running | Stopped | Failed | Creating)) {
            stretch.spent += passed;
            world.unwanted_for(passed);
        }
        let base = behind + CALLS + self.excused;
        if stretch.spent <= base {
            return;
        }
        let allowed = base + explained(&world.ill_since(stretch.since - FORGOTTEN));
        if let Some(over) = stretch.spent.checked_sub(allowed).filter(|over| !over.is_zero()) {
            let cost = machine.price * Decimal::from(over.as_secs()) / Decimal::from(3600);
            world.overspent(format!(
                "machine {} has cost something for {:?} {}, of which {allowed:?} are explained: {} too much",
                machine.id,
                stretch.spent,
                stretch.why,
                money::format(cost)
            ));
        }
    }
}

fn poll_of(provider: &Arc<Value>) -> Duration {
    let said: Option<GoDuration> = serde_json::from_value(provider["spec"]["pollInterval"].clone()).ok();
    said.map_or(POLL, GoDuration::get)
}

/// Why the object does not want its machine to cost what it costs; `None` if it does.
fn unwanted(object: &Value, machine: &Rented, now: Timestamp) -> Option<&'static str> {
    let spec = &object["spec"];
    let state = machine.state(now)?;
    let policy = spec["deletionPolicy"]
        .as_str()
        .unwrap_or(if spec["instanceId"].is_string() {
            "Retain"
        } else {
            "Delete"
        });
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return match policy {
            "Delete" => Some("after its object was deleted"),
            "Stop" if state == Running => Some("after its object was deleted, to be stopped"),
            _ => None,
        };
    }
    if spec["suspend"] == true || matches!(state, Creating | Failed | Frozen) {
        return None;
    }
    let cap = money::parse(spec["maxPricePerHour"].as_str());
    if state != Stopped && cap.is_some_and(|cap| machine.price > cap) {
        return Some("above its cap");
    }
    let stops = spec["power"] == "Stopped";
    // A machine that is stopped and bills all the same does so because it was stopped that way.
    (stops && state != Stopped).then_some("though it is to be stopped")
}

/// The time that faults explain.
fn explained(faults: &[Ill]) -> Duration {
    let mut slow = SLOW;
    faults
        .iter()
        .map(|fault| {
            let asks_cloud = fault.what.starts_with("cloud");
            match fault.fate {
                Fate::Well => Duration::ZERO,
                Fate::DiesBefore | Fate::DiesAfter if fault.what.starts_with("cloud save") => RESTART + IMAGE_PATIENCE,
                Fate::DiesBefore | Fate::DiesAfter => RESTART,
                Fate::ReplyLost | Fate::RequestLost | Fate::ComesLate if asks_cloud => CALL_TIMEOUT + DELETE_PATIENCE,
                Fate::ReplyLost | Fate::RequestLost | Fate::ComesLate => CALL_DEADLINE + QUICK,
                Fate::Refused if asks_cloud => {
                    let pause = slow;
                    slow = slow.saturating_mul(2).min(Duration::from_mins(15));
                    pause.max(QUICK)
                }
                Fate::Refused => QUICK,
            }
        })
        .sum()
}
