//! What a test holds in its hand.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tokio::{net::TcpListener, time::sleep};

use crate::{
    account::{AccountConfig, AccountReport},
    capital_online,
    cloud::Cloud,
    config::Config,
    fault::{Fault, FaultReport},
    luchen,
    machine::MachineReport,
    meter::CallReport,
    neolink, scnet, server,
    simulator::{AccountChange, Change, ControlError, Meter, Simulator},
    twin::NewMachine,
    xgc,
};

/// How often something awaited is looked for.
const GRAIN: Duration = Duration::from_millis(5);

/// Why the simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A running simulator. It stops, and closes every connection, when this is dropped.
#[must_use = "the simulator stops when its handle is dropped"]
pub struct Cloudsim {
    simulator: Arc<Simulator>,
    address: SocketAddr,
}

impl Drop for Cloudsim {
    fn drop(&mut self) {
        self.simulator.stop.send_replace(true);
    }
}

impl Cloudsim {
    /// Starts one; needs a Tokio runtime.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let asked = config.listen;
        let failed = |source| StartError::Listen { address: asked, source };
        let listener = TcpListener::bind(asked).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let simulator = Arc::new(Simulator::new(config));
        tokio::spawn(server::serve(Arc::clone(&simulator), listener));
        Ok(Self { simulator, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of everything, such as `http://127.0.0.1:4100`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base of the driver's HTTP interface.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("{}/admin", self.url())
    }

    /// One cloud.
    #[must_use]
    pub fn cloud(&self, cloud: Cloud) -> CloudHandle<'_> {
        CloudHandle { sim: self, cloud }
    }

