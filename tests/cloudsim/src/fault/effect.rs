//! What can go wrong with a call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// On which side of the change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The call is not carried out.
    #[default]
    Before,
    /// The call is carried out, and its answer lost.
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The connection is closed without a byte of an answer.
    Cut {
        /// On which side of the change.
        #[serde(default)]
        when: When,
    },
    /// A bare HTTP status.
    Status {
        /// Such as 500.
        status: u16,
        /// On which side of the change.
        #[serde(default)]
        when: When,
        /// The body, plain text.
        #[serde(default)]
        body: String,
    },
    /// A gateway's HTML page.
    Html {
        /// Such as 502 or 404.
        status: u16,
        /// On which side of the change.
        #[serde(default)]
        when: When,
    },
    /// Status 429; the call is not carried out.
    RateLimited {
        /// The `Retry-After` header; left out, there is none.
        #[serde(default)]
        retry_after_seconds: Option<u64>,
        /// Whether the header is an HTTP date rather than a number.
        #[serde(default)]
        as_date: bool,
    },
    /// No answer: silence until released or for so long, then the connection is closed.
    Hang {
        /// On which side of the change.
        #[serde(default)]
        when: When,
        /// For how long, in milliseconds of real time; left out, until released.
        #[serde(default)]
        ms: Option<u64>,
    },
    /// The call is held before it is carried out; once released, it is, even if its caller has gone away.
    Pause {
        /// For how long, in milliseconds of real time; left out, until released.
        #[serde(default)]
        ms: Option<u64>,
    },
    /// The call is carried out at once, its answer comes late.
    Slow {
        /// How late, in milliseconds of real time.
        ms: u64,
    },
    /// The answer's body ends early; the call was carried out.
    Truncate {
        /// How many bytes are left; left out, half of them.
        #[serde(default)]
        keep: Option<usize>,
        /// Whether the head promises the whole length and the connection is then closed, rather than promising
        /// what is sent.
        #[serde(default)]
        cut: bool,
    },
    /// Parts of the answer's JSON are replaced; the call was carried out.
    ///
    /// Parts are named by JSON pointers, where `*` stands for every item of a list.
    Rewrite {
        /// New values, also in places that did not exist.
        #[serde(default)]
        set: BTreeMap<String, Value>,
        /// Members to remove.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// Members of the machines in the answer are replaced; the call was carried out.
    Machines {
        /// New values by pointer below the machine, such as `/status`.
        #[serde(default)]
        set: BTreeMap<String, Value>,
        /// Members to remove, such as `/name`.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// The machines in the answer have their names cut short.
    CutNames {
        /// How many characters are left.
        keep: usize,
    },
    /// The whole answer is this JSON instead.
    Body {
        /// The HTTP status.
        #[serde(default = "ok_status")]
        status: u16,
        /// The JSON.
        body: Value,
        /// On which side of the change.
        #[serde(default)]
        when: When,
    },
    /// The cloud's own envelope with a code and a message of your choice.
    Refuse {
        /// The code.
        code: i64,
        /// The message; left out, the envelope has none.
        #[serde(default)]
        message: Option<String>,
        /// What the envelope says about success, beside its code.
        #[serde(default)]
        success: bool,
        /// On which side of the change.
        #[serde(default)]
        when: When,
    },
    /// Refused as the cloud refuses when no machine is free.
    NoCapacity,
    /// Refused as the cloud refuses when the balance is too low.
    LowBalance,
    /// Refused as the cloud refuses a bad token.
    Unauthorized,
    /// The machine that this call creates is missing from lists for so long; one that it destroys stays in them.
    ListLag {
        /// For how long, in milliseconds of the simulator's clock.
        ms: u64,
    },
    /// A well-formed list without items, and a total of 0.
    EmptyList,
    /// A list that has fewer items than its total says.
    ShortList {
        /// How many items are left.
        keep: usize,
    },
}

fn ok_status() -> u16 {
    200
}

/// The point in a call at which an effect is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Arrival,
    Answer,
}

impl Effect {
    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::Cut { when }
            | Self::Status { when, .. }
            | Self::Html { when, .. }
            | Self::Hang { when, .. }
            | Self::Body { when, .. }
            | Self::Refuse { when, .. } => match when {
                When::Before => Stage::Arrival,
                When::After => Stage::Answer,
            },
            Self::RateLimited { .. }
            | Self::Pause { .. }
            | Self::NoCapacity
            | Self::LowBalance
            | Self::Unauthorized => Stage::Arrival,
            Self::Slow { .. }
            | Self::Truncate { .. }
            | Self::Rewrite { .. }
            | Self::Machines { .. }
            | Self::CutNames { .. }
            | Self::ListLag { .. }
            | Self::EmptyList
            | Self::ShortList { .. } => Stage::Answer,
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "cut",
            Self::Status { .. } => "status",
            Self::Html { .. } => "html",
            Self::RateLimited { .. } => "rate_limited",
            Self::Hang { .. } => "hang",
            Self::Pause { .. } => "pause",
            Self::Slow { .. } => "slow",
            Self::Truncate { .. } => "truncate",
            Self::Rewrite { .. } => "rewrite",
            Self::Machines { .. } => "machines",
            Self::CutNames { .. } => "cut_names",
            Self::Body { .. } => "body",
            Self::Refuse { .. } => "refuse",
            Self::NoCapacity => "no_capacity",
            Self::LowBalance => "low_balance",
            Self::Unauthorized => "unauthorized",
            Self::ListLag { .. } => "list_lag",
            Self::EmptyList => "empty_list",
            Self::ShortList { .. } => "short_list",
        }
    }
}
