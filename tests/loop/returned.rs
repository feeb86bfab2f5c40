//! Machines that come back after they were proven gone and were replaced.

use std::time::Duration;

use gpu_instance_operator::api::InstanceState;
use serde_json::json;

use crate::model::{Model, Outcome};
use crate::passes;

/// The object's first machine vanishes, is replaced, and comes back.
async fn comes_back(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "Recreate" }));
    model.until("Ready", 300, |model| model.is_ready("a")).await?;
    model.cloud.console("m-1", None);
    model
        .until("replaced", 600, |model| {
            model.is_ready("a") && model.status("a", "instanceId") == "m-2"
        })
        .await?;
    model.oracles.may_be_extra_for(Duration::from_hours(24));
    model.cloud.console("m-1", Some(InstanceState::Running));
    Ok(())
}

#[test]
fn one_that_was_used_is_stopped_and_kept_until_its_object_goes() {
    passes(4, |mut model| async move {
        comes_back(&mut model).await?;
        model
            .until("stopped", 300, |model| {
                model.cloud.state("m-1") == Some(InstanceState::Stopped)
            })
            .await?;
        model.seconds(120).await?;
        assert!(model.is_ready("a"));
        assert_eq!(model.cloud.state("m-2"), Some(InstanceState::Running));
        let provider = model.api.get("gpuproviders", "xgc").unwrap();
        let told = provider["status"]["orphans"][0]["message"].as_str().unwrap_or_default();
        assert!(told.contains("it came back"), "{provider}");
        model.delete("a");
        model.until("gone", 600, |model| model.instance("a").is_none()).await?;
        assert_eq!(model.cloud.machines().len(), 0);
        model.settles().await
    });
}

#[test]
fn one_that_was_used_is_deleted_where_orphans_are() {
    passes(4, |mut model| async move {
        let delete = json!({ "spec": { "orphans": "Delete" } });
        model.api.change("gpuproviders", "xgc", &delete);
        comes_back(&mut model).await?;
        model
            .until("deleted", 600, |model| model.cloud.state("m-1").is_none())
            .await?;
        assert_eq!(model.status("a", "instanceId"), "m-2");
        model.oracles.may_be_extra_for(Duration::ZERO);
        model.settles().await
    });
}
