//! A cloud in memory: machines over virtual time, lists that lag, orders that get lost. It keeps the books.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use gpu_instance_operator::api::GpuProviderSpec;
use gpu_instance_operator::api::instance::{GpuInstanceSpec, Snapshot, StopMode};
use gpu_instance_operator::api::money;
use gpu_instance_operator::api::status::InstanceState::{
    self, Creating, Deleting, Running, Starting, Stopped, Stopping,
};
use gpu_instance_operator::provider::{
    Capabilities, Connect, ConnectError, Created, Credentials, Error, Identity, Kind, Listing, Machine, Order, Proof,
    Provider, Result, Scope, Ssh,
};
use jiff::Timestamp;

use super::capabilities::MODEL;
use super::world::{Effect, Fate, ProcessId, World};

/// A machine, and what was ever true of it.
#[derive(Clone, Debug)]
pub struct Rented {
    pub id: String,
    pub name: String,
    pub account: String,
    pub image: String,
    pub made: Timestamp,
    /// From when on it was, or will be, in each state; `None` is gone.
    history: Vec<(Timestamp, Option<InstanceState>)>,
}

impl Rented {
    pub fn state(&self, at: Timestamp) -> Option<InstanceState> {
        self.history
            .iter()
            .rev()
            .find(|(since, _)| *since <= at)
            .and_then(|(_, state)| *state)
    }

    /// Whether it exists, and so may cost something.
    pub fn exists(&self, at: Timestamp) -> bool {
        self.state(at).is_some()
    }

    fn becomes(&mut self, now: Timestamp, states: &[(Duration, Option<InstanceState>)]) {
        self.history.retain(|(since, _)| *since <= now);
        self.history
            .extend(states.iter().map(|(after, state)| (now + *after, *state)));
    }
}

/// What a cloud does besides what it is asked for.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// How far lists are behind.
    pub lag: Duration,
    /// Names are cut after so many characters.
    pub cuts_names: Option<usize>,
    /// The next list is empty, though it says that it is complete.
    pub forgets_once: bool,
    /// Lists say that they are not complete.
    pub incomplete: bool,
    /// An hour costs this.
    pub price: String,
    /// Machines end up so instead of running.
    pub fails: bool,
}

#[derive(Default)]
struct Books {
    machines: Vec<Rented>,
    habits: Habits,
    /// Whose each token is.
    accounts: BTreeMap<String, String>,
    orders: BTreeSet<String>,
    touched: BTreeSet<String>,
}

/// Who is asked whether an order is right at the moment when it is carried out; an answer says what is wrong.
pub type Audit = Box<dyn Fn(&str) -> std::result::Result<(), String> + Send + Sync>;

/// The cloud.
pub struct Cloud {
    world: Arc<World>,
    books: Mutex<Books>,
    audit: Mutex<Option<Audit>>,
}

impl Cloud {
    pub fn new(world: Arc<World>) -> Arc<Self> {
        let books = Books {
            accounts: [("token-1", "u-1"), ("token-2", "u-2")]
                .map(|(t, a)| (t.to_owned(), a.to_owned()))
                .into(),
            habits: Habits {
                price: "1.89".into(),
                ..Habits::default()
            },
            ..Books::default()
        };
        Arc::new(Self {
            world,
            books: Mutex::new(books),
            audit: Mutex::default(),
        })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// Has each order looked at.
    pub fn audit_with(&self, audit: Audit) {
        *self.audit.lock().unwrap() = Some(audit);
    }

    pub fn habits(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.books().habits);
    }

    /// Every machine that exists now.
    pub fn machines(&self) -> Vec<Rented> {
        let now = self.world.now();
        self.books()
            .machines
            .iter()
            .filter(|machine| machine.exists(now))
            .cloned()
            .collect()
    }

    /// Every machine that ever was.
    pub fn ever(&self) -> Vec<Rented> {
        self.books().machines.clone()
    }

    pub fn state(&self, id: &str) -> Option<InstanceState> {
        let now = self.world.now();
        self.books()
            .machines
            .iter()
            .find(|machine| machine.id == id)
            .and_then(|machine| machine.state(now))
    }

    /// What somebody does in the cloud's console.
    pub fn console(&self, id: &str, state: Option<InstanceState>) {
        let now = self.world.now();
        if let Some(machine) = self.books().machines.iter_mut().find(|machine| machine.id == id) {
            machine.becomes(now, &[(Duration::ZERO, state)]);
        }
    }

    /// Somebody else rents a machine.
    pub fn rent_by_hand(&self, account: &str, name: &str) -> String {
        let now = self.world.now();
        let id = self.make(account, name, "img", now);
        self.console(&id, Some(Running));
        id
    }

