//! The objects: with versions, finalizers, owners, and a status of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Change, Changes, Place, conflict, not_found};

/// HTTP status, reason and message.
pub type Refusal = (u16, &'static str, String);

type Stored = Result<Arc<Value>, Refusal>;

/// Who is told of each object that is gone, at the moment when it goes.
pub type Witness = Box<dyn Fn(&Value) + Send + Sync>;

#[derive(Default)]
pub struct Store {
    objects: BTreeMap<Place, Arc<Value>>,
    version: u64,
    uids: u64,
    watchers: Vec<mpsc::UnboundedSender<(String, Change)>>,
    witness: Option<Witness>,
}

impl Store {
    pub fn witnessed_by(&mut self, witness: Witness) {
        self.witness = Some(witness);
    }

    /// How often anything was changed.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, place: &Place) -> Option<Arc<Value>> {
        self.objects.get(place).cloned()
    }

    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Arc<Value>> {
        let kind = kind.to_owned();
        let of_kind = self.objects.iter().filter(move |(place, _)| place.kind == kind);
        of_kind.map(|(_, object)| object)
    }

    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.objects.keys()
    }

    /// All objects, and their changes from now on.
    pub fn watch(&mut self) -> (Vec<(String, Arc<Value>)>, Changes) {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.watchers.push(sender);
        let objects = self.objects.iter();
        let objects = objects.map(|(place, object)| (place.kind.clone(), Arc::clone(object)));
        (objects.collect(), receiver)
    }

    pub fn list(&self, wanted: &Place) -> Value {
        let is_wanted = |place: &Place| {
            place.kind == wanted.kind && (wanted.namespace.is_empty() || place.namespace == wanted.namespace)
        };
        let items = self.objects.iter().filter(|(place, _)| is_wanted(place));
        let items: Vec<&Value> = items.map(|(_, object)| &**object).collect();
        let meta = json!({ "resourceVersion": self.version.to_string() });
        json!({ "apiVersion": "v1", "kind": "List", "metadata": meta, "items": items })
    }

    pub fn create(&mut self, kind: &Place, mut object: Value) -> Stored {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let place = Place {
            name: name.to_owned(),
            ..kind.clone()
        };
        if self.objects.contains_key(&place) {
            return Err((409, "AlreadyExists", format!("{place:?} exists")));
        }
        self.uids += 1;
        let meta = &mut object["metadata"];
        if !place.namespace.is_empty() {
            meta["namespace"] = json!(place.namespace);
        }
        meta["uid"] = json!(format!("{:012x}-0000-4000-8000-000000000000", self.uids * 0x1111));
        meta["generation"] = json!(1);
        Ok(self.store(place, object))
    }

    pub fn replace_status(&mut self, place: &Place, body: &Value) -> Stored {
        let before = self.get(place).ok_or_else(not_found)?;
        guard(&before, &body["metadata"])?;
        let mut status = body["status"].clone();
        prune(&mut status);
        if before["status"] == status {
            return Ok(before);
        }
        let mut object = (*before).clone();
        object["status"] = status;
        Ok(self.store(place.clone(), object))
    }

    pub fn patch(&mut self, place: &Place, patch: &Value) -> Stored {
        let before = self.get(place).ok_or_else(not_found)?;
        guard(&before, &patch["metadata"])?;
        let mut object = (*before).clone();
        merge(&mut object, patch);
        object["metadata"]["resourceVersion"].clone_from(&before["metadata"]["resourceVersion"]);
        if object == *before {
            return Ok(before);
        }
        if object["spec"] != before["spec"] {
            bump_generation(&mut object);
        }
        let leaving = !object["metadata"]["deletionTimestamp"].is_null() && !has_finalizers(&object);
        let stored = self.store(place.clone(), object);
        if leaving {
            self.remove(place);
        }
        Ok(stored)
    }

    pub fn delete(&mut self, place: &Place) -> Stored {
        let before = self.get(place).ok_or_else(not_found)?;
        if !has_finalizers(&before) {
            self.remove(place);
            return Ok(before);
        }
        if !before["metadata"]["deletionTimestamp"].is_null() {
            return Ok(before);
        }
        let mut object = (*before).clone();
        object["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
        bump_generation(&mut object);
        Ok(self.store(place.clone(), object))
    }

    fn store(&mut self, place: Place, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        self.tell(&place.kind, &Change::Applied(Arc::clone(&object)));
        self.objects.insert(place, Arc::clone(&object));
        object
    }

    /// Removes an object, and nobody is told why.
    pub fn lose(&mut self, place: &Place) {
        let witness = self.witness.take();
        self.remove(place);
        self.witness = witness;
    }

    /// Removes an object, and all that it owned.
    fn remove(&mut self, place: &Place) {
        let Some(object) = self.objects.remove(place) else {
            return;
        };
        if let Some(witness) = &self.witness {
            witness(&object);
        }
        let mut object = (*object).clone();
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let uid = object["metadata"]["uid"].clone();
        self.tell(&place.kind, &Change::Deleted(Arc::new(object)));
        let owned = |object: &Value| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| !owners.is_empty() && owners.iter().all(|owner| owner["uid"] == uid))
        };
        let orphans: Vec<Place> = self
            .objects
            .iter()
            .filter(|(_, object)| owned(object))
            .map(|(place, _)| place.clone())
            .collect();
        for orphan in orphans {
            self.remove(&orphan);
        }
    }

    fn tell(&mut self, kind: &str, change: &Change) {
        self.watchers
            .retain(|watcher| watcher.send((kind.to_owned(), change.clone())).is_ok());
    }
}

fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|finalizers| !finalizers.is_empty())
}

fn bump_generation(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    object["metadata"]["generation"] = json!(generation + 1);
}

/// Who writes with a version, or for a UID, writes only what is still so.
fn guard(object: &Value, meta: &Value) -> Result<(), Refusal> {
    for field in ["resourceVersion", "uid"] {
        let expected = &meta[field];
        if !expected.is_null() && *expected != object["metadata"][field] {
            return Err(conflict(&format!(
                "{field} is {}, not {expected}",
                object["metadata"][field]
            )));
        }
    }
    Ok(())
}

/// A JSON merge patch.
pub fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut object[key], value);
        }
    }
}

/// Drops what is null, as the API server does with a field that the schema does not let be null.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}
