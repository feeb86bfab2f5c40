//! What the API server itself says, in every namespace: the last word on whether a machine is somebody's.

use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::DeserializeGuard;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::account::AccountKey;
use crate::account::presence::given_name;
use crate::account::resolve::{ProviderKey, ProviderView};
use crate::api::instance::ProviderRef;
use crate::api::remote_name::Installation;
use crate::api::{ClusterGpuProvider, GpuInstance, GpuProvider};
use crate::kubernetes::{CallError, call};
use crate::provider::Machine;

/// Objects that are read at once.
const PAGE: u32 = 500;

/// Every instance and every provider, read after a list of the cloud.
///
/// Not from a cache, which lags; not in the watched namespaces only, for the object may be in another; and not as this
/// version's types, which may not have the field by which an object of another version holds the machine.
pub struct Knowers {
    objects: Vec<DynamicObject>,
    /// Every provider.
    pub providers: Vec<ProviderView>,
}

impl Knowers {
    /// Reads all of it; why that was not possible, for the reader.
    pub async fn gather(client: &Client) -> Result<Self, String> {
        let instances = Api::all_with(client.clone(), &ApiResource::erase::<GpuInstance>(&()));
        let objects = list(&instances)
            .await
            .map_err(|error| lacking("GpuInstances", &error))?;
        // After the instances: who lets a machine go writes that down before the object goes.
        let mut providers = read::<GpuProvider>(client, "GpuProviders", ProviderView::of_namespace).await?;
        let shared = read::<ClusterGpuProvider>(client, "ClusterGpuProviders", ProviderView::of_cluster);
        providers.extend(shared.await?);
        Ok(Self { objects, providers })
    }

    /// The object that a machine of this account was made for, or that so much as mentions it.
    #[must_use]
    pub fn knower(&self, machine: &Machine, account: &AccountKey, installation: &Installation) -> Option<String> {
        let name = given_name(machine, installation);
        let knows = |object: &&DynamicObject| {
            let made_for = name
                .as_ref()
                .zip(object.uid())
                .is_some_and(|(name, uid)| name.is_of(&uid));
            let annotated = || object.annotations().values().any(|text| names(text, &machine.id));
            let mentioned = || annotated() || mentions(&object.data, &machine.id);
            made_for || (self.may_mean(object, account) && mentioned())
        };
        let object = self.objects.iter().find(knows)?;
        let namespace = object.namespace().unwrap_or_default();
        Some(format!("GpuInstance {namespace}/{} mentions it", object.name_any()))
    }
}

impl Knowers {
    /// Whether the ids in an object can be those of this account: another account may have a machine of the same id.
    fn may_mean(&self, object: &DynamicObject, account: &AccountKey) -> bool {
        let status = &object.data["status"];
        let endpoint = status["endpoint"].as_str();
        if status["accountId"] == account.id.as_str() && endpoint == account.endpoint.as_deref() {
            return true;
        }
        let reference = serde_json::from_value::<ProviderRef>(object.data["spec"]["providerRef"].clone());
        let key = reference.map(|reference| ProviderKey::of(&reference, &object.namespace().unwrap_or_default()));
        let provider = key
            .ok()
            .and_then(|key| self.providers.iter().find(|provider| provider.key == key));
        provider.is_none_or(|provider| provider.may_speak_for(account))
    }
}

/// Whether any text in there names the machine.
fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => names(text, id),
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(members) => members.values().any(|member| mentions(member, id)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a text is the machine's id, or has it as a part, as the annotations do: `<uid>/<account>/<id>`, `<claim>=<id>`.
fn names(text: &str, id: &str) -> bool {
    text == id || text.strip_suffix(id).is_some_and(|rest| rest.ends_with(['/', '=']))
}

/// Every object, as of one moment: a quorum read, page by page of the same version.
async fn list<K>(api: &Api<K>) -> Result<Vec<K>, CallError>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    let mut objects = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let part = call(api.list(&page)).await?;
        objects.extend(part.items);
        match part.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
}

async fn read<K>(client: &Client, kinds: &str, view: fn(&K) -> ProviderView) -> Result<Vec<ProviderView>, String>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let objects = list(&Api::<DeserializeGuard<K>>::all(client.clone())).await;
    let objects = objects.map_err(|error| lacking(kinds, &error))?;
    let views = objects.iter().map(|guarded| match &guarded.0 {
        Ok(object) => Ok(view(object)),
        Err(_) => Err(format!(
            "this version cannot read {kinds} {}, which may say otherwise",
            guarded.name_any()
        )),
    });
    views.collect()
}

