//! `GpuInstance`: one rented machine.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::billing::{Billing, BillingMode};
use super::cloud::{CapitalOnlineInstance, Cloud, LuchenInstance, NeolinkInstance, ScnetInstance, XgcInstance};
use super::status::GpuInstanceStatus;
use super::text::present;

/// The machine that is wanted. Every field that the provider's cloud cannot honour is refused, never ignored.
#[derive(CustomResource, Clone, Debug, PartialEq, Deserialize, Serialize, KubeSchema)]
#[kube(
    group = "gpuinstance.dev",
    version = "v1alpha1",
    kind = "GpuInstance",
    namespaced,
    status = "GpuInstanceStatus",
    shortname = "gpui",
    category = "gpu",
    doc = "A GPU machine rented by the hour at a cloud.",
    derive = "PartialEq",
    printcolumn(name = "STATE", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "GPU", type_ = "string", json_path = ".status.gpu.summary"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "PRICE", type_ = "string", json_path = ".status.pricePerHour"),
    printcolumn(name = "SSH", type_ = "string", json_path = ".status.endpoints.ssh.address"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "CLOUD", type_ = "string", json_path = ".status.cloud", priority = 1),
    printcolumn(name = "REGION", type_ = "string", json_path = ".status.region", priority = 1),
    printcolumn(name = "INSTANCE", type_ = "string", json_path = ".status.instanceId", priority = 1),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    selectable = ".spec.providerRef.name",
    validation = Rule::new("!has(oldSelf.status) || !(has(oldSelf.status.claim) || has(oldSelf.status.instanceId)) || self.spec.providerRef == oldSelf.spec.providerRef")
        .message("spec.providerRef cannot change once a machine is claimed: delete this object and create another")
        .field_path(".spec.providerRef"),
    validation = Rule::new("!has(oldSelf.status) || !(has(oldSelf.status.claim) || has(oldSelf.status.instanceId)) || (has(self.spec.region) ? self.spec.region : '') == (has(oldSelf.spec.region) ? oldSelf.spec.region : '')")
        .message("spec.region cannot change once a machine is claimed: delete this object and create another")
        .field_path(".spec.region"),
    validation = Rule::new("!has(oldSelf.status) || !(has(oldSelf.status.claim) || has(oldSelf.status.instanceId)) || (has(self.spec.instanceId) ? self.spec.instanceId : '') == (has(oldSelf.spec.instanceId) ? oldSelf.spec.instanceId : '')")
        .message("spec.instanceId cannot change once a machine is claimed: delete this object and create another")
        .field_path(".spec.instanceId"),
    validation = Rule::new("!has(oldSelf.status) || !(has(oldSelf.status.claim) || has(oldSelf.status.instanceId)) || (has(self.spec.connectionSecretName) ? self.spec.connectionSecretName : '') == (has(oldSelf.spec.connectionSecretName) ? oldSelf.spec.connectionSecretName : '')")
        .message("spec.connectionSecretName cannot change once a machine is claimed: delete this object and create another")
        .field_path(".spec.connectionSecretName"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.xgc), has(self.luchen), has(self.scnet), has(self.capitalOnline), has(self.neolink)].filter(set, set).size() <= 1")
        .message("at most one of xgc, luchen, scnet, capitalOnline and neolink may be set"),
    validation = Rule::new("!(has(self.startupScript) && self.startupScript != '' && has(self.startupScriptFrom))")
        .message("startupScript and startupScriptFrom exclude each other"),
    validation = Rule::new("!has(self.offer) || self.offer == '' || !(has(self.gpu) || (has(self.region) && self.region != ''))")
        .message("offer says what is rented and where: leave out gpu and region"),
    validation = Rule::new("!has(self.instanceId) || self.instanceId == '' || !has(self.offer) || self.offer == ''")
        .message("instanceId adopts a machine that exists: leave out offer"),
)]
pub struct GpuInstanceSpec {
    /// The account that the machine is rented with. Cannot change once a machine is claimed.
    pub provider_ref: ProviderRef,
    /// `Running` or `Stopped`. A machine that was stopped elsewhere is started again while this says `Running`;
    /// a new object that says `Stopped` rents nothing until it says `Running`.
    #[serde(default)]
    pub power: Power,
    /// What `Stopped` means where the cloud has both (XGC): `ReleaseGpu` (what happens when left out; the disk is
    /// kept, the GPU is not paid for and may be gone at the next start) or `KeepGpu` (billing goes on).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_mode: Option<StopMode>,
    /// The GPUs. Left out only where `offer` or the cloud's own ids say what is rented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// CPU cores, where the cloud sizes them apart from the GPU (SCNet).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub cpu: Option<i64>,
    /// Memory, such as `32Gi`, where the cloud sizes it apart from the GPU (SCNet).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = super::quantity::PATTERN))]
    pub memory: Option<String>,
    /// Where to rent, as the cloud names it; only where it has several. Cannot change once a machine is claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    pub region: Option<String>,
    /// The image: the id or path that the cloud uses. May be left out only for a machine that is adopted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    pub image: Option<String>,
    /// Pins one published offer by name, instead of `gpu` and `region`. No cloud's offers are published yet, so it is
    /// refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$"))]
    pub offer: Option<String>,
    /// Ports to be reached from outside, where the cloud publishes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["port".into(), "protocol".into()]))]
    pub ports: Vec<Port>,
    /// Storage to mount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["mountPath".into()]))]
    pub volumes: Vec<Volume>,
    /// Script that the cloud runs when the machine starts, where it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub startup_script: Option<String>,
    /// The same, read from a Secret or a `ConfigMap` in this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_script_from: Option<ScriptSource>,
    /// Save an image of the machine before each stop, where the cloud can (XGC, Neolink). Images are billed as storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_on_stop: Option<Snapshot>,
    /// How the machine is paid for; by the time used where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing: Option<Billing>,
    /// Never create, start or keep a machine above this price an hour, in the account's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = super::money::PATTERN))]
    pub max_price_per_hour: Option<String>,
    /// What becomes of the machine when this object is deleted: `Delete` (what happens when left out, but `Retain`
    /// for an adopted machine), `Stop` or `Retain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// What a later change of gpu, image or disks does: `Report` (a condition says what differs), `InPlace` (what the
    /// cloud can change on the same machine, stopping and starting it if it must) or `Recreate` (a new machine).
    #[serde(default)]
    pub update_policy: UpdatePolicy,
    /// Observe and report, change nothing. Deleting the object still works, by its policy.
    #[serde(default)]
    pub suspend: bool,
    /// A new time here restarts the machine once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,
    /// Adopt this existing machine instead of creating one. Cannot change once a machine is claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^[A-Za-z0-9._-]*$"))]
    pub instance_id: Option<String>,
    /// Name of the Secret with the connection's details; `<name>-connection` where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$"))]
    pub connection_secret_name: Option<String>,
    /// What only XGC (仙宫云) has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xgc: Option<XgcInstance>,
    /// What only Luchen (潞晨云) has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub luchen: Option<LuchenInstance>,
    /// What only `SCNet` (国家超算互联网) has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scnet: Option<ScnetInstance>,
    /// What only Capital Online (首云) has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capital_online: Option<CapitalOnlineInstance>,
    /// What only Neolink has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neolink: Option<NeolinkInstance>,
}

