//! The twin of `SCNet`, 国家超算互联网.
//!
//! Below its prefix are the host of tokens, the platform, and one container interface for each region under
//! `/regions/ID/ai`, which is what the platform hands out.

mod catalog;
mod create;
mod lifecycle;
mod routes;
mod settings;
mod show;
mod sign_in;
mod wire;

use jiff::Timestamp;

use crate::{
    clock::later,
    cloud::Cloud,
    exchange::{Recognised, Refusal, Reply, Request},
    machine::{Detail as MachineDetail, Machine, Phase},
    twin::{NewMachine, Twin},
    world::{Key, World},
};

pub use settings::{Image, Lists, Region, ResourceGroup, Settings};

/// What `SCNet` has beside machines and accounts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    grants: Vec<sign_in::Grant>,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            grants: Vec::new(),
        }
    }
}

/// What only `SCNet`'s machines have.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    region: String,
    accelerator: String,
    image: Image,
    task_type: String,
    task_number: i64,
    /// In milliseconds; none is unlimited.
    time_limit_ms: Option<u64>,
    cores: i64,
    memory_mb: i64,
    mounts: Vec<serde_json::Value>,
    /// Protocol and port.
    ports: Vec<(String, String)>,
    /// The shell's port from outside; another one after each start.
    ssh_port: u16,
    /// What it was given to run, the script of its order first.
    scripts: Vec<String>,
    /// Whether its time is over.
    completed: bool,
}

/// `SCNet`'s own word for what a machine does. There is none for being on the way to a stop or to an end.
pub(crate) fn state_word(machine: &Machine) -> &'static str {
    let completed = matches!(&machine.detail, MachineDetail::Scnet(detail) if detail.completed);
    match machine.phase {
        Phase::Creating | Phase::Starting if machine.until.is_none() => "Waiting",
        Phase::Creating | Phase::Starting => "Deploying",
        Phase::Running | Phase::Stopping { .. } | Phase::SavingImage { .. } => "Running",
        Phase::Stopped { .. } if completed => "Completed",
        Phase::Stopped { .. } | Phase::Freezing | Phase::Frozen | Phase::Destroying | Phase::Destroyed => "Terminated",
    }
}

/// The scripts that a machine was given to run.
pub(crate) fn scripts(world: &World, id: &str) -> Vec<String> {
    match world
        .machines
        .get(&(Cloud::Scnet, id.to_owned()))
        .map(|machine| &machine.detail)
    {
        Some(MachineDetail::Scnet(detail)) => detail.scripts.clone(),
        _ => Vec::new(),
    }
}

/// What follows when a machine comes into a phase.
pub(crate) fn entered(world: &mut World, key: &Key, before: Phase, at: Timestamp) {
    let port = world.random.u16(30000..60000);
    let queues = world.scnet.settings.queues;
    let Some(machine) = world.machines.get_mut(key) else {
        return;
    };
    let foreign = machine.foreign;
    let started_at = machine.started_at;
    let MachineDetail::Scnet(detail) = &mut machine.detail else {
        return;
    };
    match machine.phase {
        Phase::Creating | Phase::Starting => {
            detail.completed = false;
            if queues && !foreign {
                machine.until = None;
            }
        }
        Phase::Running => {
            detail.ssh_port = port;
            detail.completed = false;
            machine.until = detail.time_limit_ms.map(|limit| later(at, limit));
        }
        Phase::Stopped { .. } => {
            let limit = started_at.zip(detail.time_limit_ms);
            detail.completed =
                before == Phase::Running && limit.is_some_and(|(since, limit)| at >= later(since, limit));
        }
        _ => {}
    }
}

pub(crate) struct Scnet;

impl Twin for Scnet {
    fn cloud(&self) -> Cloud {
        Cloud::Scnet
    }

    fn operations(&self) -> Vec<&'static str> {
        routes::names()
    }

    fn recognise(&self, world: &World, request: &Request) -> Recognised {
        let matched = routes::find(&request.method, &request.path);
        let account = match &matched {
            Some(matched) if matched.operation == routes::Operation::Tokens => {
                sign_in::signer(world, request).ok().map(|(key, _)| key)
            }
            _ => sign_in::bearer(world, request).ok().map(|(key, _)| key),
        };
        Recognised {
            operation: matched
                .as_ref()
                .map_or(routes::UNKNOWN, |matched| matched.operation.name()),
            account: account.map(|(_, id)| id),
            machine: matched.and_then(|matched| lifecycle::machine_meant(world, &matched, request)),
        }
    }

    fn perform(&self, world: &mut World, request: &Request) -> Reply {
        match routes::find(&request.method, &request.path) {
            None => wire::missed(),
            Some(matched) => lifecycle::dispatch(world, &matched, request).unwrap_or_else(wire::Refused::into),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        wire::refuse(refusal)
    }

    fn plant(&self, world: &mut World, machine: &NewMachine) -> Result<String, String> {
        create::plant(world, machine)
    }
}
