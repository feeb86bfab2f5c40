//! What is let go stays: a machine that is to be stopped first is stopped, and one that is to be kept is never swept.

use std::time::Duration;

use gpu_instance_operator::api::status::InstanceState::{Running, Stopped};
use serde_json::json;

use super::{any, holds, must, under_way};
use crate::lives::{LONG, Life, gone, ready};
use crate::model::{Model, Outcome};

/// Found by a random life: a list that was behind showed the machine as it was before it was started, and was believed.
#[test]
fn a_machine_that_was_just_started_is_stopped_before_its_object_goes() {
    holds(&Life {
        name: "to be stopped, right after it was started",
        possible: any,
        live: |model| Box::pin(just_started(model)),
    });
}

async fn just_started(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "deletionPolicy": "Stop" }));
    ready(model).await?;
    model.edit("a", &json!({ "power": "Stopped" }));
    model
        .until("stopped", LONG, |model| model.machine_state("a") == Some(Stopped))
        .await?;
    ready(model).await?;
    // So long that a list that is behind shows it as stopped.
    model.seconds(20).await?;
    let id = model.status("a", "instanceId");
    model.cloud.habits(|habits| habits.lag = Duration::from_secs(8));
    model.edit("a", &json!({ "power": "Running" }));
    under_way(model, "cloud start").await?;
    model.seconds(1).await?;
    model.delete("a");
    gone(model).await?;
    let state = model.cloud.state(id.as_str().unwrap());
    must(
        model,
        state == Some(Stopped),
        &format!("it is kept stopped, not {state:?}"),
    )?;
    model.settles().await
}

/// Found by a random life: the stop was sent while the image was still being saved, and refused.
#[test]
fn a_machine_that_is_let_go_is_stopped_once_its_image_is_saved() {
    holds(&Life {
        name: "to be stopped with an image",
        possible: |can| can.snapshot.is_some() && !can.snapshot_with_stop,
        live: |model| Box::pin(let_go_with_an_image(model)),
    });
}

async fn let_go_with_an_image(model: &mut Model) -> Outcome {
    model.create(
        "a",
        &json!({ "deletionPolicy": "Stop", "snapshotOnStop": { "name": "of-a" } }),
    );
    ready(model).await?;
    model.delete("a");
    gone(model).await?;
    let calls = model.world.calls();
    let stops = calls.iter().filter(|call| call.what.starts_with("cloud stop")).count();
    must(
        model,
        stops == 1 || model.world.fault_count() > 0,
        &format!("it is told to stop once, not {stops} times"),
    )?;
    model.settles().await
}

/// Found by a random life: what a provider remembers goes with it, and the next one knew nothing of it.
#[test]
fn a_retained_machine_is_kept_when_its_provider_is_made_anew() {
    holds(&Life {
        name: "retained, and the provider made anew",
        possible: any,
        live: |model| Box::pin(made_anew(model)),
    });
}

async fn made_anew(model: &mut Model) -> Outcome {
    let id = retained(model).await?;
    model.delete_provider();
    model
        .until("rid of its provider", LONG, |model| {
            model.api.get("gpuproviders", "xgc").is_none()
        })
        .await?;
    model.furnish();
    model.seconds(300).await?;
    stays(model, &id).await
}

/// The provider that remembers goes, and another that came after is left.
#[test]
fn a_retained_machine_is_kept_by_a_provider_that_came_later() {
    holds(&Life {
        name: "retained, and another provider is left",
        possible: any,
        live: |model| Box::pin(another_is_left(model)),
    });
}

async fn another_is_left(model: &mut Model) -> Outcome {
    let id = retained(model).await?;
    model.add_provider("second", 0);
    model
        .until("listed by the second", LONG, |model| {
            let second = model.api.get("gpuproviders", "second");
            second.is_some_and(|second| second["status"]["firstListedAt"].is_string())
        })
        .await?;
    model.delete_provider();
    model.seconds(300).await?;
    stays(model, &id).await
}

/// A machine that its object has let go, as it ran, while orphans are deleted.
async fn retained(model: &mut Model) -> Result<String, String> {
    model.sweep_orphans();
    model.create("a", &json!({ "deletionPolicy": "Retain" }));
    ready(model).await?;
    let id = model.status("a", "instanceId").as_str().unwrap().to_owned();
    model.delete("a");
    gone(model).await?;
    Ok(id)
}

/// However often the operator starts anew, and whatever a list forgets.
async fn stays(model: &mut Model, id: &str) -> Outcome {
    for _ in 0..2 {
        model.cloud.habits(|habits| habits.forgets_once = true);
        model.seconds(60).await?;
        model.restart();
        model.seconds(300).await?;
    }
    must(model, model.cloud.state(id) == Some(Running), "it runs on")?;
    model.settles().await
}
