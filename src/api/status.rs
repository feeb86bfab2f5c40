//! What the operator says of a `GpuInstance`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cloud::Cloud;
use super::instance::StopMode;

/// What is known of the machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GpuInstanceStatus {
    /// What the machine is doing, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<InstanceState>,
    /// The machine's id at its cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub instance_id: Option<String>,
    /// The machine's cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub cloud: Option<String>,
    /// The cloud's own word for the machine's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub cloud_state: Option<String>,
    /// The GPUs that the machine has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuStatus>,
    /// Where the machine is, as the cloud names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub region: Option<String>,
    /// The account whose machine it is. Bound at the claim: nothing is done for another account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub account_id: Option<String>,
    /// The base URL through which the account is reached, where it is not the vendor's own; bound likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub endpoint: Option<String>,
    /// The intent to rent, written before the call that rents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Number of the last attempt to rent; no two attempts share a remote name.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub attempts: i64,
    /// Digest of what was ordered, to tell later whether the spec has moved away from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Ordered>,
    /// What the machine costs an hour now, in `currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub price_per_hour: Option<String>,
    /// Currency of the account, ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub currency: Option<String>,
    /// What the cloud asked for the machine when it was ordered: all there is to know where a machine does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quoted: Option<QuotedPrice>,
    /// How to reach the machine. Passwords and tokens are in the connection Secret only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// The connection Secret: what the Service Binding specification calls a provisioned service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// The last `spec.restartedAt` that was carried out, or recorded without need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_restarted_at: Option<Time>,
    /// A change that takes several steps and was begun: a restart, or new GPUs for the same machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// Starts that were tried lately against the cloud's will.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<Tries>,
    /// Machines that were lately replaced because of `updatePolicy: Recreate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacements: Option<Tries>,
    /// Machines that were used, were proven gone and were replaced, the latest 8: should one come back, it is stopped and
    /// kept for what may be on it, unless the provider's `orphans` is `Delete`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 256)))]
    pub replaced: Vec<String>,
    /// The generation whose image was saved before a stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotStatus>,
    /// How the machine was last stopped by the operator.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub stopped_with: Option<StopMode>,
    /// Whether this machine has ever been Ready.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_ready: bool,
    /// The price that went above the cap, remembered until the spec changes so that nothing is rented in a loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_latch: Option<PriceLatch>,
    /// When the cloud made the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When the cloud last started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// The `metadata.generation` that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Available` and `Synced` always; `Drifted`, `Reconciling` and `Stalled` only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A moment as a status has it. The API server drops fractions of a second: with them, a status would differ from what
/// was written, again and again.
#[must_use]
pub fn whole_second(moment: Timestamp) -> Time {
    Time(Timestamp::from_second(moment.as_second()).unwrap_or(moment))
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Reads a word, or nothing where a newer version wrote one that this one does not know.
fn known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<StopMode>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(word.and_then(|word| serde_json::from_value(word.into()).ok()))
}

/// What the machine is doing, in one word.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Deserialize,
    Serialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
pub enum InstanceState {
    /// Nothing is rented yet.
    Pending,
    /// It is being made.
    Creating,
    /// It is starting.
    Starting,
    /// It runs.
    Running,
    /// It is stopping.
    Stopping,
    /// It is stopped, or nothing is rented because none should run.
    Stopped,
    /// It is stopped to be started again at once.
    Restarting,
    /// An image of it is being saved.
    SavingImage,
    /// It gets a new image.
    Reinstalling,
    /// It is being deleted.
    Deleting,
    /// The cloud has frozen it, usually for arrears.
    Frozen,
    /// The cloud says that it failed.
    Failed,
    /// Its paid or allowed time is over.
    Expired,
    /// The account no longer has it.
    Lost,
    /// The cloud uses a word that is not known, or that a newer version wrote here.
    #[serde(other)]
    Unknown,
}

/// The intent to rent one machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Name of the machine at the cloud: `gi-<installation>-<uid>-<attempt>`.
    #[schemars(length(max = 64))]
    pub name: String,
    /// Number of the attempt.
    pub attempt: i64,
    /// When the claim was made.
    pub since: Time,
    /// After this moment the call that rents is not sent any more.
    pub deadline: Time,
    /// The cloud's task that makes the machine, where it makes them so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub task: Option<String>,
}

