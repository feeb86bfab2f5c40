//! Faults in the words of a test.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Effect, Fault, When, first, once};

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
