//! Every operation that a driver declares is one that it sends, and it sends no other: each driver does all that it can
//! at its cloud's twin, which knows the vendor's operations by their paths and not by what the driver calls them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod twin;

use std::collections::BTreeSet;
use std::time::Duration;

use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::provider::operation::{Operation, declared};
use gpu_instance_operator::provider::{Created, Field, Machine, Order, Scope, TaskState, When};
use gpu_instance_operator::provider::{capital_online, luchen, neolink, scnet, xgc};
use secrecy::SecretString;
use serde_json::{Value, json};

use operator::{CAPITAL_ONLINE, CloudFacts, LUCHEN, NEOLINK, SCNET, XGC, merged};
use twin::{PASSWORD, Twin};

/// An account at one twin, what to rent there, and what that is changed to.
struct Scene {
    twin: Twin,
    spec: GpuInstanceSpec,
    changed: GpuInstanceSpec,
    password: SecretString,
}

impl Scene {
    /// Rents the cloud's usual spec and more, so that all is asked that can be, and changes it.
    async fn new(cloud: &'static CloudFacts, more: Value, changes: Value) -> Self {
        let spec = twin::spec(cloud, more.clone());
        let scope = Scope {
            regions: spec.region().map(ToOwned::to_owned).into_iter().collect(),
            ..Scope::default()
        };
        Self {
            twin: Twin {
                scope,
                ..Twin::of(cloud).await
            },
            spec,
            changed: twin::spec(cloud, merged(more, changes)),
            password: PASSWORD.into(),
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
        self.twin.sim.advance(Duration::from_mins(5));
        let machines = self.twin.list().await.machines;
        let machine = machines
            .iter()
            .find(|machine| machine.name.as_deref() == Some(name))
            .unwrap();
        assert_eq!(machine.state, state, "{}", machine.cloud_state);
        self.twin.provider.describe(machine).await.unwrap()
    }

    async fn rent(&self, name: &str) -> Machine {
        match self.twin.provider.create(&self.order(name, &self.spec)).await.unwrap() {
            Created::Instance(_) => {}
            Created::Task(task) => {
                self.twin.sim.advance(Duration::from_mins(5));
                let state = self.twin.provider.task(&task, &self.twin.scope).await.unwrap();
                assert!(matches!(state, TaskState::Succeeded(_)), "{state:?}");
            }
        }
        self.settled(name, InstanceState::Running).await
    }

    async fn stop(&self, machine: &Machine, mode: StopMode) -> Machine {
        let capabilities = self.twin.provider.capabilities();
        let snapshot = self.snapshot().filter(|_| capabilities.snapshot_with_stop);
        self.twin.provider.stop(machine, mode, snapshot.as_ref()).await.unwrap();
        self.settled(machine.name.as_deref().unwrap(), InstanceState::Stopped)
            .await
    }

    async fn start(&self, machine: &Machine) -> Machine {
        self.twin.provider.start(machine, None).await.unwrap();
        self.settled(machine.name.as_deref().unwrap(), InstanceState::Running)
            .await
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let tag = self.twin.provider.capabilities().snapshot?.then(|| "v1".to_owned());
        Some(Snapshot {
            name: "mine".to_owned(),
            tag,
        })
    }

    /// All that the port has, in a life of one machine; and how another one ends.
    async fn do_everything(&self) {
        let provider = &self.twin.provider;
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
    let asked: BTreeSet<String> = scene.twin.sim.call_counts().into_keys().collect();
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