/// What was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ordered {
    /// Digest for each field of the spec that describes the machine.
    #[schemars(length(max = 32))]
    pub digests: std::collections::BTreeMap<String, String>,
}

/// A price that was told before renting.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotedPrice {
    /// Price an hour.
    #[schemars(length(max = 32))]
    pub per_hour: String,
    /// Its currency, ISO 4217.
    #[schemars(length(max = 8))]
    pub currency: String,
}

impl GpuInstanceStatus {
    /// Whether there is a machine, or an order that may have made one.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.claim.is_some() || self.instance_id.is_some()
    }

    /// Whether it holds one of this account.
    #[must_use]
    pub fn holds_of(&self, account_id: &str) -> bool {
        self.holds() && self.account_id.as_deref() == Some(account_id)
    }

    /// The machine's cloud, where this version knows it.
    #[must_use]
    pub fn cloud(&self) -> Option<Cloud> {
        let name = self.cloud.as_deref()?;
        Cloud::ALL.into_iter().find(|cloud| cloud.name() == name)
    }

    /// What an hour of the machine was said to cost when it was ordered.
    #[must_use]
    pub fn quoted_price(&self) -> Option<super::money::Decimal> {
        super::money::parse(self.quoted.as_ref().map(|quoted| quoted.per_hour.as_str()))
    }
}

/// The GPUs that a machine has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct GpuStatus {
    /// The market name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub model: Option<String>,
    /// How many.
    pub count: i64,
    /// Both in one line: `1 x RTX 4090`.
    #[schemars(length(max = 160))]
    pub summary: String,
}

/// How to reach a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
pub struct Endpoints {
    /// The shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshEndpoint>,
    /// Jupyter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jupyter: Option<JupyterEndpoint>,
    /// The ports that `spec.ports` asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["port".into()]))]
    pub ports: Vec<PortEndpoint>,
}

/// Where the shell is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SshEndpoint {
    /// Host name or address.
    #[schemars(length(max = 253))]
    pub host: String,
    /// Port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// User to log in as.
    #[schemars(length(max = 64))]
    pub user: String,
    /// All in one line: `user@host:port`.
    #[schemars(length(max = 340))]
    pub address: String,
}

/// Where Jupyter is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct JupyterEndpoint {
    /// Its address, never with a token in it.
    #[schemars(length(max = 1024))]
    pub url: String,
}

/// Where a port is published.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct PortEndpoint {
    /// Number of the port inside the machine.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Its address outside: a URL, or `host:port`.
    #[schemars(length(max = 1024))]
    pub url: String,
}

/// The connection Secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Binding {
    /// Name of the Secret, in the instance's namespace.
    #[schemars(length(max = 253))]
    pub name: String,
}

/// A change that takes several steps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// What the steps lead to.
    pub kind: TransitionKind,
    /// When it was begun.
    pub since: Time,
    /// Whether the first half is done: the machine was seen stopped; the cloud has begun to reinstall it.
    #[serde(default)]
    pub stopped: bool,
}

/// What the steps of a transition lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TransitionKind {
    /// The machine, started again.
    Restart,
    /// The machine with other GPUs.
    Reshape,
    /// A new machine in its place.
    Replace,
    /// No machine: it is above the price cap.
    Discard,
    /// The machine with another image, and another password.
    Reinstall,
    /// A word that a newer version wrote.
    #[serde(other)]
    Unknown,
}

/// How often something was tried lately.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Tries {
    /// How often.
    pub count: i64,
    /// Since when these are counted.
    pub since: Time,
}

/// The image that was saved before a stop.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SnapshotStatus {
    /// When the cloud was asked to save it.
    pub at: Time,
}

/// A price above the cap.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct PriceLatch {
    /// The price an hour that the cloud told.
    #[schemars(length(max = 32))]
    pub price: String,
    /// The generation of the spec that it was too high for.
    pub generation: i64,
}
