//! What the cloud carries out, and what it says no to.

use std::time::Duration;

use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::api::money::{self, Decimal};
use gpu_instance_operator::api::status::InstanceState::{
    self, Creating, Deleting, Expired, Failed, Frozen, Reinstalling, Restarting, Running, SavingImage, Starting,
    Stopped, Stopping,
};
use gpu_instance_operator::provider::{Created, Error, Kind, PriceKnown, Result};
use jiff::Timestamp;

use super::{Cloud, REGIONS, Rented, Task, Wanted};

/// A machine that runs for so long was not started by a call whose answer is still awaited: to start it once more, where
/// that restarts it, ends somebody's work.
const RUNS_FOR_SURE: Duration = Duration::from_mins(2);

/// What is asked for, of one machine.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// With so many GPUs, if that is to change.
    Start(Option<i64>),
    /// With an image saved first, if so.
    Stop(StopMode, bool),
    Restart,
    SaveImage,
    /// A new image, and the password that it comes up with.
    Reinstall(String, Option<String>),
    /// Another size, while it is stopped.
    Resize(i64),
    RunScript,
    Delete,
}

type States = Vec<(Duration, Option<InstanceState>)>;

impl Cloud {
    /// Carries out an order, and looks whether it should ever have come.
    pub(super) fn commit_order(&self, account: &str, wanted: Wanted) -> Result<Created> {
        let now = self.world.now();
        let name = wanted.name.clone();
        self.examine(&wanted);
        let habits = self.books().habits.clone();
        if habits.sold_out {
            return Err(Error::new(Kind::NoCapacity, "the model has none"));
        }
        if habits.poor {
            return Err(Error::new(Kind::InsufficientBalance, "the model wants money"));
        }
        if wanted
            .region
            .as_ref()
            .is_some_and(|region| !REGIONS.contains(&region.as_str()))
        {
            return Err(Error::new(Kind::Invalid, "the model has no such region"));
        }
        if !self.books().orders.insert(name.clone()) {
            self.world.wrong(format!("{name} is ordered twice"));
        }
        if !self.profile.orders_by_task {
            let id = self.make(account, wanted, now);
            self.world.note(format!("    machine {id} is made as {name}"));
            return Ok(Created::Instance(id));
        }
        // A task that fails may have come as far as a machine, or not.
        let made = !habits.tasks_fail || self.world.one_in(2);
        let machine = made.then(|| self.make(account, wanted, now));
        let ends = now + self.world.span(1_000, 20_000);
        let mut books = self.books();
        let task = format!("t-{}", books.tasks.len() + 1);
        self.world.note(format!("    task {task} makes {machine:?} as {name}"));
        let fails = habits.tasks_fail;
        books.tasks.insert(task.clone(), Task { machine, ends, fails });
        Ok(Created::Task(task))
    }

    fn examine(&self, wanted: &Wanted) {
        let name = &wanted.name;
        if let Some(audit) = &*self.audit.lock().unwrap()
            && let Err(why) = audit(name)
        {
            self.world
                .wrong(format!("the order {name} should not have come: {why}"));
        }
        if self.profile.capabilities.chooses_password && wanted.password.is_none() {
            self.world.wrong(format!("{name} is ordered without a password"));
        }
    }

    /// What an hour costs, where it is told before.
    pub(super) fn quoted(&self) -> Option<Decimal> {
        let known = self.profile.capabilities.price == PriceKnown::BeforeOrder;
        let price = self.books().habits.price.clone();
        money::parse(Some(&price)).filter(|_| known)
    }

    pub(super) fn commit_change(&self, account: &str, id: &str, ask: Ask) -> Result<()> {
        let now = self.world.now();
        let spans = [self.world.span(500, 8_000), self.world.span(500, 8_000)];
        let habits = self.books().habits.clone();
        // One that comes too late, for a machine that is gone, starts nothing.
        let stands_still = |machine: &Rented| machine.id == id && machine.state(now) == Some(Stopped);
        let starts = matches!(ask, Ask::Start(_)) && self.books().machines.iter().any(stands_still);
        if starts
            && let Some(audit) = &*self.audit_of_starts.lock().unwrap()
            && let Err(why) = audit(id)
        {
            self.world.wrong(format!("machine {id} should not be started: {why}"));
        }
        let mut books = self.books();
        books.touched.insert(id.to_owned());
        let found = books
            .machines
            .iter_mut()
            .find(|machine| machine.id == id && machine.account == account);
        let Some((machine, state)) = found.and_then(|machine| machine.state(now).map(|state| (machine, state))) else {
            return Err(Error::new(Kind::NotFound, format!("no machine {id}")));
        };
        if matches!(ask, Ask::Start(_)) && state == Stopped {
            if habits.sold_out {
                return Err(Error::new(Kind::NoCapacity, "the model has none"));
            }
            if habits.poor {
                return Err(Error::new(Kind::InsufficientBalance, "the model wants money"));
            }
        }
        let told = format!("    machine {id}: {ask:?}");
        let done = self.next_states(machine, state, ask, now, spans);
        if let Ok((mode, states)) = &done
            && !states.is_empty()
        {
            machine.becomes(now, *mode, states);
        }
        drop(books);
        match done {
            Ok(_) => self.world.note(told),
            Err(ref why) => self.world.note(format!("{told}: refused, {why}")),
        }
        done.map(drop)
    }

