//! Faults: what goes wrong, with which calls, and how often.

mod build;
mod effect;
mod matching;
mod set;

use serde::{Deserialize, Serialize};

pub use build::FaultOn;
pub(crate) use effect::Stage;
pub use effect::{Effect, When};
pub(crate) use matching::Target;
pub(crate) use set::FaultBox;
pub use set::FaultReport;

#[allow(clippy::unnecessary_wraps, reason = "none would mean without end")]
fn once() -> Option<u64> {
    Some(1)
}

fn first() -> u64 {
    1
}

/// What goes wrong, with which calls, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which operation: `xgc.deploy`, all of a cloud's `xgc.*`, or `*`.
    pub on: String,
    /// Only calls of this account.
    #[serde(default)]
    pub account: Option<String>,
    /// Only calls about a machine of this name, and in a list only the machine of this name; a `*` at the end
    /// stands for any rest.
    #[serde(default)]
    pub machine: Option<String>,
    /// From which matching call on, counted from 1.
    #[serde(default = "first")]
    pub nth: u64,
    /// For how many calls; `null`: until it is cleared. Left out, once.
    #[serde(default = "once")]
    pub times: Option<u64>,
    /// How likely a matching call is met, from 0 to 1; left out, always.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What the probability is drawn from: the same seed, the same calls.
    #[serde(default)]
    pub seed: u64,
    /// What goes wrong.
    pub effect: Effect,
}
