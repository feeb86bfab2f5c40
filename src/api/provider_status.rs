//! What is known of an account: the status of both kinds of provider.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of an account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    /// The account's cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub cloud: Option<String>,
    /// Whose account it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountStatus>,
    /// How many machines there are. `foreign` ones are not this operator's and are left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<InstanceCounts>,
    /// When the account was first listed in full for this object. Where a cloud does not tell how old a machine is,
    /// what was there by then is taken to be older than this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_listed_at: Option<Time>,
    /// Machines of this installation that no object knows; the oldest 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub orphans: Vec<Orphan>,
    /// The `metadata.generation` that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` and `Synced` always; `Reconciling` and `Stalled` only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl ProviderStatus {
    /// When this machine was found to be an orphan, as far as it is written down. Where more are known than are named,
    /// it may have been among them from the first.
    #[must_use]
    pub fn orphan_found_at(&self, instance_id: &str) -> Option<Timestamp> {
        let named = self.orphans.iter().find(|orphan| orphan.instance_id == instance_id);
        let all = self.instances.as_ref().map_or(0, |counts| counts.orphans);
        let unnamed = usize::try_from(all).is_ok_and(|all| all > self.orphans.len());
        let found_at = match named {
            Some(orphan) => orphan.found_at.as_ref(),
            None if unnamed => self.first_listed_at.as_ref(),
            None => None,
        };
        found_at.map(|time| time.0)
    }
}

/// Whose account it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct AccountStatus {
    /// Who the cloud says we are, or a digest of the key where it does not say.
    #[schemars(length(max = 256))]
    pub id: String,
    /// What is left on the account, read about once an hour; never shown on a `ClusterGpuProvider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub balance: Option<String>,
    /// Currency of the balance, ISO 4217; never shown on a `ClusterGpuProvider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub currency: Option<String>,
}

/// How many machines an account has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct InstanceCounts {
    /// Claimed or held by objects that use this provider.
    pub claimed: i64,
    /// Of these, running.
    pub running: i64,
    /// Of these, stopped.
    pub stopped: i64,
    /// Machines of the account that are not this operator's.
    pub foreign: i64,
    /// Machines of this installation that no object knows.
    pub orphans: i64,
}

/// A machine of this installation that no object knows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// Its id at the cloud.
    #[schemars(length(max = 256))]
    pub instance_id: String,
    /// Its name at the cloud.
    #[schemars(length(max = 256))]
    pub name: String,
    /// What the cloud says it is doing.
    #[schemars(length(max = 128))]
    pub cloud_state: String,
    /// What it costs an hour, where the cloud tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub price_per_hour: Option<String>,
    /// When the cloud made it, where it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// What it has cost at most: its price now, for every hour begun since it was made. Where the cloud tells both.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub cost_so_far: Option<String>,
    /// When it was first found to be nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_at: Option<Time>,
    /// What becomes of it, and what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orphan_that_is_not_named_may_have_been_there_from_the_first() {
        let at = |second| Some(Time(Timestamp::from_second(second).unwrap()));
        let named = Orphan {
            instance_id: "named".into(),
            name: String::new(),
            cloud_state: String::new(),
            price_per_hour: None,
            created_at: None,
            cost_so_far: None,
            found_at: at(200),
            message: String::new(),
        };
        let status = |orphans| ProviderStatus {
            first_listed_at: at(100),
            orphans: vec![named.clone()],
            instances: Some(InstanceCounts {
                orphans,
                ..InstanceCounts::default()
            }),
            ..ProviderStatus::default()
        };
        let found_at = |status: &ProviderStatus, id| status.orphan_found_at(id).map(Timestamp::as_second);
        assert_eq!(found_at(&status(1), "named"), Some(200));
        assert_eq!(found_at(&status(1), "new"), None);
        assert_eq!(found_at(&status(2), "new"), Some(100));
    }
}
