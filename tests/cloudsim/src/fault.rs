//! Faults: what goes wrong, with which calls, and how often.

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

#[allow(clippy::unnecessary_wraps, reason = "none would mean without end")]
fn once() -> Option<u64> {
    Some(1)
}

fn first() -> u64 {
    1
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

/// A fault that was set, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    /// By which it can be cleared.
    pub id: u64,
    /// What was set.
    pub fault: Fault,
    /// How many calls matched it so far.
    pub matched: u64,
    /// How many of them it met.
    pub fired: u64,
}

/// Half a fault: the calls that it is for. The other half is what goes wrong with them.
#[derive(Debug, Clone)]
pub struct FaultOn {
    on: String,
}

impl Fault {
    /// Begins a fault for an operation: `xgc.deploy`, all of a cloud's `xgc.*`, or `*`.
    #[must_use]
    pub fn on(operation: &str) -> FaultOn {
        FaultOn {
            on: operation.to_owned(),
        }
    }

    /// Only calls of this account.
    #[must_use]
    pub fn for_account(mut self, id: &str) -> Self {
        self.account = Some(id.to_owned());
        self
    }

    /// Only calls about, and in lists only, the machine of this name; a `*` at the end stands for any rest.
    #[must_use]
    pub fn for_machine(mut self, name: &str) -> Self {
        self.machine = Some(name.to_owned());
        self
    }

    /// From this matching call on, counted from 1.
    #[must_use]
    pub fn from_nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self
    }

    /// For so many calls rather than one.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// For all calls until it is cleared.
    #[must_use]
    pub fn until_cleared(mut self) -> Self {
        self.times = None;
        self
    }

    /// For matching calls with this probability, from 0 to 1, the same ones for the same seed.
    #[must_use]
    pub fn with_probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = Some(probability);
        self.seed = seed;
        self
    }
}

impl FaultOn {
    /// Whatever effect.
    #[must_use]
    pub fn effect(self, effect: Effect) -> Fault {
        Fault {
            on: self.on,
            account: None,
            machine: None,
            nth: first(),
            times: once(),
            probability: None,
            seed: 0,
            effect,
        }
    }

    /// The connection is closed without an answer; the call was not carried out.
    #[must_use]
    pub fn cut_before_commit(self) -> Fault {
        self.effect(Effect::Cut { when: When::Before })
    }

    /// The connection is closed without an answer; the call was carried out.
    #[must_use]
    pub fn cut_after_commit(self) -> Fault {
        self.effect(Effect::Cut { when: When::After })
    }

    /// A bare HTTP status; the call was not carried out.
    #[must_use]
    pub fn status_before_commit(self, status: u16) -> Fault {
        self.effect(Effect::Status {
            status,
            when: When::Before,
            body: String::new(),
        })
    }

    /// A bare HTTP status; the call was carried out.
    #[must_use]
    pub fn status_after_commit(self, status: u16) -> Fault {
        self.effect(Effect::Status {
            status,
            when: When::After,
            body: String::new(),
        })
    }

    /// A gateway's HTML page; the call was not carried out.
    #[must_use]
    pub fn html(self, status: u16) -> Fault {
        self.effect(Effect::Html {
            status,
            when: When::Before,
        })
    }

    /// Status 429 without `Retry-After`.
    #[must_use]
    pub fn rate_limited(self) -> Fault {
        self.effect(Effect::RateLimited {
            retry_after_seconds: None,
            as_date: false,
        })
    }

    /// Status 429 with `Retry-After` in seconds.
    #[must_use]
    pub fn rate_limited_for(self, seconds: u64) -> Fault {
        self.effect(Effect::RateLimited {
            retry_after_seconds: Some(seconds),
            as_date: false,
        })
    }

    /// Status 429 with `Retry-After` as an HTTP date so many seconds ahead.
    #[must_use]
    pub fn rate_limited_until(self, seconds: u64) -> Fault {
        self.effect(Effect::RateLimited {
            retry_after_seconds: Some(seconds),
            as_date: true,
        })
    }

    /// No answer until released; the call is never carried out.
    #[must_use]
    pub fn hang_before_commit(self) -> Fault {
        self.effect(Effect::Hang {
            when: When::Before,
            ms: None,
        })
    }

    /// No answer until released; the call was carried out.
    #[must_use]
    pub fn hang_after_commit(self) -> Fault {
        self.effect(Effect::Hang {
            when: When::After,
            ms: None,
        })
    }

    /// Held before it is carried out, until released; then it is, even if its caller has gone away.
    #[must_use]
    pub fn pause_before_commit(self) -> Fault {
        self.effect(Effect::Pause { ms: None })
    }

    /// Carried out so many milliseconds later, even if its caller has gone away.
    #[must_use]
    pub fn commit_late(self, ms: u64) -> Fault {
        self.effect(Effect::Pause { ms: Some(ms) })
    }

    /// Carried out at once, answered so many milliseconds later.
    #[must_use]
    pub fn slow(self, ms: u64) -> Fault {
        self.effect(Effect::Slow { ms })
    }

    /// Half a JSON body under a head that is content with it; the call was carried out.
    #[must_use]
    pub fn truncated_json(self) -> Fault {
        self.effect(Effect::Truncate { keep: None, cut: false })
    }

    /// The connection is closed halfway through the body; the call was carried out.
    #[must_use]
    pub fn cut_in_body(self) -> Fault {
        self.effect(Effect::Truncate { keep: None, cut: true })
    }

