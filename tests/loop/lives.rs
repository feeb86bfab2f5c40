//! Lives that together reach every kind of call to the outside; each ends in silence, whatever befalls it.

use std::pin::Pin;

use gpu_instance_operator::api::Cloud;
use gpu_instance_operator::api::status::InstanceState;
use gpu_instance_operator::provider::{Capabilities, Field};
use serde_json::{Value, json};

use crate::model::{Model, Outcome, Profile, run_at};
use crate::passes;

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// A life, and the clouds at which it can be lived.
#[derive(Clone, Copy)]
pub struct Life {
    pub name: &'static str,
    pub possible: fn(&Capabilities) -> bool,
    pub live: for<'a> fn(&'a mut Model) -> Running<'a>,
}

impl Life {
    pub fn is_possible_at(&self, cloud: Cloud) -> bool {
        (self.possible)(Profile::of(cloud).capabilities)
    }
}

/// Longest that any step of a life takes, under any one fault.
pub const LONG: u32 = 1_200;

/// All of them.
pub const LIVES: &[Life] = &[
    Life {
        name: "rented, stopped, started, deleted",
        possible: |_| true,
        live: |model| Box::pin(whole(model)),
    },
    Life {
        name: "restarted",
        possible: |_| true,
        live: |model| Box::pin(restarted(model)),
    },
    Life {
        name: "adopted, let go",
        possible: |_| true,
        live: |model| Box::pin(adopted(model)),
    },
    Life {
        name: "kept stopped when its object goes",
        possible: |_| true,
        live: |model| Box::pin(kept_stopped(model)),
    },
    Life {
        name: "replaced for a new image",
        possible: |_| true,
        live: |model| Box::pin(replaced(model)),
    },
    Life {
        name: "reinstalled",
        possible: |can| can.in_place.iter().any(|(field, _)| *field == Field::Image),
        live: |model| Box::pin(reinstalled(model)),
    },
    Life {
        name: "given more GPUs",
        possible: |can| can.in_place.iter().any(|(field, _)| *field == Field::Gpu),
        live: |model| Box::pin(resized(model)),
    },
    Life {
        name: "stopped with its image saved",
        possible: |can| can.snapshot.is_some(),
        live: |model| Box::pin(saved(model)),
    },
    Life {
        name: "lost and rented again",
        possible: |_| true,
        live: |model| Box::pin(lost(model)),
    },
    Life {
        name: "failed and replaced",
        possible: |_| true,
        live: |model| Box::pin(failed(model)),
    },
    Life {
        name: "rented through the cluster's provider, with a script",
        possible: |can| can.startup_script,
        live: |model| Box::pin(shared(model)),
    },
    Life {
        name: "torn out by force, and swept",
        possible: |_| true,
        live: |model| Box::pin(swept(model)),
    },
    Life {
        name: "its provider is deleted first",
        possible: |_| true,
        live: |model| Box::pin(provider_first(model)),
    },
];

pub async fn ready(model: &mut Model) -> Outcome {
    model.until("Ready", LONG, |model| model.is_ready("a")).await
}

pub async fn gone(model: &mut Model) -> Outcome {
    model.until("gone", LONG, |model| model.instance("a").is_none()).await
}

async fn edited(model: &mut Model, spec: &Value) -> Outcome {
    model.edit("a", spec);
    ready(model).await
}

pub async fn ends(model: &mut Model) -> Outcome {
    model.delete("a");
    gone(model).await?;
    model.settles().await
}

async fn whole(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    ready(model).await?;
    edited(model, &json!({ "power": "Stopped" })).await?;
    edited(model, &json!({ "power": "Running" })).await?;
    ends(model).await
}

async fn restarted(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    ready(model).await?;
    edited(model, &json!({ "restartedAt": format!("{:.0}", model.world.now()) })).await?;
    ends(model).await
}

async fn adopted(model: &mut Model) -> Outcome {
    let id = model.cloud.rent_by_hand("u-1", "notebook");
    model.create("a", &json!({ "instanceId": id, "power": "Running" }));
    ready(model).await?;
    edited(model, &json!({ "power": "Stopped" })).await?;
    ends(model).await?;
    if model.cloud.state(&id) != Some(InstanceState::Stopped) {
        return Err("the adopted machine was to be let go as it was".into());
    }
    Ok(())
}

async fn kept_stopped(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "deletionPolicy": "Stop" }));
    ready(model).await?;
    ends(model).await
}

