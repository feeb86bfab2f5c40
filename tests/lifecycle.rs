//! What users do with machines, from the first `kubectl apply` to the last `kubectl delete`: the operator as a process,
//! on a real API server, at a simulated cloud.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;

mod lifecycle {
    mod adoption;
    mod connection;
    mod deletion;
    mod fifty;
    mod limits;
    mod power;
    mod providers;
    mod quiet;
    mod refusals;
    mod replicas;
    mod secrecy;
    mod sharing;
    mod specs;
    mod suspend;
    mod updates;
    mod whole_life;
}
