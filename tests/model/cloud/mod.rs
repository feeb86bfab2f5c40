//! A cloud in memory: machines over virtual time, lists that lag, orders that get lost. It keeps the books.

mod driver;
mod lists;
mod machine;
mod operations;
mod profile;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::api::money::{self, Decimal};
use gpu_instance_operator::api::status::InstanceState::{self, Creating, Running};
use gpu_instance_operator::provider::Kind;
use jiff::Timestamp;

use super::world::World;
pub use driver::Way;
pub use machine::{Rented, Wanted};
pub use profile::{Profile, REGIONS};

/// What a cloud does besides what it is asked for.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// How far lists are behind.
    pub lag: Duration,
    /// Names are cut after so many characters.
    pub cuts_names: Option<usize>,
    /// Lists show no names, and say that they are not complete.
    pub hides_names: bool,
    /// The next list is empty, though it says that it is complete.
    pub forgets_once: bool,
    /// Lists say that they are not complete.
    pub incomplete: bool,
    /// Lists end after so many machines, and say so.
    pub cut_short: Option<usize>,
    /// Regions that cannot be listed.
    pub unreadable: BTreeSet<String>,
    /// An hour costs this.
    pub price: String,
    /// Machines end up so instead of running.
    pub fails: bool,
    /// Tasks fail, whatever they have made by then.
    pub tasks_fail: bool,
    /// Nothing is free: no order, no start.
    pub sold_out: bool,
    /// The account has no money: no order, no start.
    pub poor: bool,
    /// A refusal may mean anything that this cloud may say to such a call; else what it says most.
    pub moody: bool,
    /// What every refusal means.
    pub refuses_with: Option<Kind>,
    /// What is shown of a machine is worded otherwise than in an order.
    pub words_otherwise: bool,
    /// What the state of every machine is shown as.
    pub shows: Option<InstanceState>,
}

#[derive(Default)]
struct Books {
    machines: Vec<Rented>,
    habits: Habits,
    /// Whose each token is.
    accounts: BTreeMap<String, String>,
    orders: BTreeSet<String>,
    tasks: BTreeMap<String, Task>,
    touched: BTreeSet<String>,
}

/// What makes a machine, where the cloud makes them so.
struct Task {
    machine: Option<String>,
    ends: Timestamp,
    fails: bool,
}

/// Who is asked whether an order is right at the moment when it is carried out; an answer says what is wrong.
pub type Audit = Box<dyn Fn(&str) -> std::result::Result<(), String> + Send + Sync>;

/// The cloud.
pub struct Cloud {
    pub profile: Profile,
    world: Arc<World>,
    books: Mutex<Books>,
    audit: Mutex<Option<Audit>>,
    audit_of_starts: Mutex<Option<Audit>>,
}

impl Cloud {
    pub fn new(world: Arc<World>, profile: Profile) -> Arc<Self> {
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
            profile,
            world,
            books: Mutex::new(books),
            audit: Mutex::default(),
            audit_of_starts: Mutex::default(),
        })
    }

    /// The books, up to date.
    fn books(&self) -> MutexGuard<'_, Books> {
        let now = self.world.now();
        let mut books = self.books.lock().unwrap();
        for machine in &mut books.machines {
            machine.comes_of_age(now);
        }
        books
    }

    /// Has each order looked at.
    pub fn audit_with(&self, audit: Audit) {
        *self.audit.lock().unwrap() = Some(audit);
    }

    /// Has each start of a machine looked at, by its id.
    pub fn audit_starts_with(&self, audit: Audit) {
        *self.audit_of_starts.lock().unwrap() = Some(audit);
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

    /// What every machine is now, in words.
    pub fn states(&self) -> String {
        let now = self.world.now();
        let books = self.books();
        let told = books.machines.iter();
        let told = told.map(|machine| format!("{} {:?}", machine.id, machine.state(now)));
        told.collect::<Vec<_>>().join(", ")
    }

    /// What somebody does in the cloud's console.
    pub fn console(&self, id: &str, state: Option<InstanceState>) {
        let now = self.world.now();
        if let Some(machine) = self.books().machines.iter_mut().find(|machine| machine.id == id) {
            machine.becomes(now, StopMode::ReleaseGpu, &[(Duration::ZERO, state)]);
        }
    }

    /// A machine costs this from now on.
    pub fn reprice(&self, id: &str, price: &str) {
        if let Some(machine) = self.books().machines.iter_mut().find(|machine| machine.id == id) {
            machine.price = money::parse(Some(price)).unwrap();
        }
    }

    /// Whose a token is from now on; nobody's, without an account.
    pub fn speaks_for(&self, token: &str, account: Option<&str>) {
        let mut books = self.books();
        match account {
            Some(account) => drop(books.accounts.insert(token.to_owned(), account.to_owned())),
            None => drop(books.accounts.remove(token)),
        }
    }

    /// Whose a token is.
    pub fn account_of(&self, token: &str) -> Option<String> {
        self.books().accounts.get(token).cloned()
    }

    /// Behaves from now on, but for its lag, its prices and what it makes of names and words.
    pub fn calm(&self) {
        self.habits(|habits| {
            *habits = Habits {
                lag: habits.lag,
                cuts_names: habits.cuts_names,
                words_otherwise: habits.words_otherwise,
                price: std::mem::take(&mut habits.price),
                ..Habits::default()
            }
        });
    }

    /// How far lists are behind.
    pub fn lag(&self) -> Duration {
        self.books().habits.lag
    }

    /// The time that was paid for is over.
    pub fn expire(&self, id: &str) {
        let now = self.world.now();
        if let Some(machine) = self.books().machines.iter_mut().find(|machine| machine.id == id) {
            machine.ends(now);
        }
    }

    /// Somebody else rents a machine.
    pub fn rent_by_hand(&self, account: &str, name: &str) -> String {
        let wanted = Wanted {
            name: name.to_owned(),
            region: self.profile.has_regions().then(|| REGIONS[0].to_owned()),
            image: "img".to_owned(),
            gpus: 1,
            ..Wanted::default()
        };
        let id = self.make(account, wanted, self.world.now());
        self.console(&id, Some(Running));
        id
    }

    /// Machines that were asked for anything by the operator.
    pub fn touched(&self) -> BTreeSet<String> {
        self.books().touched.clone()
    }

    fn make(&self, account: &str, mut wanted: Wanted, now: Timestamp) -> String {
        let boot = self.world.span(2_000, 30_000);
        let mut books = self.books();
        let id = format!("m-{}", books.machines.len() + 1);
        if let Some(most) = books.habits.cuts_names {
            wanted.name = wanted.name.chars().take(most).collect();
        }
        let ends = if books.habits.fails {
            InstanceState::Failed
        } else {
            Running
        };
        let price = money::parse(Some(&books.habits.price)).unwrap_or(Decimal::ONE);
        let mut machine = Rented::new(id.clone(), account, wanted, price, now);
        let states = [(Duration::ZERO, Some(Creating)), (boot, Some(ends))];
        machine.becomes(now, StopMode::ReleaseGpu, &states);
        books.machines.push(machine);
        id
    }
}
