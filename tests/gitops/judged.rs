//! What the tools say of objects.

use std::process::Command;

use controlplane::fed;
use serde::Deserialize;
use serde_json::Value;

use crate::repository::root;

/// The health script that is shipped.
pub const HEALTH: &str = "deploy/gitops/argo-cd/health.lua";

/// Of one object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// What Flux waits by.
    pub kstatus: String,
    pub kstatus_message: String,
    /// What Argo CD shows.
    pub argo: String,
    pub argo_message: String,
}

impl Judged {
    /// Both in brief.
    pub fn both(&self) -> (&str, &str) {
        (&self.kstatus, &self.argo)
    }
}

/// What the tools say of these, in order.
pub fn judge(objects: &[Value]) -> Vec<Judged> {
    let mut judge = Command::new(root().join("tests/gitops/health"));
    let input: String = objects.iter().map(ToString::to_string).collect();
    let output = fed(judge.arg(root().join(HEALTH)), &input).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the judge failed: {complaint}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let judged: Vec<Judged> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), objects.len());
    judged
}
