//! The list: all its pages, and what they prove.

use gpu_instance_operator::provider::{Kind, Proof, Scope};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, path};
use wiremock::{Mock, ResponseTemplate};

use crate::{Scene, fixture, list};

fn row(n: usize) -> Value {
    let mut row = fixture("instances")["instances"][1].clone();
    row["instanceMetadata"]["instanceId"] = json!(format!("notebook-{n}"));
    row["instanceMetadata"]["instanceName"] = json!(format!("n-{n}"));
    row
}

/// A server with these pages; one beyond them is empty.
async fn with_pages(pages: &[Value]) -> Scene {
    let beyond = json!({"instances": [], "pager": pages.last().unwrap()["pager"]});
    let scene = Scene::saying(&beyond).await;
    for (n, page) in pages.iter().enumerate() {
        let asked = json!({"pager": {"currentPage": n + 1, "pageSize": 50}});
        Mock::given(path("/luchen/instance/list"))
            .and(body_json(asked))
            .respond_with(ResponseTemplate::new(200).set_body_json(page))
            .with_priority(2)
            .mount(&scene.server)
            .await;
    }
    scene
}

fn page(rows: std::ops::Range<usize>, total: impl Into<Value>) -> Value {
    let total: Value = total.into();
    json!({"instances": rows.map(row).collect::<Vec<_>>(), "pager": {"totalEntries": total}})
}

#[tokio::test]
async fn all_pages_are_read_also_where_they_are_shorter_than_asked_for() {
    for (pages, asked) in [
        (vec![page(0..50, json!(50))], 1),
        (
            vec![
                page(0..50, json!(120)),
                page(50..100, json!(120)),
                page(100..120, json!(120)),
            ],
            3,
        ),
        (
            vec![
                page(0..10, json!(25)),
                page(10..20, json!("25")),
                page(20..25, json!(25.0)),
            ],
            3,
        ),
    ] {
        let scene = with_pages(&pages).await;
        let listing = scene.provider.list(&Scope::default()).await.unwrap();
        assert_eq!(listing.proof, Proof::Complete);
        let rows: usize = pages
            .iter()
            .map(|page| page["instances"].as_array().unwrap().len())
            .sum();
        assert_eq!(listing.machines.len(), rows);
        assert_eq!(scene.count("/instance/list").await, asked);
    }
}

#[tokio::test]
async fn a_list_proves_absence_only_when_it_is_whole() {
    let without = |pointer: &str, name: &str| {
        let mut body = fixture("instances");
        body.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
        vec![body]
    };
    let with = |pointer: &str, value: Value| {
        let mut body = fixture("instances");
        *body.pointer_mut(pointer).unwrap() = value;
        vec![body]
    };
    for (pages, machines, complaint) in [
        (vec![page(0..3, json!(4))], 3, "there are 4 machines and shows 3"),
        (vec![page(0..3, json!(2))], 3, "there are 2 machines and shows 3"),
        (
            vec![page(0..50, json!(60)), page(50..60, json!(61))],
            60,
            "changed while it was read",
        ),
        (
            vec![page(0..50, json!(60)), page(45..55, json!(60))],
            55,
            "shows a machine twice",
        ),
        (without("", "pager"), 2, "does not say how many"),
        (without("/pager", "totalEntries"), 2, "does not say how many"),
        (with("/pager/totalEntries", json!(-1)), 2, "does not say how many"),
        (
            without("/instances/0/instanceMetadata", "instanceId"),
            1,
            "has 1 of 3 machines that cannot be read",
        ),
        (
            with("/instances/0/instanceMetadata/instanceId", json!("a/../b")),
            1,
            "cannot be read",
        ),
        (with("/instances/0", json!("what?")), 1, "cannot be read"),
        (
            without("/instances/0/instanceMetadata", "instanceName"),
            2,
            "shows 1 of 3 machines without a name",
        ),
        (
            with("/instances/0/instanceMetadata/instanceName", Value::Null),
            2,
            "without a name",
        ),
    ] {
        let listing = with_pages(&pages).await.provider.list(&Scope::default()).await.unwrap();
        assert_eq!(listing.machines.len(), machines, "{complaint}");
        let Proof::Incomplete(said) = &listing.proof else {
            panic!("{complaint}: proven")
        };
        assert!(said.starts_with("Luchen's list ") && said.contains(complaint), "{said}");
    }
}

#[tokio::test]
async fn a_later_page_that_fails_fails_the_whole_list() {
    let scene = with_pages(&[page(0..50, json!(60))]).await;
    Mock::given(path("/luchen/instance/list"))
        .and(body_json(json!({"pager": {"currentPage": 2, "pageSize": 50}})))
        .respond_with(ResponseTemplate::new(502))
        .with_priority(1)
        .mount(&scene.server)
        .await;
    assert_eq!(
        scene.provider.list(&Scope::default()).await.unwrap_err().kind,
        Kind::Transient
    );
}

#[tokio::test]
async fn an_empty_list_is_one_that_says_so() {
    for (body, is_list) in [
        (json!({"instances": [], "pager": {"totalEntries": 0}}), true),
        (json!({"instances": null, "pager": {"totalEntries": 0}}), true),
        (json!({"pager": {"totalEntries": 0}}), true),
        (json!({"instances": null, "pager": {"totalEntries": 2}}), false),
        (json!({"instances": null}), false),
        (json!({"instances": {}, "pager": {"totalEntries": 0}}), false),
        (json!({"message": "系统繁忙", "pager": {"totalEntries": 0}}), false),
        (json!({}), false),
        (json!([]), false),
        (Value::Null, false),
    ] {
        match list(&body).await {
            Ok(listing) if is_list => assert!(listing.machines.is_empty() && listing.proof == Proof::Complete),
            Err(error) if !is_list => assert_eq!(error.kind, Kind::Transient),
            other => panic!("{body}: {other:?}"),
        }
    }
}
