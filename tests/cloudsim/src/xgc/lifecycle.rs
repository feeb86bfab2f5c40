//! What each operation does.

use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    exchange::{Reply, Request},
    machine::{Cause, Detail as MachineDetail, Machine, Phase, Saved},
    world::{Key, World},
};

use super::{
    deploy, image, instance, money,
    routes::{Matched, Operation},
    wire::{self, Members, NO_IMAGE, NO_INSTANCE, Refused, WRONG_STATE},
};

/// The name of the machine that a call is about, as far as its path or body says.
pub(super) fn machine_meant(world: &World, matched: &Matched, request: &Request) -> Option<String> {
    let name_of = |id: &str| {
        let machine = world.machines.get(&(Cloud::Xgc, id.to_owned()))?;
        Some(machine.name.clone())
    };
    match matched.operation {
        Operation::Get | Operation::InstanceImages => name_of(matched.id.as_deref()?),
        Operation::Deploy => {
            let members = Members::read(&request.body).ok()?;
            members.get("name")?.as_str().map(str::to_owned)
        }
        Operation::Destroy
        | Operation::Shutdown
        | Operation::ShutdownReleaseGpu
        | Operation::ShutdownDestroy
        | Operation::Boot
        | Operation::SaveImage
        | Operation::SaveImageDestroy => {
            let members = Members::read(&request.body).ok()?;
            name_of(members.get("id")?.as_str()?)
        }
        Operation::List
        | Operation::Images
        | Operation::Image
        | Operation::DestroyImage
        | Operation::WhoAmI
        | Operation::Balance
        | Operation::Recharge
        | Operation::RechargeOrder => None,
    }
}

/// Carries out an operation for an account.
pub(super) fn dispatch(
    world: &mut World,
    account: &Key,
    matched: &Matched,
    request: &Request,
) -> Result<Reply, Refused> {
    let path_id = matched.id.as_deref().unwrap_or_default();
    let members = || Members::read(&request.body);
    match matched.operation {
        Operation::List => Ok(list(world, account)),
        Operation::Get => get(world, account, path_id),
        Operation::InstanceImages => {
            let (key, _) = owned(world, account, path_id)?;
            Ok(image_list(world, account, Some(&key.1)))
        }
        Operation::Deploy => {
            let id = deploy::deploy(world, account, &members()?)?;
            let mut reply = wire::data(&json!({"id": id}));
            reply.committed = true;
            reply.touched = Some(id);
            Ok(reply)
        }
        Operation::Boot => boot(world, account, &members()?),
        Operation::Destroy | Operation::Shutdown | Operation::ShutdownReleaseGpu | Operation::ShutdownDestroy => {
            end(world, account, matched.operation, &members()?)
        }
        Operation::SaveImage => save_image(world, account, &members()?, None),
        Operation::SaveImageDestroy => save_image(world, account, &members()?, Some(Cause::Api)),
        Operation::Images => Ok(image_list(world, account, None)),
        Operation::Image => one_image(world, account, path_id),
        Operation::DestroyImage => destroy_image(world, account, &members()?),
        Operation::WhoAmI => Ok(wire::data(&json!({
            "nickname": format!("sim {}", account.1),
            "phone": "138****0000",
            "uuid": account.1,
        }))),
        Operation::Balance => {
            let balance = world
                .accounts
                .get(account)
                .map_or(0.0, |account| account.balance.as_yuan());
            Ok(wire::data(&json!({"balance": balance})))
        }
        Operation::Recharge => {
            let order = money::order(world, account, &members()?)?;
            let mut reply = wire::data(&order);
            reply.committed = true;
            Ok(reply)
        }
        Operation::RechargeOrder => Ok(wire::data(&money::show_order(world, account, path_id)?)),
    }
}

/// The account's machine with this id. One that is gone is as unknown as one that never was.
fn owned(world: &World, account: &Key, id: &str) -> Result<(Key, Machine), Refused> {
    let key = (Cloud::Xgc, id.to_owned());
    let machine = world
        .machines
        .get(&key)
        .filter(|machine| machine.account == account.1)
        .filter(|machine| machine.alive() || machine.listed(world.now()))
        .ok_or_else(|| Refused::new(NO_INSTANCE))?;
    Ok((key, machine.clone()))
}

fn list(world: &World, account: &Key) -> Reply {
    let now = world.now();
    let mut machines: Vec<&Machine> = world
        .machines
        .values()
        .filter(|machine| machine.cloud == Cloud::Xgc && machine.account == account.1)
        .filter(|machine| machine.listed(now))
        .collect();
    machines.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    let names = machines.iter().map(|machine| machine.name.clone()).collect();
    let shown: Vec<Value> = machines
        .into_iter()
        .map(|machine| instance::show(world, machine))
        .collect();
    let total = shown.len();
    wire::showing(wire::data(&json!({"list": shown, "total": total})), "/data/list", names)
}

fn get(world: &World, account: &Key, id: &str) -> Result<Reply, Refused> {
    let (_, machine) = owned(world, account, id)?;
    let reply = wire::data(&instance::show(world, &machine));
    Ok(wire::showing(reply, "/data", vec![machine.name]))
}

