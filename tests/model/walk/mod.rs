//! Random lives: a script of deeds by a seed, lived, replayed bit for bit, and cut down to what makes it fail.

mod deed;
mod script;
mod shrink;

use gpu_instance_operator::api::Cloud as Name;
use serde_json::json;

use super::{Lived, Model, Outcome, live};
pub use deed::Deed;
pub use script::{NAMES, Script};
pub use shrink::shrink;

/// Lives the script.
pub fn walk(script: &Script) -> Lived {
    live(script.cloud, script.seed, |model| follow(model, script))
}

/// The same, with every call in the trace.
pub fn walk_traced(script: &Script) -> Lived {
    live(script.cloud, script.seed, |model| {
        model.world.keep_whole_trace();
        follow(model, script)
    })
}

/// A random life at this cloud.
pub fn script(cloud: Name, seed: u64) -> Script {
    Script::new(cloud, seed)
}

async fn follow(mut model: Model, script: &Script) -> Outcome {
    // In half of all lives nothing may be swept, though it is wanted.
    if script.seed % 2 == 1 {
        model.sweep_orphans();
    }
    for (pause, deed) in &script.deeds {
        model.seconds(*pause).await?;
        deed.carry_out(&mut model).await?;
    }
    all_is_put_right(&mut model).await?;
    model.settles_somehow().await?;
    if model.somebody_answers() {
        model.settles_somehow().await?;
    }
    all_is_deleted(&mut model).await?;
    model.settles_somehow().await?;
    nothing_is_left(&model)
}

/// Faults stop, and whoever changed the surroundings changes them back.
async fn all_is_put_right(model: &mut Model) -> Outcome {
    model.world.note("user: all is put right");
    model.world.calm();
    model.operator.thaw();
    model.operator.list_anew();
    model.operator.lags(std::time::Duration::from_millis(50));
    model.cloud.habits(|habits| {
        let price = habits.price.clone();
        *habits = super::cloud::Habits {
            price,
            ..super::cloud::Habits::default()
        };
    });
    // What is being deleted goes first, with the credentials that it needs.
    let leaving = |model: &Model| {
        let kinds = ["gpuproviders", "secrets"];
        let objects = kinds.iter().flat_map(|kind| model.api.all(kind));
        objects
            .filter(|object| !object["metadata"]["deletionTimestamp"].is_null())
            .count()
    };
    if leaving(model) > 0 {
        all_is_deleted(model).await?;
        let gone = |model: &Model| leaving(model) == 0;
        model.until("rid of what was deleted", 4_000, gone).await?;
    }
    model.furnish();
    model.speak_for(Some(0));
    model.edit_provider(&json!({ "limits": null }));
    for name in NAMES {
        model.edit(name, &json!({ "suspend": false }));
    }
    Ok(())
}

/// All instances are deleted, and go: each while the provider speaks for its account.
async fn all_is_deleted(model: &mut Model) -> Outcome {
    for name in NAMES {
        model.delete(name);
    }
    for (account, id) in ["u-1", "u-2"].into_iter().enumerate() {
        model.speak_for(Some(account));
        let gone = |model: &Model| {
            model.somebody_answers();
            let objects = model.api.all("gpuinstances");
            objects.iter().all(|object| object["status"]["accountId"] != id)
        };
        model.until("rid of what the account has", 4_000, gone).await?;
    }
    model.speak_for(Some(0));
    let all_gone = |model: &Model| {
        model.somebody_answers();
        model.api.all("gpuinstances").is_empty()
    };
    model.until("gone", 4_000, all_gone).await
}

fn nothing_is_left(model: &Model) -> Outcome {
    let ours: Vec<_> = model
        .cloud
        .machines()
        .into_iter()
        .filter(|machine| model.oracles.is_ours(machine))
        .collect();
    if ours.is_empty() {
        return Ok(());
    }
    Err(format!("all objects are gone, and these machines are left: {ours:?}"))
}
