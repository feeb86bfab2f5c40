//! What a user sees.

use gpu_instance_operator::api::status::InstanceState;
use serde_json::Value;

use super::Model;

impl Model {
    pub fn instance(&self, name: &str) -> Option<Value> {
        self.api.get("gpuinstances", name).map(|object| (*object).clone())
    }

    /// A field of the instance's status.
    pub fn status(&self, name: &str, field: &str) -> Value {
        let object = self.api.get("gpuinstances", name);
        object.map_or(Value::Null, |object| object["status"][field].clone())
    }

    /// The reason of the instance's Ready condition.
    pub fn reason(&self, name: &str) -> String {
        let ready = self.condition(name, "Ready");
        ready["reason"].as_str().unwrap_or_default().to_owned()
    }

    pub fn condition(&self, name: &str, kind: &str) -> Value {
        let object = self.api.get("gpuinstances", name);
        object.map_or(Value::Null, |object| condition(&object, kind).clone())
    }

    /// Ready, for what the spec says now.
    pub fn is_ready(&self, name: &str) -> bool {
        let object = self.api.get("gpuinstances", name);
        object.is_some_and(|object| is_ready(&object))
    }

    /// The state of the instance's machine, as the cloud really has it.
    pub fn machine_state(&self, name: &str) -> Option<InstanceState> {
        self.cloud.state(self.status(name, "instanceId").as_str()?)
    }

    /// All instances, with what is published of them.
    pub fn described(&self) -> String {
        let objects = self.api.all("gpuinstances");
        let lines = objects.iter().map(|object| {
            let (meta, status) = (&object["metadata"], &object["status"]);
            let ready = condition(object, "Ready");
            let machine = self.cloud.state(status["instanceId"].as_str().unwrap_or_default());
            format!(
                "{} {}\n    {} {}: {}\n    claim {}, machine {} {machine:?}{}",
                meta["name"],
                object["spec"],
                ready["status"],
                ready["reason"],
                ready["message"],
                status["claim"],
                status["instanceId"],
                if meta["deletionTimestamp"].is_null() {
                    ""
                } else {
                    ", being deleted"
                },
            )
        });
        format!("instances:\n  {}", lines.collect::<Vec<_>>().join("\n  "))
    }
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|condition| condition["type"] == kind));
    found.unwrap_or(&Value::Null)
}

/// Whether an object is Ready, for what its spec says now.
pub fn is_ready(object: &Value) -> bool {
    let ready = condition(object, "Ready");
    ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
}
