//! What each operation does.

use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    exchange::{Reply, Request},
    machine::{Cause, Detail as MachineDetail, Machine, Phase, Saved},
    world::{Key, World},
};

use super::{
    Image, catalog, create, instance,
    routes::{Matched, Operation},
    settings::Paging,
    wire::{self, Refused},
};

/// The name of the machine that a call is about, as far as its path, query or body says.
pub(super) fn machine_meant(world: &World, matched: &Matched, request: &Request) -> Option<String> {
    let name_of = |id: &str| {
        let machine = world.machines.get(&(Cloud::Neolink, id.to_owned()))?;
        Some(machine.name.clone())
    };
    match matched.operation {
        Operation::Regions | Operation::Skus | Operation::List => None,
        Operation::Get | Operation::PowerOff | Operation::PowerOn => name_of(&matched.instance),
        Operation::Delete => name_of(&wire::query(&request.query, "name")?),
        Operation::Create => {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            body["displayName"].as_str().map(str::to_owned)
        }
    }
}

/// Carries out an operation for an account.
pub(super) fn dispatch(
    world: &mut World,
    account: &Key,
    matched: &Matched,
    request: &Request,
) -> Result<Reply, Refused> {
    match matched.operation {
        Operation::Regions => Ok(Reply::json(catalog::regions(world))),
        Operation::Skus => {
            let region = wire::query(&request.query, "region_id").unwrap_or_default();
            Ok(Reply::json(catalog::skus(world, &region)))
        }
        Operation::List => list(world, account, &matched.cluster, &request.query),
        Operation::Get => {
            let (_, machine) = owned(world, account, matched, &matched.instance)?;
            Ok(wire::showing(
                Reply::json(instance::show(&machine)),
                false,
                vec![machine.name],
            ))
        }
        Operation::Create => {
            let id = create::create(world, account, &matched.cluster, &request.body)?;
            let shown = world
                .machines
                .get(&(Cloud::Neolink, id.clone()))
                .map_or(Value::Null, instance::show);
            let name = shown["displayName"].as_str().unwrap_or_default().to_owned();
            let mut reply = wire::showing(Reply::json(shown), false, vec![name]);
            reply.committed = true;
            reply.touched = Some(id);
            Ok(reply)
        }
        Operation::PowerOff => power_off(world, account, matched, &request.body),
        Operation::PowerOn => power_on(world, account, matched),
        Operation::Delete => delete(world, account, matched, &request.query),
    }
}

fn is_in(machine: &Machine, cluster: &str) -> bool {
    matches!(&machine.detail, MachineDetail::Neolink(detail) if detail.cluster == cluster)
}

/// The account's machine of this name in the cluster of the path. One that is gone is as unknown as one that never was.
fn owned(world: &World, account: &Key, matched: &Matched, id: &str) -> Result<(Key, Machine), Refused> {
    let key = (Cloud::Neolink, id.to_owned());
    let machine = world
        .machines
        .get(&key)
        .filter(|machine| machine.account == account.1 && is_in(machine, &matched.cluster))
        .filter(|machine| machine.alive() || machine.listed(world.now()))
        .ok_or_else(Refused::no_instance)?;
    Ok((key, machine.clone()))
}

fn list(world: &World, account: &Key, cluster: &str, query: &str) -> Result<Reply, Refused> {
    let settings = &world.neolink.settings;
    if settings.region_of_cluster(cluster).is_none() {
        return Err(Refused::new(404, "cluster not found"));
    }
    let now = world.now();
    let mut machines: Vec<&Machine> = world
        .machines
        .values()
        .filter(|machine| machine.account == account.1 && is_in(machine, cluster) && machine.listed(now))
        .collect();
    machines.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    let total = machines.len();
    let number = |name: &str| wire::query(query, name).and_then(|text| text.parse::<usize>().ok());
    let size = settings.page_size.unwrap_or(usize::MAX);
    let skipped = match settings.paging {
        Paging::Never => 0,
        Paging::Page => number("page").unwrap_or(1).saturating_sub(1).saturating_mul(size),
        Paging::PageFromZero => number("page").unwrap_or(0).saturating_mul(size),
        Paging::Offset => number("offset").unwrap_or(0),
    };
    let shown: Vec<&Machine> = machines.into_iter().skip(skipped).take(size).collect();
    let names = shown.iter().map(|machine| machine.name.clone()).collect();
    let body = json!({
        "hasNextPage": skipped.saturating_add(shown.len()) < total,
        "nodes": shown.iter().map(|machine| instance::show(machine)).collect::<Value>(),
        "totalCount": total,
    });
    Ok(wire::showing(Reply::json(body), true, names))
}

