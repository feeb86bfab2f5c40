//! Renting a machine, and what it may cost.

use crate::{
    cloud::Cloud,
    machine::{Detail as MachineDetail, Phase, Rented, Tariff},
    money::{Money, Rate},
    twin::NewMachine,
    world::{Key, World},
};

use super::{
    catalog::{PUBLIC_IMAGES, public_image},
    instance::{Detail, GIB},
    wire::{LOW_BALANCE, Members, NO_GPU, NO_IMAGE, Refused},
};

const SYSTEM_DISK_BYTES: i64 = 30 * GIB;
const MOST_GPUS: i64 = 8;
const ONLY_DATA_CENTER: i64 = 1;

/// What was ordered, once it is known to make sense.
#[derive(Debug)]
pub(super) struct Order {
    gpu_model: String,
    gpu_count: u32,
    image: String,
    image_type: String,
    storage_mount_path: String,
    ssh_key: String,
    system_disk_bytes: i64,
    name: String,
}

/// Rents a machine; gives its id.
pub(super) fn deploy(world: &mut World, account: &Key, members: &Members) -> Result<String, Refused> {
    let order = read(world, account, members)?;
    can_pay(world, account)?;
    has_free(world, &order.gpu_model, order.gpu_count, None)?;
    Ok(create(world, &account.1, order, Phase::Creating, false))
}

/// Refused once there is no money left, at all: how much is needed to begin is not known.
pub(super) fn can_pay(world: &World, account: &Key) -> Result<(), Refused> {
    let has_money = world
        .accounts
        .get(account)
        .is_some_and(|account| account.balance > Money::ZERO);
    if has_money {
        Ok(())
    } else {
        Err(Refused::new(LOW_BALANCE))
    }
}

/// Refused if other machines than `except` leave fewer GPUs than asked for.
pub(super) fn has_free(world: &World, gpu_model: &str, gpu_count: u32, except: Option<&Key>) -> Result<(), Refused> {
    let capacity = world
        .xgc
        .settings
        .gpu_models
        .get(gpu_model)
        .map_or(0, |model| model.capacity);
    let used: u32 = world
        .machines
        .iter()
        .filter(|(key, machine)| {
            machine.cloud == Cloud::Xgc && machine.gpu_model == gpu_model && machine.holds_gpu() && Some(*key) != except
        })
        .map(|(_, machine)| machine.gpu_count)
        .sum();
    if used + gpu_count <= capacity {
        Ok(())
    } else {
        Err(Refused::new(NO_GPU))
    }
}

/// The number of GPUs, if it is one that can be had.
pub(super) fn gpu_count(count: i64) -> Result<u32, Refused> {
    u32::try_from(count)
        .ok()
        .filter(|_| count <= MOST_GPUS)
        .ok_or_else(|| Refused::parameter("gpu_count"))
}

/// Refused unless it is the whole name of a model.
pub(super) fn known_model(world: &World, model: &str) -> Result<(), Refused> {
    if world.xgc.settings.gpu_models.contains_key(model) {
        Ok(())
    } else {
        Err(Refused::parameter("gpu_model"))
    }
}

/// What a machine of this size costs.
pub(super) fn tariff(world: &World, gpu_model: &str, gpu_count: u32, system_disk_bytes: i64) -> Tariff {
    let settings = &world.xgc.settings;
    let price = match settings.gpu_models.get(gpu_model) {
        Some(model) if gpu_count > 0 => model.price_per_hour * f64::from(gpu_count),
        _ => settings.cpu_price_per_hour,
    };
    let gigabytes = u32::try_from(system_disk_bytes / GIB).unwrap_or(u32::MAX);
    Tariff {
        running: Rate::per_hour(price),
        released: Rate::per_hour(settings.disk_price_per_gb_hour * f64::from(gigabytes)),
    }
}

