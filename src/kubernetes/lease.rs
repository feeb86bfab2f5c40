//! Leadership by a Lease: of all replicas, one acts.
//!
//! # Guarantees
//! - Every write is guarded by the `resourceVersion` that was read, so of two contenders one gets a conflict.
//! - Another's Lease is taken over only after it was *seen by our own clock* not to change for as long as it is valid.
//!   Clocks of two machines are never compared.
//! - Who cannot renew for [`RENEW_DEADLINE`] by its own clock has lost, 5 s before another may take over.
//!
//! # Caveats
//! - A process that is frozen between two checks acts on when it wakes up. Leadership makes double work rare; the
//!   claim that is written before each paid call is what makes it harmless.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease as LeaseObject, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::deadline::{CallError, call, within};
use crate::environment::Environment;

/// Name of the Lease.
pub const LEASE_NAME: &str = "gpu-instance-operator";

/// How long a Lease that is not renewed keeps others away.
const VALID_FOR: Duration = Duration::from_secs(15);
/// How often the leader renews.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long the leader may go without a renewal.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How long one attempt to renew may take, so that two fit before the deadline.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(2);
/// The pause between two attempts to renew.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(500);
/// How often a standby looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A contender for leadership.
#[derive(Clone)]
pub struct Elector {
    leases: Api<LeaseObject>,
    identity: String,
    environment: Arc<dyn Environment>,
}

/// What a standby has seen of another's Lease, and since when it has not changed.
#[derive(Debug, PartialEq, Eq)]
struct Rival {
    holder: String,
    renewed: Option<MicroTime>,
    version: Option<String>,
    since: Instant,
}

