//! Orders whose outcome is not known, in the worst of circumstances.

use std::time::Duration;

use gpu_instance_operator::provider::RegionUse;
use serde_json::json;

use super::{any, ever, holds, must, under_way};
use crate::lives::{LONG, Life, ends, ready};
use crate::model::{Fate, Model, Outcome, REGIONS};

/// What the kind's rules refuse, an older kind let pass.
#[test]
fn another_region_between_claim_and_id_rents_nothing_twice() {
    holds(&Life {
        name: "region edited between claim and id",
        possible: |can| can.region != RegionUse::None,
        live: |model| Box::pin(other_region(model)),
    });
}

async fn other_region(model: &mut Model) -> Outcome {
    model.world.plan_next("cloud create", Fate::ReplyLost);
    model.create("a", &json!({}));
    under_way(model, "cloud create").await?;
    let region = json!({ "region": REGIONS[1] });
    model.edit("a", &region);
    let kept = model.instance("a").unwrap()["spec"]["region"] == REGIONS[0];
    must(model, kept, "the kind refuses another region")?;
    model.api.force("gpuinstances", "a", &json!({ "spec": region }));
    ready(model).await?;
    must(model, model.cloud.machines().len() == 1, "one machine")?;
    ever(model, 1)?;
    ends(model).await
}

#[test]
fn a_lost_reply_after_a_lost_machine_is_still_one_machine() {
    holds(&Life {
        name: "a lost reply after Lost and Recreate",
        possible: any,
        live: |model| Box::pin(lost_twice(model)),
    });
}

async fn lost_twice(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "Recreate" }));
    ready(model).await?;
    let id = model.status("a", "instanceId");
    model.cloud.console(id.as_str().unwrap(), None);
    model.world.plan_next("cloud create", Fate::ReplyLost);
    let is_new = |model: &Model| model.is_ready("a") && model.status("a", "instanceId") != id;
    model.until("rented again", LONG, is_new).await?;
    ever(model, 2)?;
    ends(model).await
}

/// The oracle of orders knows the deadline of each claim.
#[test]
fn a_claimant_that_stood_still_past_its_deadline_does_not_send() {
    holds(&Life {
        name: "a claimant paused past its deadline",
        possible: any,
        live: |model| Box::pin(paused(model)),
    });
}

async fn paused(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    under_way(model, "cloud create").await?;
    model.operator.freeze();
    model.money.excuse(Duration::from_mins(3));
    model.seconds(180).await?;
    model.operator.thaw();
    ready(model).await?;
    must(model, model.cloud.machines().len() == 1, "one machine")?;
    ends(model).await
}
