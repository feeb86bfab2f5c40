//! A cloud that words things otherwise than they were ordered.

use serde_json::json;

use super::{any, ever, holds, must};
use crate::lives::{Life, ends, ready};
use crate::model::{Model, Outcome};

#[test]
fn what_the_cloud_words_otherwise_is_no_reason_to_replace_it() {
    holds(&Life {
        name: "worded otherwise",
        possible: any,
        live: |model| Box::pin(worded(model)),
    });
}

async fn worded(model: &mut Model) -> Outcome {
    model.cloud.habits(|habits| habits.words_otherwise = true);
    model.create("a", &json!({ "updatePolicy": "Recreate" }));
    ready(model).await?;
    model.seconds(180).await?;
    ever(model, 1)?;
    must(model, model.condition("a", "Drifted").is_null(), "nothing differs")?;
    model.cloud.habits(|habits| habits.words_otherwise = false);
    model.seconds(120).await?;
    ever(model, 1)?;
    ends(model).await
}