    /// What follows from what is asked; nothing, if it is so already.
    fn next_states(
        &self,
        machine: &mut Rented,
        state: InstanceState,
        ask: Ask,
        now: Timestamp,
        [one, two]: [Duration; 2],
    ) -> Result<(StopMode, States)> {
        let refused = || Error::new(Kind::Invalid, format!("machine {} is {state:?}", machine.id));
        let mut mode = StopMode::ReleaseGpu;
        let states = match (ask, state) {
            (Ask::Start(_), Expired) if !self.profile.shows_expiry => return Err(refused()),
            (Ask::Start(_), Expired) => {
                self.world.wrong(format!(
                    "machine {} is started, though its paid time is over: that pays for more",
                    machine.id
                ));
                vec![(Duration::ZERO, Some(Starting)), (one, Some(Running))]
            }
            (Ask::Start(gpus), Stopped) => {
                machine.gpus = gpus.unwrap_or(machine.gpus);
                vec![(Duration::ZERO, Some(Starting)), (one, Some(Running))]
            }
            (Ask::Start(_), Running) if self.profile.start_restarts => {
                if now.duration_since(machine.since(now)).as_secs() > RUNS_FOR_SURE.as_secs().cast_signed() {
                    self.world
                        .wrong(format!("machine {} is restarted, though it runs", machine.id));
                }
                vec![(Duration::ZERO, Some(Restarting)), (one, Some(Running))]
            }
            (Ask::Stop(how, save), Running) => {
                mode = how;
                if save {
                    machine.images += 1;
                    vec![
                        (Duration::ZERO, Some(SavingImage)),
                        (one, Some(Stopping)),
                        (one + two, Some(Stopped)),
                    ]
                } else {
                    vec![(Duration::ZERO, Some(Stopping)), (one, Some(Stopped))]
                }
            }
            (Ask::Stop(how, _), Stopped) => {
                mode = how;
                vec![(Duration::ZERO, Some(Stopped))]
            }
            (Ask::Restart, Running) => vec![(Duration::ZERO, Some(Restarting)), (one, Some(Running))],
            (Ask::SaveImage, Running) => {
                machine.images += 1;
                vec![(Duration::ZERO, Some(SavingImage)), (one, Some(Running))]
            }
            (Ask::Reinstall(image, password), Running) => {
                machine.image = image;
                machine.password = password;
                vec![(Duration::ZERO, Some(Reinstalling)), (one + two, Some(Running))]
            }
            (Ask::Resize(gpus), Stopped) => {
                machine.gpus = gpus;
                Vec::new()
            }
            (Ask::RunScript, Running) | (Ask::Delete, Deleting) => Vec::new(),
            (Ask::Delete, state) => return self.deletion(machine, state, two),
            _ => return Err(refused()),
        };
        Ok((mode, states))
    }

    fn deletion(&self, machine: &Rented, state: InstanceState, two: Duration) -> Result<(StopMode, States)> {
        let refuse = |kind, why: &str| Err(Error::new(kind, format!("machine {} {why}", machine.id)));
        if machine.paid.is_some() && self.profile.keeps_prepaid && state != Expired {
            return refuse(Kind::Unsupported, "is paid for in advance and cannot be given back");
        }
        let at_rest = matches!(state, Stopped | Failed | Frozen | Expired);
        let runs_first = self.profile.delete_stops_first && matches!(state, Running | Stopping);
        if runs_first || !(self.profile.capabilities.deletes_running || at_rest || state == Creating) {
            // What is on its way down passes by itself.
            let kind = if state == Running {
                Kind::Invalid
            } else {
                Kind::Transient
            };
            return refuse(kind, &format!("is {state:?}: stop it first"));
        }
        Ok((
            StopMode::ReleaseGpu,
            vec![(Duration::ZERO, Some(Deleting)), (two, None)],
        ))
    }
}
