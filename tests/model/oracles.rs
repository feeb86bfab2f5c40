//! What must hold at every moment, at every order, and when an object goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gpu_instance_operator::api::GpuInstance;
use gpu_instance_operator::api::instance::DeletionPolicy;
use gpu_instance_operator::api::remote_name::object_key;
use gpu_instance_operator::api::status::InstanceState;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::api_server::ApiServer;
use super::cloud::{Cloud, Rented};
use super::world::World;

/// How long a call may be on its way to the cloud, at most: what is carried out now was decided that long ago.
const ON_THE_WAY: SignedDuration = SignedDuration::from_secs(30);

/// How long a call goes on that was begun on what was true then, and its way to the cloud.
const STALE: SignedDuration = SignedDuration::from_secs(60);

/// What is known besides what the API server and the cloud say.
#[derive(Default)]
pub struct Oracles {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Machines of which a deletion policy has let go.
    kept: BTreeSet<String>,
    /// Those among them that were there then, and that nobody had asked the cloud to delete.
    let_go: BTreeSet<String>,
    /// Machines that are somebody else's.
    foreign: BTreeSet<String>,
    /// Machines that an object was bound to, whoever made them.
    adopted: BTreeSet<String>,
    /// When the spec of each object was changed last, by the object's name.
    edited: BTreeMap<String, Timestamp>,
    /// Until then the limits were other ones, or two processes kept their own books.
    limits_unsure_until: Option<Timestamp>,
    /// For how long a machine may be there besides the one in use.
    extra_for: Duration,
    /// Since when there has been one.
    extra_since: Option<Timestamp>,
}

impl Oracles {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// These machines are somebody else's: they must not be touched.
    pub fn belong_to_others<S: Into<String>>(&self, ids: impl IntoIterator<Item = S>) {
        self.known().foreign.extend(ids.into_iter().map(Into::into));
    }

    /// None is somebody else's any more.
    pub fn belong_to_nobody_else(&self) {
        self.known().foreign.clear();
    }

    /// Whether the machine is ours to pay for, and to look after.
    pub fn is_ours(&self, machine: &Rented) -> bool {
        let known = self.known();
        !known.kept.contains(&machine.id) && !known.foreign.contains(&machine.id)
    }

    /// The limits are other ones from now on: what was under way for the old ones is on its way for a while.
    pub fn limits_change(&self, now: Timestamp) {
        self.known().limits_unsure_until = Some(now + SignedDuration::from_mins(3));
    }

    /// An order that was thought lost may be carried out: its machine may be there, besides the one in use, this long.
    pub fn may_be_extra_for(&self, span: Duration) {
        self.known().extra_for = span;
    }

    /// Whether the order of this name may be carried out now.
    pub fn order(&self, world: &World, api: &ApiServer, machines: &[Rented], name: &str) -> Result<(), String> {
        world.looked("each order is claimed, wanted and protected");
        let objects = api.all("gpuinstances");
        let object = objects.iter().find(|object| object["status"]["claim"]["name"] == name);
        let Some(object) = object else {
            let is_late = !self.known().extra_for.is_zero();
            return if is_late {
                Ok(())
            } else {
                Err("no object claims it".into())
            };
        };
        if !holds(object, "gpuinstance.dev/instance") {
            return Err("its object has no finalizer".into());
        }
        if !object["status"]["instanceId"].is_null() {
            return Err("its object has a machine".into());
        }
        let provider = provider_of(api, object).ok_or("its provider is gone")?;
        if !holds(&provider, "gpuinstance.dev/in-use") {
            return Err("its provider is not protected".into());
        }
        if !secret_of(api, &provider).is_some_and(|secret| holds(&secret, "gpuinstance.dev/in-use")) {
            return Err("the Secret of its provider is not protected".into());
        }
        let deadline: Timestamp = object["status"]["claim"]["deadline"].as_str().unwrap().parse().unwrap();
        if self.known().extra_for.is_zero() && world.host_at_sending(ON_THE_WAY) > deadline + ON_THE_WAY {
            return Err(format!("its deadline {deadline} is over"));
        }
        self.limits(world, &provider, machines)
    }

    /// The spec of this object is another one from now on.
    pub fn edited(&self, name: &str, now: Timestamp) {
        self.known().edited.insert(name.to_owned(), now);
    }

