//! The values of the chart: values.yaml documents each, and values.schema.json knows each.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::hold_to;
use crate::repository::read;

const VALUES: &str = "charts/gpu-instance-operator/values.yaml";

/// A value that values.yaml has a comment for.
struct Documented {
    path: Vec<String>,
    text: String,
}

/// In the order of the file. A comment belongs to the key below it; what has an empty line below belongs to none.
fn documented(yaml: &str) -> Vec<Documented> {
    let mut found = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    for line in yaml.lines() {
        let word = line.trim_start();
        if let Some(text) = word.strip_prefix('#') {
            comment.push(text.trim());
        } else if let Some((key, _)) = word.split_once(':') {
            let depth = line.len() - word.len();
            above.retain(|(depth_above, _)| *depth_above < depth);
            above.push((depth, key.to_owned()));
            if !comment.is_empty() {
                let path = above.iter().map(|(_, key)| key.clone()).collect();
                found.push(Documented {
                    path,
                    text: comment.join(" "),
                });
            }
            comment.clear();
        } else {
            comment.clear();
        }
    }
    found
}

fn values() -> Value {
    serde_saphyr::from_str(&read(VALUES)).unwrap()
}

fn at<'a>(values: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(values, |value, key| &value[key])
}

/// Paths of all members, those within members too; what is in lists does not count.
fn paths(value: &Value, above: &[String], found: &mut Vec<Vec<String>>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = [above, std::slice::from_ref(key)].concat();
        found.push(path.clone());
        paths(inner, &path, found);
    }
}

fn table() -> String {
    let values = values();
    let mut table = "| Value | Default | What it sets |\n|---|---|---|\n".to_owned();
    for Documented { path, text } in documented(&read(VALUES)) {
        let default = match at(&values, &path) {
            Value::String(text) if text.is_empty() => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let _ = writeln!(table, "| `{}` | {default} | {text} |", path.join("."));
    }
    table
}

#[test]
fn the_generated_table_of_values_is_that_of_the_chart() {
    hold_to("charts/gpu-instance-operator/README.md", &[table()]);
}

#[test]
fn every_value_is_documented() {
    let documented = documented(&read(VALUES));
    let mut all = Vec::new();
    paths(&values(), &[], &mut all);
    for path in all.iter().filter(|path| !at(&values(), path).is_object()) {
        let said = documented.iter().any(|row| path.starts_with(&row.path));
        assert!(said, "{VALUES} says nothing of {}", path.join("."));
    }
}

/// Paths of all properties that a schema names, with what is behind its references.
fn properties(schema: &Value, root: &Value, above: &[String], found: &mut BTreeSet<Vec<String>>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = [above, std::slice::from_ref(name)].concat();
        found.insert(path.clone());
        properties(resolved(property, root), root, &path, found);
    }
}

fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    reference.map_or(schema, |pointer| root.pointer(pointer).expect("what is referred to"))
}

#[test]
fn the_schema_knows_every_value_and_no_other() {
    let schema: Value = serde_json::from_str(&read("charts/gpu-instance-operator/values.schema.json")).unwrap();
    let mut known = BTreeSet::new();
    properties(&schema, &schema, &[], &mut known);
    let mut all = Vec::new();
    paths(&values(), &[], &mut all);
    for path in &all {
        // Whose words are the user's own is no structure of ours.
        let free = (1..path.len()).any(|length| {
            let inner = path[..length].iter().fold(&schema, |inner, key| {
                resolved(&resolved(inner, &schema)["properties"][key], &schema)
            });
            inner["additionalProperties"].is_object()
        });
        assert!(
            free || known.contains(path),
            "the schema does not know {}",
            path.join(".")
        );
    }
    for path in &known {
        // Any parent chart may set `global`; what is inside a Pod's own structures has no default.
        let optional = ["global", "affinity"].contains(&path[0].as_str());
        assert!(optional || all.contains(path), "{VALUES} has no {}", path.join("."));
    }
}
