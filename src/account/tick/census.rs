//! How things stand with all objects, for metrics: counted anew after each look at an account, whoever's it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use strum::VariantNames as _;

use super::Ticker;
use crate::account::cache::uid;
use crate::account::resolve::{ProviderKey, ProviderView};
use crate::account::sessions::Session;
use crate::account::{AccountKey, bills};
use crate::api::condition::{self, Reason, Type};
use crate::api::instance::{DeletionPolicy, Power};
use crate::api::status::{GpuInstanceStatus, InstanceState};
use crate::api::{Cloud, GpuInstance, money};
use crate::metrics::{Cause, Census, Since};

/// Since when each machine has cost money unwanted, as far as this process knows: by its object's UID.
#[derive(Debug, Default)]
pub struct Unwanted(Mutex<BTreeMap<String, (Cause, Timestamp)>>);

impl Ticker {
    /// Counts all objects, and forgets the accounts that no provider speaks for any more.
    pub(super) fn count(&self) {
        let providers = self.cache.providers();
        let now = self.environment.now();
        let mut census = Census::default();
        let mut before = self.unwanted.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unwanted = BTreeMap::new();
        for guarded in self.cache.instances() {
            let Ok(instance) = &guarded.0 else { continue };
            let Some(cloud) = cloud_of(instance, &providers) else {
                continue;
            };
            count_instance(&mut census, instance, cloud);
            let uid = uid(instance);
            if let Some((cause, since)) = unwanted_since(instance, before.get(&uid), now) {
                add(&mut census.unwanted, cloud, cause.into(), since);
                unwanted.insert(uid, (cause, since));
            }
        }
        *before = unwanted;
        drop(before);
        for provider in &providers {
            if let Some((cloud, reason)) = provider.spec.cloud().zip(in_the_way(provider)) {
                *census.providers.entry((cloud, reason)).or_default() += 1;
            }
        }
        self.metrics.set_census(&census);
        self.metrics.keep_accounts(&self.accounts_in_use(&providers));
    }

    /// The accounts that a provider speaks for, or did when it last could.
    fn accounts_in_use(&self, providers: &[ProviderView]) -> BTreeSet<(Cloud, String)> {
        let connected = providers
            .iter()
            .filter_map(|provider| match self.sessions.get(&provider.key) {
                Some(Session::Connected(connected)) => {
                    let AccountKey { cloud, id, .. } = &connected.account.key;
                    Some((*cloud, id.clone()))
                }
                _ => Some((provider.spec.cloud()?, provider.status.account.as_ref()?.id.clone())),
            });
        connected.collect()
    }
}

/// The cloud of an instance: as its status says, else its provider's.
fn cloud_of(instance: &GpuInstance, providers: &[ProviderView]) -> Option<Cloud> {
    let said = instance.status.as_ref().and_then(GpuInstanceStatus::cloud);
    said.or_else(|| {
        let key = ProviderKey::meant_by(instance);
        providers.iter().find(|provider| provider.key == key)?.spec.cloud()
    })
}

fn count_instance(census: &mut Census, instance: &GpuInstance, cloud: Cloud) {
    let Some(status) = &instance.status else { return };
    let state = status.state.unwrap_or(InstanceState::Pending);
    *census.instances.entry((cloud, state.into())).or_default() += 1;
    let ready = condition::get(&status.conditions, Type::Ready).filter(|ready| ready.status != "True");
    if let Some((ready, reason)) = ready.and_then(|ready| Some((ready, word(&ready.reason)?))) {
        add(&mut census.not_ready, cloud, reason, ready.last_transition_time.0);
    }
}

fn add(counted: &mut BTreeMap<(Cloud, &'static str), Since>, cloud: Cloud, word: &'static str, since: Timestamp) {
    let one = Since {
        count: 0,
        earliest: since,
    };
    let counted = counted.entry((cloud, word)).or_insert(one);
    counted.count += 1;
    counted.earliest = counted.earliest.min(since);
}

/// A reason that this version knows: labels are a closed set, whatever another version has written.
fn word(reason: &str) -> Option<&'static str> {
    Reason::VARIANTS.iter().copied().find(|known| *known == reason)
}

/// What is in a provider's way: the cloud that does not answer comes before what was known of the account.
fn in_the_way(provider: &ProviderView) -> Option<&'static str> {
    let conditions = &provider.status.conditions;
    let untrue = condition::get(conditions, Type::Synced).filter(|synced| synced.status != "True");
    word(&untrue.or_else(|| condition::get(conditions, Type::Ready))?.reason)
}

/// Why an instance's machine should not cost what it does, and since when it does all the same.
fn unwanted_since(
    instance: &GpuInstance,
    before: Option<&(Cause, Timestamp)>,
    now: Timestamp,
) -> Option<(Cause, Timestamp)> {
    let cause = unwanted(instance)?;
    let seen = before.filter(|(old, _)| *old == cause).map_or(now, |(_, since)| *since);
    let deleted = instance.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    Some((cause, deleted.filter(|_| cause == Cause::Deleting).unwrap_or(seen)))
}