async fn replaced(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "Recreate" }));
    ready(model).await?;
    edited(model, &json!({ "image": "other" })).await?;
    is_of_image(model, "other")?;
    ends(model).await
}

async fn reinstalled(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "InPlace" }));
    ready(model).await?;
    edited(model, &json!({ "image": "other" })).await?;
    is_of_image(model, "other")?;
    ends(model).await
}

async fn resized(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "InPlace" }));
    ready(model).await?;
    edited(model, &json!({ "gpu": { "count": 2 } })).await?;
    edited(model, &json!({ "power": "Stopped" })).await?;
    edited(model, &json!({ "power": "Running" })).await?;
    if model.cloud.machines().iter().any(|machine| machine.gpus != 2) {
        return Err("the machine was to have two GPUs".into());
    }
    ends(model).await
}

async fn saved(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "snapshotOnStop": { "name": "of-a" } }));
    ready(model).await?;
    edited(model, &json!({ "power": "Stopped" })).await?;
    ends(model).await
}

async fn lost(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "Recreate" }));
    ready(model).await?;
    let id = model.status("a", "instanceId");
    model.cloud.console(id.as_str().unwrap(), None);
    let is_new = |model: &Model| model.is_ready("a") && model.status("a", "instanceId") != id;
    model.until("rented again", LONG, is_new).await?;
    ends(model).await
}

async fn failed(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "Recreate" }));
    ready(model).await?;
    let id = model.status("a", "instanceId");
    model.cloud.console(id.as_str().unwrap(), Some(InstanceState::Failed));
    let is_new = |model: &Model| model.is_ready("a") && model.status("a", "instanceId") != id;
    model.until("replaced", LONG, is_new).await?;
    ends(model).await
}

async fn shared(model: &mut Model) -> Outcome {
    model.share(&json!({ "selector": { "matchLabels": { "team": "vision" } } }));
    model.api.create(
        "configmaps",
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "boot" }, "data": { "sh": "echo" } }),
    );
    let script = json!({ "configMapKeyRef": { "name": "boot", "key": "sh" } });
    let provider = json!({ "kind": "ClusterGpuProvider", "name": "shared" });
    model.create("a", &json!({ "providerRef": provider, "startupScriptFrom": script }));
    ready(model).await?;
    ends(model).await
}

async fn provider_first(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    ready(model).await?;
    model.delete_provider();
    model.delete_secret();
    model.seconds(40).await?;
    model.delete("a");
    gone(model).await?;
    let is_gone = |kind: &'static str| move |model: &Model| model.api.get(kind, "xgc").is_none();
    model
        .until("rid of its provider", LONG, is_gone("gpuproviders"))
        .await?;
    model.until("rid of its Secret", LONG, is_gone("secrets")).await?;
    model.settles().await
}

async fn swept(model: &mut Model) -> Outcome {
    model.sweep_orphans();
    model.create("a", &json!({}));
    ready(model).await?;
    // What was there at the provider's first look is never swept: this was not.
    model.seconds(130).await?;
    let id = model.status("a", "instanceId").as_str().unwrap().to_owned();
    model.oracles.are_left_behind([id.clone()]);
    model.api.lose("gpuinstances", "a");
    model
        .until("swept", 2 * LONG, |model| model.cloud.state(&id).is_none())
        .await?;
    model.settles().await
}

fn is_of_image(model: &Model, image: &str) -> Outcome {
    let machines = model.cloud.machines();
    if machines.len() == 1 && machines[0].image == image {
        return Ok(());
    }
    Err(format!("one machine of image {image} was to be there: {machines:?}"))
}

/// Every life can be lived where it is said to be possible, without any fault.
#[test]
fn every_life_without_faults_ends_in_silence() {
    for life in LIVES {
        for cloud in Cloud::ALL.into_iter().filter(|cloud| life.is_possible_at(*cloud)) {
            run_at(cloud, 1, |mut model| async move { (life.live)(&mut model).await })
                .unwrap_or_else(|why| panic!("{}: {why}", life.name));
        }
    }
}

#[test]
fn what_an_instance_owns_goes_with_it() {
    passes(1, |mut model| async move {
        model.create("a", &json!({}));
        ready(&mut model).await?;
        model.settles().await?;
        assert_eq!(model.cloud.machines().len(), 1);
        model.delete("a");
        gone(&mut model).await?;
        assert!(
            model.api.get("secrets", "a-connection").is_none(),
            "the Secret goes with its owner"
        );
        model.settles().await
    });
}
