//! What the tests know of each cloud, one file a cloud: how its accounts, Secrets and specs look, what its simulator
//! calls things, and what it cannot do. A scenario reads it from here, and so runs at all of them.

mod capital_online;
mod luchen;
mod neolink;
mod scnet;
mod xgc;

use cloudsim::{AccountReport, Cloud, Cloudsim, Fault, Phase};
use serde_json::{Value, json};

pub use capital_online::CAPITAL_ONLINE;
pub use luchen::LUCHEN;
pub use neolink::NEOLINK;
pub use scnet::SCNET;
pub use xgc::XGC;

use super::manifest::{API, merged};

/// Every cloud.
pub const CLOUDS: [&CloudFacts; 5] = [&XGC, &LUCHEN, &SCNET, &CAPITAL_ONLINE, &NEOLINK];

/// One cloud, as tests rent there.
pub struct CloudFacts {
    pub cloud: Cloud,
    /// Its name in trials, and that of the provider in its scenes; its sample in `deploy/samples` bears it too.
    pub name: &'static str,
    /// Its block in a provider's and in an instance's spec.
    pub block: &'static str,
    /// What metrics and status call it.
    pub shown_as: &'static str,
    /// The simulator's account that is there from the start.
    pub account: &'static str,
    /// What `status.accountId` says, or begins with where it is a digest of the key's id.
    pub account_id: &'static str,
    /// Whether another key is another account, for the cloud does not say whose a key is.
    pub key_is_account: bool,
    /// The members of the provider's block that lead to the simulator, whose base URL for this cloud is given.
    pub endpoints: fn(&str) -> Value,
    /// What the Secret of an account holds, signing in with this key and what proves it.
    pub secret: fn(account: &str, key: &str, proof: &str) -> Value,
    /// A spec that runs, but for its provider.
    pub spec: fn() -> Value,
    /// Another image that exists.
    pub other_image: &'static str,
    /// How many machines are rented there at once: fifty where the list alone tells all, and where it tells least.
    pub many: usize,
    pub calls: Calls,
    pub price: Price,
    /// The ways to stop that a spec may name.
    pub stop_modes: &'static [&'static str],
    /// Whether a stop that names no way gives the GPU back.
    pub gives_gpu_back: bool,
    /// Whether an order is a task, so that the machine's id is told later.
    pub orders_are_tasks: bool,
    /// Whether a running machine can be deleted; else it is stopped first.
    pub deletes_running: bool,
    /// Whether a restart is one call, not a stop and a start.
    pub restarts_at_once: bool,
    /// Whether the machine's password is chosen by the operator, and shown by nobody else.
    pub chooses_password: bool,
    /// Keys of the connection Secret of a machine that runs, beside those of every cloud.
    pub secret_has_also: &'static [&'static str],
    /// Fields that it cannot honour, each with a spec that asks for it.
    pub unsupported: fn() -> Vec<(&'static str, Value)>,
    /// What it changes on the same machine.
    pub in_place: Option<InPlace>,
    /// How it saves an image before each stop.
    pub snapshot: Option<SavedImage>,
    /// An answer to its list that looks as if nothing were there.
    pub looks_empty: fn() -> Fault,
    /// Whether it tells one machine that is gone from one that never was in a call of its own.
    pub not_found: Option<fn() -> Fault>,
    /// Where the answer to an order has the id of what was ordered.
    pub ordered_id: &'static str,
    /// Whether an order can be refused for want of a free machine.
    pub refuses_for_capacity: bool,
    /// State and reason of a machine that was frozen for arrears. One that looks stopped is started, which is refused.
    pub frozen: (&'static str, &'static str),
    /// How it lets a client in, where that is a call of its own whose token ends.
    pub sign_in: Option<&'static str>,
}

/// The simulator's names of operations.
pub struct Calls {
    pub list: &'static str,
    pub create: &'static str,
    /// All that delete.
    pub delete: &'static [&'static str],
    /// All that change a machine which exists.
    pub change: &'static [&'static str],
}

/// When a cloud tells a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    BeforeOrder(&'static str),
    OnMachine(&'static str),
    Never,
}

/// A change that a cloud makes on the same machine.
pub struct InPlace {
    pub spec: fn() -> Value,
    /// Whether the simulator's machine of this id is as the spec now says.
    pub is_made: fn(&Cloudsim, &str) -> bool,
}

/// An image of a machine that is saved before a stop.
pub struct SavedImage {
    pub spec: fn() -> Value,
    /// The calls of such a stop, in order.
    pub stop: &'static [&'static str],
    /// How many were saved so far.
    pub saved: fn(&Cloudsim) -> usize,
}

/// Keys of the connection Secret of a machine that runs, at every cloud.
const SECRET_HAS: [&str; 8] = [
    "host",
    "port",
    "provider",
    "ssh_command",
    "ssh_config",
    "type",
    "uri",
    "username",
];

impl CloudFacts {
    /// Keys of the connection Secret of a machine that runs, in order.
    pub fn connection_keys(&self) -> Vec<&'static str> {
        let mut keys = [&SECRET_HAS, self.secret_has_also].concat();
        keys.sort_unstable();
        keys
    }

    /// A `GpuInstance` that runs there; `spec` is merged in, where `null` takes a member away.
    pub fn instance(&self, name: &str, spec: Value) -> Value {
        let usual = merged((self.spec)(), json!({ "providerRef": { "name": self.name } }));
        json!({
            "apiVersion": API, "kind": "GpuInstance",
            "metadata": { "name": name },
            "spec": merged(usual, spec),
        })
    }

    /// A `GpuInstance` for a machine that exists.
    pub fn adopting(&self, name: &str, id: &str, spec: Value) -> Value {
        let region = (self.spec)()["region"].clone();
        let usual = json!({ "providerRef": { "name": self.name }, "region": region, "instanceId": id });
        json!({
            "apiVersion": API, "kind": "GpuInstance",
            "metadata": { "name": name },
            "spec": merged(merged(json!({}), usual), spec),
        })
    }

    /// A provider that looks often and believes soon, with the Secret `<name>-credentials`.
    pub fn provider(&self, name: &str, sim: &Cloudsim, spec: Value) -> Value {
        let mut block = (self.endpoints)(&sim.cloud(self.cloud).url());
        block["credentialsSecretRef"] = json!({ "name": format!("{name}-credentials") });
        let usual = json!({ self.block: block, "pollInterval": "1s", "settleAfter": "5s" });
        json!({
            "apiVersion": API, "kind": "GpuProvider",
            "metadata": { "name": name },
            "spec": merged(usual, spec),
        })
    }

    /// The Secret of the provider of this name, with what the account signs in with now.
    pub fn credentials(&self, provider: &str, account: &AccountReport) -> Value {
        let good = account.credentials.iter().find(|credential| !credential.revoked);
        let good = good.expect("an account with a credential that is not revoked");
        credentials(provider, &(self.secret)(&account.id, &good.key, &good.secret))
    }

    /// What a stop that names no way leaves.
    pub fn stopped(&self) -> Phase {
        Phase::Stopped {
            released: self.gives_gpu_back,
        }
    }
}

/// The Secret of the provider of this name.
pub fn credentials(provider: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": format!("{provider}-credentials") },
        "stringData": data,
    })
}
