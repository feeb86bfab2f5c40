//! Looks. Reads the object's surroundings, changes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::ResourceExt;
use kube::api::Api;

use super::drift;
use super::memory::Memory;
use super::observation::{AdoptionView, CloudView, Connection, InstanceView, Observation};
use super::{Reconciler, connection};
use crate::account::{Connected, Evidence, InstanceRef, Obstacle, ProviderKey, Session, Subject};
use crate::api::GpuInstance;
use crate::api::condition::Reason;
use crate::api::provider::OrphanPolicy;
use crate::api::remote_name::RemoteName;
use crate::environment::later;
use crate::kubernetes::call;
use crate::provider::http::CALL_TIMEOUT;
use crate::provider::{self, Refusal};

impl Reconciler {
    /// What there is to know of an instance.
    pub(super) async fn observe(&self, object: &GpuInstance, memory: Memory) -> (Observation, Option<Connected>) {
        let (cloud, session) = self.cloud(object, &memory).await;
        let script = self.script(object).await;
        let secret = connection::read(&self.client, object).await;
        let mut seen = Observation {
            evidence: Evidence::default(),
            refusal: None,
            adoption: AdoptionView::NotAsked,
            unexplained: Vec::new(),
            ports: Vec::new(),
            digests: BTreeMap::new(),
            installation: self.installation.clone(),
            cloud,
            memory,
            secret,
            script,
        };
        if let (CloudView::Connected(connection), Some(connected)) = (&seen.cloud, &session) {
            let room_made = connected.account.room_made();
            seen.memory.pause = seen
                .memory
                .pause
                .filter(|pause| pause.room_made.is_none_or(|before| before == room_made));
            seen.digests = drift::digests(
                &object.spec,
                seen.script.as_ref().ok().and_then(Option::as_deref),
                connection.account.cloud,
            );
            seen.refusal = refusal(object, connected);
            let bound = object.bound_account();
            if bound.is_none_or(|bound| bound == connection.account.id) {
                seen.evidence = connected
                    .account
                    .watch(reference(object), subject(object, &seen.memory, connection));
                seen.adoption = self.adoption(object, connected);
                seen.unexplained = object
                    .claim()
                    .filter(|_| object.machine_id().is_none())
                    .map_or_else(Vec::new, |claim| connected.account.unexplained_since(claim.since.0));
                seen.ports = ports(object, connected, &seen.evidence);
            }
        }
        (seen, session)
    }

    async fn cloud(&self, object: &GpuInstance, memory: &Memory) -> (CloudView, Option<Connected>) {
        let key = ProviderKey::meant_by(object);
        let Some(provider) = self.cache.provider(&key) else {
            let what = self.cache.why_missing(&key);
            return (
                CloudView::Obstructed(Obstacle::new(Reason::ProviderNotFound, what)),
                None,
            );
        };
        let connected = match self.sessions.get(&key) {
            None => return (CloudView::NotYet, None),
            Some(Session::Obstructed(obstacle)) => return (CloudView::Obstructed(obstacle), None),
            Some(Session::Connected(connected)) => *connected,
        };
        let namespace = object.namespace().unwrap_or_default();
        let labels = if provider.asks_for_labels() {
            self.labels(&namespace).await
        } else {
            Ok(BTreeMap::new())
        };
        let forbidden = match labels {
            Ok(labels) if provider.allows(&namespace, &labels) => None,
            Ok(_) => Some(Obstacle::new(
                Reason::NamespaceNotAllowed,
                format!("{key} does not allow namespace {namespace} in its spec.allowedNamespaces"),
            )),
            Err(error) => Some(Obstacle::new(
                Reason::NamespaceNotAllowed,
                format!(
                    "{key} selects namespaces by their labels, and those of {namespace} could not be read: {error}"
                ),
            )),
        };
        let closing = provider.deleting.then(|| {
            Obstacle::new(
                Reason::ProviderNotFound,
                format!("{key} is being deleted: nothing new is rented with it"),
            )
        });
        let capabilities = connected.driver.capabilities();
        let connection = Connection {
            account: connected.account.key.clone(),
            capabilities,
            forbidden,
            closing,
            deletes_orphans: provider.spec.orphans == OrphanPolicy::Delete,
            settle_after: provider
                .spec
                .settle_after
                .map_or(capabilities.settle_after, crate::api::GoDuration::get),
            call_timeout: CALL_TIMEOUT,
            held: memory.held_for == Some(object.generation()),
        };
        (
            CloudView::Connected(connection),
            Some(Connected { provider, ..connected }),
        )
    }

