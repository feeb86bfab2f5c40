//! The twin of Capital Online, 首云: its bare-metal GPU machines, and the lookups of networks that renting one needs.
//!
//! Every request is signed in its query, and the signature is checked for real. Orders, switching and reinstalling are
//! tasks; deleting is not.

mod catalog;
mod machines;
mod settings;
mod signature;
mod wire;

use std::collections::BTreeSet;

use axum::http::Method;

use crate::{
    cloud::Cloud,
    exchange::{Recognised, Refusal, Reply, Request},
    twin::{NewMachine, Twin},
    world::{Key, World},
};

pub(crate) use machines::{Detail, entered, password, state_word};
pub use settings::{Goods, Settings};
use signature::Query;
use wire::{Members, Refused};

/// Where the API for machines is, below the cloud's prefix.
pub(crate) const MACHINES: &str = "/gpubms/v1";
/// Where the API for networks is.
pub(crate) const NETWORKS: &str = "/vpc";

const UNKNOWN: &str = "unknown";

/// Path, method and name of every action.
const ACTIONS: [(&str, Method, &str); 13] = [
    (MACHINES, Method::GET, "DescribeGpuRegions"),
    (MACHINES, Method::GET, "DescribeGpuGoods"),
    (MACHINES, Method::POST, "DescribeGpuGoodsPrice"),
    (MACHINES, Method::GET, "DescribeGpu"),
    (MACHINES, Method::GET, "DescribeGpuDetail"),
    (MACHINES, Method::GET, "DescribeGpuTask"),
    (MACHINES, Method::POST, "ReinstallGpu"),
    (MACHINES, Method::POST, "DescribeGpuImage"),
    (MACHINES, Method::POST, "CreateGpuInstance"),
    (MACHINES, Method::POST, "OperateGpuPower"),
    (MACHINES, Method::POST, "DeleteGpuInstances"),
    (NETWORKS, Method::POST, "DescribeVPC"),
    (NETWORKS, Method::POST, "DescribeSubnet"),
];

/// What Capital Online has beside machines and accounts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    tasks: Vec<machines::Task>,
    nonces: BTreeSet<String>,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            tasks: Vec::new(),
            nonces: BTreeSet::new(),
        }
    }
}

pub(crate) struct CapitalOnline;

impl Twin for CapitalOnline {
    fn cloud(&self) -> Cloud {
        Cloud::CapitalOnline
    }

    fn operations(&self) -> Vec<&'static str> {
        ACTIONS.iter().map(|(.., name)| *name).chain([UNKNOWN]).collect()
    }

    fn recognise(&self, world: &World, request: &Request) -> Recognised {
        let query = signature::read(&request.query).unwrap_or_default();
        let account = wire::authenticate(world, request, &query).ok();
        Recognised {
            operation: action(request, &query).unwrap_or(UNKNOWN),
            account: account.map(|(_, id)| id),
            machine: machine_meant(world, request, &query),
        }
    }

    fn perform(&self, world: &mut World, request: &Request) -> Reply {
        let Some(query) = signature::read(&request.query) else {
            return Refused::new("ParamParseError", "query invalid").into();
        };
        let account = match wire::authenticate(world, request, &query) {
            Ok(account) => account,
            Err(refused) => return refused.into(),
        };
        world.capital_online.nonces.extend(query.get("SignatureNonce").cloned());
        let Some(action) = action(request, &query) else {
            return wire::missed();
        };
        machines::expire(world);
        dispatch(world, &account, action, request, &query).unwrap_or_else(Refused::into)
    }

    fn clock_ahead_seconds(&self, world: &World) -> i64 {
        world.capital_online.settings.clock_ahead_seconds
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        wire::refuse(refusal)
    }

    fn plant(&self, world: &mut World, machine: &NewMachine) -> Result<String, String> {
        machines::plant(world, machine)
    }
}

fn action(request: &Request, query: &Query) -> Option<&'static str> {
    let wanted = query.get("Action")?;
    let path = request.path.trim_end_matches('/');
    let known = ACTIONS
        .iter()
        .find(|(at, method, name)| name == wanted && *at == path && method == request.method);
    known.map(|(.., name)| *name)
}

/// The name of the machine that a call is about.
fn machine_meant(world: &World, request: &Request, query: &Query) -> Option<String> {
    let named = |id: &str| {
        let machine = world.machines.get(&(Cloud::CapitalOnline, id.to_owned()))?;
        Some(machine.name.clone())
    };
    if let Some(id) = query.get("ResourceId") {
        return named(id);
    }
    let members = Members::read(&request.body).ok()?;
    match members.text("InstanceName") {
        Ok(name) => Some(name.to_owned()),
        Err(_) => named(
            members
                .text("ResourceId")
                .ok()
                .or_else(|| members.ids("ResourceIds").ok()?.first().copied())?,
        ),
    }
}

fn dispatch(
    world: &mut World,
    account: &Key,
    action: &str,
    request: &Request,
    query: &Query,
) -> Result<Reply, Refused> {
    let members = || Members::read(&request.body);
    match action {
        "DescribeGpuRegions" => Ok(catalog::regions(world)),
        "DescribeGpuGoods" => catalog::list_goods(world, query),
        "DescribeGpuGoodsPrice" => catalog::price(world, &members()?),
        "DescribeGpuImage" => catalog::images(world, &members()?),
        "DescribeVPC" => catalog::vpcs(&members()?),
        "DescribeSubnet" => catalog::subnets(&members()?),
        "DescribeGpu" => machines::list(world, account, query),
        "DescribeGpuDetail" => machines::one(world, account, query),
        "DescribeGpuTask" => machines::task(world, account, query),
        "CreateGpuInstance" => machines::create(world, account, &members()?),
        "ReinstallGpu" => machines::reinstall(world, account, &members()?),
        "OperateGpuPower" => machines::power(world, account, &members()?),
        _ => machines::delete(world, account, &members()?),
    }
}