fn unwanted(instance: &GpuInstance) -> Option<Cause> {
    let (spec, status) = (&instance.spec, instance.status.as_ref()?);
    status.instance_id.as_ref().filter(|_| bills(status))?;
    let price = money::parse(status.price_per_hour.as_deref());
    let over = price
        .zip(spec.max_price_per_hour())
        .is_some_and(|(price, cap)| price > cap);
    if instance.metadata.deletion_timestamp.is_some() {
        (spec.deletion_policy() != DeletionPolicy::Retain).then_some(Cause::Deleting)
    } else if spec.power == Power::Stopped && !spec.suspend && status.state != Some(InstanceState::Stopped) {
        Some(Cause::Stopped)
    } else {
        over.then_some(Cause::OverPrice)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn instance(spec: &Value, status: &Value) -> GpuInstance {
        let mut object = json!({
            "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuInstance",
            "metadata": { "name": "a", "namespace": "ml", "uid": "u" },
            "spec": { "providerRef": { "name": "xgc" } },
            "status": { "cloud": "XGC", "state": "Running", "instanceId": "m-1", "pricePerHour": "2" },
        });
        for (part, changes) in [("spec", spec), ("status", status)] {
            for (key, value) in changes.as_object().unwrap() {
                object[part][key] = value.clone();
            }
        }
        serde_json::from_value(object).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_machine_that_costs_against_the_will_of_its_object_is_unwanted() {
        for (spec, status, cause) in [
            (json!({}), json!({}), None),
            (json!({ "power": "Stopped" }), json!({}), Some(Cause::Stopped)),
            (
                json!({ "power": "Stopped" }),
                json!({ "state": "Stopping" }),
                Some(Cause::Stopped),
            ),
            (json!({ "power": "Stopped" }), json!({ "state": "Stopped" }), None),
            (
                json!({ "power": "Stopped", "stopMode": "KeepGpu" }),
                json!({ "state": "Stopped", "stoppedWith": "KeepGpu" }),
                None,
            ),
            (json!({ "power": "Stopped", "suspend": true }), json!({}), None),
            (json!({ "power": "Stopped" }), json!({ "instanceId": null }), None),
            (json!({ "maxPricePerHour": "1.99" }), json!({}), Some(Cause::OverPrice)),
            (json!({ "maxPricePerHour": "2" }), json!({}), None),
            (json!({ "maxPricePerHour": "1" }), json!({ "state": "Stopped" }), None),
        ] {
            assert_eq!(unwanted(&instance(&spec, &status)), cause, "{spec} {status}");
        }
    }

    #[test]
    fn a_machine_that_its_object_leaves_behind_is_wanted() {
        for (policy, cause) in [
            ("Delete", Some(Cause::Deleting)),
            ("Stop", Some(Cause::Deleting)),
            ("Retain", None),
        ] {
            let mut object = instance(&json!({ "deletionPolicy": policy }), &json!({}));
            object.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(1000)));
            let found = unwanted_since(&object, None, at(5000));
            assert_eq!(found, cause.map(|cause| (cause, at(1000))), "{policy}");
        }
    }

    #[test]
    fn the_time_counts_from_the_first_look_and_anew_for_another_cause() {
        let stopped = instance(&json!({ "power": "Stopped" }), &json!({}));
        let first = unwanted_since(&stopped, None, at(10)).unwrap();
        assert_eq!(first, (Cause::Stopped, at(10)));
        assert_eq!(unwanted_since(&stopped, Some(&first), at(99)), Some(first));
        let dear = instance(&json!({ "maxPricePerHour": "1" }), &json!({}));
        assert_eq!(
            unwanted_since(&dear, Some(&first), at(99)),
            Some((Cause::OverPrice, at(99)))
        );
    }

    #[test]
    fn who_waits_the_longest_is_told_of_and_unknown_words_are_not() {
        let not_ready = |reason: &str, since: &str| {
            let ready = json!({
                "type": "Ready", "status": "False", "reason": reason, "message": "", "lastTransitionTime": since,
            });
            instance(&json!({}), &json!({ "state": "Creating", "conditions": [ready] }))
        };
        let mut census = Census::default();
        for (reason, since) in [
            ("Creating", "1970-01-01T00:02:00Z"),
            ("Creating", "1970-01-01T00:01:00Z"),
            ("Creating", "1970-01-01T00:03:00Z"),
            ("ANewerWord", "1970-01-01T00:00:00Z"),
        ] {
            count_instance(&mut census, &not_ready(reason, since), Cloud::Xgc);
        }
        let since = Since {
            count: 3,
            earliest: at(60),
        };
        assert_eq!(census.not_ready, [((Cloud::Xgc, "Creating"), since)].into());
        assert_eq!(census.instances, [((Cloud::Xgc, "Creating"), 4)].into());
    }
}
