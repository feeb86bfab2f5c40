//! A cloud's driver at the cloud's twin, with neither an operator nor an API server between them.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloudsim::{Cloudsim, Config, Fault, Pace};
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::api::{GpuInstanceSpec, GpuProviderSpec, InstanceState};
use gpu_instance_operator::environment::{Environment, System};
use gpu_instance_operator::provider::endpoint::EndpointPolicy;
use gpu_instance_operator::provider::{
    Connector, Created, Credentials, Kind, Listing, Machine, Order, Proof, Provider, Result, Scope,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::operator::{CloudFacts, merged};

/// What is ordered is called so.
pub const NAME: &str = "gi-test-1-1";
/// The password of what is ordered, where it is chosen by who orders.
pub const PASSWORD: &str = "Str0ng-enough";

/// The twin, its time standing still but where a test moves it, and an account there.
pub struct Twin {
    pub at: &'static CloudFacts,
    pub sim: Cloudsim,
    pub provider: Arc<dyn Provider>,
    /// Where it is looked.
    pub scope: Scope,
    /// Whether machines are shown with what the list does not tell.
    pub describes: bool,
}

impl Twin {
    pub async fn of(at: &'static CloudFacts) -> Self {
        let sim = Cloudsim::start(Config::default().with_pace(&Pace::every(60_000)))
            .await
            .unwrap();
        Self {
            provider: connect(at, &sim, json!({}), System),
            at,
            sim,
            scope: Scope::default(),
            describes: false,
        }
    }

    /// Another driver for the account, whose Secret differs in this.
    pub fn connect(&self, secret: Value, environment: impl Environment) -> Arc<dyn Provider> {
        connect(self.at, &self.sim, secret, environment)
    }

    pub async fn create(&self, spec: &GpuInstanceSpec) -> Result<Created> {
        self.provider.check(spec).unwrap();
        let password = self.at.chooses_password.then(|| PASSWORD.into());
        self.provider.create(&order(spec, password.as_ref())).await
    }

    /// An order that meets this fault is sent once, and its answer tells nothing; so many machines have come of it.
    pub async fn order_is_left_open_by(&self, fault: Fault, spec: &GpuInstanceSpec, machines: usize) {
        let shown = format!("{fault:?}");
        self.sim.fault(fault);
        let error = self.create(spec).await.unwrap_err();
        assert_eq!(error.kind, Kind::Ambiguous, "{shown}: {error}");
        assert_eq!(self.sim.machines_named(NAME).len(), machines, "{shown}");
        assert_eq!(self.sim.call_count(self.at.calls.create), 1, "{shown}");
    }

    pub async fn list(&self) -> Listing {
        self.provider.list(&self.scope).await.unwrap()
    }

    /// Every machine there is.
    pub async fn machines(&self) -> Vec<Machine> {
        let listing = self.list().await;
        assert_eq!(listing.proof, Proof::Complete);
        listing.machines
    }

    /// The only machine there is.
    pub async fn machine(&self) -> Machine {
        let [machine] = <[Machine; 1]>::try_from(self.machines().await).unwrap();
        if self.describes {
            self.provider.describe(&machine).await.unwrap()
        } else {
            machine
        }
    }

    /// A new machine, the only one there is, brought into this state.
    pub async fn machine_in(&self, state: InstanceState, spec: &GpuInstanceSpec) -> Machine {
        self.create(spec).await.unwrap();
        if state != InstanceState::Creating {
            let running = self.settled(InstanceState::Running).await;
            if state != InstanceState::Running {
                self.provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
            }
        }
        if state == InstanceState::Stopped {
            return self.settled(state).await;
        }
        let machine = self.machine().await;
        assert_eq!(machine.state, state, "{}", machine.cloud_state);
        machine
    }

    /// Lets what goes on come to its end, and shows the machine then.
    pub async fn settled(&self, state: InstanceState) -> Machine {
        self.sim.advance(Duration::from_mins(5));
        let machine = self.machine().await;
        assert_eq!(machine.state, state, "{}", machine.cloud_state);
        machine
    }
}

fn connect(at: &CloudFacts, sim: &Cloudsim, secret: Value, environment: impl Environment) -> Arc<dyn Provider> {
    let policy = EndpointPolicy::new([sim.url().parse().unwrap()]).unwrap();
    let connector = Connector::new(policy, Arc::new(environment)).unwrap();
    let account = at.provider("account", sim, json!({}))["spec"].take();
    let account: GpuProviderSpec = serde_json::from_value(account).unwrap();
    let known = sim.cloud(at.cloud).account(at.account).report();
    let keys = merged(at.credentials("account", &known)["stringData"].take(), secret);
    let keys: BTreeMap<String, String> = serde_json::from_value(keys).unwrap();
    let credentials: Credentials = keys.into_iter().collect();
    connector.connect(&account, &credentials).unwrap()
}

pub fn order<'a>(spec: &'a GpuInstanceSpec, password: Option<&'a SecretString>) -> Order<'a> {
    Order {
        name: NAME,
        spec,
        startup_script: spec.startup_script(),
        password,
    }
}

/// The cloud's usual spec, with this merged in.
pub fn spec(at: &CloudFacts, more: Value) -> GpuInstanceSpec {
    serde_json::from_value(at.instance(NAME, more)["spec"].take()).unwrap()
}