    /// One part of the answer's JSON, named by a JSON pointer, is this value instead.
    #[must_use]
    pub fn with(self, pointer: &str, value: impl Into<Value>) -> Fault {
        self.effect(Effect::Rewrite {
            set: BTreeMap::from([(pointer.to_owned(), value.into())]),
            remove: Vec::new(),
        })
    }

    /// One part of the answer's JSON, named by a JSON pointer, is missing.
    #[must_use]
    pub fn without(self, pointer: &str) -> Fault {
        self.effect(Effect::Rewrite {
            set: BTreeMap::new(),
            remove: vec![pointer.to_owned()],
        })
    }

    /// The machines in the answer have this value at a pointer such as `/status`.
    #[must_use]
    pub fn machines_with(self, pointer: &str, value: impl Into<Value>) -> Fault {
        self.effect(Effect::Machines {
            set: BTreeMap::from([(pointer.to_owned(), value.into())]),
            remove: Vec::new(),
        })
    }

    /// The machines in the answer lack these members, such as `/ssh_port`.
    #[must_use]
    pub fn machines_without(self, pointers: &[&str]) -> Fault {
        self.effect(Effect::Machines {
            set: BTreeMap::new(),
            remove: pointers.iter().map(|&pointer| pointer.to_owned()).collect(),
        })
    }

    /// The machines in the answer have names of at most so many characters.
    #[must_use]
    pub fn cut_names(self, keep: usize) -> Fault {
        self.effect(Effect::CutNames { keep })
    }

    /// Refused in the cloud's own envelope; the call was not carried out.
    #[must_use]
    pub fn refuse(self, code: i64, message: &str) -> Fault {
        self.effect(Effect::Refuse {
            code,
            message: Some(message.to_owned()),
            success: false,
            when: When::Before,
        })
    }

    /// An error code in an envelope that claims success; the call was not carried out.
    #[must_use]
    pub fn success_with_code(self, code: i64, message: &str) -> Fault {
        self.effect(Effect::Refuse {
            code,
            message: Some(message.to_owned()),
            success: true,
            when: When::Before,
        })
    }

    /// Refused as when no machine is free.
    #[must_use]
    pub fn no_capacity(self) -> Fault {
        self.effect(Effect::NoCapacity)
    }

    /// Refused as when the balance is too low.
    #[must_use]
    pub fn low_balance(self) -> Fault {
        self.effect(Effect::LowBalance)
    }

    /// Refused as a bad token is.
    #[must_use]
    pub fn unauthorized(self) -> Fault {
        self.effect(Effect::Unauthorized)
    }

    /// What this call creates is missing from lists for so long, what it destroys stays in them.
    #[must_use]
    pub fn list_lag(self, ms: u64) -> Fault {
        self.effect(Effect::ListLag { ms })
    }

    /// A well-formed list without items.
    #[must_use]
    pub fn empty_list(self) -> Fault {
        self.effect(Effect::EmptyList)
    }

    /// A list of fewer items than its total says.
    #[must_use]
    pub fn short_list(self, keep: usize) -> Fault {
        self.effect(Effect::ShortList { keep })
    }
}

/// What a fault is matched against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) operation: &'a str,
    pub(crate) account: Option<&'a str>,
    /// The machines that the call is about or, in its answer, those that the answer shows.
    pub(crate) machines: &'a [String],
}

impl Fault {
    /// Whether this operation, such as `xgc.deploy`, is meant.
    pub(crate) fn is_on(&self, operation: &str) -> bool {
        match self.on.strip_suffix('*') {
            Some(prefix) => operation.starts_with(prefix),
            None => self.on == operation,
        }
    }

    fn matches(&self, target: Target<'_>) -> bool {
        let account = self
            .account
            .as_deref()
            .is_none_or(|wanted| target.account == Some(wanted));
        let machine = self.machine.is_none() || target.machines.iter().any(|name| self.covers(name));
        self.is_on(target.operation) && account && machine
    }

    /// Whether a machine of this name is meant.
    pub(crate) fn covers(&self, name: &str) -> bool {
        match self.machine.as_deref() {
            None => true,
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == pattern,
            },
        }
    }
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(crate) struct FaultBox {
    last: u64,
    faults: Vec<(FaultReport, fastrand::Rng)>,
}

impl FaultBox {
    pub(crate) fn set(&mut self, fault: Fault) -> u64 {
        self.last += 1;
        let random = fastrand::Rng::with_seed(fault.seed);
        self.faults.push((
            FaultReport {
                id: self.last,
                fault,
                matched: 0,
                fired: 0,
            },
            random,
        ));
        self.last
    }

    /// Those that are set, also the spent ones, so that a test can see whether its fault was met.
    pub(crate) fn list(&self) -> Vec<FaultReport> {
        self.faults.iter().map(|(report, _)| report.clone()).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn clear_one(&mut self, id: u64) -> bool {
        let before = self.faults.len();
        self.faults.retain(|(report, _)| report.id != id);
        self.faults.len() < before
    }

    /// The faults that meet this call at this stage, in the order in which they were set.
    pub(crate) fn meet(&mut self, stage: Stage, target: Target<'_>) -> Vec<Fault> {
        let mut met = Vec::new();
        for (report, random) in &mut self.faults {
            let fault = &report.fault;
            let spent = fault.times.is_some_and(|times| report.fired >= times);
            if spent || fault.effect.stage() != stage || !fault.matches(target) {
                continue;
            }
            report.matched += 1;
            if report.matched < fault.nth {
                continue;
            }
            if fault.probability.is_some_and(|probability| random.f64() >= probability) {
                continue;
            }
            report.fired += 1;
            met.push(fault.clone());
        }
        met
    }
}
