//! What has nothing to do with which cloud it is, or only with XGC: the operator as a process, on a real API server, at a
//! simulated cloud. What must hold at every cloud is in `scenarios`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;

mod lifecycle {
    mod limits;
    mod look_now;
    mod power;
    mod providers;
    mod replicas;
    mod secrecy;
    mod sharing;
    mod specs;
}
