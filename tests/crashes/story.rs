//! What a user does, and what must come of it, wherever on the way the operator dies.

use cloudsim::{Cloud, Phase};
use serde_json::{Value, json};

use crate::operator::{CloudFacts, Kind, Object, Scene};

/// The object that every story is about.
pub const NAME: &str = "train-1";

/// Something that a user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// A machine.
    Rent,
    /// A machine that exists.
    Adopt,
    /// That it stops, saving an image first where the cloud can.
    Stop,
    /// That it runs again.
    Start,
    /// That it is restarted.
    Restart,
    /// That the same machine is otherwise.
    Change,
    /// Another machine in its place.
    Replace,
    /// That it goes.
    Delete,
    /// That its object goes, and the machine stays.
    LetGo,
    /// That no machine is left of which no object knows.
    Sweep,
}

impl Story {
    pub const ALL: [Self; 10] = [
        Self::Rent,
        Self::Adopt,
        Self::Stop,
        Self::Start,
        Self::Restart,
        Self::Change,
        Self::Replace,
        Self::Delete,
        Self::LetGo,
        Self::Sweep,
    ];

    /// The moments of this story at which a process can die, at this cloud; by name, see `src/crash_point.rs`.
    pub fn crash_points(self, cloud: &CloudFacts) -> Vec<String> {
        let mut points = Vec::new();
        let mut add = |moments: &[&str], step: &str| {
            points.extend(moments.iter().map(|moment| format!("{moment} {step}")));
        };
        let chooses_password = cloud.cloud == Cloud::CapitalOnline;
        match self {
            Self::Rent => {
                add(METADATA, "take the finalizer");
                add(&["protect the provider:"], "its Secret not yet");
                add(STATUS, "protect the provider");
                add(STATUS, "ask for the price");
                if chooses_password {
                    add(STATUS, "store a password");
                }
                add(STATUS, "claim");
                add(&["create:"], "about to be sent");
                add(STATUS, "create");
                if makes_tasks(cloud) {
                    add(STATUS, "follow the task");
                }
                add(METADATA, "write the binding");
                add(&["publish:"], "Secret written");
            }
            Self::Adopt => add(STATUS, "adopt"),
            Self::Stop => {
                if cloud.cloud == Cloud::Xgc {
                    add(STATUS, "save an image");
                }
                add(STATUS, "stop");
            }
            Self::Start => add(STATUS, "start"),
            Self::Restart if cloud.restarts_at_once => add(STATUS, "restart"),
            Self::Restart => add(&["status after"], "stop"),
            Self::Change => match cloud.cloud {
                Cloud::CapitalOnline => {
                    add(STATUS, "store the next password");
                    add(STATUS, "update");
                    add(STATUS, "keep the next password");
                }
                Cloud::Xgc => add(STATUS, "start"),
                Cloud::Scnet => add(STATUS, "update"),
                _ => {}
            },
            Self::Replace => {
                add(STATUS, "delete");
                add(STATUS, "forget");
            }
            Self::Delete => {
                add(STATUS, "delete");
                add(METADATA, "drop the finalizer");
                add(&["give the provider free:"], "its Secret is");
            }
            Self::Sweep => {
                add(&["sweep:"], "about to ask");
                add(&["sweep:"], "asked");
            }
            Self::LetGo => {
                add(METADATA, "let go");
                add(&["let go:"], "remembered");
                add(&["let go:"], "Secret disowned");
            }
        }
        points
    }

    /// Whether the story begins with a machine that runs.
    pub fn needs_machine(self) -> bool {
        !matches!(self, Self::Rent | Self::Adopt)
    }

    /// What there is before.
    pub async fn prepare(self, scene: &Scene) {
        if !self.needs_machine() {
            return;
        }
        scene.apply(scene.instance(NAME, self.spec(scene.at))).await;
        scene.until_ready(NAME).await;
        if self == Self::Start {
            scene.change(NAME, json!({ "power": "Stopped" })).await;
            scene.until_ready_in(NAME, "Stopped").await;
        }
    }

    fn spec(self, cloud: &CloudFacts) -> Value {
        match (self, &cloud.snapshot) {
            (Self::Stop, Some(snapshot)) => json!({ "snapshotOnStop": (snapshot.spec)() }),
            (Self::LetGo, _) => json!({ "deletionPolicy": "Retain" }),
            (Self::Replace, _) => json!({ "updatePolicy": "Recreate" }),
            (Self::Change, _) => json!({ "updatePolicy": "InPlace" }),
            _ => json!({}),
        }
    }

    /// What happens while no operator runs.
    pub async fn meanwhile(self, scene: &Scene) {
        if self == Self::Sweep {
            scene.tear_out(NAME).await;
            // Where a cloud does not tell how old a machine is, one that turns up with the account's first list counts
            // as older than its provider, and is kept.
            scene.past_the_first_look().await;
        }
    }

