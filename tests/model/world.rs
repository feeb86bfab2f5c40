//! What all parts of a model share: virtual time, chance by a seed, faults, and what was seen to go wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gpu_instance_operator::environment::Environment;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Names a process of the operator: a new number after each restart.
pub type ProcessId = u32;

/// What becomes of a call from a process to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Well,
    /// The process dies before it is sent.
    DiesBefore,
    /// It is carried out; the process dies before the answer.
    DiesAfter,
    /// It is carried out; the answer is lost.
    ReplyLost,
    /// It never arrives; the caller cannot know.
    RequestLost,
    /// It is refused: somebody else was faster, or the cloud has none.
    Refused,
}

/// Everything of these kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Reads,
    Writes,
}

/// A call from a process to the outside.
#[derive(Clone, Debug)]
pub struct Call {
    pub what: String,
    pub effect: Effect,
}

/// How likely each fault of a call is, in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub reads: u32,
    pub writes: u32,
    pub deaths: u32,
}

#[derive(Default)]
struct State {
    /// Fates of single calls, by their number.
    planned: BTreeMap<usize, Fate>,
    /// Fates of the next calls whose description begins so.
    next: Vec<(String, Fate)>,
    weather: Weather,
    calls: Vec<Call>,
    dead: BTreeSet<ProcessId>,
    wrong: Vec<String>,
    trace: VecDeque<String>,
    writes: u64,
}

/// What all parts share.
pub struct World {
    start: Instant,
    random: Mutex<fastrand::Rng>,
    state: Mutex<State>,
    pub death: Notify,
}

const TRACE: usize = 150;

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            state: Mutex::default(),
            death: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A whole number below this one.
    pub fn below(&self, bound: u64) -> u64 {
        self.random.lock().unwrap().u64(0..bound.max(1))
    }

    pub fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn span(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }

    pub fn plan(&self, call: usize, fate: Fate) {
        self.state().planned.insert(call, fate);
    }

    /// The fate of the next call whose description begins so.
    pub fn plan_next(&self, what: &str, fate: Fate) {
        self.state().next.push((what.to_owned(), fate));
    }

    pub fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// No more faults from now on.
    pub fn calm(&self) {
        let mut state = self.state();
        state.weather = Weather::default();
        state.planned.clear();
        state.next.clear();
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        self.state().calls.len()
    }

    /// How many calls there were that change something outside.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// A process calls the outside: what becomes of the call.
    pub fn fate(&self, process: ProcessId, what: &str, effect: Effect) -> Fate {
        let luck = u32::try_from(self.below(1000)).unwrap();
        let doom = u32::try_from(self.below(1000)).unwrap();
        let kind = self.below(3);
        let mut state = self.state();
        let number = state.calls.len();
        state.calls.push(Call {
            what: what.to_owned(),
            effect,
        });
        if effect == Effect::Writes {
            state.writes += 1;
        }
        let next = state
            .next
            .iter()
            .position(|(prefix, _)| what.starts_with(prefix.as_str()));
        let weather = state.weather;
        let chance = match effect {
            Effect::Reads => weather.reads,
            Effect::Writes => weather.writes,
        };
        let fate = if let Some(next) = next {
            state.next.remove(next).1
        } else if let Some(fate) = state.planned.get(&number) {
            *fate
        } else if doom < weather.deaths {
            if kind == 0 { Fate::DiesBefore } else { Fate::DiesAfter }
        } else if luck < chance {
            [Fate::ReplyLost, Fate::RequestLost, Fate::Refused][usize::try_from(kind).unwrap()]
        } else {
            Fate::Well
        };
        drop(state);
        if effect == Effect::Writes || fate != Fate::Well {
            self.note(format!("#{number} p{process} {what} {}", told(fate)));
        }
        fate
    }

    /// The process is dead from now on; what it waits for never comes.
    pub async fn die(&self, process: ProcessId) {
        self.state().dead.insert(process);
        self.death.notify_one();
        std::future::pending::<()>().await;
    }

    pub fn is_dead(&self, process: ProcessId) -> bool {
        self.state().dead.contains(&process)
    }

    /// Writes a line into the trace.
    pub fn note(&self, what: impl AsRef<str>) {
        let at = self.start.elapsed().as_secs_f32();
        let mut state = self.state();
        if state.trace.len() == TRACE {
            state.trace.pop_front();
        }
        state.trace.push_back(format!("{at:9.3} {}", what.as_ref()));
    }

    /// Something happened that must not.
    pub fn wrong(&self, what: impl Into<String>) {
        let what = what.into();
        self.note(format!("WRONG: {what}"));
        let mut state = self.state();
        if !state.wrong.contains(&what) {
            state.wrong.push(what);
        }
    }

    /// What went wrong, with what led to it.
    pub fn verdict(&self) -> Result<(), String> {
        let state = self.state();
        if state.wrong.is_empty() {
            return Ok(());
        }
        let trace: Vec<_> = state.trace.iter().map(String::as_str).collect();
        Err(format!("{}\n{}", state.wrong.join("\n"), trace.join("\n")))
    }
}

fn told(fate: Fate) -> String {
    match fate {
        Fate::Well => String::new(),
        fate => format!("-> {fate:?}"),
    }
}

/// When virtual time begins: a moment with a fraction of a second, which the API server drops.
fn beginning() -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_437).unwrap()
}

impl World {
    pub fn now(&self) -> Timestamp {
        beginning() + self.start.elapsed()
    }
}

/// Time and chance as a process gets them.
pub struct Virtual(pub Arc<World>);

impl Environment for Virtual {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn random(&self) -> u64 {
        self.0.below(u64::MAX)
    }

    fn secret_bytes(&self) -> [u8; 32] {
        [7; 32]
    }
}
