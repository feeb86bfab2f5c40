//! Objects and events as a test reads them.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

/// Any object of the API.
#[derive(Clone, Debug)]
pub struct Object(pub Value);

impl Object {
    /// What is at this JSON pointer; `null` where nothing is.
    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text at this JSON pointer; empty where there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    pub fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }

    pub fn generation(&self) -> i64 {
        self.at("/metadata/generation").as_i64().unwrap_or_default()
    }

    pub fn finalizers(&self) -> Vec<&str> {
        let finalizers = self.at("/metadata/finalizers").as_array();
        finalizers.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub fn is_being_deleted(&self) -> bool {
        !self.at("/metadata/deletionTimestamp").is_null()
    }

    /// `status.state`.
    pub fn state(&self) -> &str {
        self.text("/status/state")
    }

    /// `status.instanceId`; empty where no machine is held.
    pub fn instance_id(&self) -> &str {
        self.text("/status/instanceId")
    }

    /// The annotation that binds it to its machine; empty before it is written, a moment after the status.
    pub fn binding(&self) -> &str {
        self.text("/metadata/annotations/gpuinstance.dev~1binding")
    }

    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&Value> {
        let conditions = self.at("/status/conditions").as_array()?;
        conditions.iter().find(|condition| condition["type"] == kind)
    }

    /// A member of a condition, such as `reason`; empty where there is no such condition.
    pub fn said(&self, kind: &str, member: &str) -> &str {
        let said = self.condition(kind).and_then(|condition| condition[member].as_str());
        said.unwrap_or_default()
    }

    /// `True`, `False`, `Unknown`; empty where there is no such condition, or only one of an older generation.
    pub fn truth(&self, kind: &str) -> &str {
        let of_now = |condition: &&Value| condition["observedGeneration"] == self.generation();
        let condition = self.condition(kind).filter(of_now);
        condition
            .and_then(|condition| condition["status"].as_str())
            .unwrap_or_default()
    }

    /// Ready, for the spec as it is now.
    pub fn is_ready(&self) -> bool {
        self.truth("Ready") == "True"
    }

    /// Ready, and in this state.
    pub fn is_ready_in(&self, state: &str) -> bool {
        self.is_ready() && self.state() == state
    }

    /// Not Ready for this reason, for the spec as it is now.
    pub fn is_not_ready_for(&self, reason: &str) -> bool {
        self.truth("Ready") == "False" && self.said("Ready", "reason") == reason
    }

    /// What a Secret holds under a key, decoded.
    pub fn secret(&self, key: &str) -> Option<String> {
        let data = self.0.get("data")?.get(key)?;
        let bytes: k8s_openapi::ByteString = serde_json::from_value(data.clone()).unwrap();
        Some(String::from_utf8(bytes.0).unwrap())
    }

    /// The keys of a Secret.
    pub fn secret_keys(&self) -> Vec<&str> {
        let data = self.at("/data").as_object();
        data.into_iter()
            .flat_map(|data| data.keys().map(String::as_str))
            .collect()
    }
}

/// As `kubectl get -o yaml` shows it.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if let Some(metadata) = shown["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        f.write_str(&serde_saphyr::to_string(&shown).unwrap())
    }
}

/// Something that was told of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Name of the object that it is about.
    pub about: String,
    /// `Normal` or `Warning`.
    pub kind: String,
    pub reason: String,
    pub note: String,
    pub at: Option<Timestamp>,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} ({})", self.kind, self.reason, self.note, self.about)
    }
}
