//! GPU machines rented by the hour, as Kubernetes objects.
pub mod account;
pub mod api;
pub mod cli;
pub mod controllers;
pub mod environment;
pub mod instance;
pub mod kubernetes;
pub mod metrics;
pub mod operator;
pub mod provider;
pub mod server;
pub mod shutdown;
pub mod telemetry;
