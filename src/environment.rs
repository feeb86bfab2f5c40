//! The one seam for time and chance: whoever decides by either of them gets it from here, so that the whole loop can
//! run under virtual time and a seed.
//!
//! Waiting goes through `tokio::time`, which a test can pause; this is for reading the clock and drawing numbers.

use jiff::Timestamp;

/// Where time and random numbers come from.
pub trait Environment: Send + Sync + 'static {
    /// The wall clock: what is compared with times that other processes wrote.
    fn now(&self) -> Timestamp;

    /// A number for jitter. Not for secrets.
    fn random(&self) -> u64;

    /// Bytes for a secret.
    fn secret_bytes(&self) -> [u8; 32];
}

/// The real world.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Environment for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    fn secret_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        // A system without a source of randomness cannot make a password that anyone should use.
        getrandom::fill(&mut bytes).expect("the system's random number generator works");
        bytes
    }
}
