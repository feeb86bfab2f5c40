//! Neolink's rows read as machines.

use jiff::Timestamp;
use serde_json::Value;

use super::capabilities::NEOLINK;
use super::order::SSH_PORT;
use super::region::is_a_part;
use super::shell;
use super::term::{self, Term};
use crate::api::instance::{Port, PortProtocol};
use crate::api::money::Decimal;
use crate::api::status::{InstanceState, PortEndpoint};
use crate::provider::{Machine, MachineSecrets, jupyter, loose, market_name};

/// The machine of a row that this cluster has shown; `None` where not even its id can be read.
pub(super) fn read(row: &Value, cluster: &str, now: Timestamp) -> Option<Machine> {
    let id = loose::id(row, "name").filter(|id| is_a_part(id))?;
    let word = loose::state_word(row, "status");
    let state = state(&word);
    let mut machine = Machine::new(id, state, word);
    machine.name = loose::text(row, "displayName");
    machine.gpu_model = loose::word(&row["resources"], "GPUType").map(|model| model_name(&model));
    machine.gpu_count = loose::integer(&row["resources"], "GPUNum");
    machine.image = loose::word(row, "image");
    // What every later call has in its path.
    machine.region = Some(cluster.to_owned());
    machine.price_per_hour = price_per_hour(row);
    machine.currency = machine.price_per_hour.map(|_| NEOLINK.currency);
    machine.created_at = time(row, "creationTimestamp");
    machine.expired = state == InstanceState::Stopped && is_paid_time_over(row, machine.created_at, now);
    let jupyter = loose::word(&row["servers"], "Jupyterlab").and_then(|url| jupyter::split(&url));
    let (jupyter_url, jupyter_token) = jupyter.unzip();
    let shell = &row["servers"]["SSH"];
    machine.secrets = MachineSecrets {
        password: loose::word(shell, "sshPassword").map(Into::into),
        jupyter_token: jupyter_token.flatten(),
        private_key: None,
    };
    if state == InstanceState::Running {
        machine.ssh = loose::word(shell, "sshAddr").and_then(|command| shell::parse(&command));
        machine.jupyter_url = jupyter_url;
    }
    Some(machine)
}

/// What a word means. Only `Creating` and `Running` were seen in answers; the others are the console's, and what looks
/// like them. A word that is not known is neither an end nor a failure.
fn state(word: &str) -> InstanceState {
    let plain: String = word
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    match plain.as_str() {
        "creating" | "创建中" => InstanceState::Creating,
        "starting" | "startingup" | "poweringon" | "booting" | "pending" | "开机中" => InstanceState::Starting,
        "running" | "运行中" => InstanceState::Running,
        "shuttingdown" | "stopping" | "poweringoff" | "关机中" => InstanceState::Stopping,
        "shutdown" | "stopped" | "poweroff" | "poweredoff" | "已关机" => InstanceState::Stopped,
        "restarting" | "rebooting" | "重启中" => InstanceState::Restarting,
        "savingimage" | "saving" | "保存镜像中" => InstanceState::SavingImage,
        // A row that says so is still a row: only a list without it tells that the machine is gone.
        "deleting" | "deleted" | "terminating" | "删除中" => InstanceState::Deleting,
        "expired" | "已到期" | "已过期" => InstanceState::Expired,
        _ => InstanceState::Unknown,
    }
}

/// The market's name: answers leave `RTX` away.
fn model_name(word: &str) -> String {
    let name = market_name(word);
    let series = name.get(..4).unwrap_or_default();
    let is_rtx =
        series.bytes().all(|byte| byte.is_ascii_digit()) && matches!(series.get(..2), Some("20" | "30" | "40" | "50"));
    if is_rtx { format!("RTX {name}") } else { name }
}

/// What the machine costs an hour while it runs. The unit of the annotation is a guess: fen, unless it has a fraction.
/// Whether a discount is in it is not known at all, so that a machine with one has no price.
fn price_per_hour(row: &Value) -> Option<Decimal> {
    let annotations = &row["annotations"];
    let discount =
        loose::word(annotations, "neolink.ai/cost-discount-id").or_else(|| loose::word(&row["cost"], "DiscountID"));
    if discount.is_some() {
        return None;
    }
    let text = loose::word(annotations, "neolink.ai/unit-price")?;
    let price: Decimal = text.parse().ok().filter(|price| *price > Decimal::ZERO)?;
    let yuan = if text.contains('.') {
        price
    } else {
        price / Decimal::ONE_HUNDRED
    };
    let code = loose::word(&row["cost"], "CostType").or_else(|| loose::word(annotations, "neolink.ai/cost-type"))?;
    let term = Term::from_code(&code)?;
    Some((yuan / Decimal::from(term.hours())).round_dp(6).normalize())
}

/// Whether a time that was paid for in advance has passed since the machine was made.
fn is_paid_time_over(row: &Value, created_at: Option<Timestamp>, now: Timestamp) -> bool {
    let end = created_at
        .zip(loose::word(&row["cost"], "CostTime"))
        .and_then(|(begun, time)| term::end(begun, &time));
    end.is_some_and(|end| end <= now)
}

/// A moment, unless it is how the vendor's language writes one that was never set.
fn time(row: &Value, name: &str) -> Option<Timestamp> {
    let at: Timestamp = loose::word(row, name)?.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

/// Only the shell is published.
pub(super) fn port_endpoint(machine: &Machine, port: Port) -> Option<PortEndpoint> {
    let ssh = machine.ssh.as_ref()?;
    let is_shell = port.protocol == PortProtocol::Ssh && port.port == SSH_PORT;
    is_shell.then(|| PortEndpoint {
        port: port.port,
        url: format!("{}:{}", ssh.host, ssh.port),
    })
}
