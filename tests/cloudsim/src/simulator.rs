//! The simulator itself: the world behind its lock, and what its driver can do to it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    account::{AccountConfig, AccountReport, CredentialReport},
    capital_online,
    cloud::Cloud,
    config::Config,
    fault::{Fault, FaultReport},
    luchen,
    machine::{Cause, MachineReport, Phase},
    meter::CallReport,
    money::{Money, Rate},
    neolink, scnet,
    twin::{NewMachine, Twin},
    world::{Key, World},
    xgc,
};

/// Why the simulator did not do what its driver asked for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// No machine has this id, nor ever had.
    #[error("no machine {0}")]
    UnknownMachine(String),
    /// The cloud has no such account.
    #[error("no account {0}")]
    UnknownAccount(String),
    /// There is no such order.
    #[error("no order {0}")]
    UnknownOrder(String),
    /// The machine is gone.
    #[error("machine {0} is gone")]
    Gone(String),
    /// What was asked for makes no sense to the cloud.
    #[error("refused: {0}")]
    Refused(String),
}

/// Something done to a machine behind its owner's back; it takes effect at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Stopped.
    Stop {
        /// Whether its GPU is released.
        #[serde(default)]
        release: bool,
    },
    /// Running.
    Start,
    /// Gone.
    Destroy,
    /// Frozen, as for arrears.
    Freeze,
    /// No longer frozen: stopped with its GPU released.
    Unfreeze,
    /// Shows this word as its state, known or not; left out, its true state again.
    State {
        /// The word.
        #[serde(default)]
        word: Option<String>,
    },
    /// Has another name.
    Rename {
        /// The name.
        name: String,
    },
    /// Costs something else while it runs.
    Price {
        /// In yuan, for all its GPUs.
        per_hour: f64,
    },
}

/// Something done to an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AccountChange {
    /// Has another balance.
    Balance {
        /// In yuan.
        yuan: f64,
    },
    /// This credential is refused.
    Revoke {
        /// The token, user name or key id.
        key: String,
    },
    /// A revoked credential is good again.
    Restore {
        /// The token, user name or key id.
        key: String,
    },
    /// One more credential.
    Add {
        /// The token, user name or key id.
        key: String,
        /// The password or secret key, where there is one.
        #[serde(default)]
        secret: String,
    },
    /// A new credential in place of all that were good so far.
    Rotate {
        /// The token, user name or key id.
        key: String,
        /// The password or secret key, where there is one.
        #[serde(default)]
        secret: String,
    },
}

/// What everything comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meter {
    /// The simulator's time.
    pub now: Timestamp,
    /// How many machines exist.
    pub alive: usize,
    /// How many machines were ever created by calls of the clouds' APIs.
    pub created_by_calls: usize,
    /// What all machines have cost so far, in yuan.
    pub cost: f64,
    /// What they cost now, in yuan per hour.
    pub rate_per_hour: f64,
    /// Every machine there ever was.
    pub machines: Vec<MachineReport>,
    /// Calls since the log was reset, by operation.
    pub calls: BTreeMap<String, u64>,
}

pub(crate) struct Simulator {
    config: Config,
    world: Mutex<World>,
    pub(crate) twins: Vec<Box<dyn Twin>>,
    /// True once everything has to end.
    pub(crate) stop: watch::Sender<bool>,
}

