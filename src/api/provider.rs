//! `GpuProvider` and `ClusterGpuProvider`: one account at one cloud.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::GoDuration;
use super::cloud::{Cloud, ScnetListing};
use super::text::present;

pub use super::provider_status::{AccountStatus, InstanceCounts, Orphan, ProviderStatus};

/// An account of a team at a cloud, and what the operator may do with it.
#[derive(CustomResource, Clone, Debug, PartialEq, Deserialize, Serialize, KubeSchema)]
#[kube(
    group = "gpuinstance.dev",
    version = "v1alpha1",
    kind = "GpuProvider",
    namespaced,
    status = "ProviderStatus",
    shortname = "gpup",
    category = "gpu",
    doc = "An account at a cloud, owned by a team.",
    derive = "PartialEq",
    printcolumn(name = "CLOUD", type_ = "string", json_path = ".status.cloud"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "ACCOUNT", type_ = "string", json_path = ".status.account.id"),
    printcolumn(name = "RUNNING", type_ = "integer", json_path = ".status.instances.running"),
    printcolumn(name = "STOPPED", type_ = "integer", json_path = ".status.instances.stopped"),
    printcolumn(name = "ORPHANS", type_ = "integer", json_path = ".status.instances.orphans"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    validation = Rule::new("[has(self.spec.xgc) && has(self.spec.xgc.credentialsSecretRef.__namespace__), has(self.spec.luchen) && has(self.spec.luchen.credentialsSecretRef.__namespace__), has(self.spec.scnet) && has(self.spec.scnet.credentialsSecretRef.__namespace__), has(self.spec.capitalOnline) && has(self.spec.capitalOnline.credentialsSecretRef.__namespace__), has(self.spec.neolink) && has(self.spec.neolink.credentialsSecretRef.__namespace__)].all(set, !set)")
        .message("credentialsSecretRef.namespace is for ClusterGpuProvider: a GpuProvider reads Secrets of its own namespace")
        .field_path(".spec")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.xgc), has(self.luchen), has(self.scnet), has(self.capitalOnline), has(self.neolink)].filter(set, set).size() == 1")
        .message("exactly one of xgc, luchen, scnet, capitalOnline and neolink must be set"),
    validation = Rule::new("!has(self.pollInterval) || duration(self.pollInterval) >= duration('1s')")
        .message("pollInterval must be at least 1s"),
    validation = Rule::new("!has(self.settleAfter) || duration(self.settleAfter) >= duration('5s')")
        .message("settleAfter must be at least 5s"),
)]
pub struct GpuProviderSpec {
    /// An account at XGC (仙宫云). Keys of its Secret: `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xgc: Option<XgcAccount>,
    /// An account at Luchen (潞晨云). Keys of its Secret: `username`, `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub luchen: Option<LuchenAccount>,
    /// An account at `SCNet` (国家超算互联网). Keys of its Secret: `user`, `accessKey`, `secretKey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scnet: Option<ScnetAccount>,
    /// An account at Capital Online (首云). Keys of its Secret: `accessKeyId`, `accessKeySecret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capital_online: Option<CapitalOnlineAccount>,
    /// An account at Neolink. Keys of its Secret: `token`, `userId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neolink: Option<NeolinkAccount>,
    /// How often the account is listed, for all its instances at once; `30s` where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<GoDuration>,
    /// After a create without an answer, how long the machine's absence must last before it is believed; the cloud's
    /// own default, `60s` or more, where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_after: Option<GoDuration>,
    /// Bounds on what the account may be used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// May `instanceId` take over machines of this account? `Allowed` or `Forbidden`; what happens when it is left
    /// out is `Allowed` for a `GpuProvider`, `Forbidden` for a `ClusterGpuProvider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Adoption>,
    /// What to do with machines of this installation that no object knows: `Report` or `Delete`. Deleted are only those
    /// that no object in any namespace knows or mentions, `settleAfter` after they were found, and never those that are
    /// older than this provider's object; all providers of the account must say so.
    #[serde(default)]
    pub orphans: OrphanPolicy,
}

/// An account that namespaces share, and what the operator may do with it.
#[derive(CustomResource, Clone, Debug, PartialEq, Deserialize, Serialize, KubeSchema)]
#[kube(
    group = "gpuinstance.dev",
    version = "v1alpha1",
    kind = "ClusterGpuProvider",
    status = "ProviderStatus",
    shortname = "cgpup",
    category = "gpu",
    doc = "An account at a cloud, shared by the namespaces that it allows.",
    derive = "PartialEq",
    printcolumn(name = "CLOUD", type_ = "string", json_path = ".status.cloud"),
    printcolumn(name = "READY", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "RUNNING", type_ = "integer", json_path = ".status.instances.running"),
    printcolumn(name = "STOPPED", type_ = "integer", json_path = ".status.instances.stopped"),
    printcolumn(name = "ORPHANS", type_ = "integer", json_path = ".status.instances.orphans"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    validation = Rule::new("[!has(self.spec.xgc) || has(self.spec.xgc.credentialsSecretRef.__namespace__), !has(self.spec.luchen) || has(self.spec.luchen.credentialsSecretRef.__namespace__), !has(self.spec.scnet) || has(self.spec.scnet.credentialsSecretRef.__namespace__), !has(self.spec.capitalOnline) || has(self.spec.capitalOnline.credentialsSecretRef.__namespace__), !has(self.spec.neolink) || has(self.spec.neolink.credentialsSecretRef.__namespace__)].all(said, said)")
        .message("credentialsSecretRef.namespace is needed in a ClusterGpuProvider")
        .field_path(".spec")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterGpuProviderSpec {
    /// The account, described as in a `GpuProvider`.
    #[serde(flatten)]
    pub account: GpuProviderSpec,
    /// The namespaces whose instances may use the account.
    pub allowed_namespaces: AllowedNamespaces,
}

/// Namespaces, by one of three ways to say which.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, KubeSchema)]
#[x_kube(validation = Rule::new("[has(self.from), has(self.names), has(self.selector)].filter(set, set).size() == 1").message("exactly one of from, names and selector must be set"))]
pub struct AllowedNamespaces {
    /// `All`: every namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NamespacesFrom>,
    /// These namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), inner(length(max = 63)))]
    pub names: Option<Vec<String>>,
    /// Namespaces with these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Namespaces said as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Every namespace.
    All,
}

/// A Secret with an account's credentials.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SecretRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; only in a `ClusterGpuProvider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// An account at XGC (仙宫云).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct XgcAccount {
    /// The Secret with `token`.
    pub credentials_secret_ref: SecretRef,
    /// Base URL instead of the vendor's; must be allowed by the operator's `--allow-endpoint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub endpoint: Option<String>,
}

