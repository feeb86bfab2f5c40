//! What there is to order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    exchange::{Reply, Request},
    world::World,
};

use super::wire::{self, Members, Refused};

/// Names of resource groups by the kind of their accelerator.
pub(super) fn resource_groups(world: &World) -> Reply {
    let mut kinds: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for group in &world.scnet.settings.resource_groups {
        let shown = json!({"resourceGroup": group.name, "acceleratorType": group.accelerator});
        kinds.entry(&group.accelerator).or_default().push(shown);
    }
    wire::data(&json!(kinds))
}

/// The limits of a resource group's nodes.
pub(super) fn resources(world: &World, request: &Request) -> Result<Reply, Refused> {
    let one = |name: &str| {
        let mut values = wire::query(request, name);
        values.pop().ok_or_else(|| Refused::missing(name))
    };
    let (kind, name) = (one("acceleratorType")?, one("resourceGroup")?);
    let group = world
        .scnet
        .settings
        .resource_groups
        .iter()
        .find(|group| group.name == name && group.accelerator == kind)
        .ok_or_else(|| Refused::invalid("resourceGroup"))?;
    Ok(wire::data(&json!({
        "id": null,
        "cpuNumber": group.cores,
        "mluLimits": 0,
        "dcuLimits": 0,
        "nvLimits": 0,
        "gpuNumber": group.accelerators,
        "memorySize": group.memory_mb,
        "resourceGroup": group.name,
        "userName": null,
        "nodeNumber": 1,
        "maxTime": "unlimited",
    })))
}

/// Directories that may be mounted. The form of the answer is not known.
pub(super) fn mount_dirs() -> Reply {
    wire::data(&json!(["/public/home/sim", "/public1/home/x/test_mount"]))
}

/// One page of the images.
pub(super) fn images(world: &World, request: &Request) -> Result<Reply, Refused> {
    let members = Members::read(request)?;
    let access = members.one_of("access", &["public", "private"])?;
    members.one_of("orderBy", &["create_time", "share_time", "clone_times"])?;
    members.word("sort")?;
    let read = |name: &str| usize::try_from(members.integer(name)?).map_err(|_| Refused::invalid(name));
    let (limit, start) = (read("limit")?, read("start")?);
    let images = world.scnet.settings.images.iter().filter(|_| access == "public");
    let shown: Vec<Value> = images
        .enumerate()
        .map(|(n, image)| {
            let (name, tag) = image.version.split_once(':').unwrap_or((&image.version, ""));
            json!({
                "id": format!("{n:032x}"),
                "name": name,
                "tag": tag,
                "path": image.path,
                "version": image.version,
                "imageSize": "6445336813",
                "type": "Base",
                "access": "public",
                "acceleratorType": "gpu",
                "status": "Completed",
                "cloneTimes": 1,
            })
        })
        .collect();
    let total = shown.len();
    let page: Vec<Value> = shown.into_iter().skip(start).take(limit).collect();
    Ok(wire::data(&json!({"total": total, "data": page})))
}
