//! Runs lives: one by one, or many on all cores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gpu_instance_operator::api::Cloud as Name;

use super::faults::Call;
use super::{Model, World};

/// What went wrong, if anything.
pub type Outcome = Result<(), String>;

/// A life that is over.
pub struct Lived {
    pub outcome: Outcome,
    pub world: Arc<World>,
}

impl Lived {
    /// What went wrong, with what led to it.
    pub fn told(self) -> Outcome {
        self.outcome
            .map_err(|why| format!("{why}\n{}", self.world.trace().join("\n")))
    }

    pub fn calls(&self) -> Vec<Call> {
        self.world.calls()
    }
}

/// Lives a life of the model at a cloud, in virtual time.
pub fn live<F: Future<Output = Outcome>>(cloud: Name, seed: u64, life: impl FnOnce(Model) -> F) -> Lived {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let model = Model::new(cloud, seed);
        let world = Arc::clone(&model.world);
        let outcome = life(model).await.map_err(|why| format!("{cloud}, seed {seed}: {why}"));
        Lived { outcome, world }
    })
}

/// Lives a life, and tells what went wrong, with what led to it.
pub fn run_at<F: Future<Output = Outcome>>(cloud: Name, seed: u64, life: impl FnOnce(Model) -> F) -> Outcome {
    live(cloud, seed, life).told()
}

/// What is counted over many lives.
#[derive(Default)]
pub struct Tally {
    pub lives: usize,
    pub calls: u64,
    pub faults: BTreeMap<String, u64>,
    pub looks: BTreeMap<&'static str, u64>,
    /// For how long machines cost something against the wish of their objects.
    pub unwanted: Duration,
    /// Lives in which that was longer than a poll, the calls and the faults explain.
    pub over: usize,
}

impl Tally {
    pub fn add(&mut self, lived: &Lived) {
        let world = &lived.world;
        self.lives += 1;
        self.unwanted += world.unwanted();
        self.over += usize::from(world.has_overspent());
        self.calls += world.count() as u64;
        for (what, count) in world.injected() {
            *self.faults.entry(what).or_default() += count;
        }
        for (what, count) in world.looks() {
            *self.looks.entry(what).or_default() += count;
        }
    }

    /// For people: what was done, how fast, and what was looked at.
    pub fn told(&self, took: Duration) -> String {
        let per_second = f64::from(u32::try_from(self.lives).unwrap_or(u32::MAX)) / took.as_secs_f64();
        let mut lines = vec![
            format!("{:>10}  lives, {per_second:.1} a second", self.lives),
            format!("{:>10}  calls to the API server and the cloud", self.calls),
        ];
        let faults: u64 = self.faults.values().sum();
        lines.push(format!("{faults:>10}  faults:"));
        lines.extend(self.faults.iter().map(|(what, count)| format!("{count:>14}  {what}")));
        lines.push(format!(
            "{:>10}  oracles, and how often each has looked:",
            self.looks.len()
        ));
        lines.extend(self.looks.iter().map(|(what, count)| format!("{count:>14}  {what}")));
        lines.push(format!(
            "{:>10}  s that machines cost something and nobody wanted them any more, until the operator knew and the cloud had done it",
            self.unwanted.as_secs()
        ));
        lines.push(format!(
            "{:>10}  lives in which that was more money than a poll, the calls and the faults explain",
            self.over
        ));
        lines.join("\n")
    }

    fn join(&mut self, other: Self) {
        self.lives += other.lives;
        self.calls += other.calls;
        self.unwanted += other.unwanted;
        self.over += other.over;
        for (what, count) in other.faults {
            *self.faults.entry(what).or_default() += count;
        }
        for (what, count) in other.looks {
            *self.looks.entry(what).or_default() += count;
        }
    }
}

/// After so many failures no more lives are begun.
const ENOUGH: usize = 3;

/// Lives so many lives on all cores; what was counted, and the first few that went wrong.
pub fn on_all_cores(lives: usize, life: impl Fn(usize) -> Lived + Sync) -> (Tally, Vec<String>) {
    let next = AtomicUsize::new(0);
    let whole = Mutex::new((Tally::default(), Vec::new()));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let mut tally = Tally::default();
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= lives || whole.lock().unwrap().1.len() >= ENOUGH {
                        break;
                    }
                    let lived = life(n);
                    tally.add(&lived);
                    if let Err(why) = lived.told() {
                        whole.lock().unwrap().1.push(why);
                    }
                }
                whole.lock().unwrap().0.join(tally);
            });
        }
    });
    whole.into_inner().unwrap()
}
