//! Durations as Go and the Kubernetes API write them.

use std::borrow::Cow;
use std::time::Duration;

use kube::core::Duration as ParsedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A span of time in Go's notation: `30s`, `1m30s`, `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct GoDuration(ParsedDuration);

impl GoDuration {
    /// The span itself; a negative one, which the schema does not let in, counts as zero.
    #[must_use]
    pub fn get(self) -> Duration {
        if self.0.is_negative() {
            Duration::ZERO
        } else {
            self.0.into()
        }
    }
}

impl From<Duration> for GoDuration {
    fn from(span: Duration) -> Self {
        Self(span.into())
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "GoDuration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 32,
            "pattern": r"^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h))+$",
        })
    }
}
