//! Machines: ordered as tasks, switched, reinstalled, deleted.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    exchange::Reply,
    machine::{Cause, Detail as MachineDetail, Machine, Phase, Rented, Tariff},
    money::{Money, Rate},
    twin::NewMachine,
    world::{Key, World},
};

use super::{
    catalog,
    settings::Goods,
    signature::Query,
    wire::{self, Members, Refused},
};

/// What only this cloud's machines have.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    pub(super) region: String,
    compute_id: String,
    image_name: &'static str,
    pub(super) password: String,
    ip: String,
    eip: Option<String>,
    pub(super) paid_until: Option<Timestamp>,
    auto_renew: bool,
    /// Why it is starting, where it was not started.
    pub(super) starting: Option<&'static str>,
}

/// Something that takes time, on machines.
#[derive(Debug)]
pub(super) struct Task {
    id: String,
    account: String,
    machines: Vec<String>,
    fails: bool,
}

fn detail(machine: &Machine) -> Option<&Detail> {
    match &machine.detail {
        MachineDetail::CapitalOnline(detail) => Some(detail),
        _ => None,
    }
}

fn detail_mut(machine: &mut Machine) -> Option<&mut Detail> {
    match &mut machine.detail {
        MachineDetail::CapitalOnline(detail) => Some(detail),
        _ => None,
    }
}

/// Capital Online's word for what a machine is doing.
pub(crate) fn state_word(machine: &Machine) -> &'static str {
    match machine.phase {
        Phase::Creating => "building",
        Phase::Running => "running",
        Phase::Starting => detail(machine)
            .and_then(|detail| detail.starting)
            .unwrap_or("starting_up"),
        Phase::Stopping { .. } => "shutting_down",
        Phase::Stopped { .. } => "shutdown",
        Phase::SavingImage { .. } => "creating_image",
        Phase::Freezing | Phase::Frozen => "recycling",
        Phase::Destroying => "deleting",
        Phase::Destroyed => "deleted",
    }
}

/// What follows when a machine comes into a phase.
pub(crate) fn entered(world: &mut World, key: &Key) {
    if let Some(machine) = world.machines.get_mut(key)
        && machine.phase != Phase::Starting
        && let Some(detail) = detail_mut(machine)
    {
        detail.starting = None;
    }
}

/// The password that opens a machine.
pub(crate) fn password(world: &World, id: &str) -> Option<String> {
    let machine = world.machines.get(&(Cloud::CapitalOnline, id.to_owned()))?;
    Some(detail(machine)?.password.clone())
}