    /// Whether this machine may be started now: its object wants it to run, or did when the call was begun.
    pub fn start(&self, world: &World, api: &ApiServer, id: &str) -> Result<(), String> {
        world.looked("each start is wanted");
        let objects = api.all("gpuinstances");
        let Some(object) = objects.iter().find(|object| object["status"]["instanceId"] == id) else {
            return Err("no object has it".into());
        };
        let (name, spec) = (&object["metadata"]["name"], &object["spec"]);
        let edited = self.known().edited.get(name.as_str().unwrap_or_default()).copied();
        if edited.is_some_and(|edited| world.now() < edited + STALE) {
            return Ok(());
        }
        let deleted = !object["metadata"]["deletionTimestamp"].is_null();
        if deleted || spec["power"] == "Stopped" || spec["suspend"] == true {
            return Err(format!(
                "{name} has not wanted it for {STALE:#}, deleted: {deleted}, {spec}"
            ));
        }
        Ok(())
    }

    fn limits(&self, world: &World, provider: &Value, machines: &[Rented]) -> Result<(), String> {
        let unsure = self
            .known()
            .limits_unsure_until
            .is_some_and(|until| world.now() < until);
        let Some(most) = provider["spec"]["limits"]["instances"].as_u64().filter(|_| !unsure) else {
            return Ok(());
        };
        world.looked("limits hold at each order");
        let ours = machines
            .iter()
            .filter(|machine| machine.name.starts_with("gi-model-") && self.is_ours(machine));
        let count = ours.count() as u64;
        if count >= most {
            return Err(format!("{count} machines are there, and the limit is {most}"));
        }
        Ok(())
    }

    /// An object goes for good: nothing that it held may be left, unless its policy says so.
    pub fn object_goes(&self, world: &World, cloud: &Cloud, object: &Value) {
        let Ok(instance) = GpuInstance::deserialize(object) else {
            return;
        };
        if instance.spec.image.is_none() && object["kind"] != "GpuInstance" {
            return;
        }
        world.looked("a finalizer goes only when nothing bills");
        let policy = instance.spec.deletion_policy();
        let bound = object["status"]["instanceId"].as_str().unwrap_or_default();
        for machine in cloud.machines() {
            let is_bound = machine.id == bound;
            if !is_bound && !is_named_for(&machine, object) {
                continue;
            }
            let state = machine.state(world.now());
            let may_stay = match policy {
                DeletionPolicy::Delete => false,
                DeletionPolicy::Retain => is_bound,
                DeletionPolicy::Stop => is_bound && state != Some(InstanceState::Running),
            };
            let is_there = state.is_some_and(|state| state != InstanceState::Deleting);
            if may_stay && is_there && !world.has_called(&format!("cloud delete {}", machine.id)) {
                self.known().let_go.insert(machine.id.clone());
            }
            if may_stay || self.known().foreign.contains(&machine.id) {
                self.known().kept.insert(machine.id);
            } else {
                world.wrong(format!(
                    "the object is let go ({policy:?}) while its machine {} is {state:?}",
                    machine.id
                ));
            }
        }
    }

    /// What must hold at every moment.
    pub fn look(&self, world: &World, api: &ApiServer, cloud: &Cloud) {
        let objects = api.all("gpuinstances");
        let machines = cloud.machines();
        self.one_each(world, &machines);
        self.none_forgotten(world, &objects, &machines);
        self.none_of_others(world, cloud);
        self.none_that_was_let_go(world, &objects, &machines);
        one_holder_each(world, &objects);
    }

    /// Machines stay behind on purpose, or whoever knew them is lost.
    pub fn are_left_behind<S: Into<String>>(&self, ids: impl IntoIterator<Item = S>) {
        self.known().kept.extend(ids.into_iter().map(Into::into));
    }

    /// Somebody takes over a machine that was left behind.
    pub fn is_taken_over(&self, id: &str) {
        self.known().kept.remove(id);
    }

    fn one_each(&self, world: &World, machines: &[Rented]) {
        world.looked("one machine an object at most");
        let twins = |machine: &Rented| {
            let is_twin = |other: &&Rented| other.id > machine.id && of_one_object(other, machine);
            machines.iter().find(is_twin).map(|twin| twin.id.clone())
        };
        let found = machines
            .iter()
            .find_map(|machine| Some((machine.id.clone(), twins(machine)?)));
        let now = world.now();
        let mut known = self.known();
        let Some((one, other)) = found else {
            known.extra_since = None;
            return;
        };
        let since = *known.extra_since.get_or_insert(now);
        let most = known.extra_for;
        drop(known);
        if now.duration_since(since) >= SignedDuration::try_from(most).unwrap() {
            world.wrong(format!(
                "{one} and {other} are both made for one object, for {most:?} or more"
            ));
        }
    }

