//! Orders: their replies get lost, their processes die, and none is sent twice.

use serde_json::json;

use crate::model::Fate;
use crate::passes;

#[test]
fn an_order_whose_reply_is_lost_is_found_by_its_name() {
    for seed in 0..5 {
        passes(seed, |mut model| async move {
            model.world.plan_next("cloud create", Fate::ReplyLost);
            model.create("a", &json!({}));
            model.until("Ready", 300, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1);
            model.settles().await
        });
    }
}

#[test]
fn an_order_that_never_came_is_made_again_once_that_is_proven() {
    passes(3, |mut model| async move {
        model.world.plan_next("cloud create", Fate::RequestLost);
        model.create("a", &json!({}));
        model
            .until("Settling", 60, |model| model.reason("a") == "Settling")
            .await?;
        model.seconds(55).await?;
        assert_eq!(
            model.cloud.ever().len(),
            0,
            "absence is not believed before it has lasted"
        );
        model.until("Ready", 300, |model| model.is_ready("a")).await?;
        assert_eq!(model.status("a", "attempts"), json!(2));
        model.settles().await
    });
}

/// What the cloud can never make, and does not clearly refuse, is not asked of it as often as lists can prove that.
#[test]
fn an_order_that_is_never_answered_is_sent_ever_more_rarely() {
    passes(3, |mut model| async move {
        for _ in 0..40 {
            model.world.plan_next("cloud create", Fate::RequestLost);
        }
        model.create("a", &json!({}));
        model.seconds(3_600).await?;
        let calls = model.world.calls();
        let orders = calls
            .iter()
            .filter(|call| call.what.starts_with("cloud create"))
            .count();
        assert!((3..=12).contains(&orders), "{orders} orders in an hour");
        model.settles().await
    });
}

#[test]
fn a_refused_order_is_made_again_later_and_holds_no_place() {
    passes(3, |mut model| async move {
        model.api.change(
            "gpuproviders",
            "xgc",
            &json!({ "spec": { "limits": { "instances": 1 } } }),
        );
        model.world.plan_next("cloud create", Fate::Refused);
        model.create("a", &json!({}));
        model
            .until("refused", 60, |model| model.reason("a") == "NoCapacity")
            .await?;
        model.edit("a", &json!({ "power": "Stopped" }));
        model.create("b", &json!({}));
        model.until("Ready", 60, |model| model.is_ready("b")).await?;
        model.settles().await
    });
}

#[test]
fn death_between_claim_create_and_store_costs_nothing() {
    for (seed, fate) in (0..).zip([Fate::DiesBefore, Fate::DiesAfter].repeat(2)) {
        passes(seed, |mut model| async move {
            model.world.plan_next("cloud create", fate);
            model.create("a", &json!({}));
            model.until("Ready", 600, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1);
            model.settles().await
        });
    }
}

#[test]
fn an_object_made_anew_under_the_same_name_mid_order_gets_its_own_machine() {
    for seed in 0..5 {
        passes(seed, |mut model| async move {
            model.create("a", &json!({}));
            let wait = model.world.span(0, 3_000);
            tokio::time::sleep(wait).await;
            model.delete("a");
            model.until("gone", 300, |model| model.instance("a").is_none()).await?;
            model.create("a", &json!({}));
            model.until("Ready", 300, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.machines().len(), 1);
            model.settles().await
        });
    }
}