/// An account at Luchen (潞晨云).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LuchenAccount {
    /// The Secret with `username` and `password`.
    pub credentials_secret_ref: SecretRef,
    /// Base URL instead of the vendor's; must be allowed by the operator's `--allow-endpoint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub endpoint: Option<String>,
}

/// An account at `SCNet` (国家超算互联网).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScnetAccount {
    /// The Secret with `user`, `accessKey` and `secretKey`.
    pub credentials_secret_ref: SecretRef,
    /// Base URL for tokens instead of the vendor's; must be allowed by the operator's `--allow-endpoint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub endpoint: Option<String>,
    /// Base URL for the list of centers instead of the vendor's; must be allowed likewise. Where `endpoint` is not the
    /// vendor's and this is left out, the same as `endpoint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub center_endpoint: Option<String>,
    /// How machines are listed: `Query` or `Body`. Both are tried where it is left out; to be set only if the cloud
    /// answers one of them wrongly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_with: Option<ScnetListing>,
}

/// An account at Capital Online (首云).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapitalOnlineAccount {
    /// The Secret with `accessKeyId` and `accessKeySecret`.
    pub credentials_secret_ref: SecretRef,
    /// Base URL for machines instead of the vendor's; must be allowed by the operator's `--allow-endpoint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub endpoint: Option<String>,
    /// Base URL for networks instead of the vendor's; must be allowed likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub vpc_endpoint: Option<String>,
}

/// An account at Neolink.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NeolinkAccount {
    /// The Secret with `token` and `userId`.
    pub credentials_secret_ref: SecretRef,
    /// Base URL instead of the vendor's, for a white label; must be allowed by the operator's `--allow-endpoint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub endpoint: Option<String>,
}

/// Bounds on what an account may be used for, over all the objects that use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Machines claimed and held at once, stopped ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub instances: Option<i64>,
    /// Requests a second to the cloud, such as `5` or `0.5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = super::money::PATTERN))]
    pub requests_per_second: Option<String>,
    /// Sum of the hourly prices of what runs, in the account's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = super::money::PATTERN))]
    pub price_per_hour: Option<String>,
}

/// May `instanceId` take over machines?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Adoption {
    /// It may.
    Allowed,
    /// It may not.
    Forbidden,
}

/// What to do with machines of this installation that no object knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum OrphanPolicy {
    /// Tell of them.
    #[default]
    Report,
    /// Delete them.
    Delete,
}

impl GpuProviderSpec {
    /// The account's cloud; `None` for an object that breaks the schema's rule.
    #[must_use]
    pub fn cloud(&self) -> Option<Cloud> {
        if self.xgc.is_some() {
            Some(Cloud::Xgc)
        } else if self.luchen.is_some() {
            Some(Cloud::Luchen)
        } else if self.scnet.is_some() {
            Some(Cloud::Scnet)
        } else if self.capital_online.is_some() {
            Some(Cloud::CapitalOnline)
        } else {
            self.neolink.as_ref().map(|_| Cloud::Neolink)
        }
    }

    /// The Secret with the account's credentials.
    #[must_use]
    pub fn credentials_secret_ref(&self) -> Option<&SecretRef> {
        None.or(self.xgc.as_ref().map(|account| &account.credentials_secret_ref))
            .or(self.luchen.as_ref().map(|account| &account.credentials_secret_ref))
            .or(self.scnet.as_ref().map(|account| &account.credentials_secret_ref))
            .or(self
                .capital_online
                .as_ref()
                .map(|account| &account.credentials_secret_ref))
            .or(self.neolink.as_ref().map(|account| &account.credentials_secret_ref))
    }

    /// The base URL that replaces the vendor's, unless absent or empty.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        let endpoint = None
            .or(self.xgc.as_ref().and_then(|account| account.endpoint.as_ref()))
            .or(self.luchen.as_ref().and_then(|account| account.endpoint.as_ref()))
            .or(self.scnet.as_ref().and_then(|account| account.endpoint.as_ref()))
            .or(self
                .capital_online
                .as_ref()
                .and_then(|account| account.endpoint.as_ref()))
            .or(self.neolink.as_ref().and_then(|account| account.endpoint.as_ref()));
        present(endpoint)
    }

    /// The base URL of the cloud's second API (`vpcEndpoint`, `centerEndpoint`), unless absent or empty.
    #[must_use]
    pub fn second_endpoint(&self) -> Option<&str> {
        let endpoint = None
            .or(self.scnet.as_ref().and_then(|account| account.center_endpoint.as_ref()))
            .or(self
                .capital_online
                .as_ref()
                .and_then(|account| account.vpc_endpoint.as_ref()));
        present(endpoint)
    }
}
