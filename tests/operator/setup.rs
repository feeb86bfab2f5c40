//! How a scene differs from the usual.

use std::sync::atomic::{AtomicU32, Ordering};

use cloudsim::{Cloudsim, Config, Pace};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::clouds::{CloudFacts, XGC};
use super::cluster::Cluster;
use super::plane::Plane;
use super::process::{Launch, Operator};
use super::scene::Scene;

/// What a scene is made of. The usual: the shared control plane, a fast cloud, one operator for the test's namespace
/// only, and a provider that is named for its cloud.
pub struct Setup {
    name: String,
    at: &'static CloudFacts,
    plane: Option<Plane>,
    cloud: Config,
    provider: Option<Value>,
    everywhere: bool,
    flags: Vec<String>,
    rust_log: String,
    crash_point: Option<String>,
}

impl Setup {
    /// A scene in the namespace of this name, at XGC.
    pub fn new(name: &str) -> Self {
        Self::at(&XGC, name)
    }

    /// A scene in the namespace of this name, at this cloud.
    pub fn at(cloud: &'static CloudFacts, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            at: cloud,
            plane: None,
            cloud: Config::default().with_pace(&Pace::every(300)),
            provider: Some(json!({})),
            everywhere: false,
            flags: Vec::new(),
            rust_log: "info,gpu_instance_operator=debug,kube=warn,hyper=warn,tower=warn".to_owned(),
            crash_point: None,
        }
    }

    /// On a control plane of its own.
    pub fn own_plane(self) -> Self {
        self.on(Plane::own())
    }

    /// On this control plane.
    pub fn on(mut self, plane: Plane) -> Self {
        self.plane = Some(plane);
        self
    }

    /// Over all namespaces, and with `ClusterGpuProviders`: on a control plane of its own, since it would look after
    /// the objects of other tests too.
    pub fn everywhere(mut self) -> Self {
        self.everywhere = true;
        self.own_plane()
    }

    /// How long every state in passing lasts.
    pub fn pace(mut self, millis: u64) -> Self {
        self.cloud = self.cloud.with_pace(&Pace::every(millis));
        self
    }

    /// The cloud that is rented at.
    pub fn facts(&self) -> &'static CloudFacts {
        self.at
    }

    /// Changes the simulator.
    pub fn cloud(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.cloud);
        self
    }

    /// What the spec of the provider says besides; see [`CloudFacts::provider`].
    pub fn provider(mut self, spec: Value) -> Self {
        self.provider = Some(spec);
        self
    }

    /// With neither a provider nor its Secret.
    pub fn without_provider(mut self) -> Self {
        self.provider = None;
        self
    }

    /// One more flag for the operator.
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Which log lines the operator writes.
    pub fn rust_log(mut self, filter: &str) -> Self {
        filter.clone_into(&mut self.rust_log);
        self
    }

    /// With an operator that stands still there, the first time that it comes by; see `src/crash_point.rs`.
    pub fn crash_point(mut self, point: &str) -> Self {
        self.crash_point = Some(point.to_owned());
        self
    }

    /// Makes it, and waits until the operator is ready.
    pub async fn start(self) -> Scene {
        let scene = self.start_unready().await;
        scene.operator.until_ready().await;
        scene
    }

    /// Makes it, and waits until the operator listens.
    pub async fn start_unready(self) -> Scene {
        let plane = tokio::task::block_in_place(|| self.plane.unwrap_or_else(Plane::shared));
        let cluster = Cluster::new(plane, &self.name).await;
        let sim = Cloudsim::start(self.cloud).await.unwrap();
        if let Some(spec) = self.provider {
            let account = sim.cloud(self.at.cloud).account(self.at.account).report();
            cluster.apply(self.at.credentials(self.at.name, &account)).await;
            cluster.apply(self.at.provider(self.at.name, &sim, spec)).await;
        }
        let logs = TempDir::with_prefix("operator-").unwrap();
        // A namespace that goes with its Lease would take the operator with it.
        let lease_namespace = if self.everywhere { "default" } else { &self.name };
        let mut arguments = vec![
            format!("--installation-id={}", next_installation()),
            format!("--lease-namespace={lease_namespace}"),
            format!("--allow-endpoint={}", sim.url()),
        ];
        if !self.everywhere {
            arguments.push(format!("--namespace={}", self.name));
        }
        arguments.extend(self.flags);
        let operator = Operator::start(Launch {
            kubeconfig: cluster.plane.kubeconfig().to_owned(),
            arguments,
            replica: "replica-1".to_owned(),
            rust_log: self.rust_log,
            log: logs.path().join("replica-1.log"),
            crash_point: self.crash_point,
        });
        Scene::of(self.at, operator.await, sim, cluster, logs)
    }
}

/// An installation id that no other test of this binary has.
fn next_installation() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
