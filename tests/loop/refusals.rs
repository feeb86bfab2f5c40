//! What a cloud may answer besides yes, and lists that do not show all: each only costs time.

use gpu_instance_operator::api::Cloud;
use gpu_instance_operator::provider::Kind;
use serde_json::json;

use crate::holes::{ever, must, says};
use crate::lives::{LIVES, LONG, ends, ready};
use crate::model::{Fate, Habits, Model, Outcome, REGIONS, live, on_all_cores};
use crate::{passes, passes_at};

const KINDS: [Kind; 8] = [
    Kind::Unauthorized,
    Kind::Invalid,
    Kind::NoCapacity,
    Kind::InsufficientBalance,
    Kind::Quota,
    Kind::RateLimited,
    Kind::NotFound,
    Kind::Transient,
];

/// Every kind of refusal of every kind of call, wherever it is made: a machine that is there is not given up for gone, and
/// none is rented twice.
#[test]
fn a_refusal_of_any_kind_only_costs_time() {
    let calls = [
        "create", "start", "stop", "delete", "list", "describe", "identify", "quote", "task",
    ];
    let mut cases = Vec::new();
    for cloud in Cloud::ALL {
        for call in calls {
            cases.extend(KINDS.map(|kind| (cloud, call, kind)));
        }
    }
    let (tally, failures) = on_all_cores(cases.len(), |n| {
        let (cloud, call, kind) = cases[n];
        let mut lived = live(cloud, 3, |mut model| async move {
            model.cloud.habits(|habits| habits.refuses_with = Some(kind));
            model.world.plan_next(&format!("cloud {call}"), Fate::Refused);
            (LIVES[0].live)(&mut model).await?;
            ever(&model, 1)
        });
        lived.outcome = lived
            .outcome
            .map_err(|why| format!("{call} refused as {kind:?}: {why}"));
        lived
    });
    println!("{} lives", tally.lives);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The cloud refuses again and again, each time for another reason.
#[test]
fn a_moody_cloud_only_costs_time() {
    for seed in 0..3 {
        passes(seed, |mut model| async move {
            model.cloud.habits(|habits| habits.moody = true);
            for call in ["create", "create", "stop", "stop", "start", "start", "delete", "delete"] {
                model.world.plan_next(&format!("cloud {call}"), Fate::Refused);
            }
            (LIVES[0].live)(&mut model).await?;
            ever(&model, 1)
        });
    }
}

#[test]
fn an_account_without_money_rents_once_it_has_some() {
    passes(3, |mut model| async move {
        model.cloud.habits(|habits| habits.poor = true);
        model.create("a", &json!({}));
        says(&mut model, "a", "InsufficientBalance").await?;
        model.seconds(300).await?;
        ever(&model, 0)?;
        model.cloud.habits(|habits| habits.poor = false);
        ready(&mut model).await?;
        ever(&model, 1)?;
        ends(&mut model).await
    });
}

/// A task that fails may have made a machine all the same.
#[test]
fn a_task_that_fails_leaves_no_second_machine() {
    for seed in 0..6 {
        passes_at(&[Cloud::CapitalOnline], seed, |mut model| async move {
            model.cloud.habits(|habits| habits.tasks_fail = true);
            model.create("a", &json!({}));
            model.seconds(120).await?;
            model.cloud.habits(|habits| habits.tasks_fail = false);
            ready(&mut model).await?;
            must(&model, model.cloud.machines().len() == 1, "one machine")?;
            ends(&mut model).await
        });
    }
}

/// A state that nobody knows: nothing is done.
#[test]
fn a_state_that_nobody_knows_is_left_alone() {
    passes(3, |mut model| async move {
        model.create("a", &json!({ "updatePolicy": "Recreate" }));
        ready(&mut model).await?;
        let shows = gpu_instance_operator::api::InstanceState::Unknown;
        model.cloud.habits(|habits| habits.shows = Some(shows));
        says(&mut model, "a", "UnknownState").await?;
        model.seconds(300).await?;
        must(&model, model.cloud.touched().is_empty(), "nothing was asked of it")?;
        model.cloud.habits(|habits| habits.shows = None);
        ready(&mut model).await?;
        ever(&model, 1)?;
        ends(&mut model).await
    });
}

/// The reply to an order is lost, and no list proves anything: a human is asked, and nothing is rented meanwhile.
async fn unproven(model: &mut Model, habit: fn(&mut Habits)) -> Outcome {
    model.world.plan_next("cloud create", Fate::RequestLost);
    model.create("a", &json!({}));
    model
        .until("ordered", LONG, |model| model.world.has_called("cloud create"))
        .await?;
    model.cloud.habits(habit);
    says(model, "a", "CreateOutcomeUnknown").await?;
    model.seconds(300).await?;
    ever(model, 0)?;
    model.cloud.calm();
    ready(model).await?;
    ever(model, 1)?;
    ends(model).await
}

#[test]
fn lists_that_are_cut_short_prove_nothing() {
    passes(3, |mut model| async move {
        unproven(&mut model, |habits| habits.cut_short = Some(0)).await
    });
}

#[test]
fn lists_that_hide_names_prove_nothing() {
    passes(3, |mut model| async move {
        unproven(&mut model, |habits| habits.hides_names = true).await
    });
}

#[test]
fn a_region_that_does_not_answer_hides_nothing_but_itself() {
    passes_at(&[Cloud::Scnet, Cloud::Neolink], 3, |mut model| async move {
        model.create("b", &json!({ "region": REGIONS[1] }));
        let is_there = |model: &Model| model.is_ready("b");
        model.until("Ready", LONG, is_there).await?;
        model.create("a", &json!({}));
        ready(&mut model).await?;
        model.cloud.habits(|habits| {
            habits.unreadable.insert(REGIONS[0].to_owned());
        });
        model.delete("b");
        model.until("gone", LONG, |model| model.instance("b").is_none()).await?;
        model.seconds(300).await?;
        must(&model, model.reason("a") != "Lost", "what cannot be seen is not lost")?;
        model.cloud.calm();
        ready(&mut model).await?;
        ever(&model, 2)?;
        ends(&mut model).await
    });
}
