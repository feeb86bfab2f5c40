//! The loop over one instance: [`observe`] (read only), [`plan`] (pure), [`act`] (one call), [`publish`] (status,
//! Secret, events; nothing when nothing changed).
//!
//! One [`step::Step`] a pass, so that every crash point lies between two passes or inside one call.

mod act;
mod connection;
pub mod controller;
mod drift;
mod judge;
mod memory;
mod observation;
mod observe;
mod pass;
mod plan;
mod project;
mod publish;
mod remembered;
mod step;
mod tell;

pub use pass::Reconciler;

/// The name of every step, in the log and in metrics.
pub const STEPS: &[&str] = <step::Step as strum::VariantNames>::VARIANTS;
