//! What users do with machines, from the first `kubectl apply` to the last `kubectl delete`: the operator as a process,
//! on a real API server, at a simulated cloud.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;

mod lifecycle {
    mod whole_life;
}
