//! The connection Secret: what opens the machine, in the keys that people and Service Binding expect.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, Resource, ResourceExt};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::observation::SecretView;
use crate::api::instance::connection_secret_name;
use crate::api::{Cloud, GpuInstance, INSTANCE_LABEL, MANAGED_BY_LABEL, MANAGER};
use crate::kubernetes::{CallError, call};
use crate::provider::Machine;

/// The key of the password that holds.
pub const PASSWORD: &str = "password";
/// The key of the password that a reinstall sets, until it is over.
pub const NEXT_PASSWORD: &str = "next_password";

/// Data of a Secret.
pub type Data = BTreeMap<String, Vec<u8>>;

/// What the Secret should hold: what the machine tells now, over what was known before. Keys that are not known are
/// absent; while a machine is stopped, the last values stay.
#[must_use]
pub fn data(instance: &str, cloud: Cloud, machine: &Machine, before: &Data) -> Data {
    let mut data = before.clone();
    let mut put = |key: &str, value: String| {
        data.insert(key.to_owned(), value.into_bytes());
    };
    put("type", "gpuinstance".to_owned());
    put("provider", cloud.field().to_owned());
    if let Some(ssh) = machine
        .ssh
        .as_ref()
        .filter(|ssh| is_plain(&ssh.host) && is_plain(&ssh.user))
    {
        let (host, port, user) = (&ssh.host, ssh.port, &ssh.user);
        put("host", host.clone());
        put("port", port.to_string());
        put("username", user.clone());
        put("uri", format!("ssh://{user}@{host}:{port}"));
        put("ssh_command", format!("ssh -p {port} {user}@{host}"));
        put(
            "ssh_config",
            format!("Host {instance}\n  HostName {host}\n  Port {port}\n  User {user}\n"),
        );
    }
    if let Some(url) = &machine.jupyter_url {
        put("jupyter_url", url.clone());
    }
    let secrets = &machine.secrets;
    for (key, secret) in [
        ("password", &secrets.password),
        ("jupyter_token", &secrets.jupyter_token),
        ("private_key", &secrets.private_key),
    ] {
        if let Some(secret) = secret
            .as_ref()
            .map(SecretString::expose_secret)
            .filter(|secret| !secret.is_empty())
        {
            put(key, secret.to_owned());
        }
    }
    data
}

/// What is left of a Secret that somebody has deleted.
pub fn with_password(password: Option<&SecretString>) -> Data {
    let bytes = password.map(|password| password.expose_secret().as_bytes().to_vec());
    bytes.map(|bytes| (PASSWORD.to_owned(), bytes)).into_iter().collect()
}

/// What is kept under this key, if it is text.
pub fn text(data: &Data, key: &str) -> Option<SecretString> {
    let text = String::from_utf8(data.get(key)?.clone()).ok()?;
    Some(text.into())
}

/// The password that opens the machine, unless another is about to.
pub fn settled_password(data: &Data) -> Option<SecretString> {
    if data.contains_key(NEXT_PASSWORD) {
        return None;
    }
    text(data, PASSWORD)
}

/// Whether a word from a vendor can stand in a shell command and in an ssh configuration as it is.
fn is_plain(word: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !word.is_empty() && !word.starts_with('-') && word.bytes().all(fits)
}

/// Reads the connection Secret, and whose it is.
pub async fn read(client: &Client, object: &GpuInstance) -> SecretView {
    let (api, name) = place(client, object);
    match call(api.get_opt(&name)).await {
        Ok(None) => SecretView::Absent,
        Ok(Some(secret)) if is_ours(&secret, object) => SecretView::Ours {
            data: secret
                .data
                .unwrap_or_default()
                .into_iter()
                .map(|(key, ByteString(value))| (key, value))
                .collect(),
            resource_version: secret.metadata.resource_version,
        },
        Ok(Some(_)) => SecretView::Foreign,
        Err(error) => SecretView::Unreadable(error.to_string()),
    }
}

fn place(client: &Client, object: &GpuInstance) -> (Api<Secret>, String) {
    let namespace = object.namespace().unwrap_or_default();
    (
        Api::namespaced(client.clone(), &namespace),
        connection_secret_name(&object.name_any(), &object.spec),
    )
}

fn is_ours(secret: &Secret, object: &GpuInstance) -> bool {
    let uid = object.uid();
    secret
        .owner_references()
        .iter()
        .any(|owner| Some(&owner.uid) == uid.as_ref())
}