    /// XGC, 仙宫云.
    #[must_use]
    pub fn xgc(&self) -> CloudHandle<'_> {
        self.cloud(Cloud::Xgc)
    }

    /// Capital Online, 首云. Its two APIs are at `/gpubms/v1` and `/vpc` below this URL.
    #[must_use]
    pub fn capital_online(&self) -> CloudHandle<'_> {
        self.cloud(Cloud::CapitalOnline)
    }

    /// Neolink.
    #[must_use]
    pub fn neolink(&self) -> CloudHandle<'_> {
        self.cloud(Cloud::Neolink)
    }

    /// Every image that a stop at Neolink has saved; its API lists none.
    #[must_use]
    pub fn neolink_images(&self) -> Vec<neolink::Image> {
        self.simulator.world().neolink.images.clone()
    }

    /// Changes how Neolink's twin behaves.
    pub fn change_neolink_settings(&self, change: impl FnOnce(&mut neolink::Settings)) {
        change(&mut self.simulator.world().neolink.settings);
    }

    /// `SCNet`, 国家超算互联网.
    #[must_use]
    pub fn scnet(&self) -> CloudHandle<'_> {
        self.cloud(Cloud::Scnet)
    }

    /// Changes how `SCNet` behaves from now on.
    pub fn change_scnet_settings(&self, change: impl FnOnce(&mut scnet::Settings)) {
        self.simulator.change_scnet_settings(change);
    }

    /// The scripts that a machine at `SCNet` was given to run, the one of its order first.
    #[must_use]
    pub fn scnet_scripts(&self, id: &str) -> Vec<String> {
        self.simulator.scnet_scripts(id)
    }

    /// Luchen, 潞晨云.
    #[must_use]
    pub fn luchen(&self) -> CloudHandle<'_> {
        self.cloud(Cloud::Luchen)
    }

    /// What a machine at Luchen was ordered with, for its rows do not show that.
    #[must_use]
    pub fn luchen_order(&self, id: &str) -> Option<serde_json::Value> {
        self.simulator.luchen_order(id)
    }

    /// Sets a fault; gives the id by which it can be cleared.
    ///
    /// # Panics
    ///
    /// If no cloud has such an operation.
    #[allow(clippy::must_use_candidate, reason = "most faults are never cleared")]
    pub fn fault(&self, fault: Fault) -> u64 {
        self.simulator
            .set_fault(fault)
            .expect("the fault is for an operation that exists")
    }

    /// Every fault that was set and not cleared, with how often it was met.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultReport> {
        self.simulator.faults()
    }

    /// Clears one fault; false if there is none of this id.
    #[allow(clippy::must_use_candidate, reason = "an effect first")]
    pub fn clear_fault(&self, id: u64) -> bool {
        self.simulator.clear_fault(id)
    }

    /// Clears all faults.
    pub fn clear_faults(&self) {
        self.simulator.clear_faults();
    }

    /// Every machine there ever was, oldest first.
    #[must_use]
    pub fn machines(&self) -> Vec<MachineReport> {
        self.simulator.machines()
    }

    /// Every machine that exists.
    #[must_use]
    pub fn alive(&self) -> Vec<MachineReport> {
        let mut machines = self.machines();
        machines.retain(|machine| machine.alive);
        machines
    }

    /// One machine, existing or gone.
    #[must_use]
    pub fn machine(&self, id: &str) -> Option<MachineReport> {
        self.simulator.machine(id)
    }

    /// Every machine that was ever created with this name.
    #[must_use]
    pub fn machines_named(&self, name: &str) -> Vec<MachineReport> {
        let mut machines = self.machines();
        machines.retain(|machine| machine.first_name == name);
        machines
    }

    /// Everything that is metered.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.simulator.meter()
    }

    /// Does something to a machine behind its owner's back.
    pub fn change(&self, id: &str, change: Change) -> Result<MachineReport, ControlError> {
        self.simulator.change(id, change)
    }

    /// Puts a running machine there that no call created.
    pub fn plant(&self, machine: &NewMachine) -> Result<MachineReport, ControlError> {
        self.simulator.plant(machine)
    }

    /// Every account at every cloud.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountReport> {
        self.simulator.accounts()
    }

    /// Every call since the start or the last reset of the log, in the order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<CallReport> {
        self.simulator.calls()
    }

    /// The calls of one operation, such as `xgc.deploy`.
    #[must_use]
    pub fn calls_of(&self, operation: &str) -> Vec<CallReport> {
        let mut calls = self.calls();
        calls.retain(|call| call.operation == operation);
        calls
    }

    /// How many calls of one operation arrived, such as `xgc.list`.
    #[must_use]
    pub fn call_count(&self, operation: &str) -> u64 {
        self.call_counts().get(operation).copied().unwrap_or_default()
    }

    /// How many calls arrived, by operation.
    #[must_use]
    pub fn call_counts(&self) -> BTreeMap<String, u64> {
        self.simulator.call_counts()
    }

    /// Forgets the calls so far.
    pub fn reset_calls(&self) {
        self.simulator.reset_calls();
    }

    /// The calls that are held by a pause or a hang. One appears here a moment after it appears among the calls, so
    /// what waits for a call to be held has to look here.
    #[must_use]
    pub fn held(&self) -> Vec<CallReport> {
        self.simulator.held()
    }

    /// Lets one held call go; false if it is not held.
    #[allow(clippy::must_use_candidate, reason = "an effect first")]
    pub fn release(&self, seq: u64) -> bool {
        self.simulator.release(seq)
    }

    /// Lets all held calls go; gives how many.
    #[allow(clippy::must_use_candidate, reason = "an effect first")]
    pub fn release_all(&self) -> usize {
        self.simulator.release_all()
    }

    /// The simulator's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.simulator.now()
    }

    /// Jumps ahead. Whatever falls due on the way happens in its order, and is paid for.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::ZERO);
        self.simulator.advance(by);
    }

    /// Everything as at the start: machines, money, faults, calls, clock.
    pub fn reset(&self) {
        self.simulator.reset();
    }

    /// Changes how XGC's twin behaves.
    pub fn change_xgc_settings(&self, change: impl FnOnce(&mut xgc::Settings)) {
        self.simulator.change_xgc_settings(change);
    }

    /// Changes how Capital Online's twin behaves.
    pub fn change_capital_online_settings(&self, change: impl FnOnce(&mut capital_online::Settings)) {
        self.simulator.change_capital_online_settings(change);
    }

    /// The password that opens a machine at Capital Online, for the cloud itself never shows it.
    #[must_use]
    pub fn capital_online_password(&self, id: &str) -> Option<String> {
        self.simulator.capital_online_password(id)
    }

    /// Changes how Luchen's twin behaves.
    pub fn change_luchen_settings(&self, change: impl FnOnce(&mut luchen::Settings)) {
        self.simulator.change_luchen_settings(change);
    }

    /// Waits until something is so; false if it isn't within `at_most`.
    pub async fn wait_until(&self, at_most: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + at_most;
        loop {
            if is_so(self) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            sleep(GRAIN).await;
        }
    }
}

