//! The twin of XGC, 仙宫云.
//!
//! Its whole API: eighteen operations, an envelope that says failure under HTTP status 200, and no way to ask for
//! stock or prices.

mod catalog;
mod deploy;
mod image;
mod instance;
mod lifecycle;
mod money;
mod routes;
mod settings;
mod wire;

use jiff::Timestamp;

use crate::{
    cloud::Cloud,
    exchange::{Recognised, Refusal, Reply, Request},
    machine::{Detail as MachineDetail, Phase},
    twin::{NewMachine, Twin},
    world::{Key, World},
};

pub(crate) use instance::Detail;
pub(crate) use money::pay_order;
pub use settings::{GpuModel, SaveImageName, Settings};

/// What XGC has beside machines and accounts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    images: Vec<image::Image>,
    orders: Vec<money::Order>,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            images: Vec::new(),
            orders: Vec::new(),
        }
    }
}

/// XGC's own word for a phase.
pub(crate) fn state_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Creating => "deploying",
        Phase::Running => "running",
        Phase::Starting => "booting",
        Phase::Stopping { .. } => "shutting_down",
        Phase::Stopped { .. } => "shutdown",
        Phase::SavingImage { .. } => "saving_image",
        Phase::Freezing => "freezing",
        Phase::Frozen => "freeze",
        Phase::Destroying => "destroying",
        Phase::Destroyed => "destroyed",
    }
}

/// What follows when a machine comes into a phase.
pub(crate) fn entered(world: &mut World, key: &Key, before: Phase, at: Timestamp) {
    if let Phase::SavingImage { .. } = before {
        image::saved(&mut world.xgc.images, &key.1, at);
    }
    let port = world.random.u16(30000..60000);
    let Some(machine) = world.machines.get_mut(key) else {
        return;
    };
    // A machine that was stopped comes back behind another port.
    let comes_up = machine.phase == Phase::Running && !matches!(before, Phase::SavingImage { .. });
    if let MachineDetail::Xgc(detail) = &mut machine.detail
        && comes_up
    {
        detail.ssh_port = port;
    }
}

pub(crate) struct Xgc;

impl Twin for Xgc {
    fn cloud(&self) -> Cloud {
        Cloud::Xgc
    }

    fn operations(&self) -> Vec<&'static str> {
        routes::names()
    }

    fn recognise(&self, world: &World, request: &Request) -> Recognised {
        let account = wire::authenticate(world, &request.headers).ok();
        let Ok(matched) = routes::find(&request.method, &request.path) else {
            return Recognised {
                operation: routes::UNKNOWN,
                account: account.map(|(_, id)| id),
                machine: None,
            };
        };
        let machine = lifecycle::machine_meant(world, &matched, request);
        Recognised {
            operation: matched.operation.name(),
            account: account.map(|(_, id)| id),
            machine,
        }
    }

    fn perform(&self, world: &mut World, request: &Request) -> Reply {
        match routes::find(&request.method, &request.path) {
            Err(miss) => wire::missed(miss),
            Ok(matched) => match wire::authenticate(world, &request.headers) {
                Err(refused) => refused.into(),
                Ok(account) => {
                    lifecycle::dispatch(world, &account, &matched, request).unwrap_or_else(wire::Refused::into)
                }
            },
        }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        wire::refuse(refusal)
    }

    fn plant(&self, world: &mut World, machine: &NewMachine) -> Result<String, String> {
        deploy::plant(world, machine)
    }
}