impl Elector {
    /// A contender in this namespace. `replica` names the process for the reader; it is made unique here.
    #[must_use]
    pub fn new(client: Client, namespace: &str, replica: &str, environment: Arc<dyn Environment>) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            identity: format!("{replica}_{:08x}", environment.random() >> 32),
            environment,
        }
    }

    /// Who this contender is in the Lease.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Waits until this contender leads. Errors are logged when they change, and the wait goes on.
    pub async fn acquire(&self) -> Lease {
        let mut rival = None;
        let mut last_error = String::new();
        loop {
            match self.try_acquire(&mut rival).await {
                Ok(Some(lease)) => return lease,
                Ok(None) => last_error.clear(),
                Err(error) => {
                    let error = error.to_string();
                    if error != last_error {
                        tracing::warn!(%error, lease = LEASE_NAME, "cannot look at the Lease; trying again");
                        last_error = error;
                    }
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Looks once, and takes the Lease if it is free.
    async fn try_acquire(&self, rival: &mut Option<Rival>) -> Result<Option<Lease>, CallError> {
        let started = Instant::now();
        let written = match call(self.leases.get_opt(LEASE_NAME)).await? {
            None => call(self.leases.create(&PostParams::default(), &self.taken(None))).await,
            Some(current) if self.is_free(&current, rival) => {
                let taken = self.taken(Some(current));
                call(self.leases.replace(LEASE_NAME, &PostParams::default(), &taken)).await
            }
            Some(_) => return Ok(None),
        };
        match written {
            Ok(object) => Ok(Some(Lease::new(self.clone(), object, started))),
            // Another contender was faster, or the holder came back to life.
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this Lease may be taken: given back, ours already (the reply to our write was lost), or not renewed for
    /// as long as it is valid.
    fn is_free(&self, current: &LeaseObject, rival: &mut Option<Rival>) -> bool {
        let spec = current.spec.as_ref();
        let holder = spec
            .and_then(|spec| spec.holder_identity.as_deref())
            .unwrap_or_default();
        if holder.is_empty() || holder == self.identity {
            return true;
        }
        let now = Rival {
            holder: holder.to_owned(),
            renewed: spec.and_then(|spec| spec.renew_time.clone()),
            version: current.metadata.resource_version.clone(),
            since: Instant::now(),
        };
        let valid_for = spec
            .and_then(|spec| spec.lease_duration_seconds)
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(VALID_FOR, Duration::from_secs);
        match rival {
            Some(seen) if seen.holder == now.holder && seen.renewed == now.renewed && seen.version == now.version => {
                seen.since.elapsed() >= valid_for
            }
            _ => {
                if rival.as_ref().is_none_or(|seen| seen.holder != now.holder) {
                    tracing::info!(leader = now.holder, "standing by: another replica leads");
                }
                *rival = Some(now);
                false
            }
        }
    }

    /// The Lease as it is when this contender holds it: made anew, or taken from whoever had it.
    fn taken(&self, current: Option<LeaseObject>) -> LeaseObject {
        let now = MicroTime(self.environment.now());
        let (metadata, before) = match current {
            Some(lease) => (lease.metadata, lease.spec.unwrap_or_default()),
            None => (
                ObjectMeta {
                    name: Some(LEASE_NAME.to_owned()),
                    labels: Some([(crate::api::MANAGED_BY_LABEL.into(), crate::api::MANAGER.into())].into()),
                    ..ObjectMeta::default()
                },
                LeaseSpec::default(),
            ),
        };
        let transitions = before.lease_transitions.map_or(0, |count| count.saturating_add(1));
        LeaseObject {
            metadata,
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                lease_duration_seconds: Some(VALID_FOR.as_secs().try_into().unwrap_or(i32::MAX)),
                lease_transitions: Some(transitions),
                ..before
            }),
        }
    }
}

/// Leadership is over: the process must stop acting at once.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseLost {
    /// The Lease could not be renewed in time; why, last time.
    #[error("leadership is lost: the Lease {LEASE_NAME} was not renewed for {seconds} s ({0})", seconds = RENEW_DEADLINE.as_secs())]
    NotRenewed(String),
    /// Another replica holds the Lease.
    #[error("leadership is lost: the Lease {LEASE_NAME} is now held by {0}")]
    Taken(String),
    /// The Lease was deleted, so that anybody may hold a new one.
    #[error("leadership is lost: the Lease {LEASE_NAME} was deleted")]
    Deleted,
}

/// A Lease that this process holds.
pub struct Lease {
    elector: Elector,
    object: LeaseObject,
    /// When the last write that succeeded was begun.
    renewed: Instant,
    held_until: watch::Sender<Instant>,
}

impl Lease {
    fn new(elector: Elector, object: LeaseObject, renewed: Instant) -> Self {
        tracing::info!(identity = elector.identity, "leading");
        Self {
            elector,
            object,
            renewed,
            held_until: watch::Sender::new(renewed + RENEW_DEADLINE),
        }
    }

    /// For whoever wants to make sure at the last moment.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        Leadership(Some(self.held_until.subscribe()))
    }

    /// Renews until leadership is lost. May be dropped at any time, to give the Lease back.
    pub async fn keep(&mut self) -> LeaseLost {
        loop {
            sleep_until(self.renewed + RENEW_EVERY).await;
            let deadline = self.renewed + RENEW_DEADLINE;
            let mut problem = String::from("this process was not running");
            // A process that slept through its deadline does not even try.
            if Instant::now() >= deadline {
                return LeaseLost::NotRenewed(problem);
            }
            match timeout_at(deadline, self.renew(&mut problem)).await {
                Ok(Ok(())) => {}
                Ok(Err(lost)) => return lost,
                Err(_) => return LeaseLost::NotRenewed(problem),
            }
        }
    }

    /// Tries until it succeeds or leadership is known to be lost.
    async fn renew(&mut self, problem: &mut String) -> Result<(), LeaseLost> {
        loop {
            "the API server does not answer".clone_into(problem);
            let started = Instant::now();
            match self.write(|spec, now| spec.renew_time = Some(now)).await {
                Ok(()) => {
                    self.renewed = started;
                    self.held_until.send_replace(started + RENEW_DEADLINE);
                    return Ok(());
                }
                Err(error) if error.is_not_found() => return Err(LeaseLost::Deleted),
                Err(error) if error.is_conflict() => self.look_again().await?,
                Err(error) => {
                    tracing::warn!(%error, "the Lease is not renewed yet");
                    *problem = error.to_string();
                }
            }
            sleep(ATTEMPT_PAUSE).await;
        }
    }

    /// Gives the Lease back, so that a standby need not wait for it to expire. Nothing may be acted on any more.
    pub async fn release(mut self) {
        for _ in 0..2 {
            let result = self
                .write(|spec, now| {
                    spec.holder_identity = Some(String::new());
                    spec.renew_time = Some(now);
                })
                .await;
            match result {
                Ok(()) => return tracing::info!("leadership is given back"),
                // Our own renewal, dropped half-way, may have been written: once more from what is there.
                Err(error) if error.is_conflict() && self.look_again().await.is_ok() => {}
                Err(error) => {
                    return tracing::warn!(%error, "the Lease could not be given back; it expires by itself");
                }
            }
        }
    }

    /// Writes the Lease with this change, guarded by the `resourceVersion` last seen.
    async fn write(&mut self, change: impl FnOnce(&mut LeaseSpec, MicroTime)) -> Result<(), CallError> {
        let mut object = self.object.clone();
        change(
            object.spec.get_or_insert_default(),
            MicroTime(self.elector.environment.now()),
        );
        let request = PostParams::default();
        let write = self.elector.leases.replace(LEASE_NAME, &request, &object);
        self.object = within(ATTEMPT_DEADLINE, write).await?;
        Ok(())
    }

    /// After a conflict: the Lease as it is now, if it is still ours.
    async fn look_again(&mut self) -> Result<(), LeaseLost> {
        match within(ATTEMPT_DEADLINE, self.elector.leases.get_opt(LEASE_NAME)).await {
            Ok(Some(object)) => {
                let holder = object.spec.as_ref().and_then(|spec| spec.holder_identity.clone());
                if holder.as_deref() != Some(self.elector.identity.as_str()) {
                    return Err(LeaseLost::Taken(
                        holder
                            .filter(|holder| !holder.is_empty())
                            .unwrap_or_else(|| "nobody: somebody gave it back in our name".to_owned()),
                    ));
                }
                self.object = object;
                Ok(())
            }
            Ok(None) => Err(LeaseLost::Deleted),
            // Not known: the next attempt to write tells.
            Err(_) => Ok(()),
        }
    }
}

/// Whether this process leads, for a check at the last moment before a call that costs money. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership(Option<watch::Receiver<Instant>>);

impl Leadership {
    /// Leadership that nobody contends for: leader election is off.
    #[must_use]
    pub fn uncontended() -> Self {
        Self(None)
    }

    /// Whether this process leads at this moment, by its own clock.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.as_ref().is_none_or(|until| Instant::now() < *until.borrow())
    }
}

#[cfg(test)]
mod tests;
