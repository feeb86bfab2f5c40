//! The clouds' APIs as one server: faithful to what is known of them, with faults and a meter.
//!
//! ```no_run
//! # async fn example() -> Result<(), cloudsim::StartError> {
//! use cloudsim::{Cloudsim, Config, Fault, Pace};
//!
//! let sim = Cloudsim::start(Config::default().with_pace(&Pace::every(20))).await?;
//! let endpoint = sim.xgc().url(); // what a client takes as the cloud's base URL
//! let token = sim.xgc().account("u-1").token();
//! sim.fault(Fault::on("xgc.deploy").cut_after_commit());
//! // ... let a client rent something ...
//! assert_eq!(sim.alive().len(), 1);
//! assert_eq!(sim.call_count("xgc.deploy"), 1);
//! # let _ = (endpoint, token); Ok(()) }
//! ```
//!
//! How it is built: the world (`world`) holds machines and accounts in terms that all clouds share, and lets time
//! and money pass over them. A twin (`twin`, one folder a cloud) brings routes, words and rules. Every call takes
//! one way (`call`): recognised, met by faults, carried out, met by faults again, answered. The same controls are
//! there in process ([`Cloudsim`]) and below `/admin`.

mod account;
mod admin;
mod call;
pub mod capital_online;
mod clock;
mod cloud;
mod config;
mod exchange;
mod fault;
mod handle;
mod held;
pub mod luchen;
mod machine;
mod meter;
mod money;
pub mod neolink;
mod pace;
mod rewrite;
pub mod scnet;
mod server;
mod simulator;
mod twin;
mod world;
pub mod xgc;

pub use account::{AccountConfig, AccountReport, CredentialConfig, CredentialReport};
pub use cloud::Cloud;
pub use config::{CapitalOnlineConfig, Config, LuchenConfig, NeolinkConfig, ScnetConfig, XgcConfig};
pub use fault::{Effect, Fault, FaultOn, FaultReport, When};
pub use handle::{AccountHandle, CloudHandle, Cloudsim, StartError};
pub use machine::{Cause, MachineReport, Phase, Saved};
pub use meter::{CallReport, Outcome};
pub use pace::Pace;
pub use simulator::{AccountChange, Change, ControlError, Meter};
pub use twin::NewMachine;
