//! Two want one machine.

use serde_json::json;

use super::{any, holds, must, says};
use crate::lives::{LONG, Life, ends, ready};
use crate::model::{Model, Outcome};

#[test]
fn of_two_objects_that_adopt_one_machine_one_gets_it() {
    holds(&Life {
        name: "two objects adopt one machine",
        possible: any,
        live: |model| Box::pin(both_adopt(model)),
    });
}

async fn both_adopt(model: &mut Model) -> Outcome {
    let id = model.cloud.rent_by_hand("u-1", "notebook");
    model.oracles.are_left_behind([id.clone()]);
    let adopt = json!({ "instanceId": id, "deletionPolicy": "Delete" });
    model.create("a", &adopt);
    model.create("b", &adopt);
    let winner = |model: &Model| ["a", "b"].into_iter().find(|name| model.is_ready(name));
    let loser = |model: &Model| {
        ["a", "b"]
            .into_iter()
            .find(|name| model.reason(name) == "InstanceClaimed")
    };
    model
        .until("one has it", LONG, |model| {
            winner(model).is_some() && loser(model).is_some()
        })
        .await?;
    let (winner, loser) = (winner(model).unwrap(), loser(model).unwrap());
    model.delete(loser);
    model
        .until("gone", LONG, |model| model.instance(loser).is_none())
        .await?;
    must(
        model,
        model.cloud.machines().len() == 1,
        "whoever did not get it deletes nothing",
    )?;
    model.delete(winner);
    model
        .until("gone", LONG, |model| model.instance(winner).is_none())
        .await?;
    must(model, model.cloud.machines().is_empty(), "it goes with its holder")?;
    model.settles().await
}

/// A tenant knows the id of a machine of another's, in an account that both use.
#[test]
fn a_tenant_does_not_get_the_machine_of_another() {
    holds(&Life {
        name: "a tenant adopts the machine of another",
        possible: any,
        live: |model| Box::pin(of_another(model)),
    });
}

async fn of_another(model: &mut Model) -> Outcome {
    model.share(&json!({ "from": "All" }));
    model.create("a", &json!({}));
    let known = |model: &Model| model.cloud.machines().first().map(|machine| machine.id.clone());
    model.until("made", LONG, |model| known(model).is_some()).await?;
    let id = known(model).unwrap();
    let shared = json!({ "kind": "ClusterGpuProvider", "name": "shared" });
    let adopt = json!({ "instanceId": id, "deletionPolicy": "Delete", "power": "Stopped", "providerRef": shared });
    model.create("tenant/x", &adopt);
    says(model, "tenant/x", "AdoptionForbidden").await?;
    model.api.change(
        "clustergpuproviders",
        "shared",
        &json!({ "spec": { "adoption": "Allowed" } }),
    );
    says(model, "tenant/x", "InstanceClaimed").await?;
    model.delete("tenant/x");
    model
        .until("gone", LONG, |model| model.instance("tenant/x").is_none())
        .await?;
    ready(model).await?;
    must(
        model,
        model.cloud.touched().is_empty(),
        "nothing was asked of the machine",
    )?;
    ends(model).await
}
