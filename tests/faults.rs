//! What goes wrong around the operator: none of it may rent twice, lose a machine or believe a lie. The operator as a
//! process, on a real API server, at a simulated cloud. What goes wrong at a cloud is in `scenarios`, for each of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;

mod faults {
    mod control_plane;
    mod orphans;
}
