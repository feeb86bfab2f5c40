//! What each operation does.

use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    exchange::{Machines, Reply, Request},
    machine::{Cause, Detail as MachineDetail, Machine, Phase},
    money::Money,
    world::{Key, World},
};

use super::{
    catalog, create, instance, login,
    routes::Operation,
    settings::NameMember,
    storage,
    wire::{self, Members, NO_INSTANCE, NO_STOCK, Refused, WRONG_STATE},
};

/// The name of the machine that a call is about, as far as its body says.
pub(super) fn machine_meant(world: &World, operation: Operation, request: &Request) -> Option<String> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    match operation {
        Operation::Create => body["name"].as_str().map(str::to_owned),
        Operation::Start | Operation::Stop | Operation::Terminate => {
            let key = (Cloud::Luchen, body["instanceId"].as_str()?.to_owned());
            Some(world.machines.get(&key)?.name.clone())
        }
        _ => None,
    }
}

/// Carries out an operation for whoever is logged in.
pub(super) fn dispatch(world: &mut World, operation: Operation, request: &Request) -> Result<Reply, Refused> {
    if operation == Operation::Login {
        return login::login(world, &wire::body(&request.body)?);
    }
    let account = login::account(world, &request.headers).ok_or_else(Refused::not_logged_in)?;
    if operation == Operation::Balance {
        return Ok(balance(world, &account));
    }
    let body = wire::body(&request.body)?;
    match operation {
        Operation::Create => create::create(world, &account, &body).map(|id| wire::taken(&id)),
        Operation::List => list(world, &account, &body),
        Operation::Start => start(world, &account, &body),
        Operation::Stop => stop(world, &account, &body),
        Operation::Terminate => terminate(world, &account, &body),
        Operation::Types => Ok(wire::success(catalog::show(world))),
        Operation::Volumes => storage::list(world, &account, &body),
        Operation::CreateVolume => storage::create(world, &account, &body),
        Operation::DeleteVolume => storage::delete(world, &account, &body),
        // Answered above.
        Operation::Login | Operation::Balance => Ok(wire::missed()),
    }
}

fn balance(world: &World, account: &Key) -> Reply {
    let balance = world
        .accounts
        .get(account)
        .map_or(0.0, |account| account.balance.as_yuan());
    wire::success(json!({
        "balance": balance, "availableBalance": balance, "availableVoucherAmount": 0, "availableCreditAmount": 0,
    }))
}

/// Newest first.
fn list(world: &World, account: &Key, body: &Value) -> Result<Reply, Refused> {
    let now = world.now();
    let mut machines: Vec<&Machine> = world
        .machines
        .values()
        .filter(|machine| machine.cloud == Cloud::Luchen && machine.account == account.1)
        .filter(|machine| machine.listed(now))
        .collect();
    machines.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    let rows = machines
        .into_iter()
        .map(|machine| instance::show(world, machine))
        .collect();
    let (shown, pager) = wire::page(body, rows)?;
    let name = match world.luchen.settings.name_member {
        NameMember::InstanceName => "/instanceMetadata/instanceName",
        NameMember::Name => "/instanceMetadata/name",
    };
    let name_of = |row: &Value| row.pointer(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let names = shown.iter().map(name_of).collect();
    let mut reply = wire::success(json!({"instances": shown, "pager": pager}));
    reply.machines = Some(Machines {
        pointer: "/instances",
        total: Some("/pager/totalEntries"),
        name,
        names,
    });
    Ok(reply)
}

/// The account's machine of this id. One that is gone is as unknown as one that never was.
fn owned(world: &World, account: &Key, body: &Value) -> Result<(Key, Machine), Refused> {
    let key = (Cloud::Luchen, Members::of(body).word("instanceId")?.to_owned());
    let machine = world
        .machines
        .get(&key)
        .filter(|machine| machine.account == account.1 && machine.alive())
        .ok_or_else(|| Refused::not_found(NO_INSTANCE))?;
    Ok((key.clone(), machine.clone()))
}

fn start(world: &mut World, account: &Key, body: &Value) -> Result<Reply, Refused> {
    let (key, machine) = owned(world, account, body)?;
    if !matches!(machine.phase, Phase::Stopped { .. } | Phase::Frozen) {
        return Err(Refused::new(WRONG_STATE));
    }
    create::can_pay(world, account, Money::ZERO)?;
    if let MachineDetail::Luchen(detail) = &machine.detail {
        let kind = world
            .luchen
            .settings
            .types
            .iter()
            .find(|kind| kind.id == detail.type_id);
        if kind.is_none_or(|kind| catalog::left(world, kind, Some(&key.1)) == 0) {
            return Err(Refused::new(NO_STOCK));
        }
    }
    let now = world.now();
    world.enter(&key, Phase::Starting, now);
    Ok(wire::taken(&key.1))
}

fn stop(world: &mut World, account: &Key, body: &Value) -> Result<Reply, Refused> {
    let (key, machine) = owned(world, account, body)?;
    if !matches!(machine.phase, Phase::Running | Phase::Starting | Phase::Creating) {
        return Err(Refused::new(WRONG_STATE));
    }
    let now = world.now();
    world.enter(&key, Phase::Stopping { release: true }, now);
    Ok(wire::taken(&key.1))
}

fn terminate(world: &mut World, account: &Key, body: &Value) -> Result<Reply, Refused> {
    let (key, machine) = owned(world, account, body)?;
    let is_stopped = matches!(machine.phase, Phase::Stopped { .. } | Phase::Frozen);
    let is_on_its_way_out = machine.phase == Phase::Destroying;
    if is_on_its_way_out || !(is_stopped || world.luchen.settings.terminate_takes_running) {
        return Err(Refused::new(WRONG_STATE));
    }
    world.destroy(&key, Cause::Api);
    Ok(wire::taken(&key.1))
}
