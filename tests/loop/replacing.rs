//! Machines that are replaced, where that is asked for.

use serde_json::json;

use crate::model::Fate;
use crate::passes;

#[test]
fn a_new_image_makes_a_new_machine_where_that_is_asked_for() {
    for (seed, fault) in (0..).zip([
        None,
        Some(Fate::ReplyLost),
        Some(Fate::DiesAfter),
        Some(Fate::RequestLost),
    ]) {
        for what in ["cloud create", "cloud delete", "patch gpuinstances"] {
            passes(seed, |mut model| async move {
                model.create("a", &json!({ "updatePolicy": "Recreate" }));
                model.until("Ready", 120, |model| model.is_ready("a")).await?;
                if let Some(fault) = fault {
                    model.world.plan_next(what, fault);
                }
                model.edit("a", &json!({ "image": "other" }));
                model
                    .until("replaced", 900, |model| {
                        model.is_ready("a") && model.cloud.ever().len() > 1
                    })
                    .await?;
                model.settles().await?;
                let machines = model.cloud.machines();
                assert_eq!(machines.len(), 1);
                assert_eq!(machines[0].image, "other");
                assert_eq!(model.cloud.ever().len(), 2, "replaced once");
                Ok(())
            });
        }
    }
}

#[test]
fn a_machine_destroyed_in_the_console_is_replaced_where_that_is_asked_for() {
    passes(4, |mut model| async move {
        model.create("a", &json!({ "updatePolicy": "Recreate" }));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.cloud.console("m-1", None);
        model
            .until("replaced", 300, |model| {
                model.is_ready("a") && model.status("a", "instanceId") == "m-2"
            })
            .await?;
        model.settles().await
    });
}