/// With an image to be saved, it takes as long as that, and ends shut down likewise.
fn power_off(world: &mut World, account: &Key, matched: &Matched, body: &[u8]) -> Result<Reply, Refused> {
    let (key, machine) = owned(world, account, matched, &matched.instance)?;
    let body: Value = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body).map_err(|_| Refused::parameter("body"))?
    };
    // The table says that these are strings, the example has a number and a truth.
    let is_set = |value: &Value| {
        matches!(value, Value::Bool(true)) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    };
    if machine.phase != Phase::Running {
        return Err(Refused::wrong_state());
    }
    let now = world.now();
    if is_set(&body["needSnapshot"]) {
        let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let name = text("imageName").ok_or_else(|| Refused::parameter("imageName"))?;
        world.neolink.images.push(Image {
            account: account.1.clone(),
            instance: key.1.clone(),
            name,
            tag: text("tag").ok_or_else(|| Refused::parameter("tag"))?,
        });
        world.enter(&key, Phase::SavingImage { was: Saved::Released }, now);
    } else {
        world.enter(&key, Phase::Stopping { release: true }, now);
    }
    Ok(wire::taken(Some(&key.1)))
}

fn power_on(world: &mut World, account: &Key, matched: &Matched) -> Result<Reply, Refused> {
    let (key, machine) = owned(world, account, matched, &matched.instance)?;
    if !matches!(machine.phase, Phase::Stopped { .. } | Phase::Frozen) {
        return Err(Refused::wrong_state());
    }
    create::can_pay(world, account)?;
    let settings = &world.neolink.settings;
    let region = settings
        .region_of_cluster(&matched.cluster)
        .ok_or_else(Refused::no_instance)?
        .clone();
    create::has_free(world, &region, &machine.gpu_model, machine.gpu_count)?;
    let now = world.now();
    world.enter(&key, Phase::Starting, now);
    Ok(wire::taken(Some(&key.1)))
}

fn delete(world: &mut World, account: &Key, matched: &Matched, query: &str) -> Result<Reply, Refused> {
    let name = wire::query(query, "name").unwrap_or_default();
    if name.is_empty() {
        return nameless(world, account, matched);
    }
    let (key, machine) = owned(world, account, matched, &name)?;
    let deletes_running = world.neolink.settings.deletes_running;
    match machine.phase {
        Phase::Destroying | Phase::Destroyed => return Err(Refused::wrong_state()),
        Phase::Running | Phase::Stopping { .. } | Phase::SavingImage { .. } if !deletes_running => {
            return Err(Refused::wrong_state());
        }
        _ => world.destroy(&key, Cause::Api),
    }
    Ok(wire::taken(Some(&key.1)))
}

/// What a delete without a name does is not known; the worst would be this.
fn nameless(world: &mut World, account: &Key, matched: &Matched) -> Result<Reply, Refused> {
    if !world.neolink.settings.nameless_delete_takes_all {
        return Err(Refused::parameter("name"));
    }
    let keys: Vec<Key> = world
        .machines
        .iter()
        .filter(|(_, machine)| machine.account == account.1 && machine.alive() && is_in(machine, &matched.cluster))
        .map(|(key, _)| key.clone())
        .collect();
    for key in &keys {
        world.destroy(key, Cause::Api);
    }
    Ok(wire::taken(None))
}
