use std::collections::HashMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::Error;

/// One call to the API, as the API server recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Path and query.
    pub uri: String,
    /// Empty for the core group and for paths that are no resource, such as `/readyz`.
    pub api_group: String,
    /// Plural; empty for paths that are no resource.
    pub resource: String,
    /// Such as `status`; empty if there is none.
    pub subresource: String,
    /// Empty for what has no namespace, and for lists over all namespaces.
    pub namespace: String,
    /// Empty for lists and watches of many. A create has one only where it is in the path.
    pub name: String,
    /// Who called, whomever it impersonated.
    pub user: String,
    /// Whom the caller impersonated, if anyone.
    pub impersonated_user: Option<String>,
    /// What the client said that it is.
    pub user_agent: String,
    /// The HTTP status.
    pub code: u16,
    /// False for a watch that was still open when the log was read.
    pub complete: bool,
    /// When the call arrived.
    pub at: Timestamp,
}

/// Reads an audit log: each call once, in the order of arrival.
pub fn read(path: &Path) -> Result<Vec<AuditEvent>, Error> {
    match fs::read_to_string(path) {
        Ok(log) => Ok(parse(&log)),
        Err(source) => Err(Error::AuditLog {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Each call once, in the order of their arrival: a watch is in the log when it starts and again
/// when it ends. A last line that is still being written is left for the next reading.
fn parse(log: &str) -> Vec<AuditEvent> {
    let mut events: Vec<AuditEvent> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for line in log.lines() {
        let Ok(record) = serde_json::from_str::<Record>(line) else {
            continue;
        };
        let place = places.get(&record.audit_id).copied();
        if let Some(event) = place.and_then(|place| events.get_mut(place)) {
            *event = record.into();
        } else {
            places.insert(record.audit_id.clone(), events.len());
            events.push(record.into());
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

/// The part of `audit.k8s.io/v1` that tests ask about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    user: User,
    impersonated_user: Option<User>,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
    request_received_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

impl From<Record> for AuditEvent {
    fn from(record: Record) -> Self {
        Self {
            verb: record.verb,
            uri: record.request_uri,
            api_group: record.object_ref.api_group,
            resource: record.object_ref.resource,
            subresource: record.object_ref.subresource,
            namespace: record.object_ref.namespace,
            name: record.object_ref.name,
            user: record.user.username,
            impersonated_user: record.impersonated_user.map(|user| user.username),
            user_agent: record.user_agent,
            code: record.response_status.code,
            complete: record.stage == "ResponseComplete",
            at: record.request_received_timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn line(id: &str, stage: &str, time: &str) -> String {
        format!(
            r#"{{"auditID":"{id}","stage":"{stage}","verb":"watch","requestURI":"/api/v1/secrets","user":{{"username":"system:anonymous"}},"requestReceivedTimestamp":"{time}"}}"#
        )
    }

    #[test]
    fn a_watch_that_has_ended_is_one_call() {
        let log = [
            line("a", "ResponseStarted", "2030-01-01T00:00:00.000001Z"),
            line("b", "ResponseComplete", "2030-01-01T00:00:02.000001Z"),
            line("a", "ResponseComplete", "2030-01-01T00:00:00.000001Z"),
        ]
        .join("\n");
        let events = parse(&log);
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(events.iter().all(|event| event.complete), "{events:?}");
    }

    #[test]
    fn a_watch_that_is_open_is_seen() {
        let events = parse(&line("a", "ResponseStarted", "2030-01-01T00:00:00.000001Z"));
        assert!(matches!(events.as_slice(), [event] if !event.complete));
    }

    #[test]
    fn a_line_that_is_being_written_is_left_alone() {
        let whole = line("a", "ResponseComplete", "2030-01-01T00:00:00.000001Z");
        let log = format!("{whole}\n{}", whole.split_at(40).0);
        assert_eq!(parse(&log).len(), 1);
    }
}
