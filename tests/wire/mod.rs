//! A driver on the wire: at a server that answers as a test says.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

use std::sync::Arc;

use gpu_instance_operator::api::{GpuInstanceSpec, GpuProviderSpec};
use gpu_instance_operator::environment::Environment;
use gpu_instance_operator::provider::endpoint::EndpointPolicy;
use gpu_instance_operator::provider::{ConnectError, Connector, Credentials, Order, Provider};
use secrecy::SecretString;
use serde_json::Value;

/// What is ordered is called so.
pub const NAME: &str = "gi-3f2a91c0-9b1c7d2e4f60-1";

/// One of a vendor's examples, from `tests/fixtures/<cloud>`.
pub fn fixture(cloud: &str, name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{cloud}/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// The driver of an account, which may call this server and no other.
pub fn connect(
    server: &str,
    account: Value,
    credentials: &Credentials,
    environment: impl Environment,
) -> Result<Arc<dyn Provider>, ConnectError> {
    let policy = EndpointPolicy::new([server.parse().expect("a URL")]).expect("allowed");
    let connector = Connector::new(policy, Arc::new(environment)).expect("HTTPS can be set up");
    let account: GpuProviderSpec = serde_json::from_value(account).expect("a spec");
    connector.connect(&account, credentials)
}

/// A spec as a user writes it, with these members set as well.
pub fn spec(usual: Value, more: Value) -> GpuInstanceSpec {
    serde_json::from_value(with(usual, more)).expect("a spec")
}

/// An object with these members set as well.
pub fn with(mut object: Value, more: Value) -> Value {
    let (Value::Object(members), Value::Object(more)) = (&mut object, more) else {
        panic!("members of an object")
    };
    members.extend(more);
    object
}

/// An order as the operator places it.
pub fn order<'a>(spec: &'a GpuInstanceSpec, password: Option<&'a SecretString>) -> Order<'a> {
    Order {
        name: NAME,
        spec,
        startup_script: spec.startup_script(),
        password,
    }
}
