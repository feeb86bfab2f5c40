//! Renting a machine, and what it costs.

use serde_json::Value;

use crate::{
    cloud::Cloud,
    machine::{Detail as MachineDetail, Phase, Rented, Tariff},
    money::{Money, Rate},
    twin::NewMachine,
    world::{Key, World},
};

use super::{
    catalog,
    instance::{Detail, Mount},
    settings::InstanceType,
    storage,
    wire::{LOW_BALANCE, Members, NO_IMAGE, NO_REGION, NO_STOCK, NO_TYPE, NO_VOLUME, Refused},
};

const SSH_PORT: u16 = 22;

/// What was ordered, once it is known to make sense.
#[derive(Debug)]
struct Order {
    name: String,
    kind: InstanceType,
    rate: Rate,
    /// What is paid at once.
    fee: Money,
    detail: Detail,
}

/// Rents a machine; gives its id.
pub(super) fn create(world: &mut World, account: &Key, body: &Value) -> Result<String, Refused> {
    let order = read(world, account, body)?;
    can_pay(world, account, order.fee)?;
    if catalog::left(world, &order.kind, None) == 0 {
        return Err(Refused::new(NO_STOCK));
    }
    if let Some(account) = world.accounts.get_mut(account) {
        account.balance -= order.fee;
    }
    Ok(place(world, &account.1, order, Phase::Creating, false))
}

/// Refused once there is no money left, or less than is to be paid at once.
pub(super) fn can_pay(world: &World, account: &Key, fee: Money) -> Result<(), Refused> {
    let balance = world
        .accounts
        .get(account)
        .map_or(Money::ZERO, |account| account.balance);
    if balance > Money::ZERO && balance >= fee {
        Ok(())
    } else {
        Err(Refused::new(LOW_BALANCE))
    }
}

/// The validator goes through the members one by one, and stops at the first that is missing.
fn read(world: &World, account: &Key, body: &Value) -> Result<Order, Refused> {
    let members = Members::of(body);
    let name = members.word("name")?;
    let image = members.word("imageId")?;
    let type_id = members.word("instanceTypeId")?;
    let region = members.word("region")?;
    let billing = members.object("billing")?;
    let charge_mode = billing.word("chargeMode")?;
    let duration = billing.integer("duration")?;
    let mounts = mounts(world, account, members.list("remoteStorages")?)?;
    let configuration = members.object("instanceConfiguration")?;
    let detail = Detail {
        type_id: type_id.to_owned(),
        region: region.to_owned(),
        image: image.to_owned(),
        charge_mode: charge_mode.to_owned(),
        mounts,
        data_disk_gb: configuration.size("extraDataDiskSizeDB")?,
        common_data: configuration.boolean("enableCommonData")?,
        docker: configuration.boolean("enableDocker")?,
        docker_gb: configuration.size("dockerStorageSize")?,
        init_script: configuration.string("initScript")?.to_owned(),
        ports: ports(members.list("nodePorts")?)?,
        node_ports: Vec::new(),
    };
    let settings = &world.luchen.settings;
    if !settings.images.contains(&detail.image) {
        return Err(Refused::not_found(NO_IMAGE));
    }
    if !settings.regions.iter().any(|known| known.id == region) {
        return Err(Refused::not_found(NO_REGION));
    }
    let is_spot = body["isSpotInstance"].as_bool().unwrap_or_default();
    let kind = settings
        .types
        .iter()
        .find(|kind| kind.id == type_id && kind.region == region && kind.spot == is_spot)
        .ok_or_else(|| Refused::not_found(NO_TYPE))?;
    let (rate, fee) = cost(kind, charge_mode, duration)?;
    Ok(Order {
        name: name.to_owned(),
        kind: kind.clone(),
        rate,
        fee,
        detail,
    })
}

