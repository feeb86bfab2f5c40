//! GPU machines rented by the hour, as Kubernetes objects.
pub mod api;
pub mod environment;
pub mod provider;
pub mod cli;
pub mod kubernetes;
pub mod metrics;
pub mod operator;
pub mod server;
pub mod shutdown;
pub mod telemetry;
