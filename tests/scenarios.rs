//! Every scenario at every cloud: the operator as a process, on a real API server, at a simulated cloud.
//!
//! A scenario is a function in a file named for its theme, which is given a scene to set up; what differs from cloud to
//! cloud it reads from `operator::CloudFacts`. The table is in `scenarios/table.rs`. A trial is named
//! `theme::scenario::cloud`, so `cargo test --test scenarios scnet` runs all at one cloud, and
//! `cargo test --test scenarios orders::` one theme at all of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;

mod scenarios {
    pub mod adoption;
    pub mod connection;
    pub mod credentials;
    pub mod deletion;
    pub mod elsewhere;
    pub mod identity;
    pub mod life;
    pub mod lists;
    pub mod many;
    pub mod money;
    pub mod orders;
    pub mod orphans;
    pub mod quiet;
    pub mod rebuild;
    pub mod refusals;
    pub mod samples;
    pub mod sign_in;
    pub mod table;
    pub mod updates;
}

/// Scenarios mostly wait, for a cloud or for a second to pass: so many run at once, whatever the number of cores.
const AT_ONCE: usize = 12;

fn main() {
    let mut arguments = libtest_mimic::Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    libtest_mimic::run(&arguments, scenarios::table::trials()).exit();
}
