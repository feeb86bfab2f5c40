//! The chart: what it renders, what becomes of it on a real API server, and the operator with exactly the rights that it
//! gives.
//!
//! `UPDATE=1 cargo test --test chart the_generated` writes what is rendered from it anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod repository;

mod chart {
    mod deployed;
    mod every_value;
    mod helm;
    mod manifests;
    mod releases;
    mod security;
    mod values;
}
