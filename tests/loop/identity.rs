//! Whose a machine is: accounts, machines of others, machines that are let go.

use gpu_instance_operator::api::status::InstanceState;
use serde_json::json;

use crate::model::Model;
use crate::passes;

#[test]
fn another_account_freezes_everything_until_the_first_is_back() {
    passes(5, |mut model| async move {
        model.create("a", &json!({ "updatePolicy": "Recreate" }));
        model.create("b", &json!({ "power": "Stopped" }));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model
            .api
            .change("secrets", "xgc", &json!({ "data": { "token": "dG9rZW4tMg==" } }));
        model
            .until("noticed", 120, |model| model.reason("a") == "AccountChanged")
            .await?;
        model.delete("a");
        model.seconds(300).await?;
        assert_eq!(model.cloud.machines().len(), 1, "nothing is deleted, nothing is rented");
        assert!(model.instance("a").is_some(), "the object stays");
        model
            .api
            .change("secrets", "xgc", &json!({ "data": { "token": "dG9rZW4tMQ==" } }));
        model.until("gone", 300, |model| model.instance("a").is_none()).await?;
        model.settles().await
    });
}

#[test]
fn a_retained_machine_is_kept_and_no_orphan() {
    passes(4, |mut model| async move {
        model.create("a", &json!({ "deletionPolicy": "Retain" }));
        model.until("Ready", 120, |model| model.is_ready("a")).await?;
        model.delete("a");
        model.until("gone", 60, |model| model.instance("a").is_none()).await?;
        model.seconds(120).await?;
        assert_eq!(model.cloud.state("m-1"), Some(InstanceState::Running));
        let provider = model.api.get("gpuproviders", "xgc").unwrap();
        assert_eq!(provider["status"]["instances"]["orphans"], json!(0));
        assert!(
            model.api.get("secrets", "a-connection").is_some(),
            "its Secret is kept too"
        );
        model.settles().await
    });
}

#[test]
fn machines_of_others_are_left_alone_and_may_be_adopted() {
    passes(4, |mut model| async move {
        let theirs = model.cloud.rent_by_hand("u-1", "gi-other-123456789abc-1");
        let free = model.cloud.rent_by_hand("u-1", "notebook");
        model.oracles.belong_to_others([theirs.clone(), free.clone()]);
        model.create("a", &json!({ "instanceId": theirs, "deletionPolicy": "Delete" }));
        model
            .until("refused", 60, |model| model.reason("a") == "AdoptionForbidden")
            .await?;
        model.delete("a");
        model.create("b", &json!({ "instanceId": free, "power": "Running" }));
        model.until("Ready", 60, |model| model.is_ready("b")).await?;
        model.create("c", &json!({ "instanceId": free }));
        model
            .until("refused", 60, |model| model.reason("c") == "InstanceClaimed")
            .await?;
        model.delete("c");
        model.delete("b");
        model.until("gone", 60, |model| model.instance("b").is_none()).await?;
        model.seconds(60).await?;
        assert_eq!(model.cloud.machines().len(), 2);
        Ok(())
    });
}

/// Found by a random life: the provider that nobody used kept the Secret of the other one for ever.
#[test]
fn a_secret_that_two_providers_name_goes_when_neither_is_in_use() {
    passes(4, |mut model| async move {
        model.share(&json!({ "from": "All" }));
        model.create("a", &json!({}));
        model.until("Ready", 300, |model| model.is_ready("a")).await?;
        model.delete_namespace();
        let all_gone = |model: &Model| {
            let gone = |kind| model.api.all(kind).is_empty();
            gone("gpuinstances") && gone("gpuproviders") && gone("secrets")
        };
        model.until("rid of all", 600, all_gone).await?;
        model.settles().await
    });
}

/// Found by a random life: given free in the same moment, each of two providers left the Secret to the other.
#[test]
fn a_secret_that_two_providers_name_goes_when_both_are_given_free_at_once() {
    for seed in 0..8 {
        passes(seed, |mut model| async move {
            model.share(&json!({ "from": "All" }));
            let shared = json!({ "kind": "ClusterGpuProvider", "name": "shared" });
            model.create("a", &json!({ "deletionPolicy": "Retain" }));
            model.create("b", &json!({ "deletionPolicy": "Retain", "providerRef": shared }));
            let held = |model: &Model| {
                let mut providers = [model.api.all("gpuproviders"), model.api.all("clustergpuproviders")].concat();
                providers.retain(|provider| provider["metadata"]["finalizers"].is_array());
                providers.len() == 2 && model.is_ready("a") && model.is_ready("b")
            };
            model.until("Ready", 300, held).await?;
            model.delete_namespace();
            model
                .until("rid of it", 600, |model| model.api.get("secrets", "xgc").is_none())
                .await?;
            model.settles().await
        });
    }
}

/// The other way round: the Secret stays for the one that is in use.
#[test]
fn a_secret_that_two_providers_name_stays_for_the_one_in_use() {
    passes(4, |mut model| async move {
        model.share(&json!({ "from": "All" }));
        let shared = json!({ "kind": "ClusterGpuProvider", "name": "shared" });
        model.create("a", &json!({}));
        model.create("b", &json!({ "providerRef": shared }));
        model
            .until("Ready", 300, |model| model.is_ready("a") && model.is_ready("b"))
            .await?;
        model.delete("a");
        model.until("gone", 300, |model| model.instance("a").is_none()).await?;
        model.delete_secret();
        model.seconds(120).await?;
        assert!(model.api.get("secrets", "xgc").is_some(), "b's machine needs it");
        model.delete("b");
        model.until("gone", 300, |model| model.instance("b").is_none()).await?;
        model
            .until("rid of it", 300, |model| model.api.get("secrets", "xgc").is_none())
            .await?;
        model.settles().await
    });
}
