//! The account is not the one that it was.

use serde_json::json;

use super::{any, ever, holds, must, order_of, says, under_way};
use crate::lives::{LONG, Life, ends, gone, ready};
use crate::model::{Model, Outcome};

#[test]
fn an_account_swapped_under_a_running_machine_freezes_it() {
    holds(&Life {
        name: "account swapped under a running machine",
        possible: any,
        live: |model| Box::pin(swapped(model)),
    });
}

async fn swapped(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "Recreate" }));
    ready(model).await?;
    model.speak_for(Some(1));
    says(model, "a", "AccountChanged").await?;
    model.edit("a", &json!({ "image": "other" }));
    model.seconds(60).await?;
    model.delete("a");
    model.seconds(180).await?;
    ever(model, 1)?;
    must(
        model,
        model.cloud.machines().len() == 1,
        "nothing is deleted with another's key",
    )?;
    must(
        model,
        model.instance("a").is_some(),
        "the object stays while its machine does",
    )?;
    model.speak_for(Some(0));
    gone(model).await?;
    model.settles().await
}

/// The same, while the order is on its way.
#[test]
fn an_account_swapped_during_an_order_rents_nothing_twice() {
    holds(&Life {
        name: "account swapped during an order",
        possible: any,
        live: |model| Box::pin(swapped_during_order(model)),
    });
}

async fn swapped_during_order(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    under_way(model, "cloud create").await?;
    model.speak_for(Some(1));
    model.seconds(240).await?;
    let made = model.cloud.ever();
    must(model, made.len() <= 1, "one account, one machine")?;
    model.speak_for(Some(0));
    ready(model).await?;
    must(model, model.cloud.machines().len() == 1, "one machine")?;
    ends(model).await
}

/// The very same key opens another account from one moment to the next.
#[test]
fn a_key_that_comes_to_open_another_account_loses_nothing() {
    holds(&Life {
        name: "the key opens another account",
        possible: any,
        live: |model| Box::pin(same_key(model)),
    });
}

async fn same_key(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "Recreate" }));
    ready(model).await?;
    model.cloud.speaks_for("token-1", Some("u-2"));
    says(model, "a", "AccountChanged").await?;
    model.seconds(300).await?;
    ever(model, 1)?;
    model.cloud.speaks_for("token-1", Some("u-1"));
    ready(model).await?;
    ever(model, 1)?;
    ends(model).await
}

/// What the kind's rules refuse, an older kind let pass.
#[test]
fn another_provider_between_claim_and_id_rents_nothing_twice() {
    holds(&Life {
        name: "providerRef edited between claim and id",
        possible: any,
        live: |model| Box::pin(other_provider(model)),
    });
}

async fn other_provider(model: &mut Model) -> Outcome {
    model.add_provider("second", 1);
    model.create("z", &json!({ "providerRef": { "name": "second" } }));
    model
        .until("rented elsewhere", LONG, |model| model.is_ready("z"))
        .await?;
    model.create("a", &json!({}));
    under_way(model, &order_of(model, "a")).await?;
    model.edit("a", &json!({ "providerRef": { "name": "second" } }));
    let kept = model.instance("a").unwrap()["spec"]["providerRef"]["name"] == "xgc";
    must(model, kept, "the kind refuses another provider")?;
    let refer = |model: &Model, name: &str| {
        let patch = json!({ "spec": { "providerRef": { "name": name } } });
        model.api.force("gpuinstances", "a", &patch);
    };
    refer(model, "second");
    model.seconds(240).await?;
    must(model, model.cloud.ever().len() <= 2, "nothing is rented twice")?;
    refer(model, "xgc");
    ready(model).await?;
    must(model, model.cloud.machines().len() == 2, "one machine each")?;
    model.delete("z");
    model.until("gone", LONG, |model| model.instance("z").is_none()).await?;
    ends(model).await
}
