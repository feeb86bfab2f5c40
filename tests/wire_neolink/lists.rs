//! Lists: by cluster, page by page, and what they prove.

use std::collections::BTreeSet;

use gpu_instance_operator::provider::{Kind, Listing, Proof, Scope};
use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::{connect, fixture, list};

fn complaint(listing: &Listing) -> &str {
    match &listing.proof {
        Proof::Incomplete(why) => why,
        other => panic!("{other:?}"),
    }
}

fn instance(n: usize) -> Value {
    let mut row = fixture("create");
    row["name"] = json!(format!("instance-{n:04}"));
    row
}

fn page(rows: &[Value], has_next: bool, total: usize) -> Value {
    json!({"hasNextPage": has_next, "nodes": rows, "totalCount": total})
}

#[tokio::test]
async fn a_list_proves_absence_only_when_it_is_whole() {
    let with = |pointer: &str, value: Value| {
        let mut body = fixture("list");
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let mut twice = fixture("list");
    twice["nodes"] = json!([twice["nodes"][0], twice["nodes"][0]]);
    twice["totalCount"] = json!(2);
    for (body, machines, says) in [
        (
            with("/totalCount", json!(2)),
            1,
            "says that there are 2 machines and shows 1",
        ),
        (
            with("/totalCount", json!(0)),
            1,
            "says that there are 0 machines and shows 1",
        ),
        (with("/totalCount", json!(-1)), 1, "says that there are -1 machines"),
        (with("/totalCount", Value::Null), 1, "does not say how many"),
        (with("/hasNextPage", Value::Null), 1, "does not say whether it is whole"),
        (
            with("/hasNextPage", json!(true)),
            1,
            "has more pages, and how to ask for them is not known: it shows 1 of 1",
        ),
        (
            with("/nodes/0/name", json!("a/../b")),
            0,
            "1 of 1 machines that cannot be read",
        ),
        (with("/nodes/0/name", json!("..")), 0, "cannot be read"),
        (with("/nodes/0", json!("what?")), 0, "cannot be read"),
        (
            with("/nodes/0/displayName", Value::Null),
            1,
            "shows 1 of 1 machines without a name",
        ),
        (twice, 1, "shows a machine twice"),
    ] {
        let listing = list(&body).await.unwrap();
        assert_eq!(listing.machines.len(), machines, "{says}");
        assert!(complaint(&listing).contains(says), "{}", complaint(&listing));
    }
    for body in [with("/totalCount", json!("1")), with("/nodes/0/displayName", json!(""))] {
        assert_eq!(list(&body).await.unwrap().proof, Proof::Complete);
    }
}

#[tokio::test]
async fn an_empty_list_is_one_that_says_so() {
    for (body, is_list) in [
        (json!({"hasNextPage": false, "nodes": [], "totalCount": 0}), true),
        (json!({"hasNextPage": false, "nodes": null, "totalCount": 0}), true),
        (json!({"hasNextPage": true, "nodes": null, "totalCount": 0}), false),
        (json!({"hasNextPage": false, "nodes": null, "totalCount": 2}), false),
        (json!({"nodes": null}), false),
        (json!({"hasNextPage": false, "totalCount": 0}), false),
        (json!({"hasNextPage": false, "nodes": {}, "totalCount": 0}), false),
        (json!({"message": "not now"}), false),
        (json!([]), false),
        (json!("ok"), false),
        (Value::Null, false),
    ] {
        match list(&body).await {
            Ok(listing) if is_list => assert!(listing.machines.is_empty() && listing.proof == Proof::Complete),
            Err(error) if !is_list => assert_eq!(error.kind, Kind::Transient),
            other => panic!("{body}: {other:?}"),
        }
    }
}

/// What a server with seven machines makes of a request for a page.
type Pages = fn(&Request) -> (usize, usize);

fn number(request: &Request, name: &str) -> Option<usize> {
    let mut pairs = request.url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.parse().expect("a number"))
}

