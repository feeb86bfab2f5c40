//! A rented machine, in the terms that all clouds share.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    capital_online,
    clock::{later, millis_between},
    cloud::Cloud,
    luchen,
    money::{Money, Rate},
    neolink, scnet, xgc,
};

/// What a machine is doing, whatever the word its cloud has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Created, not yet running.
    Creating,
    /// Running.
    Running,
    /// On its way from stopped to running.
    Starting,
    /// On its way to stopped.
    Stopping {
        /// Whether its GPU goes back to the cloud.
        release: bool,
    },
    /// Stopped.
    Stopped {
        /// Whether its GPU went back to the cloud.
        released: bool,
    },
    /// An image of it is being saved; afterwards it is again what it was.
    SavingImage {
        /// What it was.
        was: Saved,
    },
    /// On its way to frozen.
    Freezing,
    /// Frozen for arrears.
    Frozen,
    /// On its way out.
    Destroying,
    /// Gone.
    Destroyed,
}

/// The phases in which an image can be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Saved {
    /// While running.
    Running,
    /// While stopped with its GPU kept.
    Kept,
    /// While stopped with its GPU released.
    Released,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A call of the cloud's API.
    Api,
    /// Whoever drives the simulator.
    Admin,
    /// The cloud, for lack of money.
    Arrears,
}

/// A machine as the meter reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineReport {
    /// The cloud's id for it.
    pub id: String,
    /// Where it is rented.
    pub cloud: Cloud,
    /// Who pays.
    pub account: String,
    /// The name that it has now.
    pub name: String,
    /// The name that it was created with.
    pub first_name: String,
    /// The cloud's word for its state.
    pub state: String,
    /// The same in the simulator's terms.
    pub phase: Phase,
    /// The full name of its GPU model.
    pub gpu_model: String,
    /// How many GPUs.
    pub gpu_count: u32,
    /// Whether it was put there by the simulator's driver rather than by a call of the cloud's API.
    pub foreign: bool,
    /// Whether it still exists.
    pub alive: bool,
    /// When the create call was carried out.
    pub created_at: Timestamp,
    /// When it last came to run.
    pub started_at: Option<Timestamp>,
    /// When it last came to stop.
    pub stopped_at: Option<Timestamp>,
    /// When it was gone.
    pub destroyed_at: Option<Timestamp>,
    /// Who had it destroyed, or is having it.
    pub destroyed_by: Option<Cause>,
    /// What it has cost so far, in yuan.
    pub cost: f64,
    /// What it costs now, in yuan per hour.
    pub rate_per_hour: f64,
}

/// What a machine costs, by what it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tariff {
    pub(crate) running: Rate,
    pub(crate) released: Rate,
}

#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) cloud: Cloud,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) first_name: String,
    pub(crate) gpu_model: String,
    pub(crate) gpu_count: u32,
    pub(crate) foreign: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) destroyed_at: Option<Timestamp>,
    /// Set as soon as somebody wants it gone, so that stopping or saving an image first ends in destroying.
    pub(crate) doomed_by: Option<Cause>,
    pub(crate) phase: Phase,
    pub(crate) since: Timestamp,
    pub(crate) until: Option<Timestamp>,
    /// A state word that the driver wants shown in place of the true one.
    pub(crate) state_shown: Option<String>,
    pub(crate) tariff: Tariff,
    pub(crate) rate: Rate,
    pub(crate) cost: Money,
    pub(crate) hidden_ms: u64,
    pub(crate) lingers_ms: u64,
    pub(crate) detail: Detail,
}

/// A machine that is rented from now on.
pub(crate) struct Rented {
    pub(crate) cloud: Cloud,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) gpu_model: String,
    pub(crate) gpu_count: u32,
    pub(crate) foreign: bool,
    pub(crate) phase: Phase,
    pub(crate) tariff: Tariff,
    /// What it costs at once.
    pub(crate) fee: Money,
    pub(crate) detail: Detail,
}

