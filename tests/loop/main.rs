//! The loop, for whole lives and under every fault: no machine twice, none left behind, none that is not ours touched.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

#[path = "../model/mod.rs"]
mod model;

mod crash_points;
mod holes;
mod identity;
mod leaders;
mod lists;
mod lives;
mod orders;
mod patience;
mod refusals;
mod replacing;
mod returned;
mod spending;
mod walks;

use gpu_instance_operator::api::Cloud;
use model::{Model, Outcome, run_at};

/// Lived at each of the five clouds; fails with what went wrong, and what led to it.
fn passes<F: Future<Output = Outcome>>(seed: u64, life: impl Fn(Model) -> F) {
    passes_at(&Cloud::ALL, seed, life);
}

/// Lived at these clouds.
fn passes_at<F: Future<Output = Outcome>>(clouds: &[Cloud], seed: u64, life: impl Fn(Model) -> F) {
    for cloud in clouds {
        run_at(*cloud, seed, &life).unwrap_or_else(|why| panic!("{why}"));
    }
}