/// Machines whose paid time is over are switched off, or paid for once more.
pub(super) fn expire(world: &mut World) {
    let now = world.now();
    let over: Vec<Key> = world
        .machines
        .iter()
        .filter(|(_, machine)| machine.phase == Phase::Running)
        .filter(|(_, machine)| {
            detail(machine).is_some_and(|detail| !detail.auto_renew && detail.paid_until.is_some_and(|end| end <= now))
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in over {
        world.enter(&key, Phase::Stopped { released: false }, now);
    }
}

/// How many machines of these goods there are.
pub(super) fn rented(world: &World, goods: &Goods) -> usize {
    let machines = world.machines.values().filter(|machine| machine.alive());
    machines
        .filter(|machine| detail(machine).is_some_and(|detail| detail.compute_id == goods.compute_id))
        .count()
}

pub(super) fn create(world: &mut World, account: &Key, members: &Members) -> Result<Reply, Refused> {
    let goods = catalog::goods(world, members)?;
    let amount = usize::try_from(members.integer("Amount")?).unwrap_or_default();
    if !(1..=100).contains(&amount) {
        return Err(Refused::new("AmountOversize", "数量超限"));
    }
    let image =
        catalog::image_name(members.text("ImageId")?).ok_or_else(|| Refused::new("ImageNotFound", "镜像不存在"))?;
    let password = password_of(members)?;
    let name = members.text("InstanceName")?.to_owned();
    let network = members
        .get("VpcNetWork")
        .ok_or_else(|| Refused::parameter("VpcNetWork"))?;
    let id = |name: &str| network[name].as_str().ok_or_else(|| Refused::parameter(name));
    catalog::check_network(id("VpcId")?, id("NetId")?)?;
    let reserves = network["ReserveEip"].as_bool().unwrap_or_default();
    let months = catalog::months(members)?;
    // Renewed unless told otherwise: the vendor's own default.
    let auto_renew = match members.get("AutoRenew") {
        None => true,
        Some(_) => members.integer("AutoRenew")? != 0,
    };
    if rented(world, &goods) + amount > goods.capacity {
        return Err(Refused::new("NotSufficient", "库存不足"));
    }
    if world
        .accounts
        .get(account)
        .is_none_or(|account| account.balance <= Money::ZERO)
    {
        return Err(Refused::new("OrderCheckFailed", "账户余额不足"));
    }
    let fails = world.capital_online.settings.tasks_fail;
    let mut ids = Vec::new();
    for _ in 0..if fails { 0 } else { amount } {
        let detail = Detail {
            region: members.text("RegionId")?.to_owned(),
            compute_id: goods.compute_id.clone(),
            image_name: image,
            password: password.clone(),
            ip: format!("10.240.57.{}", world.random.u8(2..250)),
            eip: reserves.then(|| format!("60.165.239.{}", world.random.u8(2..250))),
            paid_until: goods.prepaid.then(|| paid_until(world.now(), months)),
            auto_renew: goods.prepaid && auto_renew,
            starting: None,
        };
        let shown = format!("{name}{}", world.capital_online.settings.name_suffix);
        ids.push(make(world, &account.1, shown, &goods, months, detail, false));
    }
    let machine = ids.first().cloned();
    let task = begin_task(world, account, ids, fails);
    Ok(wire::changed(&json!({"taskId": task}), "Message", machine.as_deref()))
}

/// A month is thirty days here; what it is at the cloud, its pages disagree on.
fn paid_until(now: Timestamp, months: u32) -> Timestamp {
    now + SignedDuration::from_hours(i64::from(months.max(1)) * 30 * 24)
}

fn password_of(members: &Members) -> Result<String, Refused> {
    let password = members.text("Password")?;
    if password.len() < 8 {
        return Err(Refused::parameter("Password"));
    }
    Ok(password.to_owned())
}

fn make(
    world: &mut World,
    account: &str,
    name: String,
    goods: &Goods,
    months: u32,
    detail: Detail,
    foreign: bool,
) -> String {
    let id = uuid(world);
    // What is paid in advance costs at once, and nothing by the hour; all else costs until it is deleted.
    let rate = if goods.prepaid {
        Rate::ZERO
    } else {
        Rate::per_hour(goods.price)
    };
    let paid = if goods.prepaid {
        Money::yuan(goods.price * f64::from(months.max(1)))
    } else {
        Money::ZERO
    };
    let id = world.rent(Rented {
        cloud: Cloud::CapitalOnline,
        id,
        account: account.to_owned(),
        name,
        gpu_model: goods.name.clone(),
        gpu_count: 0,
        foreign,
        phase: if foreign { Phase::Running } else { Phase::Creating },
        tariff: Tariff {
            running: rate,
            released: rate,
        },
        fee: paid,
        detail: MachineDetail::CapitalOnline(detail),
    });
    if let Some(account) = world.accounts.get_mut(&(Cloud::CapitalOnline, account.to_owned())) {
        account.balance -= paid;
    }
    id
}

/// A machine that somebody else rented in the same account.
pub(super) fn plant(world: &mut World, machine: &NewMachine) -> Result<String, String> {
    let goods = world.capital_online.settings.goods.iter();
    let wanted = machine.gpu_model.as_deref();
    let goods = goods.filter(|goods| wanted.is_none_or(|name| goods.name == name));
    let goods = goods.into_iter().next().cloned().ok_or("there are no such goods")?;
    let detail = Detail {
        region: world
            .capital_online
            .settings
            .regions
            .first()
            .cloned()
            .unwrap_or_default(),
        compute_id: goods.compute_id.clone(),
        image_name: "ubuntu14.04_64",
        password: "not-yours-1".to_owned(),
        ip: "10.240.57.1".to_owned(),
        eip: None,
        paid_until: goods.prepaid.then(|| paid_until(world.now(), 1)),
        auto_renew: false,
        starting: None,
    };
    Ok(make(
        world,
        &machine.account,
        machine.name.clone(),
        &goods,
        1,
        detail,
        true,
    ))
}

fn begin_task(world: &mut World, account: &Key, machines: Vec<String>, fails: bool) -> String {
    let id = uuid(world);
    world.capital_online.tasks.push(Task {
        id: id.clone(),
        account: account.1.clone(),
        machines,
        fails,
    });
    id
}

pub(super) fn task(world: &World, account: &Key, query: &Query) -> Result<Reply, Refused> {
    let id = query.get("TaskId").ok_or_else(|| Refused::parameter("TaskId"))?;
    let task = world
        .capital_online
        .tasks
        .iter()
        .find(|task| task.id == *id && task.account == account.1)
        .ok_or_else(|| Refused::new("DataNotExists", "任务不存在"))?;
    let goes_on = task.machines.iter().any(|machine| {
        let machine = world.machines.get(&(Cloud::CapitalOnline, machine.clone()));
        machine.is_some_and(|machine| machine.alive() && machine.until.is_some())
    });
    let (status, ids) = match (task.fails, goes_on) {
        (true, _) => ("failed", &[][..]),
        (false, true) => ("init", &[][..]),
        (false, false) => ("succeed", &task.machines[..]),
    };
    Ok(wire::data(&json!({"ResourceIds": ids, "Status": status})))
}

/// The account's machine with this id.
fn owned(world: &World, account: &Key, id: &str) -> Result<Key, Refused> {
    let key = (Cloud::CapitalOnline, id.to_owned());
    let machine = world
        .machines
        .get(&key)
        .filter(|machine| machine.account == account.1 && machine.alive());
    machine.map(|_| key).ok_or_else(Refused::no_machine)
}

pub(super) fn power(world: &mut World, account: &Key, members: &Members) -> Result<Reply, Refused> {
    let verb = members.text("Operate")?;
    let ids = members.ids("ResourceIds")?;
    let mut steps = Vec::new();
    for id in &ids {
        let key = owned(world, account, id)?;
        let phase = world.machines[&key].phase;
        let (next, starting) = match (verb, phase) {
            ("start", Phase::Stopped { .. }) => (Phase::Starting, None),
            ("stop", Phase::Running) => (Phase::Stopping { release: false }, None),
            ("reset", Phase::Running) => (Phase::Starting, Some("restarting")),
            ("start" | "stop" | "reset", _) => return Err(Refused::wrong_state()),
            _ => return Err(Refused::parameter("Operate")),
        };
        let ended = machine_detail(world, &key).and_then(|detail| detail.paid_until);
        if verb == "start" && ended.is_some_and(|end| end <= world.now()) {
            return Err(Refused::wrong_state());
        }
        steps.push((key, next, starting));
    }
    let mut tasks = Vec::new();
    for (key, next, starting) in steps {
        begin(world, &key, next, starting, None);
        tasks.push(begin_task(world, account, vec![key.1], false));
    }
    let name = if world.capital_online.settings.singular_task_id {
        "TaskId"
    } else {
        "TaskIds"
    };
    let mut reply = wire::changed(&json!({"ResourceIds": ids, name: tasks}), "Msg", ids.first().copied());
    reply.committed = true;
    Ok(reply)
}

fn machine_detail<'a>(world: &'a World, key: &Key) -> Option<&'a Detail> {
    world.machines.get(key).and_then(detail)
}

