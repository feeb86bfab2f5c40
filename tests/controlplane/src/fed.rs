use std::io::{Result, Write as _};
use std::process::{Command, Output, Stdio};
use std::thread;

/// Runs a command with this on its standard input.
pub fn fed(command: &mut Command, input: &str) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdin = child.stdin.take();
    // It may answer while it reads, and neither may wait for the other.
    thread::scope(|scope| {
        // Who does not read says why by itself.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    })
}
