//! Objects that were restored, or copied from others.

use serde_json::{Value, json};

use super::{any, ever, holds, must, says};
use crate::lives::{Life, ends, gone, ready};
use crate::model::{Model, Outcome};

/// What the operator wrote into the annotations of an instance.
fn annotations(model: &Model, name: &str) -> Value {
    model.instance(name).unwrap()["metadata"]["annotations"].clone()
}

/// The cluster is lost with all its state; what comes back has no status, and another UID.
#[test]
fn a_restored_backup_rents_nothing_and_restarts_nothing() {
    holds(&Life {
        name: "a backup restored",
        possible: any,
        live: |model| Box::pin(restored(model)),
    });
}

async fn restored(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    ready(model).await?;
    let saved = annotations(model, "a");
    let id = model.status("a", "instanceId").as_str().unwrap().to_owned();
    model.oracles.are_left_behind([id.clone()]);
    model.api.lose("gpuinstances", "a");
    model.restart();
    model.seconds(20).await?;
    model.apply("a", &json!({}), &saved);
    says(model, "a", "AdoptionUnconfirmed").await?;
    model.seconds(300).await?;
    ever(model, 1)?;
    model.edit("a", &json!({ "instanceId": id, "deletionPolicy": "Delete" }));
    ready(model).await?;
    model.oracles.is_taken_over(&id);
    ever(model, 1)?;
    let runs = model
        .cloud
        .machines()
        .iter()
        .all(|machine| machine.runs(model.world.now()));
    must(model, runs, "the machine runs on")?;
    ends(model).await
}

/// The same object in an etcd that was restored, before a new process, without its status: once with the annotation that binds it, once without.
#[test]
fn an_object_that_lost_its_status_finds_its_machine() {
    holds(&Life {
        name: "status gone",
        possible: any,
        live: |model| Box::pin(status_gone(model)),
    });
}

async fn status_gone(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    ready(model).await?;
    model.api.force("gpuinstances", "a", &json!({ "status": null }));
    model.restart();
    ready(model).await?;
    ever(model, 1)?;
    let both = json!({ "status": null, "metadata": { "annotations": { "gpuinstance.dev/binding": null } } });
    model.api.force("gpuinstances", "a", &both);
    model.restart();
    ready(model).await?;
    ever(model, 1)?;
    ends(model).await
}

#[test]
fn a_copied_manifest_rents_nothing_before_somebody_says_so() {
    holds(&Life {
        name: "a manifest copied with its annotations",
        possible: any,
        live: |model| Box::pin(copied(model)),
    });
}

async fn copied(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    ready(model).await?;
    model.apply("b", &json!({}), &annotations(model, "a"));
    says(model, "b", "AdoptionUnconfirmed").await?;
    model.seconds(120).await?;
    ever(model, 1)?;
    model.annotate("b", "binding", &Value::Null);
    model.until("rented", 1_200, |model| model.is_ready("b")).await?;
    ever(model, 2)?;
    model.delete("b");
    model
        .until("gone", 1_200, |model| model.instance("b").is_none())
        .await?;
    must(model, model.is_ready("a"), "the first is as it was")?;
    model.delete("a");
    gone(model).await?;
    model.settles().await
}
