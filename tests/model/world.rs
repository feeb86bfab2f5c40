//! What all parts of a model share: virtual time, chance by a seed, faults, and what was seen to go wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gpu_instance_operator::environment::{Environment, Steady};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::faults::{Call, Dice, Effect, Fate, Faults, Weather};

/// Names a process of the operator: a new number after each restart.
pub type ProcessId = u32;

/// What the outside is like now, as a digest.
type Outside = Box<dyn Fn() -> u64 + Send + Sync>;

/// What all parts share.
pub struct World {
    start: Instant,
    random: Mutex<fastrand::Rng>,
    state: Mutex<State>,
    outside: Mutex<Option<Outside>>,
    pub death: Notify,
}

#[derive(Default)]
struct State {
    faults: Faults,
    calls: Vec<Call>,
    writes: u64,
    unwanted: Duration,
    has_overspent: bool,
    dead: BTreeSet<ProcessId>,
    wrong: Vec<String>,
    /// The calls that did not go well, and when.
    ill: Vec<Ill>,
    trace: VecDeque<String>,
    whole_trace: bool,
    /// How often each oracle has looked.
    looked: BTreeMap<&'static str, u64>,
    /// By how much the clock on the operator's machine is off.
    off: SignedDuration,
    jumped: Option<Jump>,
}

/// The last jump of the clock on the operator's machine.
#[derive(Clone, Copy)]
struct Jump {
    at: Timestamp,
    off_before: SignedDuration,
}

/// A call that did not go well, and when.
#[derive(Clone, Debug)]
pub struct Ill {
    pub at: Timestamp,
    pub what: String,
    pub fate: Fate,
}

/// Lines of a trace that are kept where nobody asks for all.
const TRACE: usize = 150;

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            state: Mutex::default(),
            outside: Mutex::default(),
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

    pub fn now(&self) -> Timestamp {
        beginning() + self.start.elapsed()
    }
}

/// Faults.
impl World {
    pub fn plan(&self, call: usize, fate: Fate) {
        self.state().faults.plan(call, fate);
    }

    /// The fate of the next call whose description begins so.
    pub fn plan_next(&self, what: &str, fate: Fate) {
        self.state().faults.plan_next(what, fate);
    }

    pub fn set_weather(&self, weather: Weather) {
        self.state().faults.set_weather(weather);
    }

    /// No more faults from now on, but those of single calls by their number.
    pub fn calm(&self) {
        self.state().faults.calm();
    }

    /// Counts a fault that is not one of a call.
    pub fn count_fault(&self, what: &str) {
        self.state().faults.count(what);
    }

    /// How many faults there were so far.
    pub fn fault_count(&self) -> u64 {
        self.state().faults.injected().values().sum()
    }

    /// How often each fault was injected.
    pub fn injected(&self) -> BTreeMap<String, u64> {
        self.state().faults.injected().clone()
    }

    /// A process calls the outside: what becomes of the call. One that is dead calls nobody any more.
    pub fn fate(&self, process: ProcessId, what: &str, effect: Effect) -> Fate {
        if self.is_dead(process) {
            return Fate::DiesBefore;
        }
        let dice = Dice {
            luck: u32::try_from(self.below(1000)).unwrap(),
            doom: u32::try_from(self.below(1000)).unwrap(),
            kind: usize::try_from(self.below(3)).unwrap(),
        };
        let outside = self.outside.lock().unwrap().as_ref().map_or(0, |outside| outside());
        let mut state = self.state();
        let number = state.calls.len();
        state.calls.push(Call {
            what: what.to_owned(),
            effect,
            outside,
        });
        if effect == Effect::Writes {
            state.writes += 1;
        }
        let fate = state.faults.fate(number, what, effect, dice);
        if fate != Fate::Well {
            state.ill.push(Ill {
                at: self.now(),
                what: what.to_owned(),
                fate,
            });
        }
        let told = effect == Effect::Writes || fate != Fate::Well || state.whole_trace;
        drop(state);
        if told {
            let fate = if fate == Fate::Well {
                String::new()
            } else {
                format!("-> {fate:?}")
            };
            self.note(format!("#{number} p{process} {what} {fate}"));
        }
        fate
    }

    /// The process is dead from now on; what it waits for never comes.
    pub async fn die(&self, process: ProcessId) {
        if self.state().dead.insert(process) {
            self.note(format!("p{process} is dead"));
        }
        self.death.notify_one();
        std::future::pending::<()>().await;
    }

