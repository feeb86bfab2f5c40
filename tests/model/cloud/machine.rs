//! A machine, what was ever true of it, and what it has cost.

use std::time::Duration;

use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::api::money::Decimal;
use gpu_instance_operator::api::status::InstanceState::{self, Deleting, Expired, Frozen, Running, Stopped};
use jiff::Timestamp;

/// A machine, and what was ever true of it.
#[derive(Clone, Debug)]
pub struct Rented {
    pub id: String,
    pub name: String,
    pub account: String,
    pub region: Option<String>,
    pub image: String,
    pub gpus: i64,
    pub password: Option<String>,
    pub made: Timestamp,
    /// What an hour of it costs while it bills.
    pub price: Decimal,
    /// Until when it is paid for in advance, and for how long at a time.
    pub paid: Option<(Timestamp, Duration)>,
    /// Whether its cloud pays for it anew when that is over.
    pub renews: bool,
    /// What was paid in advance.
    pub prepaid: Decimal,
    /// Images that were saved of it.
    pub images: u32,
    history: Vec<Phase>,
}

/// What a machine is from a moment on; a state of `None` is gone.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    pub since: Timestamp,
    pub state: Option<InstanceState>,
    /// Whether an hour of it costs something.
    pub bills: bool,
}

/// A machine to make.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub name: String,
    pub region: Option<String>,
    pub image: String,
    pub gpus: i64,
    pub password: Option<String>,
    pub period: Option<Duration>,
    pub renews: bool,
}

impl Rented {
    pub fn new(id: String, account: &str, wanted: Wanted, price: Decimal, now: Timestamp) -> Self {
        let mut machine = Self {
            id,
            name: wanted.name,
            account: account.to_owned(),
            region: wanted.region,
            image: wanted.image,
            gpus: wanted.gpus,
            password: wanted.password,
            made: now,
            price,
            paid: None,
            renews: wanted.renews,
            prepaid: Decimal::ZERO,
            images: 0,
            history: Vec::new(),
        };
        if let Some(period) = wanted.period {
            machine.pay(now, period);
        }
        machine
    }

    pub fn state(&self, at: Timestamp) -> Option<InstanceState> {
        self.phase(at).and_then(|phase| phase.state)
    }

    fn phase(&self, at: Timestamp) -> Option<&Phase> {
        self.history.iter().rev().find(|phase| phase.since <= at)
    }

    /// Whether it exists, and so may cost something.
    pub fn exists(&self, at: Timestamp) -> bool {
        self.state(at).is_some()
    }

    /// Whether it costs something by the hour just now.
    pub fn bills(&self, at: Timestamp) -> bool {
        self.paid.is_none() && self.phase(at).is_some_and(|phase| phase.bills)
    }

    /// Since when it has been what it is.
    pub fn since(&self, at: Timestamp) -> Timestamp {
        self.phase(at).map_or(self.made, |phase| phase.since)
    }

    /// Its states from now on, one after the other; a stop that releases ends what it costs.
    pub fn becomes(&mut self, now: Timestamp, mode: StopMode, states: &[(Duration, Option<InstanceState>)]) {
        self.history.retain(|phase| phase.since <= now);
        self.history.extend(states.iter().map(|(after, state)| Phase {
            since: now + *after,
            state: *state,
            bills: match state {
                None | Some(Frozen | Expired) => false,
                Some(Stopped) => mode == StopMode::KeepGpu,
                Some(_) => true,
            },
        }));
    }

    /// Pays for a period that begins now.
    pub fn pay(&mut self, now: Timestamp, period: Duration) {
        self.paid = Some((now + period, period));
        self.prepaid += self.price * Decimal::from(period.as_secs()) / Decimal::from(3600);
    }

    /// The end of a period that is over: it is paid for anew, or the machine stops.
    pub fn comes_of_age(&mut self, now: Timestamp) {
        let Some((end, period)) = self.paid.filter(|(end, _)| *end <= now) else {
            return;
        };
        if self.renews {
            self.pay(end, period);
        } else if matches!(self.state(now), Some(state) if state != Expired && state != Deleting) {
            self.becomes(now, StopMode::ReleaseGpu, &[(Duration::ZERO, Some(Expired))]);
        }
    }

    /// Whatever was paid for ends now.
    pub fn ends(&mut self, now: Timestamp) {
        let period = self.paid.map_or(Duration::ZERO, |(_, period)| period);
        self.paid = Some((now, period));
        self.comes_of_age(now);
    }

    /// What it has cost until then.
    pub fn cost(&self, until: Timestamp) -> Decimal {
        let ends = self.history.iter().skip(1).map(|next| next.since).chain([until]);
        let billed: i64 = self
            .history
            .iter()
            .zip(ends)
            .filter(|(phase, _)| phase.bills && self.paid.is_none())
            .map(|(phase, end)| end.min(until).duration_since(phase.since).as_secs().max(0))
            .sum();
        self.prepaid + self.price * Decimal::from(billed) / Decimal::from(3600)
    }

    /// Whether it runs, as far as its user can tell.
    pub fn runs(&self, at: Timestamp) -> bool {
        self.state(at) == Some(Running)
    }
}