impl Simulator {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            world: Mutex::new(World::new(&config)),
            twins: vec![
                Box::new(xgc::Xgc),
                Box::new(scnet::Scnet),
                Box::new(luchen::Luchen),
                Box::new(capital_online::CapitalOnline),
                Box::new(neolink::Neolink),
            ],
            stop: watch::Sender::new(false),
            config,
        }
    }

    /// Until everything has to end.
    pub(crate) async fn stopped(&self) {
        // An error would mean that the sender is gone, and `self` holds it.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// The world as of now.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.settle();
        world
    }

    pub(crate) fn twin(&self, cloud: Cloud) -> Option<&dyn Twin> {
        self.twins.iter().find(|twin| twin.cloud() == cloud).map(AsRef::as_ref)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world().now()
    }

    pub(crate) fn clock_offset_millis(&self) -> i128 {
        self.world().clock.offset_millis()
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        let mut world = self.world();
        world.clock.advance(by);
        world.settle();
    }

    /// As it was at the start. Held calls are let go, and find a new world.
    pub(crate) fn reset(&self) {
        let mut world = self.world();
        world.held.release_all();
        let calls = world.calls.successor();
        *world = World::new(&self.config);
        world.calls = calls;
    }

    pub(crate) fn machines(&self) -> Vec<MachineReport> {
        let world = self.world();
        let mut machines: Vec<MachineReport> = world.machines.values().map(super::machine::Machine::report).collect();
        machines.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        machines
    }

    pub(crate) fn machine(&self, id: &str) -> Option<MachineReport> {
        self.machines().into_iter().find(|machine| machine.id == id)
    }

    pub(crate) fn meter(&self) -> Meter {
        let machines = self.machines();
        let world = self.world();
        let (mut cost, mut rate) = (Money::ZERO, Rate::ZERO);
        for machine in world.machines.values() {
            cost += machine.cost;
            rate = rate.plus(machine.rate);
        }
        Meter {
            now: world.now(),
            alive: machines.iter().filter(|machine| machine.alive).count(),
            created_by_calls: machines.iter().filter(|machine| !machine.foreign).count(),
            cost: cost.as_yuan(),
            rate_per_hour: rate.yuan_per_hour(),
            machines,
            calls: world.calls.counts(),
        }
    }

    pub(crate) fn plant(&self, machine: &NewMachine) -> Result<MachineReport, ControlError> {
        let id = {
            let mut world = self.world();
            if !world.accounts.contains_key(&(machine.cloud, machine.account.clone())) {
                return Err(ControlError::UnknownAccount(machine.account.clone()));
            }
            self.twin(machine.cloud)
                .ok_or_else(|| ControlError::Refused(format!("no cloud {}", machine.cloud)))?
                .plant(&mut world, machine)
                .map_err(ControlError::Refused)?
        };
        self.machine(&id).ok_or(ControlError::UnknownMachine(id))
    }

    pub(crate) fn change(&self, id: &str, change: Change) -> Result<MachineReport, ControlError> {
        {
            let mut world = self.world();
            let key = world
                .find(id)
                .ok_or_else(|| ControlError::UnknownMachine(id.to_owned()))?;
            apply(&mut world, &key, change)?;
        }
        self.machine(id)
            .ok_or_else(|| ControlError::UnknownMachine(id.to_owned()))
    }

    pub(crate) fn accounts(&self) -> Vec<AccountReport> {
        self.world()
            .accounts
            .values()
            .map(crate::account::Account::report)
            .collect()
    }

    pub(crate) fn account(&self, cloud: Cloud, id: &str) -> Option<AccountReport> {
        let world = self.world();
        let account = world.accounts.get(&(cloud, id.to_owned()))?;
        Some(account.report())
    }

    pub(crate) fn add_account(&self, cloud: Cloud, config: &AccountConfig) {
        self.world().add_account(cloud, config);
    }

    pub(crate) fn change_account(
        &self,
        cloud: Cloud,
        id: &str,
        change: AccountChange,
    ) -> Result<AccountReport, ControlError> {
        let mut world = self.world();
        let key = (cloud, id.to_owned());
        let unknown = || ControlError::UnknownAccount(id.to_owned());
        let account = world.accounts.get_mut(&key).ok_or_else(unknown)?;
        match change {
            AccountChange::Balance { yuan } => world.set_balance(&key, Money::yuan(yuan)),
            AccountChange::Revoke { key } => set_revoked(&mut account.credentials, &key, true)?,
            AccountChange::Restore { key } => set_revoked(&mut account.credentials, &key, false)?,
            AccountChange::Add { key, secret } => account.credentials.push(CredentialReport {
                key,
                secret,
                revoked: false,
            }),
            AccountChange::Rotate { key, secret } => {
                for credential in &mut account.credentials {
                    credential.revoked = true;
                }
                account.credentials.push(CredentialReport {
                    key,
                    secret,
                    revoked: false,
                });
            }
        }
        world.settle();
        world
            .accounts
            .get(&key)
            .map(crate::account::Account::report)
            .ok_or_else(unknown)
    }

    pub(crate) fn pay_order(&self, cloud: Cloud, order: &str) -> Result<(), ControlError> {
        match cloud {
            Cloud::Xgc => {
                xgc::pay_order(&mut self.world(), order).ok_or_else(|| ControlError::UnknownOrder(order.to_owned()))
            }
            Cloud::Scnet | Cloud::Luchen | Cloud::CapitalOnline | Cloud::Neolink => {
                Err(ControlError::UnknownOrder(order.to_owned()))
            }
        }
    }

    /// Refused if no operation can ever match: a fault that is never met proves nothing.
    pub(crate) fn set_fault(&self, fault: Fault) -> Result<u64, ControlError> {
        let known = self.twins.iter().any(|twin| {
            let cloud = twin.cloud();
            twin.operations()
                .iter()
                .any(|operation| fault.is_on(&format!("{cloud}.{operation}")))
        });
        if known {
            Ok(self.world().faults.set(fault))
        } else {
            Err(ControlError::Refused(format!("no operation {}", fault.on)))
        }
    }

    pub(crate) fn faults(&self) -> Vec<FaultReport> {
        self.world().faults.list()
    }

    pub(crate) fn clear_faults(&self) {
        self.world().faults.clear();
    }

    pub(crate) fn clear_fault(&self, id: u64) -> bool {
        self.world().faults.clear_one(id)
    }

    pub(crate) fn calls(&self) -> Vec<CallReport> {
        self.world().calls.all().cloned().collect()
    }

    pub(crate) fn call_counts(&self) -> BTreeMap<String, u64> {
        self.world().calls.counts()
    }

    pub(crate) fn reset_calls(&self) {
        self.world().calls.reset();
    }

    pub(crate) fn held(&self) -> Vec<CallReport> {
        let mut world = self.world();
        let held = world.held.list();
        held.into_iter()
            .filter_map(|seq| world.calls.get_mut(seq).cloned())
            .collect()
    }

    pub(crate) fn release(&self, seq: u64) -> bool {
        self.world().held.release(seq)
    }

    pub(crate) fn release_all(&self) -> usize {
        self.world().held.release_all()
    }

    pub(crate) fn settings(&self, cloud: Cloud) -> Result<Value, ControlError> {
        let world = self.world();
        match cloud {
            Cloud::Xgc => serde_json::to_value(&world.xgc.settings),
            Cloud::Scnet => serde_json::to_value(&world.scnet.settings),
            Cloud::Luchen => serde_json::to_value(&world.luchen.settings),
            Cloud::Neolink => serde_json::to_value(&world.neolink.settings),
            Cloud::CapitalOnline => serde_json::to_value(&world.capital_online.settings),
        }
        .map_err(|error| ControlError::Refused(error.to_string()))
    }

    /// Merges a patch into a cloud's settings (RFC 7386).
    pub(crate) fn patch_settings(&self, cloud: Cloud, patch: &Value) -> Result<Value, ControlError> {
        let mut settings = self.settings(cloud)?;
        crate::rewrite::merge(&mut settings, patch);
        let mut world = self.world();
        match cloud {
            Cloud::Xgc => {
                world.xgc.settings = serde_json::from_value(settings.clone())
                    .map_err(|error| ControlError::Refused(error.to_string()))?;
            }
            Cloud::CapitalOnline => {
                world.capital_online.settings = serde_json::from_value(settings.clone())
                    .map_err(|error| ControlError::Refused(error.to_string()))?;
            }
            Cloud::Neolink => {
                world.neolink.settings = serde_json::from_value(settings.clone())
                    .map_err(|error| ControlError::Refused(error.to_string()))?;
            }
            Cloud::Scnet => {
                world.scnet.settings = serde_json::from_value(settings.clone())
                    .map_err(|error| ControlError::Refused(error.to_string()))?;
            }
            Cloud::Luchen => {
                world.luchen.settings = serde_json::from_value(settings.clone())
                    .map_err(|error| ControlError::Refused(error.to_string()))?;
            }
        }
        Ok(settings)
    }

    pub(crate) fn change_xgc_settings(&self, change: impl FnOnce(&mut xgc::Settings)) {
        change(&mut self.world().xgc.settings);
    }

    pub(crate) fn change_capital_online_settings(&self, change: impl FnOnce(&mut capital_online::Settings)) {
        change(&mut self.world().capital_online.settings);
    }

    pub(crate) fn capital_online_password(&self, id: &str) -> Option<String> {
        capital_online::password(&self.world(), id)
    }

    pub(crate) fn change_scnet_settings(&self, change: impl FnOnce(&mut scnet::Settings)) {
        change(&mut self.world().scnet.settings);
    }

    pub(crate) fn scnet_scripts(&self, id: &str) -> Vec<String> {
        scnet::scripts(&self.world(), id)
    }

    pub(crate) fn change_luchen_settings(&self, change: impl FnOnce(&mut luchen::Settings)) {
        change(&mut self.world().luchen.settings);
    }

    pub(crate) fn luchen_order(&self, id: &str) -> Option<Value> {
        luchen::ordered(&self.world(), id)
    }
}

