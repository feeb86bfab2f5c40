//! What the tools say of objects.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

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

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the tools say of these, in order.
pub fn judge(objects: &[Value]) -> Vec<Judged> {
    let mut judge = Command::new(root().join("tests/gitops/health"))
        .arg(root().join(HEALTH))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input: String = objects.iter().map(ToString::to_string).collect();
    let mut stdin = judge.stdin.take().unwrap();
    // It answers while it reads, and neither may wait for the other.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = judge.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the judge failed, see above");
    let lines = String::from_utf8(output.stdout).unwrap();
    let judged: Vec<Judged> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), objects.len());
    judged
}
