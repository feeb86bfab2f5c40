//! What the real API server refuses: the rules that stand in the kinds themselves.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use gpu_instance_operator::api::crds;
use kube::core::cel::Validator;
use serde_json::{Value, json};

thread_local! {
    static SCHEMAS: RefCell<BTreeMap<String, Arc<Value>>> = RefCell::default();
}

/// Whether an object, or a change to one, keeps to the rules of its kind.
pub fn check(kind: &str, object: &Value, before: Option<&Value>) -> Result<(), String> {
    let Some(schema) = schema(kind) else { return Ok(()) };
    Validator::new()
        .validate_with_defaults(&schema, object, before)
        .map_err(|errors| {
            let messages: Vec<String> = errors.into_vec().into_iter().map(|error| error.message).collect();
            messages.join("; ")
        })
}

fn schema(kind: &str) -> Option<Arc<Value>> {
    SCHEMAS.with_borrow_mut(|schemas| {
        if schemas.is_empty() {
            for crd in crds::all() {
                let schema = crd.spec.versions[0].schema.clone().unwrap().open_api_v3_schema;
                schemas.insert(crd.spec.names.plural, Arc::new(json!(schema)));
            }
        }
        schemas.get(kind).cloned()
    })
}
