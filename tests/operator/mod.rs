//! The operator as a process, looking after one namespace of a real API server, renting at a simulated cloud.
//!
//! ```ignore
//! let scene = Scene::start("stops").await;
//! scene.apply(instance("train-1", json!({}))).await;
//! scene.until_ready("train-1").await;
//! assert_eq!(scene.sim.alive().len(), 1);
//! ```
//!
//! Each test has a [`Scene`]: a namespace, a simulator and an operator of its own, on the one control plane of the
//! test binary ([`Setup::own_plane`] for what would disturb the others), at XGC or another cloud ([`Setup::at`]). Whatever is waited for has a deadline, and says
//! on failure how the object looks, what was told of it, and what the operator logged.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod clouds;
mod cluster;
mod manifest;
mod object;
mod orphans;
mod plane;
mod process;
mod scene;
mod setup;
mod signals;

pub use clouds::{CAPITAL_ONLINE, CLOUDS, CloudFacts, LUCHEN, NEOLINK, Price, SCNET, XGC};
pub use cluster::{Cluster, Kind, USER_AGENT};
pub use manifest::{IMAGE, OTHER_IMAGE, cluster_provider, credentials, instance, merged, provider};
pub use object::{Event, Object};
pub use orphans::orphan;
pub use plane::Plane;
pub use process::{BUILT, Launch, Operator};
pub use scene::{PATIENCE, Scene};
pub use setup::Setup;