/// What only one cloud's machines have.
#[derive(Debug, Clone)]
pub(crate) enum Detail {
    Xgc(xgc::Detail),
    Scnet(scnet::Detail),
    Luchen(luchen::Detail),
    CapitalOnline(capital_online::Detail),
    Neolink(neolink::Detail),
}

impl Machine {
    pub(crate) fn alive(&self) -> bool {
        self.phase != Phase::Destroyed
    }

    pub(crate) fn listed(&self, now: Timestamp) -> bool {
        match self.destroyed_at {
            Some(at) => now < later(at, self.lingers_ms),
            None => now >= later(self.created_at, self.hidden_ms),
        }
    }

    pub(crate) fn holds_gpu(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Destroyed
                | Phase::Frozen
                | Phase::Stopped { released: true }
                | Phase::SavingImage { was: Saved::Released }
        )
    }

    /// Phases in passing cost what the phase before them did.
    pub(crate) fn rate_in(&self, phase: Phase) -> Rate {
        match phase {
            Phase::Creating | Phase::Freezing | Phase::Frozen | Phase::Destroyed => Rate::ZERO,
            Phase::Running | Phase::Stopped { released: false } => self.tariff.running,
            Phase::Stopped { released: true } => self.tariff.released,
            Phase::Starting | Phase::Stopping { .. } | Phase::SavingImage { .. } | Phase::Destroying => self.rate,
        }
    }

    pub(crate) fn set_price(&mut self, running: Rate) {
        if self.rate == self.tariff.running {
            self.rate = running;
        }
        self.tariff.running = running;
    }

    /// What follows a phase in passing.
    pub(crate) fn next_phase(&self) -> Phase {
        match self.phase {
            Phase::Stopping { .. } | Phase::SavingImage { .. } if self.doomed_by.is_some() => Phase::Destroying,
            // A phase that lasts comes to an end only where its time is limited.
            Phase::Running if self.cloud == Cloud::Scnet => Phase::Stopped { released: true },
            Phase::Creating | Phase::Starting | Phase::Running => Phase::Running,
            Phase::Stopping { release } => Phase::Stopped { released: release },
            Phase::SavingImage { was } => match was {
                Saved::Running => Phase::Running,
                Saved::Kept => Phase::Stopped { released: false },
                Saved::Released => Phase::Stopped { released: true },
            },
            Phase::Stopped { released } => Phase::Stopped { released },
            Phase::Freezing => Phase::Frozen,
            Phase::Frozen | Phase::Destroying | Phase::Destroyed => Phase::Destroyed,
        }
    }

    /// How far a phase in passing has come, in per cent; 100 for one that lasts.
    pub(crate) fn progress(&self, now: Timestamp) -> i64 {
        let Some(until) = self.until else { return 100 };
        let whole = millis_between(self.since, until).max(1);
        (millis_between(self.since, now) * 100 / whole).clamp(0, 99)
    }

    pub(crate) fn state(&self) -> String {
        if let Some(word) = &self.state_shown {
            return word.clone();
        }
        match self.cloud {
            Cloud::Xgc => xgc::state_word(self.phase).to_owned(),
            Cloud::Scnet => scnet::state_word(self).to_owned(),
            Cloud::Luchen => luchen::state_word(self.phase).to_owned(),
            Cloud::CapitalOnline => capital_online::state_word(self).to_owned(),
            Cloud::Neolink => neolink::state_word(self.phase).to_owned(),
        }
    }

    pub(crate) fn report(&self) -> MachineReport {
        MachineReport {
            id: self.id.clone(),
            cloud: self.cloud,
            account: self.account.clone(),
            name: self.name.clone(),
            first_name: self.first_name.clone(),
            state: self.state(),
            phase: self.phase,
            gpu_model: self.gpu_model.clone(),
            gpu_count: self.gpu_count,
            foreign: self.foreign,
            alive: self.alive(),
            created_at: self.created_at,
            started_at: self.started_at,
            stopped_at: self.stopped_at,
            destroyed_at: self.destroyed_at,
            destroyed_by: self.doomed_by,
            cost: self.cost.as_yuan(),
            rate_per_hour: self.rate.yuan_per_hour(),
        }
    }
}