fn boot(world: &mut World, account: &Key, members: &Members) -> Result<Reply, Refused> {
    let (key, machine) = owned(world, account, members.required_string("id")?)?;
    // Empty means: as it was. The count is a string here, though deploy wants a number.
    let model = members.string("gpu_model")?.filter(|text| !text.is_empty());
    let count = members.string("gpu_count")?.filter(|text| !text.is_empty());
    let Phase::Stopped { released } = machine.phase else {
        return Err(Refused::new(WRONG_STATE));
    };
    let gpu_model = model.unwrap_or(&machine.gpu_model).to_owned();
    deploy::known_model(world, &gpu_model)?;
    let gpu_count = match count {
        None => machine.gpu_count,
        Some(count) => {
            let count = count.parse().map_err(|_| Refused::parameter("gpu_count"))?;
            deploy::gpu_count(count)?
        }
    };
    let changes = gpu_model != machine.gpu_model || gpu_count != machine.gpu_count;
    if changes && !released {
        return Err(Refused::new("仅关机并释放GPU的实例可更换GPU"));
    }
    deploy::can_pay(world, account)?;
    deploy::has_free(world, &gpu_model, gpu_count, Some(&key))?;
    let MachineDetail::Xgc(detail) = &machine.detail else {
        return Err(Refused::new(NO_INSTANCE));
    };
    let tariff = deploy::tariff(world, &gpu_model, gpu_count, detail.system_disk_bytes);
    if let Some(machine) = world.machines.get_mut(&key) {
        if changes {
            machine.tariff = tariff;
        }
        machine.gpu_model = gpu_model;
        machine.gpu_count = gpu_count;
    }
    let now = world.now();
    world.enter(&key, Phase::Starting, now);
    Ok(wire::taken(Some(&key.1)))
}

/// Shutting down and destroying.
fn end(world: &mut World, account: &Key, operation: Operation, members: &Members) -> Result<Reply, Refused> {
    let (key, machine) = owned(world, account, members.required_string("id")?)?;
    let wrong_state = Err(Refused::new(WRONG_STATE));
    let now = world.now();
    match (operation, machine.phase) {
        (Operation::Shutdown, Phase::Running) => {
            world.enter(&key, Phase::Stopping { release: false }, now);
        }
        (Operation::ShutdownReleaseGpu, Phase::Running | Phase::Stopped { released: false }) => {
            world.enter(&key, Phase::Stopping { release: true }, now);
        }
        (Operation::ShutdownDestroy, Phase::Running) => {
            if let Some(machine) = world.machines.get_mut(&key) {
                machine.doomed_by = Some(Cause::Api);
            }
            world.enter(&key, Phase::Stopping { release: true }, now);
        }
        (Operation::ShutdownDestroy, Phase::Stopped { .. }) => world.destroy(&key, Cause::Api),
        (Operation::Destroy, Phase::Running) if !world.xgc.settings.destroy_takes_running => {
            return wrong_state;
        }
        (Operation::Destroy, phase) if !matches!(phase, Phase::Destroying | Phase::Destroyed) => {
            world.destroy(&key, Cause::Api);
        }
        _ => return wrong_state,
    }
    Ok(wire::taken(Some(&key.1)))
}

fn save_image(world: &mut World, account: &Key, members: &Members, doom: Option<Cause>) -> Result<Reply, Refused> {
    let (key, machine) = owned(world, account, members.required_string("id")?)?;
    let name = image::name_given(world, members)?;
    let was = match machine.phase {
        Phase::Running => Saved::Running,
        Phase::Stopped { released: false } => Saved::Kept,
        Phase::Stopped { released: true } => Saved::Released,
        _ => return Err(Refused::new(WRONG_STATE)),
    };
    image::begin(world, &machine, name);
    if let Some(machine) = world.machines.get_mut(&key) {
        machine.doomed_by = doom;
    }
    let now = world.now();
    world.enter(&key, Phase::SavingImage { was }, now);
    Ok(wire::taken(Some(&key.1)))
}

fn image_list(world: &World, account: &Key, of_instance: Option<&str>) -> Reply {
    let images: Vec<Value> = world
        .xgc
        .images
        .iter()
        .filter(|image| image.account == account.1)
        .filter(|image| of_instance.is_none_or(|instance| image.is_of(instance)))
        .map(image::Image::show)
        .collect();
    let total = images.len();
    wire::data(&json!({"list": images, "total": total}))
}

fn one_image(world: &World, account: &Key, id: &str) -> Result<Reply, Refused> {
    world
        .xgc
        .images
        .iter()
        .find(|image| image.id == id && image.account == account.1)
        .map(|image| wire::data(&image.show()))
        .ok_or_else(|| Refused::new(NO_IMAGE))
}

fn destroy_image(world: &mut World, account: &Key, members: &Members) -> Result<Reply, Refused> {
    let id = members.required_string("id")?;
    let images = &mut world.xgc.images;
    let before = images.len();
    images.retain(|image| image.id != id || image.account != account.1);
    if images.len() == before {
        return Err(Refused::new(NO_IMAGE));
    }
    Ok(wire::taken(None))
}