/// By the hour a machine costs while it runs; a term is paid for in advance, and then nothing more.
fn cost(kind: &InstanceType, charge_mode: &str, duration: i64) -> Result<(Rate, Money), Refused> {
    let price = catalog::price(kind, charge_mode).ok_or_else(|| Refused::wrong("billing.chargeMode"))?;
    let by_the_hour = charge_mode.ends_with("Hour");
    let units = u32::try_from(duration)
        .ok()
        .filter(|units| *units == 1 || (*units > 1 && !by_the_hour))
        .ok_or_else(|| Refused::wrong("billing.duration"))?;
    Ok(if by_the_hour {
        (Rate::per_hour(price), Money::ZERO)
    } else {
        (Rate::ZERO, Money::yuan(price * f64::from(units)))
    })
}

fn mounts(world: &World, account: &Key, entries: &[Value]) -> Result<Vec<Mount>, Refused> {
    entries
        .iter()
        .map(|entry| {
            let members = Members::of(entry);
            let mount = Mount {
                path: members.word("mountPath")?.to_owned(),
                name: members.word("remoteStorageName")?.to_owned(),
                id: members.word("remoteStorageId")?.to_owned(),
                kind: members.word("type")?.to_owned(),
            };
            storage::all(world, &account.1)
                .any(|volume| volume.id == mount.id && volume.name == mount.name && volume.kind == mount.kind)
                .then_some(mount)
                .ok_or_else(|| Refused::not_found(NO_VOLUME))
        })
        .collect()
}

/// Plain numbers here, though rows show objects. The shell's port is published anyway, and can't be asked for.
fn ports(entries: &[Value]) -> Result<Vec<u16>, Refused> {
    entries
        .iter()
        .map(|entry| {
            let port = entry.as_u64().and_then(|port| u16::try_from(port).ok());
            port.filter(|port| *port > 0 && *port != SSH_PORT)
                .ok_or_else(|| Refused::wrong("nodePorts"))
        })
        .collect()
}

/// A machine that somebody else rented in the same account.
pub(super) fn plant(world: &mut World, machine: &NewMachine) -> Result<String, String> {
    let count = machine.gpu_count.unwrap_or(1);
    let settings = &world.luchen.settings;
    let kind = settings
        .types
        .iter()
        .find(|kind| kind.gpu_count == count && machine.gpu_model.as_ref().is_none_or(|model| *model == kind.gpu_name))
        .cloned()
        .ok_or_else(|| format!("no type with {count} GPUs of that model"))?;
    let image = settings.images.first().cloned().ok_or("there are no images")?;
    let order = Order {
        name: machine.name.clone(),
        rate: Rate::per_hour(kind.price_per_hour),
        fee: Money::ZERO,
        detail: Detail {
            type_id: kind.id.clone(),
            region: kind.region.clone(),
            image,
            charge_mode: "perHour".to_owned(),
            mounts: Vec::new(),
            data_disk_gb: 0,
            common_data: false,
            docker: false,
            docker_gb: 0,
            init_script: String::new(),
            ports: Vec::new(),
            node_ports: Vec::new(),
        },
        kind,
    };
    Ok(place(world, &machine.account, order, Phase::Running, true))
}

fn place(world: &mut World, account: &str, order: Order, phase: Phase, foreign: bool) -> String {
    let id = format!("notebook-{}", uuid(world));
    world.rent(Rented {
        cloud: Cloud::Luchen,
        id,
        account: account.to_owned(),
        name: order.name,
        gpu_model: order.kind.gpu_name,
        gpu_count: order.kind.gpu_count,
        foreign,
        phase,
        tariff: Tariff {
            running: order.rate,
            released: Rate::ZERO,
        },
        fee: order.fee,
        detail: MachineDetail::Luchen(order.detail),
    })
}

/// As ids of everything here look.
pub(super) fn uuid(world: &mut World) -> String {
    let random = &mut world.random;
    let mut digits = |length: usize| -> String { (0..length).map(|_| random.digit(16)).collect() };
    format!(
        "{}-{}-4{}-a{}-{}",
        digits(8),
        digits(4),
        digits(3),
        digits(3),
        digits(12)
    )
}