/// Writes the Secret as it should be, if it is not so already. One that is not ours is never touched: a new one is
/// created, which fails where there is one, and ours is changed only if nobody else has changed it since.
pub async fn write(client: &Client, object: &GpuInstance, seen: &SecretView, data: &Data) -> Result<(), CallError> {
    let (api, name) = place(client, object);
    let bytes: BTreeMap<String, ByteString> = data
        .iter()
        .map(|(key, value)| (key.clone(), ByteString(value.clone())))
        .collect();
    match seen {
        SecretView::Ours { data: before, .. } if before == data => Ok(()),
        SecretView::Ours { resource_version, .. } => {
            let patch = json!({ "metadata": { "resourceVersion": resource_version }, "data": bytes });
            call(api.patch(&name, &manager(), &Patch::Merge(patch))).await.map(drop)
        }
        SecretView::Absent => {
            let secret = Secret {
                metadata: ObjectMeta {
                    name: Some(name),
                    labels: Some(BTreeMap::from([
                        (MANAGED_BY_LABEL.to_owned(), MANAGER.to_owned()),
                        (INSTANCE_LABEL.to_owned(), label_value(&object.name_any())),
                    ])),
                    owner_references: Some(vec![owner(object)]),
                    ..ObjectMeta::default()
                },
                data: Some(bytes),
                type_: Some("Opaque".to_owned()),
                ..Secret::default()
            };
            let params = PostParams {
                field_manager: Some(MANAGER.to_owned()),
                ..PostParams::default()
            };
            call(api.create(&params, &secret)).await.map(drop)
        }
        SecretView::Foreign | SecretView::Unreadable(_) => Ok(()),
    }
}

/// The reinstall is over: what it has set is the password.
pub async fn keep_next_password(client: &Client, object: &GpuInstance, seen: &SecretView) -> Result<(), CallError> {
    let SecretView::Ours { data, resource_version } = seen else {
        return Ok(());
    };
    let Some(next) = data.get(NEXT_PASSWORD) else {
        return Ok(());
    };
    let (api, name) = place(client, object);
    let changed = json!({ PASSWORD: ByteString(next.clone()), NEXT_PASSWORD: null });
    let patch = json!({ "metadata": { "resourceVersion": resource_version }, "data": changed });
    call(api.patch(&name, &manager(), &Patch::Merge(patch))).await.map(drop)
}

/// Leaves the Secret to whoever keeps the machine: it no longer goes with the object.
pub async fn disown(client: &Client, object: &GpuInstance, seen: &SecretView) -> Result<(), CallError> {
    let SecretView::Ours { resource_version, .. } = seen else {
        return Ok(());
    };
    let (api, name) = place(client, object);
    let secret = call(api.get(&name)).await?;
    let uid = object.uid();
    let others: Vec<_> = secret
        .owner_references()
        .iter()
        .filter(|owner| Some(&owner.uid) != uid.as_ref())
        .collect();
    let patch = json!({ "metadata": { "resourceVersion": resource_version, "ownerReferences": others } });
    call(api.patch(&name, &manager(), &Patch::Merge(patch))).await.map(drop)
}

fn manager() -> PatchParams {
    PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

fn owner(object: &GpuInstance) -> OwnerReference {
    OwnerReference {
        api_version: GpuInstance::api_version(&()).into_owned(),
        kind: GpuInstance::kind(&()).into_owned(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// A label's value is shorter than a name may be.
fn label_value(name: &str) -> String {
    name.chars()
        .take(63)
        .collect::<String>()
        .trim_end_matches(['-', '.', '_'])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::InstanceState;
    use crate::provider::Ssh;

    fn machine(host: &str) -> Machine {
        let mut machine = Machine::new("m", InstanceState::Running, "running");
        machine.ssh = Some(Ssh {
            host: host.into(),
            port: 33251,
            user: "root".into(),
        });
        machine.secrets.password = Some("p4ss".into());
        machine
    }

    fn text(data: &Data, key: &str) -> Option<String> {
        data.get(key).map(|value| String::from_utf8(value.clone()).unwrap())
    }

    #[test]
    fn every_key_that_is_known_is_there_and_no_other() {
        let data = data("train-1", Cloud::Xgc, &machine("m.ssh.x-gpu.com"), &Data::new());
        let keys: Vec<_> = data.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "host",
                "password",
                "port",
                "provider",
                "ssh_command",
                "ssh_config",
                "type",
                "uri",
                "username"
            ]
        );
        assert_eq!(text(&data, "uri").unwrap(), "ssh://root@m.ssh.x-gpu.com:33251");
        assert_eq!(text(&data, "ssh_command").unwrap(), "ssh -p 33251 root@m.ssh.x-gpu.com");
        assert!(
            text(&data, "ssh_config")
                .unwrap()
                .starts_with("Host train-1\n  HostName m.ssh.x-gpu.com\n")
        );
    }

    #[test]
    fn a_vendor_cannot_smuggle_anything_into_a_command() {
        for host in ["a b", "-oProxyCommand=x", "a;b", "a\nProxyCommand x", "$(x)", ""] {
            let data = data("i", Cloud::Xgc, &machine(host), &Data::new());
            assert_eq!(text(&data, "ssh_command"), None, "{host}");
        }
    }

    #[test]
    fn the_last_values_stay_while_a_machine_is_stopped() {
        let before = data("i", Cloud::Xgc, &machine("h"), &Data::new());
        let stopped = Machine::new("m", InstanceState::Stopped, "shutdown");
        assert_eq!(data("i", Cloud::Xgc, &stopped, &before), before);
    }
}
