//! The operator's real loop against an API server and a cloud in memory, in virtual time, all by a seed.
//!
//! A scenario is an async function over a [`Model`]: it does what users do, plans faults, waits until something holds,
//! and ends with [`Model::settles`]. What must hold always is looked at all the time, by [`oracles`].

mod api_server;
mod cloud;
mod faults;
mod look;
mod money;
mod oracles;
mod process;
mod queue;
mod rest;
mod runner;
mod user;
pub mod walk;
mod world;

use std::sync::{Arc, Weak};
use std::time::Duration;

use gpu_instance_operator::api::Cloud as Name;
use tokio::time::Instant;

pub use api_server::ApiServer;
pub use cloud::{Cloud, Habits, Profile, REGIONS};
pub use faults::{Call, Effect, Fate, Weather};
pub use look::is_ready;
pub use money::Money;
pub use oracles::Oracles;
pub use process::Process;
pub use runner::{Lived, Outcome, live, on_all_cores, run_at};
pub use world::{World, digest};

/// A world with one account, one provider for its namespace and one for the cluster, and an operator that is started
/// again whenever it dies.
pub struct Model {
    pub world: Arc<World>,
    pub api: Arc<ApiServer>,
    pub cloud: Arc<Cloud>,
    pub oracles: Arc<Oracles>,
    pub operator: Process,
    /// Another process of the operator, which leads no more or thinks so.
    pub rival: Option<Process>,
    /// Another cluster, with an operator of its own, that uses the same account.
    pub elsewhere: Option<(Arc<ApiServer>, Process)>,
    pub money: Money,
    /// Whether providers want orphans to be deleted.
    sweeps: bool,
    processes: u32,
    /// How many calls, changes and machines there had been when all was last looked at.
    looked_at: (usize, u64, usize),
}

impl Model {
    pub fn new(cloud: Name, seed: u64) -> Self {
        let world = World::new(seed);
        let profile = Profile::of(cloud);
        let api = ApiServer::new(Arc::clone(&world), "model");
        let cloud = Cloud::new(Arc::clone(&world), profile);
        let oracles = Arc::new(Oracles::default());
        watch_over(&world, &api, &cloud, &oracles);
        user::furnish(&api, &profile);
        let operator = Process::start(1, &world, &api, &cloud);
        Self {
            world,
            api,
            cloud,
            oracles,
            operator,
            rival: None,
            elsewhere: None,
            money: Money::default(),
            sweeps: false,
            processes: 1,
            looked_at: (0, 0, 0),
        }
    }

    /// A rival takes over while the operator believes that it still leads.
    pub fn start_rival(&mut self) {
        self.oracles.limits_change(self.world.now());
        self.rival = Some(self.another());
    }

    /// A second cluster, with an installation of its own, uses the same account.
    pub fn start_elsewhere(&mut self) {
        let api = ApiServer::new(Arc::clone(&self.world), "other");
        user::furnish(&api, &self.cloud.profile);
        self.processes += 1;
        let operator = Process::start(self.processes, &self.world, &api, &self.cloud);
        self.elsewhere = Some((api, operator));
    }

    /// The rival is the operator from now on, or whoever is started in its place if it died; the old one ends.
    pub fn rival_stays(&mut self) {
        self.oracles.limits_change(self.world.now());
        self.operator.kill();
        self.operator = match self.rival.take() {
            Some(rival) => rival,
            None => self.another(),
        };
    }

    /// The operator dies, and comes back with an empty memory.
    pub fn restart(&mut self) {
        self.operator.kill();
        self.operator = self.another();
    }

    fn another(&mut self) -> Process {
        self.processes += 1;
        Process::start(self.processes, &self.world, &self.api, &self.cloud)
    }

    /// Lets a second pass: whoever died is started again, and all that must always hold is looked at.
    pub async fn second(&mut self) -> Outcome {
        let end = Instant::now() + Duration::from_secs(1);
        while tokio::time::timeout_at(end, self.world.death.notified()).await.is_ok() {
            self.bury().await;
        }
        tokio::time::sleep_until(end).await;
        if let Some(panic) = self.operator.panicked() {
            self.world.wrong(panic);
        }
        self.money
            .look(&self.world, &self.api, &self.cloud, self.operator.staleness());
        // Where nothing has been asked for and nothing has changed, nothing new can have gone wrong.
        let now = (self.world.count(), self.api.version(), self.cloud.machines().len());
        if now != self.looked_at {
            self.looked_at = now;
            self.oracles.look(&self.world, &self.api, &self.cloud);
        }
        self.world.verdict()
    }

    /// Ends a process that died, and starts it again a little later.
    async fn bury(&mut self) {
        if self.rival.as_ref().is_some_and(|rival| self.world.is_dead(rival.id)) {
            self.rival = None;
        }
        if let Some((api, operator)) = &mut self.elsewhere
            && self.world.is_dead(operator.id)
        {
            operator.kill();
            self.processes += 1;
            *operator = Process::start(self.processes, &self.world, api, &self.cloud);
        }
        if self.world.is_dead(self.operator.id) {
            self.operator.kill();
            tokio::time::sleep(self.world.span(500, 4_000)).await;
            self.restart();
        }
    }

    /// Waits until it holds, up to this many seconds.
    pub async fn until(&mut self, what: &str, seconds: u32, holds: impl Fn(&Self) -> bool) -> Outcome {
        for _ in 0..seconds {
            self.second().await?;
            if holds(self) {
                return Ok(());
            }
        }
        self.world
            .wrong(format!("not {what} after {seconds} s; {}", self.described()));
        self.world.verdict()
    }

    pub async fn seconds(&mut self, seconds: u32) -> Outcome {
        for _ in 0..seconds {
            self.second().await?;
        }
        Ok(())
    }
}

/// Has the oracles told of each order and of each object that goes.
fn watch_over(world: &Arc<World>, api: &Arc<ApiServer>, cloud: &Arc<Cloud>, oracles: &Arc<Oracles>) {
    let (books, truth) = (Arc::downgrade(cloud), Arc::downgrade(api));
    let (judge, clock) = (Arc::clone(oracles), Arc::clone(world));
    cloud.audit_with(Box::new(move |name| match (truth.upgrade(), books.upgrade()) {
        _ if name.starts_with("gi-other-") => Ok(()),
        (Some(api), Some(cloud)) => judge.order(&clock, &api, &cloud.machines(), name),
        _ => Ok(()),
    }));
    let truth = Arc::downgrade(api);
    let (judge, clock) = (Arc::clone(oracles), Arc::clone(world));
    cloud.audit_starts_with(Box::new(move |id| match truth.upgrade() {
        Some(api) => judge.start(&clock, &api, id),
        None => Ok(()),
    }));
    let books = Arc::downgrade(cloud);
    let (judge, clock) = (Arc::clone(oracles), Arc::clone(world));
    api.witnessed_by(Box::new(move |object| {
        if let Some(cloud) = books.upgrade() {
            judge.object_goes(&clock, &cloud, object);
        }
    }));
    let outside: (Weak<ApiServer>, Weak<Cloud>) = (Arc::downgrade(api), Arc::downgrade(cloud));
    world.look_outside_with(Box::new(move || {
        let (Some(api), Some(cloud)) = (outside.0.upgrade(), outside.1.upgrade()) else {
            return 0;
        };
        digest(format_args!("{} {}", api.version(), cloud.states()))
    }));
}