impl GpuInstance {
    /// Where its machine is: as it was ordered or shown, whatever the spec says by now; where there is none, where it is
    /// to be.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        let said = self.spec.region().map(ToOwned::to_owned);
        let status = self.status.as_ref();
        let told = status.and_then(|status| status.region.clone());
        let holds = status.is_some_and(super::GpuInstanceStatus::holds);
        if holds { told.or(said) } else { said.or(told) }
    }
}

impl GpuInstanceSpec {
    /// The region, unless absent or empty.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        present(self.region.as_ref())
    }

    /// The image, unless absent or empty.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        present(self.image.as_ref())
    }

    /// The pinned offer, unless absent or empty.
    #[must_use]
    pub fn offer(&self) -> Option<&str> {
        present(self.offer.as_ref())
    }

    /// The machine to adopt, unless absent or empty.
    #[must_use]
    pub fn instance_id(&self) -> Option<&str> {
        present(self.instance_id.as_ref())
    }

    /// The memory asked for, unless absent or empty.
    #[must_use]
    pub fn memory(&self) -> Option<&str> {
        present(self.memory.as_ref())
    }

    /// The startup script written in the object itself, unless absent or empty.
    #[must_use]
    pub fn startup_script(&self) -> Option<&str> {
        present(self.startup_script.as_ref())
    }

    /// The price cap, unless absent or empty.
    #[must_use]
    pub fn max_price_per_hour(&self) -> Option<super::money::Decimal> {
        super::money::parse(self.max_price_per_hour.as_deref())
    }

    /// The mode of payment, said or not.
    #[must_use]
    pub fn billing_mode(&self) -> BillingMode {
        self.billing.as_ref().map_or_else(BillingMode::default, Billing::mode)
    }

    /// What happens to the machine with the object: what the user said, else the default for how it came to be ours.
    #[must_use]
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.deletion_policy.unwrap_or(if self.instance_id().is_some() {
            DeletionPolicy::Retain
        } else {
            DeletionPolicy::Delete
        })
    }

    /// The clouds whose own block is set: at most one, by the schema's rule.
    pub fn cloud_blocks(&self) -> impl Iterator<Item = Cloud> {
        [
            (self.xgc.is_some(), Cloud::Xgc),
            (self.luchen.is_some(), Cloud::Luchen),
            (self.scnet.is_some(), Cloud::Scnet),
            (self.capital_online.is_some(), Cloud::CapitalOnline),
            (self.neolink.is_some(), Cloud::Neolink),
        ]
        .into_iter()
        .filter_map(|(set, cloud)| set.then_some(cloud))
    }
}

