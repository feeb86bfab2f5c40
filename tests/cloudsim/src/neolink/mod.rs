//! The twin of Neolink.
//!
//! Its whole documented API: eight operations below a base URL, without an envelope. What the vendor shows is as the
//! vendor shows it; refusals, most words for states and paging are not documented, and can be set.

mod catalog;
mod create;
mod instance;
mod lifecycle;
mod routes;
mod settings;
mod wire;

use serde::Serialize;

use crate::{
    cloud::Cloud,
    exchange::{Recognised, Refusal, Reply, Request},
    machine::{Detail as MachineDetail, Phase},
    twin::{NewMachine, Twin},
    world::{Key, World},
};

pub(crate) use instance::Detail;
pub use settings::{Paging, Region, Settings, Sku};

/// What Neolink has beside machines and accounts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) images: Vec<Image>,
}

/// An image that a power off has saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Whose it is.
    pub account: String,
    /// The machine that it was saved of.
    pub instance: String,
    /// Its name.
    pub name: String,
    /// Its tag.
    pub tag: String,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            images: Vec::new(),
        }
    }
}

/// Neolink's word for a phase. Only `Creating` and `Running` were seen in answers; the others are the console's.
pub(crate) fn state_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Creating => "Creating",
        Phase::Running => "Running",
        Phase::Starting => "Starting",
        Phase::Stopping { .. } | Phase::SavingImage { .. } | Phase::Freezing => "Shutting Down",
        Phase::Stopped { .. } | Phase::Frozen => "Shutdown",
        Phase::Destroying => "Deleting",
        Phase::Destroyed => "Deleted",
    }
}

/// What follows when a machine comes into a phase: the shell of one that comes up is behind another port.
pub(crate) fn entered(world: &mut World, key: &Key) {
    let port = world.random.u16(30000..32767);
    let Some(machine) = world.machines.get_mut(key) else {
        return;
    };
    if let (Phase::Running, MachineDetail::Neolink(detail)) = (machine.phase, &mut machine.detail) {
        detail.ssh_port = port;
    }
}

pub(crate) struct Neolink;

impl Twin for Neolink {
    fn cloud(&self) -> Cloud {
        Cloud::Neolink
    }

    fn operations(&self) -> Vec<&'static str> {
        routes::names()
    }

    fn recognise(&self, world: &World, request: &Request) -> Recognised {
        let account = wire::authenticate(world, &request.headers).ok();
        let matched = routes::find(&request.method, &request.path);
        Recognised {
            operation: matched
                .as_ref()
                .map_or(routes::UNKNOWN, |matched| matched.operation.name()),
            account: account.map(|(_, id)| id),
            machine: matched.and_then(|matched| lifecycle::machine_meant(world, &matched, request)),
        }
    }

    fn perform(&self, world: &mut World, request: &Request) -> Reply {
        let Some(matched) = routes::find(&request.method, &request.path) else {
            return wire::missed();
        };
        match wire::authenticate(world, &request.headers) {
            Err(refused) => refused.into(),
            Ok(account) => lifecycle::dispatch(world, &account, &matched, request).unwrap_or_else(wire::Refused::into),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        wire::refuse(refusal)
    }

    fn plant(&self, world: &mut World, machine: &NewMachine) -> Result<String, String> {
        create::plant(world, machine)
    }
}
