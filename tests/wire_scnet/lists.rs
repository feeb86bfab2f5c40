//! What a list proves.

use gpu_instance_operator::provider::{Kind, Proof};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{LIST_BY_BODY, LIST_BY_QUERY, REGION, Scene, called, good, in_use, refusal};

fn row(n: usize) -> Value {
    json!({"id": format!("{n:032x}"), "instanceServiceName": format!("gi-test-{n}"), "status": "Running"})
}

fn rows(range: std::ops::Range<usize>) -> Vec<Value> {
    range.map(row).collect()
}

fn page(data: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(good(data))
}

/// How many machines are shown, and why that is not all, if it is not.
async fn listed(scene: &Scene) -> (usize, Option<String>) {
    let listing = scene.provider.list(&in_use(&[REGION])).await.unwrap();
    let gap = listing.proof.gap(Some(REGION));
    (listing.machines.len(), gap)
}

#[tokio::test]
async fn a_list_is_read_to_its_end_in_either_shape() {
    for pages in [
        vec![
            page(json!({"total": 250, "data": rows(0..100)})),
            page(json!({"total": 250, "data": rows(100..200)})),
            page(json!({"total": "250", "data": rows(200..250)})),
        ],
        // Fewer at once than were asked for.
        vec![
            page(json!({"total": 30, "list": rows(0..20)})),
            page(json!({"total": 30, "list": rows(20..30)})),
        ],
        vec![page(json!(rows(0..20))), page(json!(rows(20..25))), page(json!([]))],
    ] {
        let scene = Scene::new().await;
        let count = pages.len();
        scene.answers(LIST_BY_QUERY, pages);
        let (machines, gap) = listed(&scene).await;
        assert_eq!(gap, None);
        assert!(machines >= 25);
        assert_eq!(scene.count(LIST_BY_QUERY).await, count);
        assert_eq!(scene.count(LIST_BY_BODY).await, 0);
    }
}

#[tokio::test]
async fn a_list_that_contradicts_itself_proves_nothing() {
    for (pages, says) in [
        // A server that does not heed where to begin.
        (vec![page(json!(rows(0..20)))], "shown twice"),
        (vec![page(json!({"total": 40, "data": rows(0..20)}))], "shown twice"),
        (
            vec![
                page(json!({"total": 3, "data": rows(0..2)})),
                page(json!({"total": 3, "data": []})),
            ],
            "3 machines are said to be there, and 2 are shown",
        ),
        (vec![page(json!({"total": 1, "data": rows(0..2)}))], "more are shown"),
        (
            vec![
                page(json!({"total": 3, "data": rows(0..2)})),
                page(json!({"total": 2, "data": []})),
            ],
            "the number of machines changed",
        ),
        (
            vec![page(json!({"total": 1, "data": [{"status": "Running"}]}))],
            "without an id or a name",
        ),
        (
            vec![page(json!({"total": 1, "data": [{"id": "x", "status": "Running"}]}))],
            "without an id or a name",
        ),
        (vec![page(json!("oops"))], "no list of machines"),
        (vec![page(json!({"total": 2, "data": null}))], "no list of machines"),
    ] {
        let scene = Scene::with(json!({"listWith": "Query"})).await;
        scene.answers(LIST_BY_QUERY, pages);
        // Another region is read in full, so that the account as a whole is not out of order.
        let listing = scene.provider.list(&in_use(&[REGION])).await;
        let error = listing.unwrap_err();
        assert_eq!(error.kind, Kind::Transient);
        assert!(error.message.contains(says), "{says}: {error}");
    }
}

#[tokio::test]
async fn the_form_that_is_not_known_is_left_for_the_other() {
    for refused in [
        ResponseTemplate::new(404).set_body_string("404 page not found"),
        ResponseTemplate::new(405),
        ResponseTemplate::new(200).set_body_json(refusal("10003", "参数不全")),
        ResponseTemplate::new(200).set_body_json(good(json!("what"))),
    ] {
        let scene = Scene::new().await;
        scene.answers(LIST_BY_QUERY, [refused]);
        scene.answers(LIST_BY_BODY, [page(json!({"total": 2, "data": rows(0..2)}))]);
        assert_eq!(listed(&scene).await, (2, None));
        assert_eq!(listed(&scene).await, (2, None));
        assert_eq!(
            scene.count(LIST_BY_QUERY).await,
            1,
            "what has shown a machine is kept to"
        );
    }
}

