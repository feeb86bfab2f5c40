//! Alerts and dashboard: valid, tested, and about metrics that the operator really tells.
//!
//! `tests/monitoring/alerts.yaml` says when each alert fires, and when it does not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod repository;

mod monitoring {
    mod alerts;
    mod dashboard;
    mod expression;
    mod names;
    mod promtool;
    mod told;
}
