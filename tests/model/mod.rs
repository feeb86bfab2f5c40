//! The operator's real loop against an API server and a cloud in memory, in virtual time, all by a seed.

mod api_server;
mod cloud;
mod process;
mod queue;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gpu_instance_operator::api::Cloud as Name;
use gpu_instance_operator::api::remote_name::object_key;
use gpu_instance_operator::api::status::InstanceState;
use serde_json::{Value, json};

pub use api_server::ApiServer;
pub use cloud::{Cloud, Profile, REGIONS, Rented};
pub use process::Process;
pub use world::{Effect, Fate, Weather, World};

/// A world with one account, one provider, and an operator that is started again whenever it dies.
pub struct Model {
    pub world: Arc<World>,
    pub api: Arc<ApiServer>,
    pub cloud: Arc<Cloud>,
    pub operator: Process,
    /// Another process of the operator, which leads no more or thinks so.
    pub rival: Option<Process>,
    processes: u32,
    /// How many calls there had been when all was last looked at.
    looked_at: usize,
    /// Machines of which a deletion policy has let go.
    pub kept: BTreeSet<String>,
    /// Machines that are somebody else's.
    pub foreign: BTreeSet<String>,
}

/// Runs a life of the model in virtual time, and tells what went wrong in it.
pub fn run<F: Future<Output = Result<(), String>>>(seed: u64, life: impl FnOnce(Model) -> F) -> Result<(), String> {
    run_at(Name::Xgc, seed, life)
}

/// The same, at this cloud.
pub fn run_at<F: Future<Output = Result<(), String>>>(
    cloud: Name,
    seed: u64,
    life: impl FnOnce(Model) -> F,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime
        .block_on(async { life(Model::new(cloud, seed)).await })
        .map_err(|why| format!("{cloud}, seed {seed}: {why}"))
}