fn begin(world: &mut World, key: &Key, phase: Phase, shown: Option<&'static str>, lasts_ms: Option<u64>) {
    let now = world.now();
    world.enter(key, phase, now);
    if let Some(machine) = world.machines.get_mut(key) {
        if let Some(millis) = lasts_ms {
            machine.until = Some(crate::clock::later(now, millis));
        }
        if let Some(detail) = detail_mut(machine) {
            detail.starting = shown;
        }
    }
}

pub(super) fn reinstall(world: &mut World, account: &Key, members: &Members) -> Result<Reply, Refused> {
    let id = members.text("ResourceId")?;
    let key = owned(world, account, id)?;
    let image =
        catalog::image_name(members.text("ImageId")?).ok_or_else(|| Refused::new("ImageNotFound", "镜像不存在"))?;
    let password = password_of(members)?;
    if !matches!(world.machines[&key].phase, Phase::Running | Phase::Stopped { .. }) {
        return Err(Refused::wrong_state());
    }
    if let Some(detail) = world.machines.get_mut(&key).and_then(detail_mut) {
        detail.image_name = image;
        detail.password = password;
    }
    let lasts = world.capital_online.settings.rebuilding_ms;
    begin(world, &key, Phase::Starting, Some("rebuilding"), Some(lasts));
    let task = begin_task(world, account, vec![key.1.clone()], false);
    Ok(wire::changed(&json!({"TaskIds": [task]}), "Message", Some(id)))
}

