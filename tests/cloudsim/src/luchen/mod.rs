//! The twin of Luchen, 潞晨云.
//!
//! A login whose token expires, a cookie, no envelope, a list in pages as the only way to see a machine, and a
//! validator that takes no default for anything.

mod catalog;
mod create;
mod instance;
mod lifecycle;
mod login;
mod routes;
mod settings;
mod storage;
mod wire;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    cloud::Cloud,
    exchange::{Recognised, Refusal, Reply, Request},
    machine::{Detail as MachineDetail, Phase},
    twin::{NewMachine, Twin},
    world::{Key, World},
};

pub(crate) use instance::Detail;
pub use settings::{InstanceType, NameMember, Region, Settings, Volume};

/// What Luchen has beside machines and accounts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    sessions: Vec<login::Session>,
    volumes: Vec<storage::OwnVolume>,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            sessions: Vec::new(),
            volumes: Vec::new(),
        }
    }
}

/// What a machine was ordered with, for the driver of a test.
pub(crate) fn ordered(world: &World, id: &str) -> Option<Value> {
    match &world.machines.get(&(Cloud::Luchen, id.to_owned()))?.detail {
        MachineDetail::Luchen(detail) => Some(instance::ordered(detail)),
        _ => None,
    }
}

/// Luchen's own word for a phase; the list has finer ones for a machine that is being made.
pub(crate) fn state_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Creating => "Initializing",
        Phase::Running | Phase::SavingImage { .. } => "Running",
        Phase::Starting => "Starting",
        Phase::Stopping { .. } | Phase::Freezing | Phase::Destroying => "Stopping",
        Phase::Stopped { .. } => "Stopped",
        Phase::Frozen => "Archived",
        Phase::Destroyed => "Released",
    }
}

/// What follows when a machine comes into a phase.
pub(crate) fn entered(world: &mut World, key: &Key, _before: Phase, _at: Timestamp) {
    let ports: Vec<u16> = (0..24).map(|_| world.random.u16(30000..60000)).collect();
    let unpullable = world.luchen.settings.unpullable_images.clone();
    let Some(machine) = world.machines.get_mut(key) else {
        return;
    };
    let phase = machine.phase;
    let MachineDetail::Luchen(detail) = &mut machine.detail else {
        return;
    };
    match phase {
        // A pull that fails is tried for ever.
        Phase::Creating if unpullable.contains(&detail.image) => machine.until = None,
        // A machine comes up behind other ports each time.
        Phase::Running => detail.publish(&ports),
        _ => {}
    }
}

pub(crate) struct Luchen;

impl Twin for Luchen {
    fn cloud(&self) -> Cloud {
        Cloud::Luchen
    }

    fn operations(&self) -> Vec<&'static str> {
        routes::names()
    }

    fn recognise(&self, world: &World, request: &Request) -> Recognised {
        let Some(operation) = routes::find(world, &request.method, &request.path) else {
            return Recognised {
                operation: routes::UNKNOWN,
                account: login::account(world, &request.headers).map(|(_, id)| id),
                machine: None,
            };
        };
        Recognised {
            operation: operation.name(),
            account: login::account(world, &request.headers).map(|(_, id)| id),
            machine: lifecycle::machine_meant(world, operation, request),
        }
    }

    fn perform(&self, world: &mut World, request: &Request) -> Reply {
        let Some(operation) = routes::find(world, &request.method, &request.path) else {
            return wire::missed();
        };
        let outcome = lifecycle::dispatch(world, operation, request);
        outcome.unwrap_or_else(|refused| refused.reply(world.luchen.settings.refusal_status))
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        wire::refuse(refusal)
    }

    fn plant(&self, world: &mut World, machine: &NewMachine) -> Result<String, String> {
        create::plant(world, machine)
    }
}