/// One cloud of a running simulator.
#[derive(Clone, Copy)]
pub struct CloudHandle<'a> {
    sim: &'a Cloudsim,
    cloud: Cloud,
}

impl<'a> CloudHandle<'a> {
    /// What a client takes as the cloud's base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}", self.sim.url(), self.cloud.prefix())
    }

    /// One of its accounts.
    ///
    /// # Panics
    ///
    /// If there is none of this id.
    #[must_use]
    pub fn account(&self, id: &str) -> AccountHandle<'a> {
        let report = self.sim.simulator.account(self.cloud, id);
        assert!(report.is_some(), "{} has no account {id}", self.cloud);
        AccountHandle {
            sim: self.sim,
            cloud: self.cloud,
            id: id.to_owned(),
        }
    }

    /// One more account, or another in place of one of the same id.
    #[allow(clippy::must_use_candidate, reason = "an effect first")]
    pub fn add_account(&self, account: &AccountConfig) -> AccountHandle<'a> {
        self.sim.simulator.add_account(self.cloud, account);
        self.account(&account.id)
    }

    /// Has an order of money paid.
    pub fn pay_order(&self, trade_no: &str) -> Result<(), ControlError> {
        self.sim.simulator.pay_order(self.cloud, trade_no)
    }
}

/// One account of a running simulator.
#[derive(Clone)]
pub struct AccountHandle<'a> {
    sim: &'a Cloudsim,
    cloud: Cloud,
    id: String,
}

impl AccountHandle<'_> {
    /// Who the cloud says it is.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As it stands.
    ///
    /// # Panics
    ///
    /// If the simulator was reset to a world that doesn't have it.
    #[must_use]
    pub fn report(&self) -> AccountReport {
        self.sim
            .simulator
            .account(self.cloud, &self.id)
            .expect("accounts are only lost in a reset")
    }

    /// Its first credential that is not revoked; empty if there is none.
    #[must_use]
    pub fn token(&self) -> String {
        self.report()
            .credentials
            .into_iter()
            .find(|credential| !credential.revoked)
            .map(|credential| credential.key)
            .unwrap_or_default()
    }

    /// In yuan.
    #[must_use]
    pub fn balance(&self) -> f64 {
        self.report().balance
    }

    /// Does something to it.
    pub fn change(&self, change: AccountChange) -> Result<AccountReport, ControlError> {
        self.sim.simulator.change_account(self.cloud, &self.id, change)
    }

    /// Sets its balance, in yuan.
    pub fn set_balance(&self, yuan: f64) -> Result<AccountReport, ControlError> {
        self.change(AccountChange::Balance { yuan })
    }

    /// Has one of its credentials refused.
    pub fn revoke(&self, key: &str) -> Result<AccountReport, ControlError> {
        self.change(AccountChange::Revoke { key: key.to_owned() })
    }

    /// Makes a revoked credential good again.
    pub fn restore(&self, key: &str) -> Result<AccountReport, ControlError> {
        self.change(AccountChange::Restore { key: key.to_owned() })
    }

    /// A new token in place of all that were good so far.
    pub fn rotate(&self, key: &str) -> Result<AccountReport, ControlError> {
        self.change(AccountChange::Rotate {
            key: key.to_owned(),
            secret: String::new(),
        })
    }

    /// Its machines that exist.
    #[must_use]
    pub fn alive(&self) -> Vec<MachineReport> {
        let mut machines = self.sim.alive();
        machines.retain(|machine| machine.cloud == self.cloud && machine.account == self.id);
        machines
    }
}