#[tokio::test]
async fn an_empty_list_is_held_against_the_other_form() {
    let none = || page(json!({"total": 0, "data": []}));
    let scene = Scene::new().await;
    scene.answers(LIST_BY_QUERY, [none()]);
    scene.answers(LIST_BY_BODY, [page(json!(rows(0..1))), page(json!([]))]);
    assert_eq!(listed(&scene).await.0, 1);
    for (other, complete) in [
        (none(), true),
        (ResponseTemplate::new(404), true),
        (ResponseTemplate::new(502), false),
    ] {
        let scene = Scene::new().await;
        scene.answers(LIST_BY_QUERY, [none()]);
        scene.answers(LIST_BY_BODY, [other]);
        assert_eq!(scene.provider.list(&in_use(&[REGION])).await.is_ok(), complete);
    }
}

#[tokio::test]
async fn both_forms_say_what_the_vendor_wants_and_the_choice_is_the_users() {
    let body = json!({"instanceServiceName": null, "limit": 100, "sort": "desc", "start": 0, "status": null, "taskType": null});
    for (choice, call) in [
        ("Query", called(LIST_BY_QUERY, "limit=100&start=0&sort=desc", None)),
        ("Body", called(LIST_BY_BODY, "", Some(body))),
    ] {
        let scene = Scene::with(json!({ "listWith": choice })).await;
        scene.says(&call.call, good(json!({"total": 0, "data": []})));
        assert_eq!(listed(&scene).await, (0, None));
        assert_eq!(scene.calls().await, [call]);
    }
}

#[tokio::test]
async fn one_region_that_cannot_be_listed_does_not_stand_for_the_others() {
    let scene = Scene::new().await;
    scene.says(LIST_BY_QUERY, good(json!({"total": 2, "data": rows(0..2)})));
    let mut tokens = crate::fixture("tokens");
    tokens["data"][1]["token"] = Value::Null;
    scene.says(crate::TOKENS, tokens);
    let listing = scene
        .provider
        .list(&in_use(&["OpenAPI计算中心", "test中心", "nonesuch"]))
        .await
        .unwrap();
    assert_eq!(listing.machines.len(), 2);
    for region in ["11112", "OpenAPI计算中心"] {
        assert_eq!(listing.proof.gap(Some(region)), None);
    }
    assert!(
        listing
            .proof
            .gap(Some("test中心"))
            .unwrap()
            .contains("disabled for this account")
    );
    assert!(
        listing
            .proof
            .gap(Some("nonesuch"))
            .unwrap()
            .contains("not among the account's regions")
    );
    assert!(listing.proof.gap(None).is_some());
}

#[tokio::test]
async fn where_none_is_in_use_every_enabled_region_is_listed() {
    let scene = Scene::new().await;
    scene.says(LIST_BY_QUERY, good(json!([])));
    let listing = scene.provider.list(&in_use(&[])).await.unwrap();
    assert_eq!(listing.proof, Proof::Complete);
    let calls = scene.calls().await;
    let mut tokens: Vec<_> = calls
        .iter()
        .filter(|call| call.call == LIST_BY_QUERY)
        .filter_map(|call| call.token.as_deref())
        .collect();
    tokens.sort_unstable();
    assert_eq!(tokens, ["eyJ-region-11112", "eyJ-region-111131"], "never the platform");
}

#[tokio::test]
async fn no_region_that_answers_is_an_outage() {
    let scene = Scene::new().await;
    scene.answers(LIST_BY_QUERY, [ResponseTemplate::new(502)]);
    let error = scene.provider.list(&in_use(&[REGION])).await.unwrap_err();
    assert_eq!(error.kind, Kind::Transient);
}
