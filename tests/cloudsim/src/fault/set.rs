//! The faults that are set, and what became of them.

use serde::{Deserialize, Serialize};

use super::{Fault, Stage, Target};

/// A fault that was set, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    /// By which it can be cleared.
    pub id: u64,
    /// What was set.
    pub fault: Fault,
    /// How many calls matched it so far.
    pub matched: u64,
    /// How many of them it met.
    pub fired: u64,
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(crate) struct FaultBox {
    last: u64,
    faults: Vec<(FaultReport, fastrand::Rng)>,
}

impl FaultBox {
    pub(crate) fn set(&mut self, fault: Fault) -> u64 {
        self.last += 1;
        let random = fastrand::Rng::with_seed(fault.seed);
        self.faults.push((
            FaultReport {
                id: self.last,
                fault,
                matched: 0,
                fired: 0,
            },
            random,
        ));
        self.last
    }

    /// Those that are set, also the spent ones, so that a test can see whether its fault was met.
    pub(crate) fn list(&self) -> Vec<FaultReport> {
        self.faults.iter().map(|(report, _)| report.clone()).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn clear_one(&mut self, id: u64) -> bool {
        let before = self.faults.len();
        self.faults.retain(|(report, _)| report.id != id);
        self.faults.len() < before
    }

    /// The faults that meet this call at this stage, in the order in which they were set.
    pub(crate) fn meet(&mut self, stage: Stage, target: Target<'_>) -> Vec<Fault> {
        let mut met = Vec::new();
        for (report, random) in &mut self.faults {
            let fault = &report.fault;
            let spent = fault.times.is_some_and(|times| report.fired >= times);
            if spent || fault.effect.stage() != stage || !fault.matches(target) {
                continue;
            }
            report.matched += 1;
            if report.matched < fault.nth {
                continue;
            }
            if fault.probability.is_some_and(|probability| random.f64() >= probability) {
                continue;
            }
            report.fired += 1;
            met.push(fault.clone());
        }
        met
    }
}
