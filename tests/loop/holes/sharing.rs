//! An account that others use too.

use gpu_instance_operator::api::status::InstanceState;
use serde_json::{Value, json};

use super::{any, ever, holds, must, says};
use crate::lives::{LONG, Life, gone, ready};
use crate::model::{Model, Outcome, is_ready};

#[test]
fn permission_withdrawn_rents_nothing_and_lets_stop_and_delete() {
    holds(&Life {
        name: "permission withdrawn",
        possible: any,
        live: |model| Box::pin(withdrawn(model)),
    });
}

async fn withdrawn(model: &mut Model) -> Outcome {
    model.share(&json!({ "names": ["ml"] }));
    let spec = json!({ "providerRef": { "kind": "ClusterGpuProvider", "name": "shared" } });
    model.create("a", &spec);
    ready(model).await?;
    model.share(&json!({ "names": ["elsewhere"] }));
    says(model, "a", "NamespaceNotAllowed").await?;
    model.create("b", &spec);
    says(model, "b", "NamespaceNotAllowed").await?;
    model.seconds(120).await?;
    ever(model, 1)?;
    must(
        model,
        model.machine_state("a") == Some(InstanceState::Running),
        "it runs on",
    )?;
    model.edit("a", &json!({ "power": "Stopped" }));
    model
        .until("stopped", LONG, |model| {
            model.machine_state("a") == Some(InstanceState::Stopped)
        })
        .await?;
    model.delete("b");
    model.until("gone", LONG, |model| model.instance("b").is_none()).await?;
    model.delete("a");
    gone(model).await?;
    must(model, model.cloud.machines().is_empty(), "nothing is left")?;
    model.settles().await
}

/// Two clusters whose objects even have the same UIDs.
#[test]
fn two_installations_on_one_account_leave_each_other_alone() {
    holds(&Life {
        name: "two installations on one account",
        possible: any,
        live: |model| Box::pin(two_installations(model)),
    });
}

async fn two_installations(model: &mut Model) -> Outcome {
    model.start_elsewhere();
    model.create("a", &json!({}));
    model.create_elsewhere("a", &json!({}));
    let theirs = |model: &Model, kind: &str, name: &str| {
        let (api, _) = model.elsewhere.as_ref().unwrap();
        api.get(kind, name).map_or(Value::Null, |object| (*object).clone())
    };
    model
        .until("both Ready", LONG, |model| {
            model.is_ready("a") && is_ready(&theirs(model, "gpuinstances", "a"))
        })
        .await?;
    ever(model, 2)?;
    model.seconds(60).await?;
    let ours = model.api.get("gpuproviders", "xgc").unwrap();
    for provider in [(*ours).clone(), theirs(model, "gpuproviders", "xgc")] {
        let counts = &provider["status"]["instances"];
        let alone = counts["foreign"] == 1 && counts["orphans"] == 0;
        must(
            model,
            alone,
            &format!("what is another's is counted as foreign: {counts}"),
        )?;
    }
    model.delete("a");
    gone(model).await?;
    let left = model.cloud.machines();
    let is_theirs = left.len() == 1 && left[0].name.starts_with("gi-other-");
    must(model, is_theirs, "the other's machine is left")?;
    let (api, _) = model.elsewhere.as_ref().unwrap();
    api.delete("gpuinstances", "a");
    model
        .until("gone", LONG, |model| theirs(model, "gpuinstances", "a").is_null())
        .await?;
    must(model, model.cloud.machines().is_empty(), "nothing is left")?;
    model.settles().await
}
