//! Everything that a test has to itself, and waiting for what should become of it.

use std::fmt::Write as _;
use std::ops::Deref;
use std::time::{Duration, Instant};

use cloudsim::{AccountConfig, AccountHandle, Change, CloudHandle, Cloudsim, Fault, NewMachine, Phase};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::clouds::CloudFacts;
use super::cluster::{Cluster, Kind};
use super::manifest::{credentials, provider};
use super::object::{Event, Object};
use super::process::{Launch, Operator};
use super::setup::Setup;

/// How long anything may take that should happen, on a machine that has much else to do. Whoever finds the claim of one
/// that died waits for a minute and a half before it is believed.
pub const PATIENCE: Duration = Duration::from_mins(4);

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An operator, a simulator and a namespace. Reads and writes of the namespace are the [`Cluster`]'s.
pub struct Scene {
    // Dropped first: it must not see the cloud go.
    pub operator: Operator,
    pub at: &'static CloudFacts,
    pub sim: Cloudsim,
    pub cluster: Cluster,
    logs: TempDir,
}

impl Deref for Scene {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Scene {
    /// A scene of these, at this cloud; the operator writes its log into the folder.
    pub fn of(at: &'static CloudFacts, operator: Operator, sim: Cloudsim, cluster: Cluster, logs: TempDir) -> Self {
        Self {
            operator,
            at,
            sim,
            cluster,
            logs,
        }
    }

    /// The usual scene, in the namespace of this name, with the operator ready. It leads without a Lease: no kubelet is
    /// there to start one again that has lost it, as happens where the API server has too much to do.
    pub async fn start(name: &str) -> Self {
        Setup::new(name).flag("--leader-elect=false").start().await
    }

    /// One more account at XGC, `u-<name>` with the token `token-of-<name>`, and the provider `<name>` that uses it.
    pub async fn add_provider(&self, name: &str, spec: Value) {
        let token = format!("token-of-{name}");
        let account = AccountConfig::with_tokens(&format!("u-{name}"), [token.as_str()]);
        self.sim.xgc().add_account(&account);
        self.apply(credentials(name, &token)).await;
        self.apply(provider(name, &self.sim, spec)).await;
    }

    /// The account's machines, as XGC's API shows them.
    pub async fn shown_by_xgc(&self, account: &str) -> Vec<Value> {
        let token = self.sim.xgc().account(account).token();
        let url = format!("{}/open/instances", self.sim.xgc().url());
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["data"]["list"].as_array().unwrap().clone()
    }

    /// An object at this scene's cloud; see [`CloudFacts::instance`].
    pub fn instance(&self, name: &str, spec: Value) -> Value {
        self.at.instance(name, spec)
    }

    /// This scene's cloud, as its simulator has it.
    pub fn cloud(&self) -> CloudHandle<'_> {
        self.sim.cloud(self.at.cloud)
    }

