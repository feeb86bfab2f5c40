//! Finalizers, each change guarded by the resource version that was read.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::deadline::{CallError, call};

/// What became of taking a finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The object carries it.
    Held,
    /// The object is being deleted: it may carry the finalizer, but nothing new may rely on it.
    Deleting,
    /// There is no such object.
    Missing,
}

/// Somebody else may write the object at the same time: look again this often before giving up.
const TRIES: usize = 4;

/// Makes sure that an object carries a finalizer. Reads the object from the API server, not from a cache.
pub async fn take_finalizer<K>(api: &Api<K>, name: &str, finalizer: &str) -> Result<Taken, CallError>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    for tries_left in (0..TRIES).rev() {
        let Some(object) = read(api, name).await? else {
            return Ok(Taken::Missing);
        };
        if object.metadata.deletion_timestamp.is_some() {
            return Ok(Taken::Deleting);
        }
        if object.finalizers().iter().any(|held| held == finalizer) {
            return Ok(Taken::Held);
        }
        let mut finalizers = object.finalizers().to_vec();
        finalizers.push(finalizer.to_owned());
        match write(api, name, &object.metadata, &finalizers).await {
            Ok(()) => return Ok(Taken::Held),
            Err(error) if error.is_not_found() => return Ok(Taken::Missing),
            Err(error) if error.is_conflict() && tries_left > 0 => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("the last try returns")
}

/// Takes a finalizer off an object, if it carries it. With `resource_version`, only if nobody has written the object
/// since: a conflict is an error then.
pub async fn drop_finalizer<K>(
    api: &Api<K>,
    name: &str,
    finalizer: &str,
    resource_version: Option<&str>,
) -> Result<(), CallError>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    for tries_left in (0..TRIES).rev() {
        let Some(mut object) = read(api, name).await? else {
            return Ok(());
        };
        if !object.finalizers().iter().any(|held| held == finalizer) {
            return Ok(());
        }
        if let Some(expected) = resource_version {
            object.metadata.resource_version = Some(expected.to_owned());
        }
        let rest: Vec<_> = object
            .finalizers()
            .iter()
            .filter(|held| *held != finalizer)
            .cloned()
            .collect();
        match write(api, name, &object.metadata, &rest).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) if error.is_conflict() && tries_left > 0 && resource_version.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("the last try returns")
}

async fn read<K>(api: &Api<K>, name: &str) -> Result<Option<PartialObjectMeta<K>>, CallError>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    call(api.get_metadata_opt(name)).await
}

async fn write<K>(api: &Api<K>, name: &str, read: &ObjectMeta, finalizers: &[String]) -> Result<(), CallError>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let patch = json!({ "metadata": { "resourceVersion": read.resource_version, "finalizers": finalizers } });
    call(api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)))
        .await
        .map(drop)
}