fn read(world: &World, account: &Key, members: &Members) -> Result<Order, Refused> {
    let gpu_model = members.required_string("gpu_model")?;
    known_model(world, gpu_model)?;
    let gpu_count = gpu_count(members.required_integer("gpu_count")?)?;
    if members.required_integer("data_center_id")? != ONLY_DATA_CENTER {
        return Err(Refused::parameter("data_center_id"));
    }
    let image = members.required_string("image")?;
    let image_type = members.required_string("image_type")?;
    known_image(world, account, image, image_type)?;
    let mounts_storage = members.boolean("storage")?.unwrap_or_default();
    let mount_path = members.string("storage_mount_path")?.unwrap_or_default();
    let expands = members.boolean("system_disk_expand")?.unwrap_or_default();
    let expansion = members.integer("system_disk_expand_size")?.unwrap_or_default();
    if expansion < 0 {
        return Err(Refused::parameter("system_disk_expand_size"));
    }
    Ok(Order {
        gpu_model: gpu_model.to_owned(),
        gpu_count,
        image: image.to_owned(),
        image_type: image_type.to_owned(),
        storage_mount_path: match (mounts_storage, mount_path) {
            (false, _) => String::new(),
            (true, "") => "/root/cloud".to_owned(),
            (true, path) => path.to_owned(),
        },
        ssh_key: members.string("ssh_key")?.unwrap_or_default().to_owned(),
        system_disk_bytes: SYSTEM_DISK_BYTES + if expands { expansion } else { 0 },
        name: members.string("name")?.unwrap_or_default().to_owned(),
    })
}

fn known_image(world: &World, account: &Key, image: &str, image_type: &str) -> Result<(), Refused> {
    let known = match image_type {
        "public" => public_image(image).is_some(),
        "community" => world.xgc.settings.community_images.iter().any(|id| id == image),
        "private" => world
            .xgc
            .images
            .iter()
            .any(|saved| saved.id == image && saved.account == account.1 && saved.is_ready()),
        _ => return Err(Refused::parameter("image_type")),
    };
    if known { Ok(()) } else { Err(Refused::new(NO_IMAGE)) }
}

/// A machine that somebody else rented in the same account.
pub(super) fn plant(world: &mut World, machine: &NewMachine) -> Result<String, String> {
    let gpu_model = match &machine.gpu_model {
        Some(model) if world.xgc.settings.gpu_models.contains_key(model) => model.clone(),
        Some(model) => return Err(format!("no GPU model {model}")),
        None => world
            .xgc
            .settings
            .gpu_models
            .keys()
            .next()
            .cloned()
            .ok_or("there are no GPU models")?,
    };
    let order = Order {
        gpu_model,
        gpu_count: machine.gpu_count.unwrap_or(1),
        image: PUBLIC_IMAGES[0].0.to_owned(),
        image_type: "public".to_owned(),
        storage_mount_path: String::new(),
        ssh_key: String::new(),
        system_disk_bytes: SYSTEM_DISK_BYTES,
        name: machine.name.clone(),
    };
    Ok(create(world, &machine.account, order, Phase::Running, true))
}

fn create(world: &mut World, account: &str, order: Order, phase: Phase, foreign: bool) -> String {
    let tariff = tariff(world, &order.gpu_model, order.gpu_count, order.system_disk_bytes);
    let id = word(world, 16);
    let detail = Detail {
        image: order.image,
        image_type: order.image_type,
        system_disk_bytes: order.system_disk_bytes,
        storage_mount_path: order.storage_mount_path,
        ssh_key: order.ssh_key,
        ssh_port: 0,
        password: word(world, 12),
        jupyter_token: word(world, 32),
        xgcos_token: word(world, 32),
    };
    world.rent(Rented {
        cloud: Cloud::Xgc,
        id,
        account: account.to_owned(),
        name: order.name,
        gpu_model: order.gpu_model,
        gpu_count: order.gpu_count,
        foreign,
        phase,
        tariff,
        fee: Money::ZERO,
        detail: MachineDetail::Xgc(detail),
    })
}

/// Lower-case letters and digits, as XGC's ids are made of.
fn word(world: &mut World, length: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    (0..length)
        .map(|_| char::from(LETTERS[world.random.usize(..LETTERS.len())]))
        .collect()
}