    /// The account that the scene's provider speaks for.
    pub fn account(&self) -> AccountHandle<'_> {
        self.cloud().account(self.at.account)
    }

    /// Puts what the account signs in with now into the provider's Secret.
    pub async fn apply_credentials(&self) {
        self.apply(self.at.credentials(self.at.name, &self.account().report()))
            .await;
    }

    /// A machine in the account that this operator did not make.
    pub fn plant(&self, name: &str) -> String {
        let machine = NewMachine::named(self.at.cloud, self.at.account, name);
        self.sim.plant(&machine).unwrap().id
    }

    /// How often machines were ordered.
    pub fn orders(&self) -> u64 {
        self.sim.call_count(self.at.calls.create)
    }

    /// How often the account was listed.
    pub fn lists(&self) -> u64 {
        self.sim.call_count(self.at.calls.list)
    }

    /// How many calls there were that change a machine which exists, deletes among them.
    pub fn changes(&self) -> u64 {
        let calls = &self.at.calls;
        let all = calls.change.iter().chain(calls.delete);
        all.map(|operation| self.sim.call_count(operation)).sum()
    }

    /// Takes an instance away by force, with whatever its finalizer was to see to.
    pub async fn tear_out(&self, name: &str) {
        let nothing = json!({ "metadata": { "finalizers": null } });
        self.patch(Kind::GpuInstance, name, nothing).await;
        self.delete(Kind::GpuInstance, name).await;
        self.until_gone(Kind::GpuInstance, name).await;
    }

    /// What a machine does.
    pub fn phase(&self, id: &str) -> Phase {
        self.sim.machine(id).unwrap().phase
    }

    /// Stops a machine as somebody does in the cloud's console, and waits until it was started again.
    pub async fn stop_and_see_it_started(&self, id: &str) {
        let stopped_at = self.stop_elsewhere(id);
        self.until_cloud("started again", |sim| {
            let machine = sim.machine(id).unwrap();
            machine.phase == Phase::Running && machine.started_at > stopped_at
        })
        .await;
    }

    /// Stops a machine as somebody does in the cloud's console; says when that was.
    pub fn stop_elsewhere(&self, id: &str) -> Option<Timestamp> {
        let release = self.at.gives_gpu_back;
        self.sim.change(id, Change::Stop { release }).unwrap().stopped_at
    }

    /// Sets a fault, and waits until so many calls have met it; gives its id.
    pub async fn fault_met(&self, fault: Fault, times: u64) -> u64 {
        let id = self.sim.fault(fault);
        let met = |sim: &Cloudsim| {
            sim.faults()
                .iter()
                .any(|report| report.id == id && report.fired >= times)
        };
        self.until_cloud("the fault was met", met).await;
        id
    }

    /// Waits until the account was listed so many times more, so that what would have been done about it is done.
    pub async fn after_lists(&self, more: u64) {
        let before = self.lists();
        let list = self.at.calls.list;
        self.until_cloud("more lists", |sim| sim.call_count(list) >= before + more)
            .await;
    }

    /// How many machines were rented and destroyed by calls.
    pub fn rented_and_destroyed(&self) -> (u64, u64) {
        let destroyed = self
            .at
            .calls
            .delete
            .iter()
            .map(|operation| self.sim.call_count(operation));
        (self.orders(), destroyed.sum())
    }

    /// Goes on in another namespace.
    pub fn go_to(&mut self, namespace: &str) {
        namespace.clone_into(&mut self.cluster.namespace);
    }

    /// A second operator that contends for the same Lease.
    pub async fn start_replica(&self, replica: &str) -> Operator {
        let launch = Launch {
            replica: replica.to_owned(),
            log: self.logs.path().join(format!("{replica}.log")),
            crash_point: None,
            ..self.operator.launch().clone()
        };
        Operator::start(launch).await
    }

    /// Waits until an object is so.
    pub async fn until(&self, kind: Kind, name: &str, what: &str, is_so: impl Fn(&Object) -> bool) -> Object {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(object) = self.find(kind, name).await.filter(|object| is_so(object)) {
                return object;
            }
            assert!(
                Instant::now() < deadline,
                "{kind:?} {name} did not come to this: {what}\n{}",
                self.story(kind, name).await
            );
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until an instance is so.
    pub async fn until_instance(&self, name: &str, what: &str, is_so: impl Fn(&Object) -> bool) -> Object {
        self.until(Kind::GpuInstance, name, what, is_so).await
    }

    /// Waits until an instance is Ready and running.
    pub async fn until_ready(&self, name: &str) -> Object {
        self.until_ready_in(name, "Running").await
    }

    /// Waits until an instance is Ready in this state.
    pub async fn until_ready_in(&self, name: &str, state: &str) -> Object {
        let what = format!("Ready, state {state}");
        self.until_instance(name, &what, |object| object.is_ready_in(state))
            .await
    }

    /// Waits until an instance is bound to its machine by its annotation.
    pub async fn until_bound(&self, name: &str) -> Object {
        let is_bound = |object: &Object| !object.binding().is_empty();
        self.until_instance(name, "bound by its annotation", is_bound).await
    }

    /// Waits until an instance is not Ready for this reason.
    pub async fn until_not_ready(&self, name: &str, reason: &str) -> Object {
        let what = format!("Ready=False, reason {reason}");
        self.until_instance(name, &what, |object| object.is_not_ready_for(reason))
            .await
    }

    /// Waits until an object does not exist.
    pub async fn until_gone(&self, kind: Kind, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.find(kind, name).await.is_some() {
            assert!(
                Instant::now() < deadline,
                "{kind:?} {name} is still there\n{}",
                self.story(kind, name).await
            );
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the cloud is so.
    pub async fn until_cloud(&self, what: &str, is_so: impl FnMut(&Cloudsim) -> bool) {
        if !self.sim.wait_until(PATIENCE, is_so).await {
            let calls = self.sim.call_counts();
            let machines = self.sim.machines();
            panic!("the cloud did not come to this: {what}\ncalls: {calls:?}\nmachines: {machines:#?}");
        }
    }

    /// Waits until something is told of an object for this reason.
    pub async fn until_event(&self, about: &str, reason: &str) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let events = self.events_of(about).await;
            if let Some(event) = events.iter().find(|event| event.reason == reason) {
                return event.clone();
            }
            assert!(
                Instant::now() < deadline,
                "nothing was told of {about} for the reason {reason}: {events:#?}"
            );
            sleep(LOOK_EVERY).await;
        }
    }

    /// Everything that is known of an object, for who has to find out what went wrong. The operator's log follows when
    /// the scene is dropped.
    pub async fn story(&self, kind: Kind, name: &str) -> String {
        let mut story = match self.find(kind, name).await {
            Some(object) => format!("--- {kind:?} {name} ---\n{object}\n"),
            None => format!("--- there is no {kind:?} {name} ---\n"),
        };
        story.push_str("--- events ---\n");
        for event in self.events().await {
            let _ = writeln!(story, "{event}");
        }
        let _ = writeln!(story, "--- calls to the cloud ---\n{:?}", self.sim.call_counts());
        for machine in self.sim.machines() {
            let _ = writeln!(
                story,
                "{} {} {} alive={}",
                machine.id, machine.name, machine.state, machine.alive
            );
        }
        story
    }
}