impl Model {
    pub fn new(cloud: Name, seed: u64) -> Self {
        let world = World::new(seed);
        let profile = Profile::of(cloud);
        let api = ApiServer::new(Arc::clone(&world));
        let cloud = Cloud::new(Arc::clone(&world), profile);
        api.create("secrets", json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "xgc" }, "data": { "token": "dG9rZW4tMQ==" },
        }));
        api.create(
            "gpuproviders",
            json!({
                "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuProvider", "metadata": { "name": "xgc" },
                "spec": profile.account("xgc"),
            }),
        );
        let truth = Arc::clone(&api);
        let clock = Arc::clone(&world);
        cloud.audit_with(Box::new(move |name| audit(&truth, &clock, name)));
        let operator = Process::start(1, &world, &api, &cloud);
        Self {
            world,
            api,
            cloud,
            operator,
            rival: None,
            processes: 1,
            looked_at: 0,
            kept: BTreeSet::new(),
            foreign: BTreeSet::new(),
        }
    }

    /// A user creates an instance.
    pub fn create(&self, name: &str, spec: &Value) {
        let mut whole = self.cloud.profile.order();
        whole["providerRef"] = json!({ "name": "xgc" });
        for (key, value) in spec.as_object().unwrap() {
            whole[key] = value.clone();
        }
        self.world.note(format!("user: create {name} {spec}"));
        self.api.create(
            "gpuinstances",
            json!({
                "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuInstance",
                "metadata": { "name": name }, "spec": whole,
            }),
        );
    }

    /// A user changes the spec of an instance.
    pub fn edit(&self, name: &str, spec: &Value) {
        self.world.note(format!("user: edit {name} {spec}"));
        self.api.change("gpuinstances", name, &json!({ "spec": spec }));
    }

    pub fn delete(&self, name: &str) {
        self.world.note(format!("user: delete {name}"));
        self.api.delete("gpuinstances", name);
    }

    pub fn instance(&self, name: &str) -> Option<Value> {
        self.api.get("gpuinstances", name)
    }

    /// A field of the instance's status.
    pub fn status(&self, name: &str, field: &str) -> Value {
        self.instance(name)
            .map_or(Value::Null, |object| object["status"][field].clone())
    }

    /// The reason of the instance's Ready condition.
    pub fn reason(&self, name: &str) -> String {
        self.condition(name, "Ready")["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub fn condition(&self, name: &str, kind: &str) -> Value {
        let conditions = self.status(name, "conditions");
        let found = conditions
            .as_array()
            .and_then(|all| all.iter().find(|condition| condition["type"] == kind));
        found.cloned().unwrap_or(Value::Null)
    }

    /// Ready, for what the spec says now.
    pub fn is_ready(&self, name: &str) -> bool {
        let Some(object) = self.instance(name) else {
            return false;
        };
        let ready = self.condition(name, "Ready");
        ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
    }

    /// A rival takes over while the operator believes that it still leads.
    pub fn start_rival(&mut self) {
        self.processes += 1;
        self.rival = Some(Process::start(self.processes, &self.world, &self.api, &self.cloud));
    }

    /// The operator dies, and comes back with an empty memory.
    pub fn restart(&mut self) {
        self.processes += 1;
        self.operator = Process::start(self.processes, &self.world, &self.api, &self.cloud);
    }

    /// Lets a second pass: whoever died is started again, and all that must always hold is looked at.
    pub async fn second(&mut self) -> Result<(), String> {
        let tick = tokio::time::sleep(Duration::from_secs(1));
        let _ = tokio::time::timeout(Duration::from_secs(1), self.world.death.notified()).await;
        if self.world.is_dead(self.operator.id) {
            tokio::time::sleep(self.world.span(500, 4_000)).await;
            self.restart();
        }
        tick.await;
        if let Some(panic) = self.operator.panicked() {
            self.world.wrong(panic);
        }
        // Where nobody has asked for anything, nothing new can have gone wrong.
        let calls = self.world.count();
        if calls != self.looked_at {
            self.looked_at = calls;
            self.look();
        }
        self.world.verdict()
    }

    /// Waits until it holds, up to this many seconds.
    pub async fn until(&mut self, what: &str, seconds: u32, holds: impl Fn(&Self) -> bool) -> Result<(), String> {
        for _ in 0..seconds {
            self.second().await?;
            if holds(self) {
                return Ok(());
            }
        }
        let seen: Vec<_> = self
            .api
            .all("gpuinstances")
            .iter()
            .map(|object| object["status"].to_string())
            .collect();
        self.world.wrong(format!(
            "not {what} after {seconds} s; instances: {}",
            seen.join("\n  ")
        ));
        self.world.verdict()
    }

    pub async fn seconds(&mut self, seconds: u32) -> Result<(), String> {
        for _ in 0..seconds {
            self.second().await?;
        }
        Ok(())
    }

    /// What must hold at every moment.
    fn look(&self) {
        let objects = self.api.all("gpuinstances");
        let machines = self.cloud.machines();
        for machine in &machines {
            let twin = machines
                .iter()
                .find(|other| other.id > machine.id && of_one_object(other, machine));
            if let Some(twin) = twin {
                self.world
                    .wrong(format!("{} and {} are both made for one object", machine.id, twin.id));
            }
            let known = objects.iter().any(|object| knows(object, machine));
            let others = self.foreign.contains(&machine.id) || self.kept.contains(&machine.id);
            if !known && !others {
                self.world.wrong(format!(
                    "machine {} ({}) has no object any more",
                    machine.id, machine.name
                ));
            }
        }
        for id in self.cloud.touched() {
            if self.foreign.contains(&id) {
                self.world
                    .wrong(format!("machine {id} is somebody else's, and was touched"));
            }
        }
    }

    /// Faults are over: everything comes to rest as the specs ask, and then nothing is written any more.
    pub async fn settles(&mut self) -> Result<(), String> {
        self.world.calm();
        self.until("at rest", 1500, Self::is_settled).await?;
        // A change that was just made may still be told of.
        self.seconds(90).await?;
        let before = self.world.writes();
        self.seconds(300).await?;
        if self.world.writes() != before {
            self.world
                .wrong(format!("{} writes at rest", self.world.writes() - before));
        }
        if !self.is_settled() {
            self.world.wrong("it did not stay at rest");
        }
        self.world.verdict()
    }

    fn is_settled(&self) -> bool {
        let names: Vec<String> = self.api.all("gpuinstances").iter().map(name_of).collect();
        names.iter().all(|name| {
            let object = self.instance(name).unwrap_or(Value::Null);
            let runs = object["spec"]["power"] != "Stopped";
            let id = object["status"]["instanceId"].as_str().unwrap_or_default();
            let expected = if runs {
                Some(InstanceState::Running)
            } else {
                Some(InstanceState::Stopped)
            };
            let state = self.cloud.state(id);
            object["metadata"]["deletionTimestamp"].is_null()
                && self.is_ready(name)
                && (state == expected || (!runs && id.is_empty()))
        })
    }
}

fn name_of(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
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

/// Whether the object still holds on to the machine: while it does, its finalizer is there.
fn knows(object: &Value, machine: &Rented) -> bool {
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    let held = object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|held| held.iter().any(|f| f == "gpuinstance.dev/instance"));
    let named = machine.name.starts_with(&format!("gi-model-{}", object_key(uid)));
    held && (named || object["status"]["instanceId"] == machine.id.as_str())
}

/// Whether the order of this name may be carried out now.
fn audit(api: &ApiServer, world: &World, name: &str) -> Result<(), String> {
    let objects = api.all("gpuinstances");
    let object = objects.iter().find(|object| object["status"]["claim"]["name"] == name);
    let Some(object) = object else {
        return Err("no object claims it".into());
    };
    let holds = |object: &Value, finalizer: &str| {
        object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|held| held.iter().any(|held| held == finalizer))
    };
    if !holds(object, "gpuinstance.dev/instance") {
        return Err("its object has no finalizer".into());
    }
    if !object["status"]["instanceId"].is_null() {
        return Err("its object has a machine".into());
    }
    for (kind, holder) in [("gpuproviders", "xgc"), ("secrets", "xgc")] {
        if !api
            .get(kind, holder)
            .is_some_and(|found| holds(&found, "gpuinstance.dev/in-use"))
        {
            return Err(format!("{kind} {holder} is not protected"));
        }
    }
    let deadline: jiff::Timestamp = object["status"]["claim"]["deadline"].as_str().unwrap().parse().unwrap();
    // It was sent in time; on its way it may take as long as a call may take.
    if world.now() > deadline + Duration::from_secs(30) {
        return Err(format!("its deadline {deadline} is over"));
    }
    Ok(())
}
