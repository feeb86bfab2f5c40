//! What becomes of machines when the operator dies, sleeps, has a rival, or loses what it stands on: on a real API
//! server, at simulated clouds, one machine for each object, and none left behind.
//!
//! The table of deaths has a trial for each story, moment and cloud: `rent::before-create::xgc`. So
//! `cargo test --test crashes rent::` plays one story at all clouds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;

mod crashes {
    pub mod outages;
    pub mod points;
    pub mod release;
    pub mod rivals;
    pub mod story;
}

use libtest_mimic::Trial;
use tokio::runtime::Builder;

/// Trials mostly wait, for a cloud or for the claim of a process that died: so many run at once, whatever the number of
/// cores.
const AT_ONCE: usize = 24;

fn main() {
    let mut arguments = libtest_mimic::Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    // The longest first.
    let mut trials = crashes::rivals::trials();
    trials.extend(crashes::outages::trials());
    trials.extend(crashes::points::trials());
    trials.push(Trial::test("release::has-no-crash-points", || {
        crashes::release::has_no_crash_points();
        Ok(())
    }));
    libtest_mimic::run(&arguments, trials).exit();
}

/// A trial that plays this.
fn trial<F: Future<Output = ()>>(name: String, play: impl FnOnce() -> F + Send + 'static) -> Trial {
    Trial::test(name, || {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(play());
        Ok(())
    })
}