    async fn labels(&self, namespace: &str) -> Result<BTreeMap<String, String>, String> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let object = call(api.get_metadata(namespace))
            .await
            .map_err(|error| error.to_string())?;
        Ok(object.labels().clone())
    }

    async fn script(&self, object: &GpuInstance) -> Result<Option<String>, Obstacle> {
        let Some(source) = &object.spec.startup_script_from else {
            return Ok(object.spec.startup_script().map(ToOwned::to_owned));
        };
        let namespace = object.namespace().unwrap_or_default();
        let (what, found) = if let Some(reference) = &source.secret_key_ref {
            let api: Api<Secret> = Api::namespaced(self.client.clone(), &namespace);
            let secret = call(api.get_opt(&reference.name)).await;
            let value = secret.map(|secret| {
                secret
                    .and_then(|secret| secret.data?.remove(&reference.key))
                    .map(|bytes| bytes.0)
            });
            (
                format!("key {} of Secret {namespace}/{}", reference.key, reference.name),
                value,
            )
        } else if let Some(reference) = &source.config_map_key_ref {
            let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &namespace);
            let map = call(api.get_opt(&reference.name)).await;
            let value = map.map(|map| {
                map.and_then(|map| map.data?.remove(&reference.key))
                    .map(String::into_bytes)
            });
            (
                format!("key {} of ConfigMap {namespace}/{}", reference.key, reference.name),
                value,
            )
        } else {
            return Ok(None);
        };
        let invalid = |why: &str| Obstacle::new(Reason::Invalid, format!("spec.startupScriptFrom names {what}, {why}"));
        match found {
            Ok(Some(bytes)) => String::from_utf8(bytes)
                .map(Some)
                .map_err(|_| invalid("which is not text")),
            Ok(None) => Err(invalid("which does not exist")),
            Err(error) => Err(invalid(&format!("which could not be read: {error}"))),
        }
    }

    fn adoption(&self, object: &GpuInstance, connected: &Connected) -> AdoptionView {
        let Some(id) = object.spec.instance_id().filter(|_| object.machine_id().is_none()) else {
            return AdoptionView::NotAsked;
        };
        let forbidden = |why: String| AdoptionView::Refused(Obstacle::new(Reason::AdoptionForbidden, why));
        if !connected.provider.allows_adoption() {
            return forbidden(format!(
                "{} does not let machines be adopted; its spec.adoption must be Allowed",
                connected.provider.key
            ));
        }
        let Some(snapshot) = connected.account.latest() else {
            return AdoptionView::NotFound;
        };
        let Some(machine) = snapshot.machine(id) else {
            return AdoptionView::NotFound;
        };
        if connected.account.is_condemned(id) {
            return AdoptionView::Refused(Obstacle::new(
                Reason::InstanceClaimed,
                format!(
                    "machine {id} is being deleted: no object knew it, and spec.orphans of {} is Delete",
                    connected.provider.key
                ),
            ));
        }
        if let Some(holder) = self.holder(object, connected, id, machine.name.as_deref()) {
            return AdoptionView::Refused(Obstacle::new(
                Reason::InstanceClaimed,
                format!("machine {id} is held by {holder}; delete that object with deletionPolicy Retain first"),
            ));
        }
        match machine.name.as_deref().and_then(RemoteName::parse) {
            Some(name) if !self.installation.gave(&name) => forbidden(format!(
                "machine {id} is called {name}: another installation of this operator made it"
            )),
            _ => AdoptionView::Possible(Box::new(machine.clone())),
        }
    }

    /// The other object that holds a machine: by its status, its annotation, or by the machine's name.
    fn holder(&self, object: &GpuInstance, connected: &Connected, id: &str, name: Option<&str>) -> Option<String> {
        let name = name
            .and_then(RemoteName::parse)
            .filter(|name| self.installation.gave(name));
        for guarded in self.cache.instances() {
            let uid = guarded.uid().unwrap_or_default();
            if uid == object.id() {
                continue;
            }
            let bound = guarded.0.as_ref().is_ok_and(|other| {
                other.machine_id().as_deref() == Some(id)
                    && other.bound_account().as_deref() == Some(&connected.account.key.id)
            });
            if bound || name.as_ref().is_some_and(|name| name.is_of(&uid)) {
                return Some(format!(
                    "{}/{}",
                    guarded.namespace().unwrap_or_default(),
                    guarded.name_any()
                ));
            }
        }
        connected
            .account
            .holder(id, object.id())
            .map(|uid| format!("the object with UID {uid}"))
    }
}

fn refusal(object: &GpuInstance, connected: &Connected) -> Option<Refusal> {
    let adopting = object.spec.instance_id().is_some();
    provider::check(&object.spec, connected.driver.capabilities(), adopting)
        .and_then(|()| {
            if adopting {
                Ok(())
            } else {
                connected.driver.check(&object.spec)
            }
        })
        .err()
}

/// How the account refers to an instance.
pub(super) fn reference(object: &GpuInstance) -> InstanceRef {
    InstanceRef {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    }
}

/// What the instance looks for in the account's lists.
fn subject(object: &GpuInstance, memory: &Memory, connection: &Connection) -> Subject {
    // Not by its annotation: that counts only for a machine of the object's own name, which is looked for anyway.
    let machine = object.seen().instance_id;
    let unsettled = object.claim().filter(|_| machine.is_none());
    let not_before = match (unsettled, memory.delete_acknowledged) {
        (Some(claim), _) => match memory.sent.as_ref().filter(|sent| sent.claim == claim.name) {
            Some(sent) => sent.ended,
            None => later(claim.deadline.0, connection.call_timeout),
        },
        (None, Some(acknowledged)) => acknowledged,
        (None, None) => Timestamp::UNIX_EPOCH,
    };
    Subject {
        uid: object.id().to_owned(),
        instance_id: machine.or_else(|| object.spec.instance_id().map(ToOwned::to_owned)),
        region: object.region(),
        not_before,
    }
}

fn ports(object: &GpuInstance, connected: &Connected, evidence: &Evidence) -> Vec<crate::api::status::PortEndpoint> {
    let id = object.machine_id();
    let Some(machine) = evidence
        .machines
        .iter()
        .find(|machine| Some(&machine.id) == id.as_ref())
    else {
        return Vec::new();
    };
    object
        .spec
        .ports
        .iter()
        .filter_map(|port| connected.driver.port_endpoint(machine, *port))
        .collect()
}
