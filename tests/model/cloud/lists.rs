//! What the cloud shows: lists, details and tasks.

use std::collections::{BTreeMap, BTreeSet};

use gpu_instance_operator::api::status::InstanceState::{self, Expired, Running, Stopped};
use gpu_instance_operator::provider::{Detail, Error, Kind, Listing, Machine, Proof, Result, Scope, Ssh, TaskState};
use jiff::Timestamp;

use super::{Cloud, Habits, Profile, REGIONS, Rented};

impl Cloud {
    pub(super) fn list(&self, account: &str, scope: &Scope) -> Listing {
        let regions = self.regions(scope);
        let mut books = self.books();
        let at = self.world.now() - books.habits.lag;
        let habits = books.habits.clone();
        books.habits.forgets_once = false;
        let is_read = |machine: &Rented| match (&regions, &machine.region) {
            (Some(regions), Some(region)) => regions.contains(region) && !habits.unreadable.contains(region),
            _ => true,
        };
        let shown = books
            .machines
            .iter()
            .filter(|machine| machine.account == account && is_read(machine) && !habits.forgets_once);
        let rows = shown.filter_map(|machine| Some(row(machine, machine.state(at)?, &habits, &self.profile)));
        let machines = rows.take(habits.cut_short.unwrap_or(usize::MAX)).collect();
        Listing {
            machines,
            proof: proof(&habits, scope, regions.is_some()),
        }
    }

    /// The regions that a list is of: those in use; all, while none is.
    fn regions(&self, scope: &Scope) -> Option<BTreeSet<String>> {
        self.profile.lists_by_region.then(|| {
            if scope.regions.is_empty() {
                REGIONS.map(str::to_owned).into()
            } else {
                scope.regions.clone()
            }
        })
    }

    pub(super) fn describe(&self, account: &str, machine: &Machine) -> Result<Machine> {
        let now = self.world.now();
        let books = self.books();
        let found = books
            .machines
            .iter()
            .find(|rented| rented.id == machine.id && rented.account == account);
        let Some((rented, state)) = found.and_then(|rented| Some((rented, rented.state(now)?))) else {
            return Err(Error::new(Kind::NotFound, format!("no machine {}", machine.id)));
        };
        let mut told = row(rented, state, &books.habits, &self.profile);
        told.ssh = (state == Running).then(|| ssh(rented));
        Ok(told)
    }

    pub(super) fn task(&self, task: &str) -> Result<TaskState> {
        let now = self.world.now();
        let books = self.books();
        let Some(found) = books.tasks.get(task) else {
            return Err(Error::new(Kind::NotFound, format!("no task {task}")));
        };
        if now < found.ends {
            return Ok(TaskState::Running);
        }
        Ok(if found.fails {
            TaskState::Failed("the model's task failed".into())
        } else {
            TaskState::Succeeded(found.machine.iter().cloned().collect())
        })
    }
}

fn proof(habits: &Habits, scope: &Scope, by_region: bool) -> Proof {
    if habits.incomplete {
        return Proof::Incomplete("page 2 could not be read".into());
    }
    if habits.hides_names {
        return Proof::Incomplete("a machine is shown without a name".into());
    }
    if habits.cut_short.is_some() {
        return Proof::Incomplete("fewer machines were shown than there are said to be".into());
    }
    let unread = |region: &String| {
        let unknown = scope.held.contains(region) && !REGIONS.contains(&region.as_str());
        unknown || habits.unreadable.contains(region)
    };
    let wanted = scope.regions.iter().cloned();
    let regions: BTreeMap<String, Error> = wanted
        .chain(habits.unreadable.iter().cloned())
        .filter(unread)
        .map(|region| {
            let why = format!("region {region} does not answer");
            (region, Error::new(Kind::Transient, why))
        })
        .collect();
    if by_region && !regions.is_empty() {
        Proof::Except(regions)
    } else {
        Proof::Complete
    }
}

fn ssh(machine: &Rented) -> Ssh {
    Ssh {
        host: format!("{}.cloud.test", machine.id),
        port: 22,
        user: "root".into(),
    }
}

fn row(machine: &Rented, state: InstanceState, habits: &Habits, profile: &Profile) -> Machine {
    // What is shown of a machine whose time is over is a machine that is stopped; some say why.
    let shown = if state == Expired { Stopped } else { state };
    let shown = habits.shows.unwrap_or(shown);
    let word: &str = shown.into();
    let mut row = Machine::new(&machine.id, shown, word.to_lowercase());
    row.name = (!habits.hides_names).then(|| machine.name.clone());
    row.region.clone_from(&machine.region);
    row.expired = profile.shows_expiry && state == Expired;
    row.price_per_hour = profile.shows_price.then_some(machine.price);
    row.currency = profile.shows_price.then_some(profile.capabilities.currency);
    if habits.words_otherwise {
        row.image = Some(format!("registry.cloud.test/{}:latest", machine.image));
        row.gpu_model = Some("NVIDIA-GeForce-RTX-4090-24G".to_owned());
        row.gpu_count = Some(machine.gpus);
    }
    row.created_at = Some(Timestamp::from_second(machine.made.as_second()).unwrap());
    let is_told = profile.capabilities.detail == Detail::InList;
    row.ssh = (shown == Running && is_told).then(|| ssh(machine));
    row
}