async fn paged(pages: Pages) -> (Listing, usize) {
    let server = MockServer::start().await;
    let regions = ResponseTemplate::new(200).set_body_json(fixture("regions"));
    Mock::given(path("/neolink/regions"))
        .respond_with(regions)
        .mount(&server)
        .await;
    let answer = move |request: &Request| {
        let (skip, size) = pages(request);
        let rows: Vec<Value> = (0..7).skip(skip).take(size).map(instance).collect();
        let has_next = skip + rows.len() < 7;
        ResponseTemplate::new(200).set_body_json(page(&rows, has_next, 7))
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let provider = connect(&format!("{}/neolink", server.uri()));
    let listing = provider.list(&Scope::default()).await.unwrap();
    (listing, server.received_requests().await.unwrap().len() - 1)
}

#[tokio::test]
async fn every_usual_way_to_ask_for_a_page_leads_to_the_end() {
    let ways: [(&str, Pages, usize); 5] = [
        ("pages from one", |r| ((number(r, "page").unwrap_or(1) - 1) * 3, 3), 3),
        (
            "pages from one, under another name",
            |r| ((number(r, "pageNum").unwrap_or(1) - 1) * 3, 3),
            3,
        ),
        (
            "offset and limit",
            |r| (number(r, "offset").unwrap_or(0), number(r, "limit").unwrap_or(3)),
            3,
        ),
        // Skips a page when asked for the second, which shows in the total.
        ("pages from nought", |r| (number(r, "page").unwrap_or(0) * 3, 3), 4),
        ("one page", |_| (0, 7), 1),
    ];
    for (name, way, calls) in ways {
        let (listing, called) = paged(way).await;
        assert_eq!(listing.proof, Proof::Complete, "{name}");
        let ids: BTreeSet<&str> = listing.machines.iter().map(|machine| machine.id.as_str()).collect();
        assert_eq!((ids.len(), listing.machines.len()), (7, 7), "{name}");
        assert_eq!(called, calls, "{name}");
    }
}

#[tokio::test]
async fn pages_that_cannot_be_asked_for_prove_nothing() {
    let (listing, calls) = paged(|_| (0, 3)).await;
    assert_eq!(listing.machines.len(), 3);
    assert_eq!(
        complaint(&listing),
        "Neolink's list of host-cluster has more pages, and how to ask for them is not known: it shows 3 of 7 machines"
    );
    assert_eq!(calls, 3, "each way is tried once");
}

#[tokio::test]
async fn a_page_that_is_refused_proves_nothing_and_one_that_fails_is_an_outage() {
    for (status, outcome) in [(400, Ok(3)), (404, Ok(3)), (502, Err(Kind::Transient))] {
        let server = MockServer::start().await;
        let regions = ResponseTemplate::new(200).set_body_json(fixture("regions"));
        Mock::given(path("/neolink/regions"))
            .respond_with(regions)
            .mount(&server)
            .await;
        let answer = move |request: &Request| {
            if request.url.query().is_some() {
                return ResponseTemplate::new(status).set_body_json(json!({"message": "what is page?"}));
            }
            let rows: Vec<Value> = (0..3).map(instance).collect();
            ResponseTemplate::new(200).set_body_json(page(&rows, true, 7))
        };
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let provider = connect(&format!("{}/neolink", server.uri()));
        let listing = provider.list(&Scope::default()).await;
        if let Ok(listing) = &listing {
            assert_ne!(listing.proof, Proof::Complete);
        }
        let found = listing
            .map(|listing| listing.machines.len())
            .map_err(|error| error.kind);
        assert_eq!(found, outcome, "{status}");
    }
}

/// Three regions, the third of which is out of order; what was asked for, and what came of it.
async fn by_regions(
    regions: &[&str],
    held: &[&str],
) -> (gpu_instance_operator::provider::Result<Listing>, Vec<String>) {
    let server = MockServer::start().await;
    let region =
        |n: usize| json!({"id": format!("r-{n}"), "region": format!("区{n}"), "clusterName": format!("c-{n}")});
    let body = json!([region(1), region(2), region(3)]);
    let answer = ResponseTemplate::new(200).set_body_json(body);
    Mock::given(path("/neolink/regions"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let down = ResponseTemplate::new(503);
    Mock::given(path("/neolink/clusters/c-3/instances"))
        .respond_with(down)
        .mount(&server)
        .await;
    let answer = |request: &Request| {
        let n = if request.url.path().contains("/c-1/") { 1 } else { 2 };
        ResponseTemplate::new(200).set_body_json(page(&[instance(n)], false, 1))
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let provider = connect(&format!("{}/neolink", server.uri()));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let scope = Scope {
        regions: names(regions),
        held: names(held),
        ..Scope::default()
    };
    let listing = provider.list(&scope).await;
    let asked = server.received_requests().await.unwrap();
    let clusters = asked
        .iter()
        .filter_map(|request| request.url.path_segments()?.nth(2).map(ToOwned::to_owned));
    (listing, clusters.collect())
}

#[tokio::test]
async fn only_regions_in_use_are_listed_each_once() {
    let (listing, asked) = by_regions(&["r-1", "区1", "c-1"], &["r-1"]).await;
    assert_eq!(
        (listing.unwrap().proof, asked),
        (Proof::Complete, vec!["c-1".to_owned()])
    );
    let (listing, asked) = by_regions(&["r-1", "区2"], &[]).await;
    let listing = listing.unwrap();
    assert_eq!(asked, ["c-1", "c-2"]);
    let regions: Vec<_> = listing
        .machines
        .iter()
        .map(|machine| machine.region.as_deref().unwrap())
        .collect();
    assert_eq!(regions, ["c-1", "c-2"], "later calls need to know where a machine is");
}

#[tokio::test]
async fn a_region_that_nobody_knows_is_no_obstacle_unless_something_is_there() {
    let (listing, asked) = by_regions(&["r-1", "typo"], &["r-1"]).await;
    assert_eq!(
        (listing.unwrap().proof, asked),
        (Proof::Complete, vec!["c-1".to_owned()])
    );
    let (listing, _) = by_regions(&["r-1", "renamed"], &["r-1", "renamed"]).await;
    let listing = listing.unwrap();
    assert_eq!(listing.machines.len(), 1);
    assert_eq!(
        listing.proof.gap(Some("renamed")).as_deref(),
        Some("Neolink no longer shows region renamed, where machines are held")
    );
    assert_eq!(
        listing.proof.gap(Some("r-1")),
        None,
        "what is elsewhere is proven all the same"
    );
}

#[tokio::test]
async fn a_cluster_that_is_out_of_order_hides_only_its_own() {
    let (listing, _) = by_regions(&["r-1", "r-3"], &[]).await;
    let listing = listing.unwrap();
    assert_eq!(listing.machines.len(), 1);
    for region in ["r-3", "区3", "c-3"] {
        let why = listing.proof.gap(Some(region)).unwrap();
        assert!(why.starts_with("neolink.list: the cloud answered 503"), "{why}");
    }
    assert_eq!(listing.proof.gap(Some("r-1")), None);
    let (listing, _) = by_regions(&["r-3"], &[]).await;
    assert_eq!(listing.unwrap_err().kind, Kind::Transient);
    let (listing, asked) = by_regions(&[], &[]).await;
    assert_eq!(
        (asked.len(), listing.unwrap().machines.len()),
        (3, 2),
        "with none in use, all are looked through"
    );
}
