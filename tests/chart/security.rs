//! What `docs/security.md` says that the operator may do is what the chart gives it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::helm::{Helm, RELEASE, objects};
use crate::repository::root;

type Rights = BTreeMap<String, BTreeSet<String>>;

const VERBS: [&str; 8] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];

/// Resources and verbs of all rules of the operator; those for people bear names that are longer by a role's.
fn rendered() -> Rights {
    let objects = objects(&Helm::without_cluster().render(&json!({})).unwrap());
    let names = [RELEASE.to_owned(), format!("{RELEASE}-lease")];
    let of_operator = |object: &&Value| {
        let is_role = matches!(object["kind"].as_str(), Some("ClusterRole" | "Role"));
        is_role && names.iter().any(|name| object["metadata"]["name"] == **name)
    };
    let words = |rule: &Value, member: &str| -> Vec<String> {
        let words = rule[member].as_array().unwrap().iter();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut rights = Rights::new();
    for role in objects.iter().filter(of_operator) {
        for rule in role["rules"].as_array().unwrap() {
            for resource in words(rule, "resources") {
                rights.entry(resource).or_default().extend(words(rule, "verbs"));
            }
        }
    }
    rights
}

/// The rows of the first table: resource, verbs, and why.
fn documented() -> Rights {
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let table = page.lines().skip_while(|line| !line.starts_with("| Resource"));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [resource, verbs, why] = cells[..] else {
            panic!("{row}")
        };
        assert!(!why.is_empty(), "{row}");
        let resource = resource.split('`').nth(1).unwrap().to_owned();
        let verbs = verbs.split(|letter: char| !letter.is_ascii_alphabetic());
        let verbs = verbs.filter(|word| VERBS.contains(word)).map(ToOwned::to_owned);
        (resource, verbs.collect())
    })
    .collect()
}

#[test]
fn the_table_of_rights_is_that_of_the_chart() {
    let rendered = rendered();
    assert!(!rendered.is_empty());
    assert_eq!(documented(), rendered);
}
