//! What was asked for is remembered while the cloud goes on showing what was before, and asked again if it never came.

use std::time::Duration;

use gpu_instance_operator::api::Cloud;
use serde_json::json;

use crate::model::Fate;
use crate::{passes, passes_at};

/// Lists are so late that absence would be believed before the machine shows.
#[test]
fn a_machine_whose_order_told_its_id_is_known_before_any_list_shows_it() {
    passes(2, |mut model| async move {
        model.cloud.habits(|habits| habits.lag = Duration::from_secs(90));
        model.create("a", &json!({}));
        model.until("Ready", 900, |model| model.is_ready("a")).await?;
        assert_eq!(model.cloud.ever().len(), 1);
        model.settles().await
    });
}

/// Luchen's driver is asked again until the machine has stopped.
const DELETED_IN_ONE_CALL: [Cloud; 4] = [Cloud::Xgc, Cloud::Scnet, Cloud::CapitalOnline, Cloud::Neolink];

#[test]
fn a_delete_that_the_cloud_acknowledged_is_sent_once() {
    passes_at(&DELETED_IN_ONE_CALL, 2, |mut model| async move {
        model.create("a", &json!({}));
        model.until("Ready", 300, |model| model.is_ready("a")).await?;
        // So that late lists show a machine that runs.
        model.seconds(30).await?;
        model.cloud.habits(|habits| habits.lag = Duration::from_secs(5));
        model.delete("a");
        model.until("gone", 300, |model| model.instance("a").is_none()).await?;
        let calls = model.world.calls();
        let deletes = calls.iter().filter(|call| call.what.starts_with("cloud delete"));
        assert_eq!(deletes.count(), 1);
        model.settles().await
    });
}

#[test]
fn a_delete_that_never_arrived_is_sent_again() {
    for fate in [Fate::RequestLost, Fate::Refused] {
        passes(2, |mut model| async move {
            model.create("a", &json!({}));
            model.until("Ready", 300, |model| model.is_ready("a")).await?;
            model.world.plan_next("cloud delete", fate);
            model.delete("a");
            model.until("gone", 600, |model| model.instance("a").is_none()).await?;
            assert_eq!(model.cloud.machines().len(), 0, "{fate:?}");
            model.settles().await
        });
    }
}
