//! Every operation that a driver declares is one that it sends, and it sends no other: each driver does all that it can
//! at its cloud's twin, which knows the vendor's operations by their paths and not by what the driver calls them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cloudsim::{Cloudsim, Config, Pace};
use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::api::{GpuInstanceSpec, GpuProviderSpec, InstanceState};
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::endpoint::EndpointPolicy;
use gpu_instance_operator::provider::operation::{Operation, declared};
use gpu_instance_operator::provider::{
    Connector, Created, Credentials, Field, Machine, Order, Provider, Scope, TaskState, When,
};
use gpu_instance_operator::provider::{capital_online, luchen, neolink, scnet, xgc};
use secrecy::SecretString;
use serde_json::{Value, json};

use operator::{CAPITAL_ONLINE, CloudFacts, LUCHEN, NEOLINK, SCNET, XGC, merged};

/// An account at one twin, what to rent there, and what that is changed to.
struct Scene {
    sim: Cloudsim,
    provider: Arc<dyn Provider>,
    spec: GpuInstanceSpec,
    changed: GpuInstanceSpec,
    scope: Scope,
    password: SecretString,
}

impl Scene {
    /// Rents the cloud's usual spec and more, so that all is asked that can be, and changes it.
    async fn new(cloud: &CloudFacts, more: Value, changes: Value) -> Self {
        let sim = Cloudsim::start(Config::default().with_pace(&Pace::every(60_000)))
            .await
            .unwrap();
        let policy = EndpointPolicy::new([sim.url().parse().unwrap()]).unwrap();
        let account = cloud.provider("account", &sim, json!({}))["spec"].take();
        let account: GpuProviderSpec = serde_json::from_value(account).unwrap();
        let known = sim.cloud(cloud.cloud).account(cloud.account).report();
        let secret = cloud.credentials("account", &known)["stringData"].take();
        let credentials: BTreeMap<String, String> = serde_json::from_value(secret).unwrap();
        let credentials: Credentials = credentials.into_iter().collect();
        let connector = Connector::new(policy, Arc::new(System)).unwrap();
        let provider = connector.connect(&account, &credentials).unwrap();
        let spec = cloud.instance("machine", more)["spec"].take();
        let changed = merged(spec.clone(), changes);
        let spec: GpuInstanceSpec = serde_json::from_value(spec).unwrap();
        let scope = Scope {
            regions: spec.region().map(ToOwned::to_owned).into_iter().collect(),
            ..Scope::default()
        };
        Self {
            sim,
            provider,
            spec,
            changed: serde_json::from_value(changed).unwrap(),
            scope,
            password: "Str0ng-enough".into(),
        }
    }

