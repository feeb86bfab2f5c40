//! What this process remembers of an instance between passes. Losing it costs time, never money.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::account::Obstacle;
use crate::api::status::InstanceState;
use crate::provider::Quote;

/// What is remembered of one instance.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Name of the claim that this process wrote: only it may send the call that the claim announces.
    pub own_claim: Option<OwnClaim>,
    /// The create call that this process sent.
    pub sent: Option<Sent>,
    /// The last other call that changed something at the cloud.
    pub action: Option<Action>,
    /// When the cloud acknowledged a delete.
    pub delete_acknowledged: Option<Timestamp>,
    /// Until when nothing is tried, and why.
    pub pause: Option<Pause>,
    /// What the cloud asks for the machine.
    pub quote: Option<Quoted>,
    /// The generation for which provider and Secret were protected from deletion.
    pub held_for: Option<i64>,
    /// The password that the machine was made with, where no cloud tells it: the Secret may be deleted.
    pub password: Option<SecretString>,
    /// The password that the next reinstall sets.
    pub next_password: Option<NextPassword>,
    /// The last request, by annotation, to look at the cloud now.
    pub requested_at: Option<String>,
}

/// A password that the next reinstall sets, stored or found in the connection Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextPassword {
    /// When this process stored or found it.
    pub at: Timestamp,
    /// Whether this process made it: then nobody has sent it yet.
    pub is_new: bool,
}

/// A claim that the API server has acknowledged to this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnClaim {
    /// Its name.
    pub name: String,
    /// The generation of the spec that it was made for: no other is ordered under it.
    pub generation: i64,
}

/// A create call that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Name of its claim.
    pub claim: String,
    /// When it ended, or would have been cut off.
    pub ended: Timestamp,
    /// How.
    pub result: SentResult,
}

/// How a create call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentResult {
    /// The cloud told the machine's id.
    Instance(String),
    /// The cloud told a task.
    Task(String),
    /// The cloud said no, clearly.
    Refused,
    /// Nobody knows; what was heard.
    Unclear(String),
}

/// A call that changed something at the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What was asked for.
    pub kind: ActionKind,
    /// The machine.
    pub instance_id: String,
    /// The state that the machine was in.
    pub before: InstanceState,
    /// When the call ended.
    pub ended: Timestamp,
    /// Whether the cloud said that it does it; else nobody knows.
    pub acknowledged: bool,
}

/// What was asked of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// To start the machine.
    Start,
    /// To stop it.
    Stop,
    /// To restart it.
    Restart,
    /// To save an image of it.
    SaveImage,
    /// To change it.
    Update,
    /// To delete it.
    Delete,
}

/// What the cloud asked for a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// The generation of the spec that it was asked for.
    pub generation: i64,
    /// The answer.
    pub quote: Quote,
    /// When.
    pub at: Timestamp,
}

/// A pause after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub why: Obstacle,
    /// The generation of the spec that it is for: a new one ends it.
    pub generation: i64,
    /// The machine of which something was refused, and its state then: in another one it may be granted.
    pub refused_in: Option<(String, InstanceState)>,
    /// For want of room: how often room had been made by then. More room ends it too.
    pub room_made: Option<u64>,
}
