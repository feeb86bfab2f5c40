//! What Flux and Argo CD make of our objects: by the libraries that they use, over objects recorded from the projection of
//! status and over those of a real API server; and that nobody fights over a field.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod repository;

mod gitops {
    mod examples;
    mod judged;
    mod live;
    mod recorded;
}