    fn none_forgotten(&self, world: &World, objects: &[Arc<Value>], machines: &[Rented]) {
        world.looked("each machine has an object that knows it");
        let mut known = self.known();
        let bound = objects
            .iter()
            .filter_map(|object| object["status"]["instanceId"].as_str());
        known.adopted.extend(bound.map(ToOwned::to_owned));
        for machine in machines {
            if !machine.name.starts_with("gi-model-") && !known.adopted.contains(&machine.id) {
                continue;
            }
            let others = known.foreign.contains(&machine.id) || known.kept.contains(&machine.id);
            if !others && !objects.iter().any(|object| knows(object, machine)) {
                world.wrong(format!(
                    "machine {} ({}) has no object any more",
                    machine.id, machine.name
                ));
            }
        }
    }

    /// What was let go on purpose stays, unless an object takes it over, or somebody deletes it by hand.
    fn none_that_was_let_go(&self, world: &World, objects: &[Arc<Value>], machines: &[Rented]) {
        world.looked("what was let go stays");
        let mut known = self.known();
        known.let_go.retain(|id| {
            !objects
                .iter()
                .any(|object| object["status"]["instanceId"] == id.as_str())
        });
        let is_gone = |id: &&String| !machines.iter().any(|machine| machine.id == **id);
        if let Some(id) = known.let_go.iter().find(is_gone) {
            world.wrong(format!("machine {id} was let go on purpose, and is gone"));
        }
    }

    fn none_of_others(&self, world: &World, cloud: &Cloud) {
        world.looked("no machine of others is touched");
        for id in cloud.touched() {
            if self.known().foreign.contains(&id) {
                world.wrong(format!("machine {id} is somebody else's, and was touched"));
            }
        }
    }
}

/// No machine is two objects'.
fn one_holder_each(world: &World, objects: &[Arc<Value>]) {
    world.looked("one object a machine at most");
    let mut holders = BTreeMap::new();
    for object in objects {
        let status = &object["status"];
        let Some(id) = status["instanceId"].as_str() else {
            continue;
        };
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        if let Some(other) = holders.insert((id, status["accountId"].as_str()), name) {
            world.wrong(format!("{name} and {other} both hold machine {id}"));
        }
    }
}

fn holds(object: &Value, finalizer: &str) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|held| held.iter().any(|held| held == finalizer))
}

/// The provider that an instance refers to.
pub fn provider_of(api: &ApiServer, instance: &Value) -> Option<Arc<Value>> {
    let reference = &instance["spec"]["providerRef"];
    let kind = if reference["kind"] == "ClusterGpuProvider" {
        "clustergpuproviders"
    } else {
        "gpuproviders"
    };
    api.get(kind, reference["name"].as_str()?)
}

fn secret_of(api: &ApiServer, provider: &Value) -> Option<Arc<Value>> {
    let account = provider["spec"].as_object()?.values();
    let mut names = account.filter_map(|account| account["credentialsSecretRef"]["name"].as_str());
    api.get("secrets", names.next()?)
}

/// Whether two machines were made for one object, told by their names.
fn of_one_object(one: &Rented, other: &Rented) -> bool {
    let object = |machine: &Rented| {
        machine
            .name
            .strip_prefix("gi-model-")
            .map(|rest| rest[..12.min(rest.len())].to_owned())
    };
    object(one).is_some() && object(one) == object(other)
}

/// Whether the machine is the object's, by its name or because it is bound to it.
pub fn is_of(machine: &Rented, object: &Value) -> bool {
    is_named_for(machine, object) || object["status"]["instanceId"] == machine.id.as_str()
}

/// Whether the machine was made for the object.
fn is_named_for(machine: &Rented, object: &Value) -> bool {
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    machine.name.starts_with(&format!("gi-model-{}", object_key(uid)))
}

/// Whether the object still holds on to the machine: while it does, its finalizer is there.
fn knows(object: &Value, machine: &Rented) -> bool {
    let is_its_own = is_named_for(machine, object) || object["status"]["instanceId"] == machine.id.as_str();
    holds(object, "gpuinstance.dev/instance") && is_its_own
}
