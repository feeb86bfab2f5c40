//! The password that opens a machine is the one in its Secret, whatever was lost on the way.

use k8s_openapi::ByteString;
use serde_json::json;

use super::{must, with_every};
use crate::lives::{LONG, Life, ends, ready};
use crate::model::{Fate, Model, Outcome};

#[test]
fn a_password_is_not_lost_around_a_reinstall() {
    let life = Life {
        name: "a password around a reinstall",
        possible: |can| can.chooses_password,
        live: |model| Box::pin(reinstalled(model)),
    };
    with_every(&Fate::OF_WRITES, &life);
}

/// The password in the connection Secret.
fn password(model: &Model) -> Option<String> {
    let secret = model.api.get("secrets", "a-connection")?;
    let bytes: ByteString = serde_json::from_value(secret["data"]["password"].clone()).ok()?;
    String::from_utf8(bytes.0).ok()
}

fn opens(model: &Model) -> bool {
    let machines = model.cloud.machines();
    machines.len() == 1 && machines[0].password == password(model)
}

async fn reinstalled(model: &mut Model) -> Outcome {
    model.create("a", &json!({ "updatePolicy": "InPlace" }));
    ready(model).await?;
    let first = password(model);
    must(model, opens(model), "the first password opens the machine")?;
    for image in ["other", "third"] {
        model.edit("a", &json!({ "image": image }));
        model
            .until("reinstalled", LONG, |model| {
                model.is_ready("a") && model.cloud.machines()[0].image == image
            })
            .await?;
        must(model, opens(model), "the password in the Secret opens the machine")?;
    }
    must(model, password(model) != first, "a reinstall sets a new password")?;
    must(model, model.cloud.ever().len() == 1, "it is the same machine")?;
    ends(model).await
}
