//! Volumes.

use serde_json::{Value, json};

use crate::{
    exchange::Reply,
    world::{Key, World},
};

use super::{
    settings::Volume,
    wire::{self, Members, NO_REGION, NO_VOLUME, Refused},
};

/// A volume that one account has made.
#[derive(Debug, Clone)]
pub(super) struct OwnVolume {
    account: String,
    volume: Volume,
}

/// All volumes of an account.
pub(super) fn all<'a>(world: &'a World, account: &'a str) -> impl Iterator<Item = &'a Volume> {
    let own = world.luchen.volumes.iter().filter(move |own| own.account == account);
    world.luchen.settings.volumes.iter().chain(own.map(|own| &own.volume))
}

pub(super) fn list(world: &World, account: &Key, body: &Value) -> Result<Reply, Refused> {
    let volumes = all(world, &account.1)
        .map(|volume| {
            json!({"volumeId": volume.id, "name": volume.name, "volumeType": volume.kind, "sizeGB": volume.size_gb})
        })
        .collect();
    let (shown, pager) = wire::page(body, volumes)?;
    Ok(wire::success(json!({"volumeList": shown, "pager": pager})))
}

pub(super) fn create(world: &mut World, account: &Key, body: &Value) -> Result<Reply, Refused> {
    let members = Members::of(body);
    let region = members.word("region")?;
    if !world.luchen.settings.regions.iter().any(|known| known.id == region) {
        return Err(Refused::not_found(NO_REGION));
    }
    let volume = Volume {
        id: super::create::uuid(world),
        name: members.word("name")?.to_owned(),
        kind: members.word("volumeType")?.to_owned(),
        size_gb: u64::try_from(members.integer("sizeGB")?).map_err(|_| Refused::wrong("sizeGB"))?,
    };
    let id = volume.id.clone();
    world.luchen.volumes.push(OwnVolume {
        account: account.1.clone(),
        volume,
    });
    Ok(Reply {
        committed: true,
        ..wire::success(json!({ "volumeId": id }))
    })
}

pub(super) fn delete(world: &mut World, account: &Key, body: &Value) -> Result<Reply, Refused> {
    let id = Members::of(body).word("volumeId")?;
    let before = world.luchen.volumes.len();
    let is_it = |own: &OwnVolume| own.volume.id == id && own.account == account.1;
    world.luchen.volumes.retain(|own| !is_it(own));
    if world.luchen.volumes.len() == before {
        return Err(Refused::not_found(NO_VOLUME));
    }
    Ok(Reply {
        committed: true,
        ..wire::success(json!({}))
    })
}
