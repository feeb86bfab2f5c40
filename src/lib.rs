//! GPU machines rented by the hour, as Kubernetes objects.
//!
//! A user writes a `GpuInstance`; the operator rents the machine at one of five clouds, starts, stops and deletes it,
//! and writes how to reach it into status and a Secret. The whole story, from the words to the process:
//!
//! - [`api`]: the kinds, their conditions and reasons, and the names that machines bear at a cloud. Vocabulary only.
//! - [`provider`]: the port to the clouds: one trait, what each cloud can do as data, errors by meaning; a folder for
//!   each cloud, which speaks the vendor's API and decides nothing.
//! - [`account`]: one pass over a provider ([`account::Ticker`]): read the credentials, list the account once for all
//!   its instances, wake those for which something changed, publish. Evidence that a machine is gone is gathered here,
//!   list by list; limits are reserved here, one after the other.
//! - [`instance`]: one pass over an instance ([`instance::Reconciler`]): observe → plan → act → publish. The plan is
//!   pure, and one step is taken a pass, so that a process may die anywhere.
//! - [`kubernetes`]: a client that does not hang, finalizers, events, the Lease. [`controllers`] puts the watches and
//!   the passes together; [`operator`] is the life of the process; [`environment`] is the one seam for time and chance,
//!   [`crash_point`] where tests kill it.
//! - [`rebuild`]: after the loss of a cluster, manifests for the machines that the clouds still have.
//!
//! # What comes before everything else
//!
//! No cloud here has an idempotency key, so an order that may have been carried out is never repeated. Before the call
//! that rents, an intent (`status.claim`) is written, guarded by the version that was read; the machine bears a name
//! that only this object and this attempt can have; and whatever is unclear afterwards is settled by the cloud's lists,
//! of which two, far enough apart, must agree before anything is believed to be absent. `docs/how-it-works.md` tells it
//! at length.

pub mod account;
pub mod api;
pub mod cli;
pub mod context;
pub mod controllers;
pub mod crash_point;
pub mod environment;
pub mod instance;
pub mod kubernetes;
pub mod metrics;
pub mod operator;
pub mod provider;
pub mod rebuild;
pub mod server;
pub mod shutdown;
pub mod telemetry;
