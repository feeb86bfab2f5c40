//! One place, and two that want it. The oracle of orders counts at each.

use serde_json::json;

use super::{any, holds, must};
use crate::lives::{LONG, Life};
use crate::model::{Model, Outcome};

#[test]
fn of_two_claims_on_the_last_place_one_is_made() {
    holds(&Life {
        name: "limits raced by two claims",
        possible: any,
        live: |model| Box::pin(raced(model, "xgc")),
    });
}

/// Limits are an account's, through whichever provider.
#[test]
fn of_two_claims_through_two_providers_one_is_made() {
    holds(&Life {
        name: "limits raced through two providers",
        possible: any,
        live: |model| Box::pin(raced(model, "second")),
    });
}

async fn raced(model: &mut Model, provider: &str) -> Outcome {
    let limits = json!({ "limits": { "instances": 1 } });
    if provider != "xgc" {
        model.add_provider(provider, 0);
        model.api.change("gpuproviders", provider, &json!({ "spec": limits }));
    }
    model.edit_provider(&limits);
    // What was under way for the old limits is over.
    model.seconds(190).await?;
    model.create("a", &json!({}));
    model.create("b", &json!({ "providerRef": { "name": provider } }));
    let winner = |model: &Model| ["a", "b"].into_iter().find(|name| model.is_ready(name));
    model
        .until("one is there", LONG, |model| winner(model).is_some())
        .await?;
    for _ in 0..120 {
        model.second().await?;
        must(model, model.cloud.machines().len() == 1, "one place, one machine")?;
    }
    let first = winner(model).unwrap();
    model.delete(first);
    model
        .until("the other", LONG, |model| {
            winner(model).is_some_and(|name| name != first)
        })
        .await?;
    must(model, model.cloud.machines().len() == 1, "one place, one machine")?;
    let second = winner(model).unwrap();
    model.delete(second);
    model
        .until("gone", LONG, |model| model.api.all("gpuinstances").is_empty())
        .await?;
    model.settles().await
}