    pub fn is_dead(&self, process: ProcessId) -> bool {
        self.state().dead.contains(&process)
    }

    /// What the clock on the operator's machine says.
    pub fn host_now(&self) -> Timestamp {
        self.now() + self.state().off
    }

    /// The same, as a call may have been sent by it that is carried out only now: without a jump that came meanwhile.
    pub fn host_at_sending(&self, on_the_way: SignedDuration) -> Timestamp {
        let state = self.state();
        let now = self.now();
        let before = state.jumped.filter(|jump| now <= jump.at + on_the_way);
        now + before.map_or(state.off, |jump| jump.off_before.min(state.off))
    }

    /// The clock on the operator's machine jumps.
    pub fn jump(&self, by: SignedDuration) {
        let mut state = self.state();
        state.jumped = Some(Jump {
            at: self.now(),
            off_before: state.off,
        });
        state.off += by;
    }
}

/// What was seen.
impl World {
    /// Has each call say what the outside was like.
    pub fn look_outside_with(&self, outside: Outside) {
        *self.outside.lock().unwrap() = Some(outside);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The calls that did not go well since a moment.
    pub fn ill_since(&self, moment: Timestamp) -> Vec<Ill> {
        let state = self.state();
        let first = state.ill.partition_point(|call| call.at < moment);
        state.ill[first..].to_vec()
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        self.state().calls.len()
    }

    /// Whether there was a call whose description begins so.
    pub fn has_called(&self, what: &str) -> bool {
        self.state().calls.iter().any(|call| call.what.starts_with(what))
    }

    /// How many calls there were that change something outside.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// An oracle has looked.
    pub fn looked(&self, oracle: &'static str) {
        *self.state().looked.entry(oracle).or_default() += 1;
    }

    /// A machine has cost something for so long though nobody wanted it any more.
    pub fn unwanted_for(&self, span: Duration) {
        self.state().unwanted += span;
    }

    /// For how long machines have cost something though nobody wanted them any more, all together.
    pub fn unwanted(&self) -> Duration {
        self.state().unwanted
    }

    /// A machine has cost more than can be explained.
    pub fn overspent(&self, what: impl Into<String>) {
        self.state().has_overspent = true;
        self.wrong(what);
    }

    /// Whether any machine has.
    pub fn has_overspent(&self) -> bool {
        self.state().has_overspent
    }

    /// How often each oracle has looked.
    pub fn looks(&self) -> BTreeMap<&'static str, u64> {
        self.state().looked.clone()
    }

    /// Keeps every line of the trace, with the calls that only read.
    pub fn keep_whole_trace(&self) {
        self.state().whole_trace = true;
    }

    /// Writes a line into the trace.
    pub fn note(&self, what: impl AsRef<str>) {
        let at = self.start.elapsed();
        let mut state = self.state();
        if !state.whole_trace && state.trace.len() == TRACE {
            state.trace.pop_front();
        }
        let line = format!("{:6}.{:03} {}", at.as_secs(), at.subsec_millis(), what.as_ref());
        state.trace.push_back(line);
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

    /// What went wrong.
    pub fn verdict(&self) -> Result<(), String> {
        let state = self.state();
        if state.wrong.is_empty() {
            Ok(())
        } else {
            Err(state.wrong.join("\n"))
        }
    }

    /// What led to it.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.iter().cloned().collect()
    }
}

/// When virtual time begins: a moment with a fraction of a second, which the API server drops.
fn beginning() -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_437).unwrap()
}

/// Time and chance as a process gets them.
pub struct Virtual {
    world: Arc<World>,
    steady: Steady,
}

impl Virtual {
    pub fn new(world: Arc<World>) -> Self {
        Self {
            world,
            steady: Steady::default(),
        }
    }
}

impl Environment for Virtual {
    fn now(&self) -> Timestamp {
        self.steady.read(self.world.host_now())
    }

    fn random(&self) -> u64 {
        self.world.below(u64::MAX)
    }

    fn secret_bytes(&self) -> [u8; 32] {
        std::array::from_fn(|_| u8::try_from(self.world.below(256)).unwrap())
    }
}

/// A digest that is the same in every run.
pub fn digest(text: impl std::fmt::Display) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(text.to_string().as_bytes());
    hasher.finish()
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