    fn order<'a>(&'a self, name: &'a str, spec: &'a GpuInstanceSpec) -> Order<'a> {
        Order {
            name,
            spec,
            startup_script: spec.startup_script.as_deref(),
            password: Some(&self.password),
        }
    }

    /// The machine of this name, with what the list does not show, once all that goes on has come to its end.
    async fn settled(&self, name: &str, state: InstanceState) -> Machine {
        self.sim.advance(Duration::from_mins(5));
        let machines = self.provider.list(&self.scope).await.unwrap().machines;
        let machine = machines
            .iter()
            .find(|machine| machine.name.as_deref() == Some(name))
            .unwrap();
        assert_eq!(machine.state, state, "{}", machine.cloud_state);
        self.provider.describe(machine).await.unwrap()
    }

    async fn rent(&self, name: &str) -> Machine {
        match self.provider.create(&self.order(name, &self.spec)).await.unwrap() {
            Created::Instance(_) => {}
            Created::Task(task) => {
                self.sim.advance(Duration::from_mins(5));
                let state = self.provider.task(&task, &self.scope).await.unwrap();
                assert!(matches!(state, TaskState::Succeeded(_)), "{state:?}");
            }
        }
        self.settled(name, InstanceState::Running).await
    }

    async fn stop(&self, machine: &Machine, mode: StopMode) -> Machine {
        let capabilities = self.provider.capabilities();
        let snapshot = self.snapshot().filter(|_| capabilities.snapshot_with_stop);
        self.provider.stop(machine, mode, snapshot.as_ref()).await.unwrap();
        self.settled(machine.name.as_deref().unwrap(), InstanceState::Stopped)
            .await
    }

    async fn start(&self, machine: &Machine) -> Machine {
        self.provider.start(machine, None).await.unwrap();
        self.settled(machine.name.as_deref().unwrap(), InstanceState::Running)
            .await
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let tag = self.provider.capabilities().snapshot?.then(|| "v1".to_owned());
        Some(Snapshot {
            name: "mine".to_owned(),
            tag,
        })
    }

    /// All that the port has, in a life of one machine; and how another one ends.
    async fn do_everything(&self) {
        let provider = &self.provider;
        let capabilities = provider.capabilities();
        provider.identify().await.unwrap();
        provider.balance().await.unwrap();
        provider.quote(&self.spec).await.unwrap();
        // What is looked up only for it may not exist; that it is looked up is what counts.
        let _ = provider.quote(&self.changed).await;

        let mut machine = self.rent("gi-test-1-1").await;
        if let Some(snapshot) = self.snapshot().filter(|_| !capabilities.snapshot_with_stop) {
            provider.save_image(&machine, &snapshot).await.unwrap();
            machine = self.settled("gi-test-1-1", InstanceState::Running).await;
        }
        if capabilities.restarts {
            provider.restart(&machine).await.unwrap();
            machine = self.settled("gi-test-1-1", InstanceState::Running).await;
        }
        let fields = |wanted| -> Vec<Field> {
            let fitting = capabilities.in_place.iter().filter(move |(_, when)| *when == wanted);
            fitting.map(|(field, _)| *field).collect()
        };
        let order = self.order("gi-test-1-1", &self.changed);
        for field in fields(When::Running) {
            provider.update(&machine, &order, &[field]).await.unwrap();
            machine = self.settled("gi-test-1-1", InstanceState::Running).await;
        }
        let modes = match capabilities.stop_modes {
            [] => &[StopMode::ReleaseGpu],
            modes => modes,
        };
        for mode in modes {
            let stopped = self.stop(&machine, *mode).await;
            let fields = fields(When::Stopped);
            if !fields.is_empty() {
                provider.update(&stopped, &order, &fields).await.unwrap();
            }
            machine = self.start(&stopped).await;
        }
        if !capabilities.deletes_running {
            machine = self.stop(&machine, modes[0]).await;
        }
        provider.delete(&machine).await.unwrap();

        let other = self.rent("gi-test-2-1").await;
        let stopped = self.stop(&other, modes[0]).await;
        provider.delete(&stopped).await.unwrap();
    }
}

/// Does everything, and compares what the twin has been asked with what the driver declares.
async fn asks_what_it_declares<O: Operation>(scene: Scene) {
    scene.do_everything().await;
    let asked: BTreeSet<String> = scene.sim.call_counts().into_keys().collect();
    let declared: BTreeSet<String> = declared::<O>()
        .iter()
        .map(|operation| operation.name.to_owned())
        .collect();
    assert_eq!(asked, declared, "asked, declared");
}

#[tokio::test]
async fn xgc_is_asked_what_is_declared() {
    let changes = json!({ "xgc": { "imageType": "private" } });
    asks_what_it_declares::<xgc::Operation>(Scene::new(&XGC, json!({}), changes).await).await;
}

#[tokio::test]
async fn luchen_is_asked_what_is_declared() {
    let more = json!({ "volumes": [{ "source": "example-volume", "mountPath": "/data" }] });
    asks_what_it_declares::<luchen::Operation>(Scene::new(&LUCHEN, more, json!({})).await).await;
}

#[tokio::test]
async fn scnet_is_asked_what_is_declared() {
    let changes = json!({
        "gpu": { "model": "TeslaM40", "count": 2 }, "cpu": 8, "memory": "20Gi", "startupScript": "echo hello",
    });
    asks_what_it_declares::<scnet::Operation>(Scene::new(&SCNET, json!({}), changes).await).await;
}

#[tokio::test]
async fn capital_online_is_asked_what_is_declared() {
    let changes = json!({ "image": CAPITAL_ONLINE.other_image });
    asks_what_it_declares::<capital_online::Operation>(Scene::new(&CAPITAL_ONLINE, json!({}), changes).await).await;
}

#[tokio::test]
async fn neolink_is_asked_what_is_declared() {
    asks_what_it_declares::<neolink::Operation>(Scene::new(&NEOLINK, json!({}), json!({})).await).await;
}