    /// Machines that were asked for anything by the operator.
    pub fn touched(&self) -> BTreeSet<String> {
        self.books().touched.clone()
    }

    fn make(&self, account: &str, name: &str, image: &str, now: Timestamp) -> String {
        let boot = self.world.span(2_000, 30_000);
        let mut books = self.books();
        let id = format!("m-{}", books.machines.len() + 1);
        let name = match books.habits.cuts_names {
            Some(most) => name.chars().take(most).collect(),
            None => name.to_owned(),
        };
        let ends = if books.habits.fails {
            InstanceState::Failed
        } else {
            Running
        };
        let mut machine = Rented {
            id: id.clone(),
            name,
            account: account.to_owned(),
            image: image.to_owned(),
            made: now,
            history: Vec::new(),
        };
        machine.becomes(now, &[(Duration::ZERO, Some(Creating)), (boot, Some(ends))]);
        books.machines.push(machine);
        id
    }

    /// Carries out an order, and looks whether it should ever have come.
    fn commit_order(&self, account: &str, name: &str, image: &str) -> String {
        let now = self.world.now();
        if !self.books().orders.insert(name.to_owned()) {
            self.world.wrong(format!("{name} is ordered twice"));
        }
        if let Some(audit) = &*self.audit.lock().unwrap()
            && let Err(why) = audit(name)
        {
            self.world
                .wrong(format!("the order {name} should not have come: {why}"));
        }
        let id = self.make(account, name, image, now);
        self.world.note(format!("    machine {id} is made as {name}"));
        id
    }

    fn commit_change(&self, account: &str, id: &str, change: Ask) -> Result<()> {
        let now = self.world.now();
        let spans = [self.world.span(500, 8_000), self.world.span(500, 8_000)];
        let mut books = self.books();
        books.touched.insert(id.to_owned());
        let found = books
            .machines
            .iter_mut()
            .find(|machine| machine.id == id && machine.account == account);
        let Some((machine, state)) = found.and_then(|machine| machine.state(now).map(|state| (machine, state))) else {
            return Err(Error::new(Kind::NotFound, format!("no machine {id}")));
        };
        let states = match (change, state) {
            (Ask::Start, Stopped) => [(Duration::ZERO, Some(Starting)), (spans[0], Some(Running))],
            (Ask::Stop, Running) => [(Duration::ZERO, Some(Stopping)), (spans[0], Some(Stopped))],
            (Ask::Stop, Stopped) | (Ask::Delete, Deleting) => return Ok(()),
            (Ask::Delete, _) => [(Duration::ZERO, Some(Deleting)), (spans[1], None)],
            (Ask::Start | Ask::Stop, _) => return Err(Error::new(Kind::Invalid, format!("machine {id} is {state:?}"))),
        };
        machine.becomes(now, &states);
        drop(books);
        self.world.note(format!("    machine {id}: {change:?}"));
        Ok(())
    }

    fn list(&self, account: &str) -> Listing {
        let mut books = self.books();
        let at = self.world.now() - books.habits.lag;
        let habits = books.habits.clone();
        let shown = books
            .machines
            .iter()
            .filter(|machine| machine.account == account && !habits.forgets_once);
        let machines = shown
            .filter_map(|machine| Some(row(machine, machine.state(at)?, &habits)))
            .collect();
        books.habits.forgets_once = false;
        let proof = if habits.incomplete {
            Proof::Incomplete("page 2 could not be read".into())
        } else {
            Proof::Complete
        };
        Listing { machines, proof }
    }
}

fn row(machine: &Rented, state: InstanceState, habits: &Habits) -> Machine {
    let word: &str = state.into();
    let mut row = Machine::new(&machine.id, state, word.to_lowercase());
    row.name = Some(machine.name.clone());
    row.price_per_hour = money::parse(Some(&habits.price));
    row.currency = Some("CNY");
    row.created_at = Some(machine.made);
    row.ssh = (state == Running).then(|| Ssh {
        host: format!("{}.cloud.test", machine.id),
        port: 22,
        user: "root".into(),
    });
    row
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Start,
    Stop,
    Delete,
}

/// The cloud, as a process gets to it.
pub struct Way {
    pub cloud: Arc<Cloud>,
    pub process: ProcessId,
}

impl Connect for Way {
    fn connect(
        &self,
        _: &GpuProviderSpec,
        credentials: &Credentials,
    ) -> std::result::Result<Arc<dyn Provider>, ConnectError> {
        let known = self.cloud.books().accounts.clone();
        let is = |token: &str| [("token", token)].into_iter().collect::<Credentials>().digest() == credentials.digest();
        let account = known
            .into_iter()
            .find(|(token, _)| is(token))
            .map(|(_, account)| account);
        Ok(Arc::new(Driver {
            cloud: Arc::clone(&self.cloud),
            process: self.process,
            account,
        }))
    }
}