fn lacking(kinds: &str, error: &CallError) -> String {
    if error.is_forbidden() {
        format!(
            "the operator may not list {kinds} in all namespaces, so it cannot know whether an object elsewhere holds the machine"
        )
    } else {
        format!("the {kinds} of all namespaces could not be listed: {error}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::InstanceState;
    use serde_json::json;

    fn account(endpoint: Option<&str>) -> AccountKey {
        AccountKey {
            cloud: crate::api::Cloud::Xgc,
            endpoint: endpoint.map(Into::into),
            id: "u-1".into(),
        }
    }

    #[test]
    fn another_accounts_machine_of_the_same_id_is_another_machine() {
        let ours = Installation::new("ours").unwrap();
        let machine = Machine::new("m-1", InstanceState::Running, "running");
        let provider = |account: serde_json::Value| {
            let object = json!({
                "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuProvider",
                "metadata": { "name": "xgc", "namespace": "ml" },
                "spec": { "xgc": { "credentialsSecretRef": { "name": "s" }, "endpoint": "http://twin" } },
                "status": { "account": account },
            });
            ProviderView::of_namespace(&serde_json::from_value(object).unwrap())
        };
        let here = json!({ "accountId": "u-1", "endpoint": "http://twin" });
        for (speaks_for, status, endpoint, knows) in [
            (json!({ "id": "u-1" }), json!({}), Some("http://twin"), true),
            (json!({ "id": "u-2" }), json!({}), Some("http://twin"), false),
            (json!({ "id": "u-2" }), here.clone(), Some("http://twin"), true),
            (serde_json::Value::Null, json!({}), Some("http://twin"), true),
            (json!({ "id": "u-1" }), json!({}), None, false),
            (json!({ "id": "u-1" }), here, Some("http://other"), false),
        ] {
            let object = json!({
                "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuInstance",
                "metadata": { "name": "a", "namespace": "ml" },
                "spec": { "providerRef": { "name": "xgc" }, "instanceId": "m-1" }, "status": status,
            });
            let knowers = Knowers {
                objects: vec![serde_json::from_value(object.clone()).unwrap()],
                providers: vec![provider(speaks_for)],
            };
            let knower = knowers.knower(&machine, &account(endpoint), &ours);
            assert_eq!(knower.is_some(), knows, "{object} {endpoint:?}");
        }
    }

    #[test]
    fn whoever_so_much_as_mentions_a_machine_keeps_it() {
        let account = account(None);
        let ours = Installation::new("ours").unwrap();
        let machine = Machine {
            name: Some("gi-ours-9b1c7d2e4f60-1".into()),
            ..Machine::new("m-1", InstanceState::Running, "running")
        };
        let other = "00000000-0000-4000-8000-000000000000";
        for (uid, annotations, spec, status, knows) in [
            (
                "9b1c7d2e-4f60-4a0b-8c0d-000000000001",
                json!({}),
                json!({}),
                json!({}),
                true,
            ),
            (other, json!({}), json!({}), json!({}), false),
            (
                other,
                json!({ "gpuinstance.dev/binding": "u/a/m-1" }),
                json!({}),
                json!({}),
                true,
            ),
            (
                other,
                json!({ "gpuinstance.dev/binding": "u/a/xm-1" }),
                json!({}),
                json!({}),
                false,
            ),
            (
                other,
                json!({ "gpuinstance.dev/create-outcome": "gi-x=m-1" }),
                json!({}),
                json!({}),
                true,
            ),
            (other, json!({}), json!({ "instanceId": "m-1" }), json!({}), true),
            (other, json!({}), json!({ "instanceId": "m-11" }), json!({}), false),
            (
                other,
                json!({}),
                json!({}),
                json!({ "aFieldOfALaterVersion": [{ "id": "m-1" }] }),
                true,
            ),
        ] {
            let object = json!({
                "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuInstance",
                "metadata": { "name": "a", "namespace": "ml", "uid": uid, "annotations": annotations },
                "spec": spec, "status": status,
            });
            let knowers = Knowers {
                objects: vec![serde_json::from_value(object.clone()).unwrap()],
                providers: Vec::new(),
            };
            assert_eq!(knowers.knower(&machine, &account, &ours).is_some(), knows, "{object}");
        }
    }
}
