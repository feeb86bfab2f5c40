//! The reference of fields, from the types: the same schemas that the API server checks manifests with.

use std::fmt::Write as _;

use gpu_instance_operator::api::crds;
use serde_json::Value;

use super::hold_to;

/// The schema of `spec` or `status` of a kind.
fn schema(kind: &str, part: &str) -> Value {
    let crd = crds::all().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let schema = crd.spec.versions[0].schema.as_ref().unwrap();
    let schema = serde_json::to_value(&schema.open_api_v3_schema).unwrap();
    schema["properties"][part].clone()
}

/// What may be written: `string, up to 64`, `Running | Stopped`, `integer, 0 to 8`.
fn type_of(schema: &Value) -> String {
    let words = |values: &Value| {
        let values = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        values.map(|word| format!("`{word}`")).collect::<Vec<_>>()
    };
    let choices = words(&schema["enum"]);
    if !choices.is_empty() {
        return choices.join(", ");
    }
    let name = schema["type"].as_str().unwrap_or("any");
    let bounds = match name {
        "string" if schema["format"] == "date-time" => return "time".to_owned(),
        "array" => return format!("list{}", bounds(schema, "minItems", "maxItems")),
        "string" => bounds(schema, "minLength", "maxLength"),
        _ => bounds(schema, "minimum", "maximum"),
    };
    format!("{name}{bounds}")
}

fn bounds(schema: &Value, least: &str, most: &str) -> String {
    let number = |key: &str| schema[key].as_f64().filter(|number| *number != 0.0);
    match (number(least), number(most)) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (None, Some(most)) => format!(", up to {most}"),
        (Some(least), None) => format!(", at least {least}"),
        (None, None) => String::new(),
    }
}

/// A row for each field below this schema, in the schema's order.
fn rows(path: &str, schema: &Value, table: &mut String) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let needed = if required.contains(&Value::from(name.as_str())) {
            "; needed"
        } else {
            ""
        };
        let text = field["description"].as_str().unwrap_or_default();
        let text = text.replace("\n\n", " ").replace('|', "\\|");
        let default = match &field["default"] {
            Value::Null => String::new(),
            value => format!(" Default: `{}`.", value.to_string().trim_matches('"')),
        };
        let _ = writeln!(table, "| `{path}` | {}{needed} | {text}{default} |", type_of(field));
        rows(&path, field, table);
        rows(&format!("{path}[]"), &field["items"], table);
        rows(&format!("{path}{{}}"), &field["additionalProperties"], table);
    }
}

fn table(kind: &str, part: &str) -> String {
    let mut table = "| Field | Type | Means |\n|---|---|---|\n".to_owned();
    rows("", &schema(kind, part), &mut table);
    table
}

#[test]
fn the_generated_tables_of_fields_are_those_of_this_build() {
    for crd in crds::all() {
        let kind = crd.spec.names.kind;
        let document = format!("docs/reference/{}.md", kind.to_lowercase());
        hold_to(&document, &[table(&kind, "spec"), table(&kind, "status")]);
    }
}

#[test]
fn what_may_be_written_is_said() {
    let says = |schema: Value| type_of(&schema);
    assert_eq!(says(serde_json::json!({ "enum": ["A", "B"] })), "`A`, `B`");
    assert_eq!(
        says(serde_json::json!({ "type": "string", "maxLength": 64 })),
        "string, up to 64"
    );
    assert_eq!(
        says(serde_json::json!({ "type": "integer", "minimum": 1.0, "maximum": 8.0 })),
        "integer, 1 to 8"
    );
    assert_eq!(
        says(serde_json::json!({ "type": "array", "maxItems": 32 })),
        "list, up to 32"
    );
}
