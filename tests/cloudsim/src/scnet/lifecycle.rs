//! What each operation does.

use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    exchange::{Reply, Request},
    machine::{Cause, Detail as MachineDetail, Machine, Phase},
    world::{Key, World},
};

use super::{
    Detail, Lists, catalog, create,
    routes::{Matched, Operation as Op},
    show, sign_in,
    wire::{self, Members, NO_RIGHTS, Refused},
};

/// What a list gives at most where nothing is said.
const DEFAULT_PAGE: usize = 20;

/// The name of the machine that a call is about, as far as it says.
pub(super) fn machine_meant(world: &World, matched: &Matched, request: &Request) -> Option<String> {
    let name_of = |id: &str| {
        let machine = world.machines.get(&(Cloud::Scnet, id.to_owned()))?;
        Some(machine.name.clone())
    };
    let member = |name: &str| Some(Members::read(request).ok()?.get(name)?.as_str()?.to_owned());
    match matched.operation {
        Op::Create => member("instanceServiceName"),
        Op::Start => name_of(wire::query(request, "instanceServiceId").first()?),
        Op::Stop | Op::Delete => name_of(wire::query(request, "ids").first()?),
        Op::Detail | Op::Url => name_of(matched.id.as_deref()?),
        Op::ExecuteScript | Op::Resize => name_of(&member("id")?),
        _ => None,
    }
}

/// Carries out an operation.
pub(super) fn dispatch(world: &mut World, matched: &Matched, request: &Request) -> Result<Reply, Refused> {
    if matched.operation == Op::Tokens {
        let (account, access_key) = sign_in::signer(world, request)?;
        return sign_in::grant(world, &account, &access_key);
    }
    let (account, region) = sign_in::bearer(world, request)?;
    if matched.operation == Op::Center {
        return sign_in::center(world, &region, request);
    }
    // A token is for its own region; the platform's is for none.
    if matched.region.as_ref() != Some(&region) {
        return Err(Refused::new(NO_RIGHTS));
    }
    let here = Here { account, region };
    match matched.operation {
        Op::Tokens | Op::Center => Ok(wire::missed()),
        Op::ResourceGroups => Ok(catalog::resource_groups(world)),
        Op::Resources => catalog::resources(world, request),
        Op::MountDirs => Ok(catalog::mount_dirs()),
        Op::Images => catalog::images(world, request),
        Op::Create => {
            let members = Members::read(request)?;
            let id = create::create(world, &here.account, &here.region, &members)?;
            Ok(wire::taken(&id, &json!(id)))
        }
        Op::Start => here.start(world, request),
        Op::Stop => here.end(world, request, false),
        Op::Delete => here.end(world, request, true),
        Op::Detail => {
            let (_, machine) = here.owned(world, matched.id.as_deref().unwrap_or_default())?;
            let reply = wire::data(&show::detail(world, &machine));
            Ok(wire::showing(reply, "/data", None, vec![machine.name]))
        }
        Op::Url => {
            let (_, machine) = here.owned(world, matched.id.as_deref().unwrap_or_default())?;
            show::page(&machine)
                .map(|url| wire::data(&json!(url)))
                .ok_or_else(|| Refused::invalid("id"))
        }
        Op::ListByQuery | Op::ListByBody => here.list(world, matched.operation, request),
        Op::ExecuteScript => here.execute_script(world, &Members::read(request)?),
        Op::Resize => here.resize(world, &Members::read(request)?),
    }
}

/// Whose machines, and where.
struct Here {
    account: Key,
    region: String,
}