pub(super) fn delete(world: &mut World, account: &Key, members: &Members) -> Result<Reply, Refused> {
    let ids = members.ids("ResourceIds")?;
    let settings = world.capital_online.settings.clone();
    let mut keys = Vec::new();
    for id in &ids {
        let key = owned(world, account, id)?;
        let prepaid = machine_detail(world, &key).is_some_and(|detail| detail.paid_until.is_some());
        let off = matches!(
            world.machines[&key].phase,
            Phase::Stopped { .. } | Phase::Frozen | Phase::Destroying
        );
        if !(off || settings.deletes_running) || (prepaid && !settings.deletes_prepaid) {
            return Err(Refused::new("LogicError", "非按需计费或未关机的实例不允许删除"));
        }
        keys.push(key);
    }
    for key in keys {
        if world.machines[&key].phase != Phase::Destroying {
            world.destroy(&key, Cause::Api);
        }
    }
    Ok(wire::changed(&json!({}), "Msg", ids.first().copied()))
}

pub(super) fn list(world: &World, account: &Key, query: &Query) -> Result<Reply, Refused> {
    let number = |name: &str, default: usize| match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| Refused::parameter(name)),
    };
    let (page, asked) = (number("PageNumber", 1)?, number("PageSize", 500)?);
    let size = asked.min(world.capital_online.settings.largest_page);
    let now = world.now();
    let mut machines: Vec<&Machine> = world
        .machines
        .values()
        .filter(|machine| machine.cloud == Cloud::CapitalOnline && machine.account == account.1)
        .filter(|machine| machine.listed(now))
        .filter(|machine| query.get("Name").is_none_or(|name| machine.name.contains(name)))
        .collect();
    machines.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    let total = machines.len();
    let shown: Vec<&Machine> = machines.into_iter().skip((page - 1) * size).take(size).collect();
    let names = shown.iter().map(|machine| machine.name.clone()).collect();
    let rows: Vec<Value> = shown.into_iter().map(|machine| show(machine, false)).collect();
    let reply = wire::data(&json!({"Records": rows, "TotalCount": total, "PageSize": size, "PageNumber": page}));
    Ok(wire::showing(reply, "/Data/Records", names))
}

pub(super) fn one(world: &World, account: &Key, query: &Query) -> Result<Reply, Refused> {
    let id = query
        .get("ResourceId")
        .ok_or_else(|| Refused::parameter("ResourceId"))?;
    let key = owned(world, account, id)?;
    let machine = &world.machines[&key];
    let reply = wire::data(&show(machine, true));
    Ok(wire::showing(reply, "/Data", vec![machine.name.clone()]))
}

/// A row of the list, or the detail, which spells the public address otherwise.
fn show(machine: &Machine, in_detail: bool) -> Value {
    let Some(detail) = detail(machine) else {
        return Value::Null;
    };
    let mut card = json!({
        "Id": "69ed5a7b-8599-4104-a1fa-211db097b73d",
        "IpAddress": detail.ip,
        "IpType": "subnet",
        "IpVersion": "ipV4",
        "Netmask": "255.255.0.0",
        "VlanId": "3214",
    });
    if let Some(eip) = &detail.eip {
        card[if in_detail { "eipAddress" } else { "EipAddress" }] = json!(eip);
    }
    let mut row = json!({
        "ResourceId": machine.id,
        "Name": machine.name,
        "Cpu": 32,
        "Ram": 64,
        "State": machine.state(),
        "Status": "运行",
        "RegionName": "中国大陆-呼和浩特-可用区B",
        "InstanceChargeType": if detail.paid_until.is_some() { "PrePaid" } else { "PostPaid" },
        "IsAutoRenewal": i32::from(detail.auto_renew),
        "CreateDate": china(machine.created_at),
        "Networks": {"NetworkCards": [card]},
    });
    if in_detail {
        row["RegionId"] = json!(detail.region);
        row["ImageName"] = json!(detail.image_name);
        row["BillStatus"] = json!("1");
        row["ExpireDate"] = json!(detail.paid_until.map(china));
    }
    row
}

fn china(at: Timestamp) -> String {
    let zone = TimeZone::fixed(jiff::tz::offset(8));
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// An id as this cloud's are.
fn uuid(world: &mut World) -> String {
    let (high, low) = (world.random.u64(..), world.random.u64(..));
    let hex = format!("{high:016x}{low:016x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}
