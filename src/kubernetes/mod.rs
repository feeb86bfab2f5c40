//! What is needed of Kubernetes besides reading and writing objects: a client that does not hang, leadership, events,
//! backoff, and the wait for our own kinds. Nothing here knows of clouds or machines.

mod backoff;
mod client;
mod crd_gate;
mod deadline;
mod events;
mod finalizer;
mod first_lists;
mod lease;
mod namespaces;
mod readiness;

pub use backoff::{Backoff, Pace};
pub use client::{ConnectError, connect};
pub use crd_gate::wait_for_kinds;
pub use deadline::{CALL_DEADLINE, CallError, call, within};
pub use events::Events;
pub use finalizer::{Taken, drop_finalizer, take_finalizer};
pub use first_lists::{FirstList, FirstLists};
pub use lease::{Elector, LEASE_NAME, Leadership, Lease, LeaseLost};
pub use namespaces::Namespaces;
pub use readiness::{Gate, Readiness};