    /// What the user does.
    pub async fn begin(self, scene: &Scene) {
        match self {
            Self::Rent => {
                scene.apply(scene.instance(NAME, json!({}))).await;
            }
            Self::Adopt => {
                let id = scene.plant("from-the-console");
                scene.apply(scene.at.adopting(NAME, &id, json!({}))).await;
            }
            Self::Stop => {
                scene.change(NAME, json!({ "power": "Stopped" })).await;
            }
            Self::Start => {
                scene.change(NAME, json!({ "power": "Running" })).await;
            }
            Self::Restart => {
                scene.change(NAME, json!({ "restartedAt": RESTART })).await;
            }
            Self::Change => {
                let change = scene.at.in_place.as_ref().unwrap();
                scene.change(NAME, (change.spec)()).await;
            }
            Self::Replace => {
                scene.change(NAME, json!({ "image": scene.at.other_image })).await;
            }
            Self::Delete | Self::LetGo => scene.delete(Kind::GpuInstance, NAME).await,
            Self::Sweep => {}
        }
    }

    /// Waits until the user has what was wanted, and looks at what it took with a process that died at this point.
    pub async fn comes_true(self, scene: &Scene, died: &str) {
        match self {
            Self::Rent | Self::Adopt | Self::Start => {
                opens(scene, &scene.until_ready(NAME).await).await;
            }
            Self::Stop => {
                scene.until_ready_in(NAME, "Stopped").await;
            }
            Self::Restart => {
                let done = |object: &Object| object.is_ready() && object.text("/status/lastRestartedAt") == RESTART;
                scene.until_instance(NAME, "restarted", done).await;
            }
            Self::Change => {
                let object = scene.until_ready(NAME).await;
                let change = scene.at.in_place.as_ref().unwrap();
                // Who finds neither a record of it nor the machine at it has to begin it anew.
                let may_be_repeated = died == "after update";
                assert!(
                    may_be_repeated || (change.is_made)(&scene.sim, object.instance_id()),
                    "{object}"
                );
                opens(scene, &object).await;
            }
            Self::Replace => {
                let first = scene.sim.machines()[0].id.clone();
                let is_another = |object: &Object| object.is_ready() && object.instance_id() != first;
                let object = scene
                    .until_instance(NAME, "Ready with another machine", is_another)
                    .await;
                opens(scene, &object).await;
            }
            Self::Delete | Self::LetGo => scene.until_gone(Kind::GpuInstance, NAME).await,
            Self::Sweep => {
                scene
                    .until_cloud("no machine is left", |sim| sim.alive().is_empty())
                    .await;
            }
        }
        self.took_no_more_machines_than_it_had_to(scene);
    }

    fn took_no_more_machines_than_it_had_to(self, scene: &Scene) {
        let machines = scene.sim.machines();
        let (made, orders) = match self {
            Self::Adopt => (1, 0),
            Self::Replace => (2, 2),
            _ => (1, 1),
        };
        assert_eq!(machines.len(), made, "machines ever made: {machines:#?}");
        assert_eq!(scene.orders(), orders, "orders sent");
        if let [first, second] = &machines[..] {
            let gone = first.destroyed_at.expect("the first is gone");
            assert!(gone <= second.created_at, "both at once: {machines:#?}");
        }
    }

    /// Deletes what there is: nothing of it may be left, but for a machine that was to stay.
    pub async fn leaves_nothing_behind(self, scene: &Scene) {
        let stays = matches!(self, Self::Adopt | Self::LetGo);
        if scene.find(Kind::GpuInstance, NAME).await.is_some() {
            scene.delete(Kind::GpuInstance, NAME).await;
            scene.until_gone(Kind::GpuInstance, NAME).await;
        }
        let phases: Vec<Phase> = scene.sim.alive().iter().map(|machine| machine.phase).collect();
        assert_eq!(phases, if stays { vec![Phase::Running] } else { Vec::new() });
        if stays {
            let secret = scene.connection(NAME).await;
            assert!(
                secret.at("/metadata/ownerReferences").is_null(),
                "{NAME}-connection stays"
            );
            let provider = scene.get(Kind::GpuProvider, scene.at.name).await;
            assert_eq!(provider.at("/status/instances/orphans"), 0, "{provider}");
        } else {
            scene.until_gone(Kind::Secret, &format!("{NAME}-connection")).await;
        }
        // They may go only now that nobody uses them, and nothing holds them any more.
        scene.delete(Kind::GpuProvider, scene.at.name).await;
        scene.until_gone(Kind::GpuProvider, scene.at.name).await;
        let credentials = scene.get(Kind::Secret, &format!("{}-credentials", scene.at.name)).await;
        assert!(credentials.finalizers().is_empty(), "{credentials}");
    }
}

const RESTART: &str = "2030-01-01T00:00:00Z";
/// Around a step whose outcome is written to status.
const STATUS: &[&str] = &["before", "after", "status after"];
/// Around a step that writes metadata and nothing else.
const METADATA: &[&str] = &["before", "after"];

fn makes_tasks(cloud: &CloudFacts) -> bool {
    cloud.cloud == Cloud::CapitalOnline
}

/// The machine that there is, is the one that the object shows, and the Secret's password, if we chose it, opens it.
async fn opens(scene: &Scene, object: &Object) {
    let alive = scene.sim.alive();
    let [machine] = &alive[..] else {
        panic!("not one machine: {alive:#?}\n{object}")
    };
    assert_eq!(object.instance_id(), machine.id);
    assert_eq!(machine.phase, Phase::Running);
    if let Some(password) = scene.sim.capital_online_password(&machine.id) {
        let shown = scene.connection(NAME).await.secret("password");
        assert_eq!(shown.is_some(), !machine.foreign, "{object}");
        assert!(
            shown.is_none_or(|shown| shown == password),
            "the Secret has another password than the machine"
        );
    }
}
