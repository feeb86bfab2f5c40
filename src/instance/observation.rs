//! Everything that a plan may know.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use kube::ResourceExt;

use super::memory::Memory;
use crate::account::{AccountKey, Evidence, Obstacle};
use crate::api::instance::{DeletionPolicy, Power};
use crate::api::remote_name::{BindingAnnotation, Installation};
use crate::api::status::{Claim, GpuInstanceStatus, InstanceState, PortEndpoint};
use crate::api::{BINDING_ANNOTATION, GpuInstance, INSTANCE_FINALIZER};
use crate::provider::{Capabilities, Machine, Refusal};

/// What was seen.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The account, as far as it can be used.
    pub cloud: CloudView,
    /// What its lists say of this instance.
    pub evidence: Evidence,
    /// What this process remembers.
    pub memory: Memory,
    /// The connection Secret.
    pub secret: SecretView,
    /// The startup script, read from wherever the spec says.
    pub script: Result<Option<String>, Obstacle>,
    /// What the cloud cannot honour in the spec.
    pub refusal: Option<Refusal>,
    /// The machine that `spec.instanceId` names, and what is in the way of adopting it.
    pub adoption: AdoptionView,
    /// Machines that may be what a lost reply has made, by a name that the cloud has changed.
    pub unexplained: Vec<String>,
    /// The machine's published ports, of those that the spec asks for.
    pub ports: Vec<PortEndpoint>,
    /// Digests of the fields that describe the machine, as the spec has them now.
    pub digests: BTreeMap<String, String>,
    /// Who we are in remote names.
    pub installation: Installation,
}

impl Observation {
    /// The machine of this id, if lists show it.
    pub fn machine(&self, id: &str) -> Option<&Machine> {
        self.evidence.machines.iter().find(|machine| machine.id == id)
    }

    /// The machine that this status is bound to, if lists show it.
    pub fn machine_of(&self, status: &GpuInstanceStatus) -> Option<&Machine> {
        self.machine(status.instance_id.as_deref()?)
    }

    /// The state of the machine of this id.
    pub fn state_of(&self, machine: Option<&str>) -> Option<InstanceState> {
        self.machine(machine?).map(|machine| machine.state)
    }
}

/// An account, as far as it can be used.
#[derive(Clone, Debug)]
pub enum CloudView {
    /// Nobody has looked yet.
    NotYet,
    /// Something is in the way.
    Obstructed(Obstacle),
    /// It can be used.
    Connected(Connection),
}

/// An account that can be used.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Which.
    pub account: AccountKey,
    /// What its cloud can do.
    pub capabilities: &'static Capabilities,
    /// Why the namespace may not use it. Never stands in the way of stopping or deleting.
    pub forbidden: Option<Obstacle>,
    /// Why nothing new may be rented with it.
    pub closing: Option<Obstacle>,
    /// Whether the provider wants machines deleted that nobody has a use for any more.
    pub deletes_orphans: bool,
    /// How long absence must last before it is believed.
    pub settle_after: Duration,
    /// How long a call may take.
    pub call_timeout: Duration,
    /// Whether this process has seen to it that the provider and its Secret are protected from deletion.
    pub held: bool,
}

impl Connection {
    /// How long absence must last, as a difference of times.
    pub fn settle(&self) -> SignedDuration {
        SignedDuration::try_from(self.settle_after).unwrap_or(SignedDuration::from_mins(1))
    }
}

/// The connection Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretView {
    /// There is none.
    Absent,
    /// It is this instance's.
    Ours {
        /// Its data.
        data: BTreeMap<String, Vec<u8>>,
        /// The version that was read: what guards a change.
        resource_version: Option<String>,
    },
    /// It is somebody else's.
    Foreign,
    /// It could not be read; why.
    Unreadable(String),
}

/// What can be said of the machine that is to be adopted.
#[derive(Clone, Debug)]
pub enum AdoptionView {
    /// None is to be adopted.
    NotAsked,
    /// The account's last list does not show it.
    NotFound,
    /// It may be adopted.
    Possible(Box<Machine>),
    /// It may not.
    Refused(Obstacle),
}

/// Short ways to what an object says.
pub trait InstanceView {
    /// Its UID.
    fn id(&self) -> &str;
    /// Its generation.
    fn generation(&self) -> i64;
    /// Its status; nothing, if it has none.
    fn seen(&self) -> GpuInstanceStatus;
    /// Its claim.
    fn claim(&self) -> Option<&Claim>;
    /// Whether it carries the instance's finalizer.
    fn holds_finalizer(&self) -> bool;
    /// Its binding annotation.
    fn binding(&self) -> Option<BindingAnnotation>;
    /// The machine that it is bound to: by status, or by its own annotation where status was lost.
    fn machine_id(&self) -> Option<String>;
    /// The account that it is bound to, likewise.
    fn bound_account(&self) -> Option<String>;
    /// Whether a stop is what its user wants, so that an image is saved with it: not a step of a restart, a
    /// replacement or a deletion.
    fn is_to_stand_still(&self) -> bool;
}

impl InstanceView for GpuInstance {
    fn id(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    fn generation(&self) -> i64 {
        self.metadata.generation.unwrap_or_default()
    }

    fn seen(&self) -> GpuInstanceStatus {
        self.status.clone().unwrap_or_default()
    }

    fn claim(&self) -> Option<&Claim> {
        self.status.as_ref()?.claim.as_ref()
    }

    fn holds_finalizer(&self) -> bool {
        self.finalizers()
            .iter()
            .any(|finalizer| finalizer == INSTANCE_FINALIZER)
    }

    fn binding(&self) -> Option<BindingAnnotation> {
        self.annotations()
            .get(BINDING_ANNOTATION)
            .and_then(|text| BindingAnnotation::parse(text))
    }

    fn machine_id(&self) -> Option<String> {
        let status = self.status.as_ref();
        status.and_then(|status| status.instance_id.clone()).or_else(|| {
            let unclaimed = status.is_none_or(|status| status.claim.is_none());
            self.binding()
                .filter(|binding| unclaimed && binding.uid == self.id())
                .map(|binding| binding.instance_id)
        })
    }

    fn bound_account(&self) -> Option<String> {
        let status = self.status.as_ref().and_then(|status| status.account_id.clone());
        status.or_else(|| {
            self.binding()
                .filter(|binding| binding.uid == self.id())
                .map(|binding| binding.account)
        })
    }

    fn is_to_stand_still(&self) -> bool {
        if self.metadata.deletion_timestamp.is_some() {
            return self.spec.deletion_policy() == DeletionPolicy::Stop;
        }
        let in_transition = self.status.as_ref().is_some_and(|status| status.transition.is_some());
        self.spec.power == Power::Stopped && !in_transition
    }
}