/// Name of the connection Secret of an instance: what the spec says, else `<name>-connection`.
#[must_use]
pub fn connection_secret_name(instance_name: &str, spec: &GpuInstanceSpec) -> String {
    present(spec.connection_secret_name.as_ref())
        .map_or_else(|| format!("{instance_name}-connection"), ToOwned::to_owned)
}

/// The account that a machine is rented with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
pub struct ProviderRef {
    /// `GpuProvider` (in this namespace; what happens when left out) or `ClusterGpuProvider`.
    #[serde(default)]
    pub kind: ProviderKind,
    /// Name of the provider.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Kind of a provider.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    Serialize,
    JsonSchema,
    strum::IntoStaticStr,
)]
pub enum ProviderKind {
    /// An account of a team, in its namespace.
    #[default]
    GpuProvider,
    /// An account that namespaces share.
    ClusterGpuProvider,
}

/// Whether the machine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Power {
    /// It runs.
    #[default]
    Running,
    /// It is kept, but does not run.
    Stopped,
}

/// What becomes of the GPU while a machine is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr)]
pub enum StopMode {
    /// It goes back to the cloud and is not paid for.
    #[default]
    ReleaseGpu,
    /// It stays, and billing goes on.
    KeepGpu,
}

/// The GPUs of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.count == 0 || (has(self.model) && self.model != '')").message("gpu.model is needed where gpu.count is not 0"))]
pub struct Gpu {
    /// The market name in any spelling: `RTX 4090`, `NVIDIA GeForce RTX 4090`, `rtx-4090`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    pub model: Option<String>,
    /// How many; 0 for a machine without a GPU, where the cloud has such.
    #[schemars(range(min = 0, max = 64))]
    pub count: i64,
}

impl Gpu {
    /// The model, unless absent or empty.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        present(self.model.as_ref())
    }
}

/// A port of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Port {
    /// Number of the port inside the machine.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// What is spoken there.
    pub protocol: PortProtocol,
}

/// What is spoken at a port.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum PortProtocol {
    /// A shell.
    Ssh,
    /// HTTP, published under a URL.
    Http,
    /// Anything over TCP.
    Tcp,
}

/// Storage to mount.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// What is mounted, as the cloud names it; left out where there is only one choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    pub source: Option<String>,
    /// Where it appears inside the machine.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^/[^\x00-\x1f\x7f]*$"))]
    pub mount_path: String,
    /// Size, such as `50Gi`, where the cloud makes the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = super::quantity::PATTERN))]
    pub size: Option<String>,
}

impl Volume {
    /// What is mounted, unless absent or empty.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        present(self.source.as_ref())
    }

    /// The size asked for, unless absent or empty.
    #[must_use]
    pub fn size(&self) -> Option<&str> {
        present(self.size.as_ref())
    }
}

/// Where a startup script is read from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.secretKeyRef) != has(self.configMapKeyRef)").message("exactly one of secretKeyRef and configMapKeyRef must be set"))]
pub struct ScriptSource {
    /// A key of a Secret in this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyRef>,
    /// A key of a `ConfigMap` in this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyRef>,
}

/// A key of an object in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct KeyRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// The image that is saved before a stop.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Snapshot {
    /// Name of the image.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"))]
    pub name: String,
    /// Its tag, where the cloud has such.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^[A-Za-z0-9._-]*$"))]
    pub tag: Option<String>,
}

impl Snapshot {
    /// The tag, unless absent or empty.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        present(self.tag.as_ref())
    }
}

/// What becomes of the machine when its object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::IntoStaticStr)]
pub enum DeletionPolicy {
    /// It is deleted, and the object stays until the cloud says that it is gone.
    Delete,
    /// It is stopped and kept.
    Stop,
    /// It is left as it is; the cloud is not asked.
    Retain,
}

/// What a later change of the machine's description does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum UpdatePolicy {
    /// A condition says what differs.
    #[default]
    Report,
    /// What the cloud can change on the same machine is changed.
    InPlace,
    /// The machine is deleted, and a new one is rented once it is gone.
    Recreate,
}
