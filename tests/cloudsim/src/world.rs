//! Everything that is simulated, and how time passes in it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    account::{Account, AccountConfig},
    capital_online,
    clock::{Clock, later, millis_between},
    cloud::Cloud,
    config::Config,
    fault::FaultBox,
    held::HeldCalls,
    luchen,
    machine::{Cause, Machine, Phase, Rented},
    meter::CallLog,
    money::{Money, Rate},
    neolink,
    pace::Pace,
    scnet, xgc,
};

/// A machine's cloud and its id there.
pub(crate) type Key = (Cloud, String);

pub(crate) struct World {
    pub(crate) clock: Clock,
    settled_at: Timestamp,
    pub(crate) machines: BTreeMap<Key, Machine>,
    pub(crate) accounts: BTreeMap<Key, Account>,
    pub(crate) faults: FaultBox,
    pub(crate) calls: CallLog,
    pub(crate) held: HeldCalls,
    pub(crate) random: fastrand::Rng,
    pub(crate) xgc: xgc::State,
    pub(crate) scnet: scnet::State,
    pub(crate) luchen: luchen::State,
    pub(crate) capital_online: capital_online::State,
    pub(crate) neolink: neolink::State,
}

enum Event {
    PhaseEnds(Key),
    MoneyEnds(Key),
}

impl World {
    pub(crate) fn new(config: &Config) -> Self {
        let clock = Clock::default();
        let mut world = Self {
            clock,
            settled_at: clock.now(),
            machines: BTreeMap::new(),
            accounts: BTreeMap::new(),
            faults: FaultBox::default(),
            calls: CallLog::default(),
            held: HeldCalls::default(),
            random: fastrand::Rng::with_seed(config.seed),
            xgc: xgc::State::new(config.xgc.settings.clone()),
            scnet: scnet::State::new(config.scnet.settings.clone()),
            luchen: luchen::State::new(config.luchen.settings.clone()),
            capital_online: capital_online::State::new(config.capital_online.settings.clone()),
            neolink: neolink::State::new(config.neolink.settings.clone()),
        };
        for account in &config.xgc.accounts {
            world.add_account(Cloud::Xgc, account);
        }
        for account in &config.scnet.accounts {
            world.add_account(Cloud::Scnet, account);
        }
        for account in &config.luchen.accounts {
            world.add_account(Cloud::Luchen, account);
        }
        for account in &config.neolink.accounts {
            world.add_account(Cloud::Neolink, account);
        }
        for account in &config.capital_online.accounts {
            world.add_account(Cloud::CapitalOnline, account);
        }
        world
    }

    pub(crate) fn add_account(&mut self, cloud: Cloud, config: &AccountConfig) {
        self.accounts
            .insert((cloud, config.id.clone()), Account::new(cloud, config));
    }

