//! Two processes that both believe they lead, and one whose watches are behind.

use std::time::Duration;

use serde_json::json;

use crate::model::Fate;
use crate::passes;

#[test]
fn a_stale_cache_rents_nothing_twice() {
    for seed in 0..5 {
        passes(seed, |mut model| async move {
            model.operator.lags(Duration::from_secs(12));
            model.create("a", &json!({}));
            model.until("Ready", 900, |model| model.is_ready("a")).await?;
            model.edit("a", &json!({ "power": "Stopped" }));
            model.until("stopped", 900, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1);
            model.settles().await
        });
    }
}

/// The operator stands still at some moment of an order, a rival takes over, and then the operator wakes up.
#[test]
fn an_old_leader_that_wakes_up_late_rents_nothing() {
    for seed in 0..12 {
        passes(seed, |mut model| async move {
            let until_frozen = model.world.span(0, 2_500);
            model.create("a", &json!({}));
            tokio::time::sleep(until_frozen).await;
            model.operator.freeze();
            // A lease lasts fifteen seconds.
            model.seconds(15).await?;
            model.start_rival();
            let pause = u32::try_from(model.world.below(400)).unwrap();
            model.seconds(pause).await?;
            model.operator.thaw();
            model.seconds(3).await?;
            model.operator.deposed();
            model.until("Ready", 900, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1, "seed {seed}");
            model.settles().await
        });
    }
}

/// The same, at the one moment that is worst: the order is about to be sent, and the rival has long believed that none
/// was.
#[test]
fn an_old_leader_that_wakes_up_with_an_order_in_hand_does_not_send_it() {
    for seed in 0..6 {
        passes(seed, |mut model| async move {
            model.create("a", &json!({}));
            while !model
                .world
                .calls()
                .iter()
                .any(|call| call.what.starts_with("cloud create"))
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            model.operator.freeze();
            model.seconds(15).await?;
            model.start_rival();
            model.until("Ready", 900, |model| model.is_ready("a")).await?;
            model.operator.thaw();
            model.seconds(60).await?;
            model.operator.deposed();
            model.settles().await
        });
    }
}

/// Both believe that they lead for a while, and both have the same object before them.
#[test]
fn two_leaders_at_once_rent_one_machine() {
    for seed in 0..15 {
        passes(seed, |mut model| async move {
            // Lists are behind, so that neither sees in them what the other has ordered.
            model.cloud.habits(|habits| habits.lag = Duration::from_secs(8));
            model.operator.lags(Duration::from_millis(300));
            model.start_rival();
            model.rival.as_ref().unwrap().lags(Duration::from_millis(300));
            model.create("a", &json!({}));
            model.seconds(20).await?;
            model.rival.as_ref().unwrap().deposed();
            model.until("Ready", 900, |model| model.is_ready("a")).await?;
            assert_eq!(model.cloud.ever().len(), 1, "seed {seed}");
            Ok(())
        });
    }
}

/// A start is no more sent than an order, once nobody can know any more whether it is still wanted.
#[test]
fn an_old_leader_that_wakes_up_with_a_start_in_hand_does_not_send_it() {
    for seed in 0..6 {
        passes(seed, |mut model| async move {
            model.create("a", &json!({ "power": "Running" }));
            model.until("Ready", 300, |model| model.is_ready("a")).await?;
            model.edit("a", &json!({ "power": "Stopped" }));
            model.until("stopped", 300, |model| model.is_ready("a")).await?;
            model.edit("a", &json!({ "power": "Running" }));
            while !model.world.has_called("cloud start") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            model.operator.freeze();
            model.seconds(1).await?;
            model.edit("a", &json!({ "power": "Stopped" }));
            model.start_rival();
            model.seconds(120).await?;
            model.operator.thaw();
            model.seconds(60).await?;
            model.rival_stays();
            model.settles().await
        });
    }
}

/// How long a second machine lives, at most: until the next list shows it, and for as long as its cloud takes to stop and
/// delete it.
const LONGEST_EXTRA: Duration = {
    let (at_rest, under_way, one_operation, calls) = (30, 2, 8, 10);
    // Seen in a list; stopped and deleted, each as long as an operation takes, until a list shows it.
    Duration::from_secs(at_rest + 2 * (one_operation + under_way) + calls)
};

/// No cloud here knows an order that it was sent before, so that one thing cannot be kept from happening: an order that
/// is carried out when nobody believes in it any more. Its machine is found by its name, and deleted unused.
#[test]
fn an_order_that_is_carried_out_far_too_late_is_undone() {
    for seed in 0..4 {
        passes(seed, |mut model| async move {
            model.oracles.may_be_extra_for(LONGEST_EXTRA);
            model.world.plan_next("cloud create", Fate::ComesLate);
            model.create("a", &json!({}));
            model.until("Ready", 290, |model| model.is_ready("a")).await?;
            let in_use = model.status("a", "instanceId");
            model
                .until("twice there", 600, |model| model.cloud.ever().len() == 2)
                .await?;
            model.settles().await?;
            let left = model.cloud.machines();
            assert_eq!(left.len(), 1, "{left:?}");
            assert_eq!(in_use, left[0].id.as_str(), "the one in use stays");
            Ok(())
        });
    }
}