fn set_revoked(credentials: &mut [CredentialReport], key: &str, revoked: bool) -> Result<(), ControlError> {
    let credential = credentials
        .iter_mut()
        .find(|credential| credential.key == key)
        .ok_or_else(|| ControlError::Refused("the account has no such credential".to_owned()))?;
    credential.revoked = revoked;
    Ok(())
}

fn apply(world: &mut World, key: &Key, change: Change) -> Result<(), ControlError> {
    let now = world.now();
    let Some(machine) = world.machines.get_mut(key).filter(|machine| machine.alive()) else {
        return Err(ControlError::Gone(key.1.clone()));
    };
    if matches!(
        change,
        Change::Stop { .. } | Change::Start | Change::Freeze | Change::Unfreeze
    ) {
        // Whoever wanted it gone has been overruled.
        machine.doomed_by = None;
    }
    match change {
        Change::Stop { release } => world.enter(key, Phase::Stopped { released: release }, now),
        Change::Start => world.enter(key, Phase::Running, now),
        Change::Destroy => {
            machine.doomed_by = Some(Cause::Admin);
            world.enter(key, Phase::Destroyed, now);
        }
        Change::Freeze => world.enter(key, Phase::Frozen, now),
        Change::Unfreeze => world.enter(key, Phase::Stopped { released: true }, now),
        Change::State { word } => machine.state_shown = word,
        Change::Rename { name } => machine.name = name,
        Change::Price { per_hour } => machine.set_price(Rate::per_hour(per_hour)),
    }
    Ok(())
}
