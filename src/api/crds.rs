//! The custom resource definitions, as they are installed: what the types say, made fit for an API server and for
//! `kubectl explain`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::provider::ClusterGpuProviderSpec;
use super::{ClusterGpuProvider, GpuInstance, GpuInstanceSpec, GpuProvider, GpuProviderSpec};

/// Bounds where a type (of Kubernetes' own) says none. Without any, a rule beside it may be too costly in the worst case
/// for the API server to accept.
const LONGEST_STRING: i64 = 1024;
const MOST_ITEMS: i64 = 64;
/// The longest message of a condition, as Kubernetes bounds its own.
const LONGEST_MESSAGE: i64 = 32_768;

/// All of them, in the order in which they are written everywhere.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        finished::<GpuInstanceSpec>(GpuInstance::crd()),
        finished::<GpuProviderSpec>(GpuProvider::crd()),
        finished::<ClusterGpuProviderSpec>(ClusterGpuProvider::crd()),
    ]
}

/// All of them as YAML, one document each.
pub fn yaml() -> Result<String, serde_saphyr::ser::Error> {
    let documents: Result<Vec<_>, _> = all().iter().map(document).collect();
    Ok(documents?.join("---\n"))
}

/// One of them as a YAML document.
pub fn document(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    let mut value = serde_json::to_value(crd).map_err(|error| error.to_string())?;
    write_whole_numbers(&mut value);
    serde_saphyr::to_string(&value)
}

/// Whole numbers without a fraction: 65535, not 65535.0.
fn write_whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|float| float.fract() == 0.0 && number.is_f64()) {
                #[allow(clippy::cast_possible_truncation, reason = "bounds in a schema are far below 2^53")]
                let whole = whole as i64;
                *number = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(write_whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The definition that kube derives, with what it leaves to be wished.
fn finished<Spec: JsonSchema>(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = crd
        .spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        for (name, part) in schema.properties.iter_mut().flatten() {
            match name.as_str() {
                "spec" => describe(part, &as_written::<Spec>()),
                "status" => {
                    each(part, &mut tolerate);
                    part.default = Some(JSON(unobserved()));
                }
                _ => {}
            }
        }
        each(schema, &mut tidy);
        each(schema, &mut bound);
    }
    crd
}

/// The status of an object that the operator has not looked at yet. Without it, whoever waits by kstatus' rules (Flux,
/// Helm) would take an object that has no status for one that is as it should be.
fn unobserved() -> Value {
    serde_json::json!({ "observedGeneration": -1 })
}

/// Calls this for a schema and everything below it.
fn each(schema: &mut JSONSchemaProps, change: &mut impl FnMut(&mut JSONSchemaProps)) {
    change(schema);
    for property in schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut())
    {
        each(property, change);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        each(items, change);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        each(values, change);
    }
}

/// In status, words are not restricted to those of this version. Another version, before an upgrade or after a
/// rollback, must be able to go on writing and keeping its own; readers take what they do not know as `Unknown`.
fn tolerate(schema: &mut JSONSchemaProps) {
    schema.enum_ = None;
}

fn tidy(schema: &mut JSONSchemaProps) {
    // Where it is allowed, `null` counts as absent, to rules too. Beside `enum` it is refused whatever this says.
    if schema.enum_.is_some() {
        schema.nullable = None;
    }
    // The bounds say the same; the API server warns of formats that it does not know.
    if schema.format.as_ref().is_some_and(|format| format.starts_with("uint")) {
        schema.format = None;
    }
    // Doc comments are wrapped for whoever reads the source.
    if let Some(description) = &mut schema.description {
        let paragraphs: Vec<_> = description.split("\n\n").map(|text| text.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
}

fn bound(schema: &mut JSONSchemaProps) {
    match schema.type_.as_deref() {
        Some("string") if schema.enum_.is_none() && schema.format.is_none() => {
            schema.max_length.get_or_insert(LONGEST_STRING);
        }
        Some("array") => {
            schema.max_items.get_or_insert(MOST_ITEMS);
        }
        Some("object") if schema.additional_properties.is_some() => {
            schema.max_properties.get_or_insert(MOST_ITEMS);
        }
        _ => {}
    }
    let conditions = schema
        .properties
        .iter_mut()
        .filter_map(|properties| properties.get_mut("conditions"));
    for items in conditions.filter_map(|conditions| conditions.items.as_mut()) {
        if let JSONSchemaPropsOrArray::Schema(condition) = items
            && let Some(message) = condition
                .properties
                .iter_mut()
                .find_map(|fields| fields.get_mut("message"))
        {
            message.max_length = Some(LONGEST_MESSAGE);
        }
    }
}

/// The schema of a type before kube makes it structural.
fn as_written<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Gives each field its own description back: of an optional enumeration, kube keeps the description of the type and
/// drops that of the field, which says what its words mean and what happens when it is left out.
fn describe(schema: &mut JSONSchemaProps, written: &Value) {
    if let Some(description) = written["description"].as_str() {
        schema.description = Some(description.to_owned());
    }
    // An optional field is written as `anyOf` of its type and null.
    let written = written["anyOf"].get(0).unwrap_or(written);
    for (name, property) in schema.properties.iter_mut().flatten() {
        describe(property, &written["properties"][name]);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        describe(items, &written["items"]);
    }
}
