//! What goes wrong at a cloud, around it and in the operator itself: none of it may rent twice, lose a machine or
//! believe a lie. The operator as a process, on a real API server, at a simulated cloud.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;

mod faults {
    mod behind_the_back;
    mod create;
    mod credentials;
    mod identity;
    mod lists;
    mod teardown;
}
