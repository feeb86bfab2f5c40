//! The port: what a cloud must be able to do, in words that fit all five.
//!
//! A cloud is one folder here that implements [`Provider`]. It speaks the vendor's API and nothing else: it does not
//! retry, does not remember machines, and decides nothing. Everything that it cannot do is declared in its
//! [`Capabilities`], so that the refusal, its message and the table in the docs come from one place.

pub mod breaker;
mod capabilities;
pub mod capital_online;
pub mod connect;
mod credentials;
pub mod endpoint;
mod error;
mod gpu_model;
pub mod http;
pub mod jupyter;
pub mod loose;
pub mod luchen;
mod model;
pub mod neolink;
mod observed;
pub mod operation;
pub mod pace;
pub mod scnet;
pub mod xgc;

pub use capabilities::{Capabilities, Detail, Field, PriceKnown, Refusal, RegionUse, VolumeUse, When, check};
pub use connect::{Connect, ConnectError, Connector};
pub use credentials::{Credentials, CredentialsDigest, required_keys};
pub use error::{Error, Kind, Result};
pub use gpu_model::{GpuModel, market_name};
pub use model::{
    Balance, Created, Identity, Listing, Machine, MachineSecrets, Order, Proof, Quote, Scope, Ssh, TaskState,
};
pub use observed::Observed;

use async_trait::async_trait;

use crate::api::instance::{GpuInstanceSpec, Port, Snapshot, StopMode};
use crate::api::status::PortEndpoint;

/// One account at one cloud.
///
/// # Guarantees that every implementation gives
/// - Each call has a deadline of its own and ends within it.
/// - [`Kind::Ambiguous`] is returned whenever a request that must not be repeated may have been carried out:
///   no answer, an unreadable answer, an answer whose meaning is not known.
/// - Nothing secret is in an error, a log line or a `Debug` output.
///
/// # Assumptions that it may make
/// - The caller keeps within the account's rate, and never repeats an ambiguous call without looking first.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What this cloud can do.
    fn capabilities(&self) -> &'static Capabilities;

    /// Refuses what only this cloud knows to be wrong in a spec; [`check`] has looked at the capabilities before.
    /// Pure: asks nobody.
    fn check(&self, _spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        Ok(())
    }

    /// Who the cloud says we are. Also the proof that the credentials are good.
    async fn identify(&self) -> Result<Identity>;

    /// What is left on the account; `None` where the cloud does not tell.
    async fn balance(&self) -> Result<Option<Balance>> {
        Ok(None)
    }

    /// Every machine of the account, all pages, in the regions of `scope` where the cloud lists by region.
    /// What could not be read in full says so in [`Listing::proof`]; it is never passed over in silence.
    async fn list(&self, scope: &Scope) -> Result<Listing>;

    /// The machine with what the list does not show; called on a change only, where [`Capabilities::detail`] says so.
    async fn describe(&self, machine: &Machine) -> Result<Machine> {
        Ok(machine.clone())
    }

    /// Checks an order against the cloud's catalog, and its price where the cloud tells one before renting.
    /// Errors are [`Kind::Invalid`] (no such thing; the message lists what there is) or [`Kind::NoCapacity`].
    async fn quote(&self, _spec: &GpuInstanceSpec) -> Result<Quote> {
        Ok(Quote::default())
    }

    /// Rents a machine. Never repeated by anyone: an error that is not [`Kind::Ambiguous`] means that none was made.
    async fn create(&self, order: &Order<'_>) -> Result<Created>;

    /// How far the task that a create has begun is; only where [`Created::task`] was told.
    async fn task(&self, _task: &str, _scope: &Scope) -> Result<TaskState> {
        Err(Error::unsupported("this cloud has no tasks"))
    }

    /// Asks for a stopped machine to be started; with `reshape`, with the GPUs that this spec asks for
    /// ([`When::AtStart`]).
    async fn start(&self, machine: &Machine, reshape: Option<&GpuInstanceSpec>) -> Result<()>;

    /// Asks for a running machine to be stopped. `snapshot` is set only where the cloud saves the image as part of
    /// the stop ([`Capabilities::snapshot_with_stop`]).
    async fn stop(&self, machine: &Machine, mode: StopMode, snapshot: Option<&Snapshot>) -> Result<()>;

    /// Asks for a running machine to be restarted in one call; only where [`Capabilities::restarts`].
    async fn restart(&self, _machine: &Machine) -> Result<()> {
        Err(Error::unsupported("this cloud has no restart"))
    }

    /// Asks for an image of the machine to be saved, in a call of its own.
    async fn save_image(&self, _machine: &Machine, _snapshot: &Snapshot) -> Result<()> {
        Err(Error::unsupported("this cloud saves no images"))
    }

    /// Changes the machine itself to what the order asks ([`When::Stopped`], [`When::Running`]).
    async fn update(&self, _machine: &Machine, _order: &Order<'_>, _fields: &[Field]) -> Result<()> {
        Err(Error::unsupported("this cloud changes nothing on a machine"))
    }

    /// Asks for the machine to be deleted. `Ok` is no more than an acknowledgement: lists tell when it is gone.
    async fn delete(&self, machine: &Machine) -> Result<()>;

    /// Where a port of the machine is reached from outside, once it runs.
    fn port_endpoint(&self, machine: &Machine, port: Port) -> Option<PortEndpoint> {
        machine
            .ports
            .iter()
            .find(|published| published.port == port.port)
            .cloned()
    }
}