struct Driver {
    cloud: Arc<Cloud>,
    process: ProcessId,
    account: Option<String>,
}

impl Driver {
    fn account(&self) -> Result<String> {
        self.account
            .clone()
            .ok_or_else(|| Error::new(Kind::Unauthorized, "no such token"))
    }

    async fn read<T>(&self, what: &str, read: impl FnOnce(&Cloud, &str) -> T) -> Result<T> {
        let world = &self.cloud.world;
        let fate = world.fate(self.process, what, Effect::Reads);
        if matches!(fate, Fate::DiesBefore | Fate::DiesAfter) {
            world.die(self.process).await;
        }
        tokio::time::sleep(world.span(5, 100)).await;
        let account = self.account()?;
        let answer = read(&self.cloud, &account);
        tokio::time::sleep(world.span(5, 400)).await;
        match fate {
            Fate::Well => Ok(answer),
            Fate::Refused => Err(Error::new(Kind::RateLimited, "slower, please")),
            _ => Err(Error::new(Kind::Transient, "the model lost it")),
        }
    }

    /// A change is carried out by the cloud, whatever becomes of who asked for it.
    async fn change<T: Send + 'static>(
        &self,
        what: &str,
        refusal: Kind,
        commit: impl FnOnce(&Cloud, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let world = Arc::clone(&self.cloud.world);
        let fate = world.fate(self.process, what, Effect::Writes);
        if fate == Fate::DiesBefore {
            world.die(self.process).await;
        }
        // The driver waits for its turn before it sends.
        tokio::time::sleep(world.span(1, 50)).await;
        let account = self.account()?;
        let slow = fate != Fate::Well && world.one_in(2);
        let on_the_way = if slow {
            world.span(1_000, 20_000)
        } else {
            world.span(5, 300)
        };
        let cloud = Arc::clone(&self.cloud);
        let carried_out = tokio::spawn(async move {
            tokio::time::sleep(on_the_way).await;
            match fate {
                Fate::RequestLost => Err(Error::new(Kind::Ambiguous, "the model lost the request")),
                Fate::Refused => Err(Error::new(refusal, "the model says no")),
                _ => commit(&cloud, &account),
            }
        });
        if fate == Fate::DiesAfter {
            // Somewhere between sending and the answer.
            tokio::time::sleep(world.span(0, 400)).await;
            world.die(self.process).await;
        }
        if fate == Fate::ReplyLost {
            tokio::time::sleep(world.span(10, 15_000)).await;
            return Err(Error::new(Kind::Ambiguous, "the model lost the reply"));
        }
        let answer = carried_out.await.expect("the cloud does not panic");
        tokio::time::sleep(world.span(5, 300)).await;
        answer
    }
}

#[async_trait]
impl Provider for Driver {
    fn capabilities(&self) -> &'static Capabilities {
        &MODEL
    }

    async fn identify(&self) -> Result<Identity> {
        self.read("cloud identify", |_, account| Identity {
            account: account.to_owned(),
        })
        .await
    }

    async fn list(&self, _: &Scope) -> Result<Listing> {
        self.read("cloud list", Cloud::list).await
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        let name = order.name.to_owned();
        let image = order.spec.image().unwrap_or_default().to_owned();
        let what = format!("cloud create {name}");
        self.change(&what, Kind::NoCapacity, move |cloud, account| {
            Ok(Created::Instance(cloud.commit_order(account, &name, &image)))
        })
        .await
    }

    async fn start(&self, machine: &Machine, _: Option<&GpuInstanceSpec>) -> Result<()> {
        let id = machine.id.clone();
        let what = format!("cloud start {id}");
        self.change(&what, Kind::NoCapacity, move |cloud, account| {
            cloud.commit_change(account, &id, Ask::Start)
        })
        .await
    }

    async fn stop(&self, machine: &Machine, _: StopMode, _: Option<&Snapshot>) -> Result<()> {
        let id = machine.id.clone();
        let what = format!("cloud stop {id}");
        self.change(&what, Kind::Transient, move |cloud, account| {
            cloud.commit_change(account, &id, Ask::Stop)
        })
        .await
    }

    async fn delete(&self, machine: &Machine) -> Result<()> {
        let id = machine.id.clone();
        let what = format!("cloud delete {id}");
        self.change(&what, Kind::Transient, move |cloud, account| {
            cloud.commit_change(account, &id, Ask::Delete)
        })
        .await
    }
}
