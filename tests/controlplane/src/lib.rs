//! A real Kubernetes control plane for tests: etcd, kube-apiserver and the controllers that make an
//! API behave as in a cluster (garbage collection, namespace deletion, service accounts, aggregated
//! roles). There is no node, so no pod ever runs; the script can add one.
//!
//! ```no_run
//! use controlplane::{ControlPlane, Options};
//!
//! let plane = ControlPlane::start(&Options::new().audit())?;
//! plane.kubectl(&["create", "namespace", "demo"])?;
//! println!("KUBECONFIG={}", plane.kubeconfig().display());
//! # Ok::<(), controlplane::Error>(())
//! ```
//!
//! Everything here blocks, and nothing is bound to an async runtime: a start takes a few seconds, so
//! call it as it is from a `#[tokio::test]`, and share one control plane where tests do not disturb
//! each other: [`ControlPlane::shared`].
//!
//! The processes belong to a supervisor that lives as long as the pipe to its standard input is open.
//! So nothing is left running when a test panics, is interrupted or killed with `SIGKILL`.

mod audit;
mod control_plane;
mod error;
mod fed;
mod options;
mod rights;

pub use audit::{AuditEvent, read as audit_log};
pub use control_plane::ControlPlane;
pub use error::Error;
pub use fed::fed;
pub use options::Options;
pub use rights::{Right, Rights};
