//! All is deleted at once, or in the wrong order.

use serde_json::json;

use super::{any, ever, holds, must, under_way};
use crate::lives::{LONG, Life, ready};
use crate::model::{Model, Outcome};

#[test]
fn a_namespace_deleted_as_a_whole_leaves_no_machine() {
    holds(&Life {
        name: "namespace deleted as a whole",
        possible: any,
        live: |model| Box::pin(namespace(model)),
    });
}

async fn namespace(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    ready(model).await?;
    model.create("b", &json!({ "power": "Stopped" }));
    model.create("c", &json!({}));
    let orders = |model: &Model| {
        let calls = model.world.calls();
        calls
            .iter()
            .filter(|call| call.what.starts_with("cloud create"))
            .count()
    };
    let before = orders(model);
    while orders(model) == before {
        model.second().await?;
    }
    model.delete_namespace();
    model.until("empty", LONG, is_empty).await?;
    must(model, model.cloud.machines().is_empty(), "no machine is left")?;
    model.settles().await
}

fn is_empty(model: &Model) -> bool {
    ["gpuinstances", "gpuproviders", "secrets"]
        .into_iter()
        .all(|kind| model.api.all(kind).is_empty())
}

#[test]
fn a_provider_deleted_first_outlives_its_machines_and_rents_no_more() {
    holds(&Life {
        name: "provider deleted first",
        possible: any,
        live: |model| Box::pin(provider_first(model)),
    });
}

async fn provider_first(model: &mut Model) -> Outcome {
    model.create("a", &json!({}));
    under_way(model, "cloud create").await?;
    ready(model).await?;
    model.delete_provider();
    model.delete_secret();
    model.seconds(40).await?;
    model.create("b", &json!({}));
    model.seconds(120).await?;
    let made = model.cloud.machines().len();
    must(model, made == 1, "nothing is rented with what is going away")?;
    ever(model, 1)?;
    model.delete("b");
    model.delete("a");
    model.until("empty", LONG, is_empty).await?;
    must(model, model.cloud.machines().is_empty(), "no machine is left")?;
    model.settles().await
}