impl Here {
    fn detail<'a>(&self, machine: &'a Machine) -> Option<&'a Detail> {
        match &machine.detail {
            MachineDetail::Scnet(detail) if detail.region == self.region && machine.account == self.account.1 => {
                Some(detail)
            }
            _ => None,
        }
    }

    fn owned(&self, world: &World, id: &str) -> Result<(Key, Machine), Refused> {
        let key = (Cloud::Scnet, id.to_owned());
        world
            .machines
            .get(&key)
            .filter(|machine| self.detail(machine).is_some() && machine.alive())
            .map(|machine| (key, machine.clone()))
            .ok_or_else(|| Refused::invalid("id"))
    }

    fn list(&self, world: &World, form: Op, request: &Request) -> Result<Reply, Refused> {
        let settings = &world.scnet.settings;
        let (start, limit) = match (form, settings.lists) {
            (Op::ListByQuery, Lists::Both | Lists::Query) => {
                let read = |name: &str| wire::query(request, name).first().and_then(|text| text.parse().ok());
                (read("start").unwrap_or(0), read("limit").unwrap_or(DEFAULT_PAGE))
            }
            (Op::ListByBody, Lists::Both | Lists::Body) => {
                let members = Members::read(request)?;
                let read = |name: &str| usize::try_from(members.integer(name)?).map_err(|_| Refused::invalid(name));
                (read("start")?, read("limit")?)
            }
            _ => return Ok(wire::missed()),
        };
        let now = world.now();
        let mut machines: Vec<&Machine> = world
            .machines
            .values()
            .filter(|machine| self.detail(machine).is_some() && machine.listed(now))
            .collect();
        machines.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        let total = machines.len();
        let page: Vec<&Machine> = machines
            .into_iter()
            .skip(start)
            .take(limit.min(settings.most_listed))
            .collect();
        let names = page.iter().map(|machine| machine.name.clone()).collect();
        let rows: Vec<Value> = page.into_iter().map(|machine| show::row(world, machine)).collect();
        Ok(if settings.bare_lists {
            wire::showing(wire::data(&json!(rows)), "/data", None, names)
        } else {
            let data = json!({"total": total, "data": rows});
            wire::showing(wire::data(&data), "/data/data", Some("/data/total"), names)
        })
    }

    fn start(&self, world: &mut World, request: &Request) -> Result<Reply, Refused> {
        let ids = wire::query(request, "instanceServiceId");
        let id = ids.first().ok_or_else(|| Refused::missing("instanceServiceId"))?;
        let (key, machine) = self.owned(world, id)?;
        create::in_credit(world, &self.account)?;
        if !matches!(machine.phase, Phase::Stopped { .. }) {
            return Err(Refused::invalid("status"));
        }
        let now = world.now();
        world.enter(&key, Phase::Starting, now);
        Ok(wire::taken(id, &json!(id)))
    }

    /// Stops or deletes all that are named: each of them must be there, and in a state that allows it.
    fn end(&self, world: &mut World, request: &Request, delete: bool) -> Result<Reply, Refused> {
        let ids = wire::query(request, "ids");
        let first = ids.first().ok_or_else(|| Refused::missing("ids"))?;
        let mut found = Vec::new();
        for id in &ids {
            let (key, machine) = self.owned(world, id)?;
            let is_allowed = match machine.phase {
                Phase::Destroying => false,
                Phase::Running => !delete || world.scnet.settings.deletes_running,
                Phase::Stopped { .. } => delete,
                _ => true,
            };
            if !is_allowed {
                return Err(Refused::invalid("status"));
            }
            found.push(key);
        }
        let now = world.now();
        for key in found {
            if delete {
                world.destroy(&key, Cause::Api);
            } else {
                world.enter(&key, Phase::Stopping { release: true }, now);
            }
        }
        Ok(wire::taken(first, &Value::Null))
    }

    fn execute_script(&self, world: &mut World, members: &Members) -> Result<Reply, Refused> {
        let (key, machine) = self.owned(world, members.word("id")?)?;
        let script = members.word("startScriptContent")?;
        members.one_of("startScriptActionScope", &["all", "header"])?;
        if machine.phase != Phase::Running || !script.ends_with('\n') {
            return Err(Refused::invalid("startScriptContent"));
        }
        if let Some(MachineDetail::Scnet(detail)) = world.machines.get_mut(&key).map(|machine| &mut machine.detail) {
            detail.scripts.push(script.to_owned());
        }
        Ok(wire::taken(&key.1, &Value::Null))
    }

    fn resize(&self, world: &mut World, members: &Members) -> Result<Reply, Refused> {
        let (key, machine) = self.owned(world, members.word("id")?)?;
        let count = members.integer("gpuNumber")?;
        let detail = self.detail(&machine).ok_or_else(|| Refused::invalid("id"))?;
        let resized = Detail {
            cores: members.integer("cpuNumber")?,
            memory_mb: members.integer("ramSize")?,
            ..detail.clone()
        };
        if !matches!(machine.phase, Phase::Stopped { .. }) {
            return Err(Refused::invalid("status"));
        }
        create::check_size(world, &machine.gpu_model, &resized, count)?;
        let count = u32::try_from(count).map_err(|_| Refused::invalid("gpuNumber"))?;
        let tariff = create::tariff(world, count);
        if let Some(machine) = world.machines.get_mut(&key) {
            machine.gpu_count = count;
            machine.tariff = tariff;
            machine.detail = MachineDetail::Scnet(resized);
        }
        Ok(wire::taken(&key.1, &Value::Null))
    }
}
