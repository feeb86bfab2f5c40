//! What is too dear, and what is paid for no more.

use gpu_instance_operator::api::Cloud;
use gpu_instance_operator::api::billing::BillingMode;
use gpu_instance_operator::api::status::InstanceState;
use gpu_instance_operator::provider::PriceKnown;
use serde_json::json;

use super::{ever, holds, must, says};
use crate::lives::{LONG, Life, ends, gone, ready};
use crate::model::{Model, Outcome};

/// Each new spec may find out once, where nobody tells before; nothing is rented in between.
#[test]
fn a_machine_too_dear_again_and_again_is_rented_once_a_spec() {
    holds(&Life {
        name: "too dear, again and again",
        possible: |can| can.price != PriceKnown::Never,
        live: |model| Box::pin(too_dear(model)),
    });
}

async fn too_dear(model: &mut Model) -> Outcome {
    let finds_out = usize::from(model.cloud.profile.capabilities.price == PriceKnown::OnMachine);
    model.create("a", &json!({ "maxPricePerHour": "1", "updatePolicy": "Recreate" }));
    for (n, image) in ["img", "other", "third"].into_iter().enumerate() {
        model.edit("a", &json!({ "image": image }));
        let is_told = |model: &Model| {
            let ready = model.condition("a", "Ready");
            let generation = model.instance("a").unwrap()["metadata"]["generation"].clone();
            ready["reason"] == "PriceAboveCap"
                && ready["observedGeneration"] == generation
                && model.cloud.machines().is_empty()
        };
        model.until("given back", LONG, is_told).await?;
        model.seconds(600).await?;
        ever(model, (n + 1) * finds_out)?;
    }
    model.edit("a", &json!({ "maxPricePerHour": "2" }));
    ready(model).await?;
    ends(model).await
}

#[test]
fn a_machine_that_becomes_too_dear_is_stopped_and_stays_so() {
    holds(&Life {
        name: "dearer while it runs",
        possible: |can| matches!(can.cloud, Cloud::Xgc | Cloud::Neolink),
        live: |model| Box::pin(dearer(model)),
    });
}

async fn dearer(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "maxPricePerHour": "2" }));
    ready(model).await?;
    let id = model.status("a", "instanceId").as_str().unwrap().to_owned();
    model.cloud.reprice(&id, "3");
    says(model, "a", "PriceAboveCap").await?;
    let is_stopped = |model: &Model| model.machine_state("a") == Some(InstanceState::Stopped);
    model.until("stopped", LONG, is_stopped).await?;
    model.seconds(900).await?;
    must(model, is_stopped(model), "it is not started again")?;
    model.edit("a", &json!({ "maxPricePerHour": "4" }));
    ready(model).await?;
    ever(model, 1)?;
    ends(model).await
}

/// The cloud's oracle knows who pays for more by a start.
#[test]
fn paid_time_that_is_over_is_not_paid_for_again() {
    holds(&Life {
        name: "paid time over",
        possible: |can| can.billing_modes.contains(&BillingMode::Prepaid) || can.cloud == Cloud::Scnet,
        live: |model| Box::pin(expired(model)),
    });
}

async fn expired(model: &mut Model) -> Outcome {
    let profile = model.cloud.profile;
    let unit = if profile.cloud == Cloud::CapitalOnline {
        "Month"
    } else {
        "Day"
    };
    let prepaid = json!({ "billing": { "mode": "Prepaid", "period": { "unit": unit, "count": 1 } } });
    let is_prepaid = profile.capabilities.billing_modes.contains(&BillingMode::Prepaid);
    let by_use = json!({});
    model.create("a", if is_prepaid { &prepaid } else { &by_use });
    ready(model).await?;
    let id = model.status("a", "instanceId").as_str().unwrap().to_owned();
    model.cloud.expire(&id);
    if profile.shows_expiry {
        says(model, "a", "Expired").await?;
    }
    model.seconds(900).await?;
    must(model, !model.is_ready("a"), "it does not run")?;
    must(
        model,
        model.cloud.state(&id) == Some(InstanceState::Expired),
        "it is not started",
    )?;
    model.delete("a");
    gone(model).await?;
    must(model, model.cloud.machines().is_empty(), "nothing is left")?;
    model.settles().await
}
