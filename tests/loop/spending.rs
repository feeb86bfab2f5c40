//! Nothing beyond what the spec and the limits allow.

use std::time::Duration;

use gpu_instance_operator::api::Cloud;
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::api::money::Decimal;
use gpu_instance_operator::provider::PriceKnown;
use serde_json::json;

use crate::holes::must;
use crate::lives::{gone, ready};
use crate::{passes, passes_at};

/// Where the price is known only of a machine that exists, it is found out once; where it is told before, never.
#[test]
fn a_machine_that_is_too_dear_goes_back_at_once_and_only_once() {
    let clouds = [Cloud::Xgc, Cloud::Luchen, Cloud::CapitalOnline, Cloud::Neolink];
    passes_at(&clouds, 4, |mut model| async move {
        let told_before = model.cloud.profile.capabilities.price == PriceKnown::BeforeOrder;
        model.create("a", &json!({ "maxPricePerHour": "1" }));
        model
            .until("given back", 200, |model| {
                model.reason("a") == "PriceAboveCap" && model.cloud.machines().is_empty()
            })
            .await?;
        model.seconds(1800).await?;
        assert_eq!(model.cloud.ever().len(), usize::from(!told_before), "not rented again");
        model.edit("a", &json!({ "maxPricePerHour": "2" }));
        model.until("Ready", 300, |model| model.is_ready("a")).await?;
        model.settles().await
    });
}

#[test]
fn a_cap_that_cannot_be_kept_rents_nothing() {
    passes_at(&[Cloud::Scnet], 4, |mut model| async move {
        model.create("a", &json!({ "maxPricePerHour": "100" }));
        model
            .until("refused", 60, |model| model.reason("a") == "Unsupported")
            .await?;
        model.seconds(300).await?;
        assert_eq!(model.cloud.ever().len(), 0);
        Ok(())
    });
}

#[test]
fn limits_hold_whatever_the_order_of_things() {
    for seed in 0..3 {
        passes(seed, |mut model| async move {
            model.api.change(
                "gpuproviders",
                "xgc",
                &json!({ "spec": { "limits": { "instances": 2 } } }),
            );
            model.operator.lags(Duration::from_secs(3));
            for name in ["a", "b", "c", "d"] {
                model.create(name, &json!({}));
            }
            for _ in 0..200 {
                model.second().await?;
                assert!(model.cloud.machines().len() <= 2, "seed {seed}");
            }
            let ready: Vec<_> = ["a", "b", "c", "d"]
                .into_iter()
                .filter(|name| model.is_ready(name))
                .collect();
            assert_eq!(ready.len(), 2, "seed {seed}");
            for name in &ready {
                model.delete(name);
            }
            model
                .until("the others", 300, |model| {
                    model
                        .api
                        .all("gpuinstances")
                        .iter()
                        .all(|object| model.is_ready(object["metadata"]["name"].as_str().unwrap()))
                })
                .await?;
            model.settles().await
        });
    }
}

/// The price is asked for again and again, in case it falls; that is no news.
#[test]
fn a_price_above_the_cap_is_said_once() {
    passes_at(
        &[Cloud::Luchen, Cloud::CapitalOnline, Cloud::Neolink],
        9,
        |mut model| async move {
            model.create("a", &json!({ "maxPricePerHour": "1" }));
            model
                .until("refused", 60, |model| model.reason("a") == "PriceAboveCap")
                .await?;
            model.settles_somehow().await?;
            assert_eq!(model.cloud.ever().len(), 0);
            Ok(())
        },
    );
}

/// From the order to the word that it is wanted no more, and then one poll; what the cloud takes to stop and to delete is
/// the cloud's.
#[test]
fn what_is_metered_is_what_was_asked_for_and_one_poll_at_most() {
    passes(5, |mut model| async move {
        let can = model.cloud.profile.capabilities;
        let ordered = model.world.now();
        model.create("a", &json!({}));
        ready(&mut model).await?;
        model.seconds(600).await?;
        let unwanted = model.world.now();
        model.edit("a", &json!({ "power": "Stopped" }));
        ready(&mut model).await?;
        model.seconds(600).await?;
        let deleted = model.world.now();
        model.delete("a");
        gone(&mut model).await?;
        let costs_while_stopped = can.stop_mode(None) == StopMode::KeepGpu;
        let until = if costs_while_stopped { deleted } else { unwanted };
        let (poll, of_the_cloud) = (30, 16);
        let machine = &model.cloud.ever()[0];
        let cost_of = |seconds: i64| machine.price * Decimal::from(seconds) / Decimal::from(3600);
        let metered = machine.cost(model.world.now());
        let allowed = cost_of(until.duration_since(ordered).as_secs() + poll + of_the_cloud);
        must(&model, metered <= allowed, &format!("{metered} is more than {allowed}"))?;
        must(&model, metered >= cost_of(600), "it was there to be used")?;
        model.settles().await
    });
}
