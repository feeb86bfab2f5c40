//! Making a machine.

use serde_json::Value;

use crate::{
    cloud::Cloud,
    machine::{Detail as MachineDetail, Phase, Rented, Tariff},
    money::{Money, Rate},
    twin::NewMachine,
    world::{Key, World},
};

use super::{
    Detail, Image,
    wire::{FROZEN, Members, Refused},
};

/// Refuses whoever is in arrears.
pub(super) fn in_credit(world: &World, account: &Key) -> Result<(), Refused> {
    let balance = world.accounts.get(account).map(|account| account.balance);
    if balance.is_some_and(|balance| balance < Money::ZERO) {
        return Err(Refused::new(FROZEN));
    }
    Ok(())
}

/// Rents a machine; gives its id.
pub(super) fn create(world: &mut World, account: &Key, region: &str, members: &Members) -> Result<String, Refused> {
    in_credit(world, account)?;
    let name = members.word("instanceServiceName")?.to_owned();
    let group = members.word("resourceGroup")?.to_owned();
    let count = members.integer("gpuNumber")?;
    let detail = read(world, region, members)?;
    check_size(world, &group, &detail, count)?;
    let count = u32::try_from(count).map_err(|_| Refused::invalid("gpuNumber"))?;
    Ok(enter(world, &account.1, name, group, count, detail, false))
}

fn read(world: &World, region: &str, members: &Members) -> Result<Detail, Refused> {
    let image = Image {
        path: members.word("imagePath")?.to_owned(),
        version: members.word("version")?.to_owned(),
    };
    if !world.scnet.settings.images.contains(&image) {
        return Err(Refused::invalid("imagePath"));
    }
    members.one_of("startScriptActionScope", &["all", "header"])?;
    let mut scripts = Vec::new();
    if members.boolean("useStartScript")? {
        let script = members.word("startScriptContent")?;
        if !script.ends_with('\n') || script.contains('\r') {
            return Err(Refused::invalid("startScriptContent"));
        }
        scripts.push(script.to_owned());
    }
    let task_number = members.integer("taskNumber")?;
    if task_number < 1 {
        return Err(Refused::invalid("taskNumber"));
    }
    Ok(Detail {
        region: region.to_owned(),
        accelerator: members
            .one_of("acceleratorType", &["gpu", "dcu", "mlu", "cpu"])?
            .to_owned(),
        image,
        task_type: members
            .one_of("taskType", &["ssh", "jupyter", "codeserver", "rstudio"])?
            .to_owned(),
        task_number,
        time_limit_ms: time_limit(members.word("timeoutLimit")?)?,
        cores: members.integer("cpuNumber")?,
        memory_mb: members.integer("ramSize")?,
        mounts: mounts(members)?,
        ports: ports(members)?,
        ssh_port: 0,
        scripts,
        completed: false,
    })
}

/// Refused if no node of the group is as large.
pub(super) fn check_size(world: &World, group: &str, detail: &Detail, count: i64) -> Result<(), Refused> {
    let known = &world.scnet.settings.resource_groups;
    let group = known
        .iter()
        .find(|known| known.name == group && known.accelerator == detail.accelerator)
        .ok_or_else(|| Refused::invalid("resourceGroup"))?;
    for (name, wanted, least, most) in [
        ("cpuNumber", detail.cores, 1, group.cores),
        ("ramSize", detail.memory_mb, 1, group.memory_mb),
        ("gpuNumber", count, 0, group.accelerators),
    ] {
        if wanted < least || wanted > most {
            return Err(Refused::invalid(name));
        }
    }
    Ok(())
}

/// `HH:MM:SS`, hours over 24 allowed, or `unlimited`; in milliseconds.
fn time_limit(text: &str) -> Result<Option<u64>, Refused> {
    if text == "unlimited" {
        return Ok(None);
    }
    let parts: Vec<u64> = text.split(':').map_while(|part| part.parse().ok()).collect();
    match parts.as_slice() {
        [hours, minutes, seconds] if *minutes < 60 && *seconds < 60 => {
            Ok(Some((hours * 3600 + minutes * 60 + seconds) * 1000))
        }
        _ => Err(Refused::invalid("timeoutLimit")),
    }
}

fn mounts(members: &Members) -> Result<Vec<Value>, Refused> {
    let mounts = members.list("mountInfoList")?;
    for mount in mounts {
        let is_text = |name: &str| mount[name].as_str().is_some_and(|text| text.starts_with('/'));
        let is_kind = matches!(mount["type"].as_str(), Some("data" | "path"));
        if !is_text("sourcePath") || !is_text("targetPath") || !is_kind {
            return Err(Refused::invalid("mountInfoList"));
        }
    }
    Ok(mounts.to_vec())
}

/// The number is a text, as in the vendor's example.
fn ports(members: &Members) -> Result<Vec<(String, String)>, Refused> {
    let ports = members.list("containerPortInfoList")?;
    ports
        .iter()
        .map(|port| {
            let protocol = port["protocolType"]
                .as_str()
                .filter(|word| matches!(*word, "SSH" | "HTTP"));
            let number = port["containerPort"]
                .as_str()
                .filter(|text| text.parse::<u16>().is_ok());
            let (protocol, number) = protocol
                .zip(number)
                .ok_or_else(|| Refused::invalid("containerPortInfoList"))?;
            Ok((protocol.to_owned(), number.to_owned()))
        })
        .collect()
}

/// A machine that somebody else rented in the same account, in the first region.
pub(super) fn plant(world: &mut World, machine: &NewMachine) -> Result<String, String> {
    let settings = &world.scnet.settings;
    let group = match &machine.gpu_model {
        None => settings.resource_groups.first(),
        Some(name) => settings.resource_groups.iter().find(|group| group.name == *name),
    };
    let group = group.cloned().ok_or("no such resource group")?;
    let region = settings.regions.first().ok_or("there are no regions")?.id.clone();
    let image = settings.images.first().cloned().ok_or("there are no images")?;
    let detail = Detail {
        region,
        accelerator: group.accelerator,
        image,
        task_type: "jupyter".to_owned(),
        task_number: 1,
        time_limit_ms: None,
        cores: 1,
        memory_mb: 1024,
        mounts: Vec::new(),
        ports: Vec::new(),
        ssh_port: 0,
        scripts: Vec::new(),
        completed: false,
    };
    let count = machine.gpu_count.unwrap_or(1);
    let name = machine.name.clone();
    Ok(enter(world, &machine.account, name, group.name, count, detail, true))
}

/// What a machine of this size costs; nothing while it is stopped.
pub(super) fn tariff(world: &World, count: u32) -> Tariff {
    Tariff {
        running: Rate::per_hour(world.scnet.settings.price_per_hour * f64::from(count.max(1))),
        released: Rate::ZERO,
    }
}

fn enter(
    world: &mut World,
    account: &str,
    name: String,
    group: String,
    count: u32,
    detail: Detail,
    foreign: bool,
) -> String {
    let id: String = (0..32).map(|_| world.random.digit(16)).collect();
    let tariff = tariff(world, count);
    world.rent(Rented {
        cloud: Cloud::Scnet,
        id,
        account: account.to_owned(),
        name,
        gpu_model: group,
        gpu_count: count,
        foreign,
        phase: if foreign { Phase::Running } else { Phase::Creating },
        tariff,
        fee: Money::ZERO,
        detail: MachineDetail::Scnet(detail),
    })
}
