//! GPU machines rented by the hour, as Kubernetes objects.
pub mod api;
pub mod environment;
pub mod provider;
