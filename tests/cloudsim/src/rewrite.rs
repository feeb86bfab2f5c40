//! Changes to JSON by pointer, where `*` stands for every item of a list.

use serde_json::{Map, Value};

/// Sets a value, and makes the objects on the way to it.
pub(crate) fn set(root: &mut Value, pointer: &str, value: &Value) {
    change(root, &steps(pointer), &mut |parent, last| match parent {
        Value::Object(members) => {
            members.insert(last.to_owned(), value.clone());
        }
        Value::Array(items) => {
            if let Some(item) = index(last).and_then(|index| items.get_mut(index)) {
                *item = value.clone();
            }
        }
        _ => {}
    });
    if pointer.is_empty() {
        *root = value.clone();
    }
}

/// Removes a member or an item.
pub(crate) fn remove(root: &mut Value, pointer: &str) {
    change(root, &steps(pointer), &mut |parent, last| match parent {
        Value::Object(members) => {
            members.remove(last);
        }
        Value::Array(items) => {
            if let Some(index) = index(last).filter(|&index| index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    });
}

/// Merges a patch: objects member by member, `null` removes, all else replaces.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

fn steps(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .collect()
}

fn index(step: &str) -> Option<usize> {
    step.parse().ok()
}

fn change(value: &mut Value, steps: &[String], at_parent: &mut dyn FnMut(&mut Value, &str)) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    if rest.is_empty() && step != "*" {
        at_parent(value, step);
        return;
    }
    match value {
        Value::Array(items) if step == "*" => {
            for item in items {
                change(item, rest, at_parent);
            }
        }
        Value::Array(items) => {
            if let Some(item) = index(step).and_then(|index| items.get_mut(index)) {
                change(item, rest, at_parent);
            }
        }
        Value::Object(members) => {
            let next = members.entry(step.clone()).or_insert_with(|| Value::Object(Map::new()));
            change(next, rest, at_parent);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{remove, set};

    #[test]
    fn a_star_reaches_every_item() {
        let mut value = json!({"data": {"list": [{"a": 1}, {"a": 2}]}});
        set(&mut value, "/data/list/*/a", &json!("x"));
        remove(&mut value, "/data/list/0");
        set(&mut value, "/data/new/deep", &json!(true));
        assert_eq!(value, json!({"data": {"list": [{"a": "x"}], "new": {"deep": true}}}));
    }

    #[test]
    fn the_empty_pointer_is_the_whole() {
        let mut value = json!({"data": 1});
        set(&mut value, "", &json!([]));
        assert_eq!(value, json!([]));
    }
}
