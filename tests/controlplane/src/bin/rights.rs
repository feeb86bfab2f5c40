//! Compares what a service account may do with what it did. Standard input is what
//! `kubectl get clusterrolebindings,rolebindings,clusterroles,roles --all-namespaces --output=json` prints.
//!
//! usage: `rights AUDIT_LOG NAMESPACE ACCOUNT [SINCE]`

use std::path::Path;
use std::process::ExitCode;

use controlplane::{Rights, audit_log};
use jiff::Timestamp;

fn main() -> ExitCode {
    match compare() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("rights: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether there is nothing to complain of.
fn compare() -> Result<bool, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [log, namespace, account, since @ ..] = arguments.as_slice() else {
        return Err("usage: rights AUDIT_LOG NAMESPACE ACCOUNT [SINCE]".into());
    };
    let since: Timestamp = since.first().map_or(Ok(Timestamp::MIN), |since| since.parse())?;
    let mut calls = audit_log(Path::new(log))?;
    calls.retain(|call| call.at >= since);
    let rbac = serde_json::from_reader(std::io::stdin().lock())?;
    let rights = Rights::of(namespace, account, &rbac, &calls);
    let complaints = rights.complaints();
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!(
        "{} rights granted, {} used, {} calls denied",
        rights.granted.len(),
        rights.used.len(),
        rights.denied.len()
    );
    // An account that has no rights was misspelled.
    Ok(complaints.is_empty() && !rights.granted.is_empty())
}
