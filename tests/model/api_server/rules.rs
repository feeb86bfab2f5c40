//! What the real API server refuses: the rules that stand in the kinds themselves.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use gpu_instance_operator::api::crds;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde_json::{Value, json};

thread_local! {
    static VALIDATOR: Validator = Validator::new();
}

/// The schema of each kind, by its plural name.
static SCHEMAS: LazyLock<BTreeMap<String, CompiledSchema>> = LazyLock::new(|| {
    let crds = crds::all().into_iter();
    crds.map(|crd| {
        let schema = crd.spec.versions[0].schema.clone().unwrap().open_api_v3_schema;
        (crd.spec.names.plural, compile_schema(&json!(schema)))
    })
    .collect()
});

/// Whether an object, or a change to one, keeps to the rules of its kind.
pub fn check(kind: &str, object: &Value, before: Option<&Value>) -> Result<(), String> {
    let Some(schema) = SCHEMAS.get(kind) else {
        return Ok(());
    };
    VALIDATOR
        .with(|validator| validator.validate_compiled(schema, object, before))
        .map_err(|errors| {
            let messages: Vec<String> = errors.into_vec().into_iter().map(|error| error.message).collect();
            messages.join("; ")
        })
}
