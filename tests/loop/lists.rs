//! What the cloud's lists show, leave out, and cannot prove.

use std::time::Duration;

use gpu_instance_operator::api::status::InstanceState;
use serde_json::json;

use crate::model::Fate;
use crate::passes;

#[test]
fn one_empty_list_alarms_nobody() {
    passes(5, |mut model| async move {
        model.create("a", &json!({ "updatePolicy": "Recreate" }));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.cloud.habits(|habits| habits.forgets_once = true);
        for _ in 0..120 {
            model.second().await?;
            assert!(model.is_ready("a"));
        }
        model.cloud.habits(|habits| habits.forgets_once = true);
        model.delete("a");
        model.until("gone", 200, |model| model.instance("a").is_none()).await?;
        assert_eq!(model.cloud.ever().len(), 1);
        model.settles().await
    });
}

#[test]
fn a_lost_machine_is_said_and_recovers() {
    passes(5, |mut model| async move {
        model.create("a", &json!({}));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.cloud.console("m-1", None);
        model.until("Lost", 200, |model| model.reason("a") == "Lost").await?;
        model.seconds(300).await?;
        assert_eq!(model.cloud.ever().len(), 1, "it is not replaced");
        model.cloud.console("m-1", Some(InstanceState::Running));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.settles().await
    });
}

#[test]
fn names_that_a_cloud_cuts_prove_nothing_and_a_human_decides() {
    passes(4, |mut model| async move {
        model.cloud.habits(|habits| habits.cuts_names = Some(12));
        model.world.plan_next("cloud create", Fate::ReplyLost);
        model.oracles.belong_to_others(["m-1"]);
        model.create("a", &json!({}));
        model
            .until("undecided", 300, |model| model.reason("a") == "CreateOutcomeUnknown")
            .await?;
        model.seconds(300).await?;
        assert_eq!(model.cloud.ever().len(), 1, "nothing is rented meanwhile");
        let name = model.status("a", "claim")["name"].as_str().unwrap().to_owned();
        model.oracles.belong_to_nobody_else();
        let word =
            json!({ "metadata": { "annotations": { "gpuinstance.dev/create-outcome": format!("{name}=m-1") } } });
        model.api.change("gpuinstances", "a", &word);
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        assert_eq!(model.status("a", "instanceId"), json!("m-1"));
        model.settles().await
    });
}

/// Found by a random life: two lists that were behind showed what was before the machine was made, and were taken for what
/// was after its delete.
#[test]
fn lists_from_before_a_machine_was_made_do_not_confirm_its_delete() {
    for seed in 0..4 {
        passes(seed, |mut model| async move {
            model.create("a", &json!({}));
            model.until("Ready", 120, |model| model.is_ready("a")).await?;
            model.cloud.habits(|habits| habits.lag = Duration::from_secs(45));
            model.delete("a");
            model.until("gone", 600, |model| model.instance("a").is_none()).await?;
            model.settles().await
        });
    }
}

#[test]
fn lists_that_are_not_complete_let_nothing_be_rented_or_lost() {
    passes(4, |mut model| async move {
        model.create("a", &json!({}));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.cloud.habits(|habits| habits.incomplete = true);
        model.create("b", &json!({}));
        model.seconds(300).await?;
        assert_eq!(model.cloud.ever().len(), 1);
        model.cloud.habits(|habits| habits.incomplete = false);
        model.until("Ready", 300, |model| model.is_ready("b")).await?;
        model.settles().await
    });
}