    pub(crate) fn pace(&self, cloud: Cloud) -> &Pace {
        match cloud {
            Cloud::Xgc => &self.xgc.settings.pace,
            Cloud::Scnet => &self.scnet.settings.pace,
            Cloud::Luchen => &self.luchen.settings.pace,
            Cloud::CapitalOnline => &self.capital_online.settings.pace,
            Cloud::Neolink => &self.neolink.settings.pace,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets everything happen that was due by now, in its order.
    pub(crate) fn settle(&mut self) {
        let now = self.now();
        while let Some((at, event)) = self.next_event().filter(|(at, _)| *at <= now) {
            self.bill_until(at);
            match event {
                Event::PhaseEnds(key) => self.end_phase(&key, at),
                Event::MoneyEnds(account) => self.freeze_account(&account, at),
            }
        }
        self.bill_until(now);
    }

    fn next_event(&self) -> Option<(Timestamp, Event)> {
        let phase_ends = self
            .machines
            .iter()
            .filter_map(|(key, machine)| Some((machine.until?, key)))
            .min();
        let money_ends = self
            .accounts
            .iter()
            .filter_map(|(key, account)| {
                let millis = if account.balance < Money::ZERO {
                    // Below zero already: whatever still costs is frozen at once.
                    (self.spending(key) > Rate::ZERO).then_some(0)
                } else {
                    account.balance.millis_until_negative(self.spending(key))
                };
                let millis = u64::try_from(millis?).ok()?;
                Some((later_or_never(self.settled_at, millis)?, key))
            })
            .min();
        match (phase_ends, money_ends) {
            (Some((phase_at, key)), Some((money_at, _))) if phase_at <= money_at => {
                Some((phase_at, Event::PhaseEnds(key.clone())))
            }
            (_, Some((at, key))) => Some((at, Event::MoneyEnds(key.clone()))),
            (Some((at, key)), None) => Some((at, Event::PhaseEnds(key.clone()))),
            (None, None) => None,
        }
    }

    /// What an account's machines cost in an hour, those on their way out left aside: they can't be frozen any more.
    fn spending(&self, account: &Key) -> Rate {
        self.machines_of(account)
            .filter(|machine| machine.doomed_by.is_none())
            .fold(Rate::ZERO, |sum, machine| sum.plus(machine.rate))
    }

    fn machines_of(&self, account: &Key) -> impl Iterator<Item = &Machine> {
        let (cloud, id) = account.clone();
        self.machines
            .values()
            .filter(move |machine| machine.cloud == cloud && machine.account == id)
    }

    fn bill_until(&mut self, at: Timestamp) {
        let millis = millis_between(self.settled_at, at);
        if millis <= 0 {
            return;
        }
        self.settled_at = at;
        for machine in self.machines.values_mut() {
            if machine.rate == Rate::ZERO {
                continue;
            }
            let cost = machine.rate.over_millis(millis);
            machine.cost += cost;
            if let Some(account) = self.accounts.get_mut(&(machine.cloud, machine.account.clone())) {
                account.balance -= cost;
            }
        }
    }

    fn end_phase(&mut self, key: &Key, at: Timestamp) {
        let Some(machine) = self.machines.get_mut(key) else {
            return;
        };
        if machine.phase == Phase::Frozen {
            machine.doomed_by = Some(Cause::Arrears);
        }
        let next = machine.next_phase();
        self.enter(key, next, at);
    }

    fn freeze_account(&mut self, account: &Key, at: Timestamp) {
        let keys: Vec<Key> = self
            .machines_of(account)
            .filter(|machine| machine.doomed_by.is_none())
            .filter(|machine| !matches!(machine.phase, Phase::Freezing | Phase::Frozen))
            .map(|machine| (machine.cloud, machine.id.clone()))
            .collect();
        for key in keys {
            self.enter(&key, Phase::Freezing, at);
        }
    }

    /// Takes a new machine in, and tells its id. What somebody else has rented was there before anybody looked.
    pub(crate) fn rent(&mut self, rented: Rented) -> String {
        let (at, phase) = (self.now(), rented.phase);
        let key = (rented.cloud, rented.id.clone());
        let hides_new_ms = self.pace(rented.cloud).list_hides_new_ms;
        let machine = Machine {
            cloud: rented.cloud,
            id: rented.id,
            account: rented.account,
            first_name: rented.name.clone(),
            name: rented.name,
            gpu_model: rented.gpu_model,
            gpu_count: rented.gpu_count,
            foreign: rented.foreign,
            created_at: at,
            started_at: None,
            stopped_at: None,
            destroyed_at: None,
            doomed_by: None,
            phase,
            since: at,
            until: None,
            state_shown: None,
            tariff: rented.tariff,
            rate: Rate::ZERO,
            cost: rented.fee,
            hidden_ms: if rented.foreign { 0 } else { hides_new_ms },
            lingers_ms: 0,
            detail: rented.detail,
        };
        self.machines.insert(key.clone(), machine);
        self.enter(&key, phase, at);
        key.1
    }

    /// Puts a machine into a phase, with all that follows from it.
    pub(crate) fn enter(&mut self, key: &Key, phase: Phase, at: Timestamp) {
        let pace = self.pace(key.0);
        let until = pace.length(phase).map(|millis| later(at, millis));
        let lingers_ms = pace.list_shows_destroyed_ms;
        let Some(machine) = self.machines.get_mut(key) else {
            return;
        };
        let before = machine.phase;
        machine.rate = machine.rate_in(phase);
        machine.phase = phase;
        machine.since = at;
        machine.until = until;
        match phase {
            Phase::Running => machine.started_at = Some(at),
            Phase::Stopped { .. } | Phase::Frozen => machine.stopped_at = Some(at),
            Phase::Destroyed => {
                machine.destroyed_at = Some(at);
                machine.lingers_ms = machine.lingers_ms.max(lingers_ms);
            }
            _ => {}
        }
        match key.0 {
            Cloud::Xgc => xgc::entered(self, key, before, at),
            Cloud::Scnet => scnet::entered(self, key, before, at),
            Cloud::Luchen => luchen::entered(self, key, before, at),
            Cloud::CapitalOnline => capital_online::entered(self, key),
            Cloud::Neolink => neolink::entered(self, key),
        }
    }

    /// Has a machine destroyed, through its cloud's phase for that.
    pub(crate) fn destroy(&mut self, key: &Key, by: Cause) {
        let now = self.now();
        if let Some(machine) = self.machines.get_mut(key) {
            machine.doomed_by = Some(by);
        }
        self.enter(key, Phase::Destroying, now);
    }

    /// Sets a balance, in yuan; what was frozen for arrears becomes stopped again once there is money.
    pub(crate) fn set_balance(&mut self, account: &Key, balance: Money) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.balance = balance;
        }
        if balance < Money::ZERO {
            return;
        }
        let now = self.now();
        let frozen: Vec<Key> = self
            .machines_of(account)
            .filter(|machine| matches!(machine.phase, Phase::Freezing | Phase::Frozen))
            .map(|machine| (machine.cloud, machine.id.clone()))
            .collect();
        for key in frozen {
            self.enter(&key, Phase::Stopped { released: true }, now);
        }
    }

    /// The machine with this id, at whatever cloud.
    pub(crate) fn find(&self, id: &str) -> Option<Key> {
        self.machines.keys().find(|(_, machine)| machine == id).cloned()
    }
}

fn later_or_never(at: Timestamp, millis: u64) -> Option<Timestamp> {
    let span = jiff::SignedDuration::from_millis(i64::try_from(millis).ok()?);
    at.checked_add(span).ok()
}
