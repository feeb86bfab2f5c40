//! What is chosen of the catalog, and at what price.

use gpu_instance_operator::api::money;
use gpu_instance_operator::provider::{Error, Kind};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{REGION, Scene, create, fixture, skus, spec};

/// The price of this spec, and the SKU that is ordered.
async fn chosen(catalog: &Value, more: Value) -> Result<(Option<String>, String), Error> {
    let answer = ResponseTemplate::new(200).set_body_json(fixture("create"));
    let scene = Scene::with_catalog(catalog, answer).await;
    let spec = spec(more);
    let quote = scene.provider.quote(&spec).await?;
    assert_eq!(quote.currency.is_some(), quote.price_per_hour.is_some());
    create(&*scene.provider, &spec).await?;
    let body = scene.received().await.pop().unwrap().2.unwrap();
    let sku = body["Cost"]["GPUSKUID"].as_str().unwrap().to_owned();
    Ok((quote.price_per_hour.map(money::format), sku))
}

async fn price(change: impl FnOnce(&mut Value), more: Value) -> Option<String> {
    let mut catalog = skus();
    change(&mut catalog[1]);
    chosen(&catalog, more).await.unwrap().0
}

#[tokio::test]
async fn the_vendors_example_costs_its_price_times_the_discount() {
    let h20 = json!({"gpu": {"model": "H20", "count": 1}});
    let (price, sku) = chosen(&fixture("skus"), h20).await.unwrap();
    assert_eq!((price.as_deref(), sku.as_str()), (Some("4.80"), "2"));
}

#[tokio::test]
async fn a_discount_counts_only_while_it_surely_holds() {
    let discounted = |from: Value, until: Value, ratio: Value| {
        move |row: &mut Value| {
            row["price"] = json!(10);
            row["ratio"] = ratio;
            row["discountStartTime"] = from;
            row["discountEndTime"] = until;
        }
    };
    let (past, future) = (json!("2024-08-15T15:26:38+08:00"), json!("2024-10-01T00:05:00+08:00"));
    let never = json!("0001-01-01T00:00:00Z");
    for (from, until, ratio, expected) in [
        (past.clone(), future.clone(), json!(0.48), "4.80"),
        (past.clone(), future.clone(), json!("0.48"), "4.80"),
        (never.clone(), never, json!(0.48), "4.80"),
        (Value::Null, json!(""), json!(0.48), "4.80"),
        (future.clone(), future.clone(), json!(0.48), "10.00"),
        (past.clone(), past.clone(), json!(0.48), "10.00"),
        (past.clone(), json!("soon"), json!(0.48), "10.00"),
        (past.clone(), future.clone(), json!(0), "10.00"),
        (past.clone(), future.clone(), json!(1), "10.00"),
        (past.clone(), future.clone(), json!(4.8), "10.00"),
        (past.clone(), future.clone(), json!(-1), "10.00"),
        (past, future, Value::Null, "10.00"),
    ] {
        let shown = format!("{from} {until} {ratio}");
        assert_eq!(
            price(discounted(from, until, ratio), json!({})).await.as_deref(),
            Some(expected),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_price_is_for_an_hour_whatever_is_paid_for() {
    let prepaid = |unit: &str| json!({"billing": {"mode": "Prepaid", "period": {"unit": unit, "count": 2}}});
    for (selling_type, unit, expected) in [
        ("4", "Day", "10.00"),
        ("3", "Week", "1.428572"),
        ("2", "Month", "0.333334"),
    ] {
        let change = |row: &mut Value| {
            row["price"] = json!(240);
            row["sellingType"] = json!(selling_type);
        };
        assert_eq!(price(change, prepaid(unit)).await.as_deref(), Some(expected), "{unit}");
    }
    let fen = json!({"neolink": {"priceUnit": "Fen"}});
    assert_eq!(
        price(|row| row["price"] = json!(250), fen).await.as_deref(),
        Some("2.50")
    );
}

#[tokio::test]
async fn a_model_goes_by_any_spelling() {
    for model in ["RTX 4090", "4090", "NVIDIA GeForce RTX 4090", "rtx-4090", "RTX4090"] {
        let (_, sku) = chosen(&skus(), json!({"gpu": {"model": model, "count": 1}}))
            .await
            .unwrap();
        assert_eq!(sku, "66", "{model}");
    }
}

#[tokio::test]
async fn of_several_the_cheapest_that_is_free_is_taken() {
    let mut catalog = skus();
    let mut cheap = catalog[1].clone();
    (cheap["skusID"], cheap["price"], cheap["remainGPUCount"]) = (json!(67), json!("2.0"), json!(0));
    catalog.as_array_mut().unwrap().push(cheap);
    assert_eq!(chosen(&catalog, json!({})).await.unwrap().1, "66");
    catalog[2]["remainGPUCount"] = json!(1);
    assert_eq!(chosen(&catalog, json!({})).await.unwrap().1, "67");
    catalog[2]["price"] = Value::Null;
    assert_eq!(
        chosen(&catalog, json!({})).await.unwrap().1,
        "66",
        "a price that is not known is no bargain"
    );
    let pinned = json!({"neolink": {"gpuSkuId": "67"}});
    assert_eq!(chosen(&catalog, pinned).await.unwrap(), (None, "67".to_owned()));
}

#[tokio::test]
async fn what_there_is_not_is_said_together_with_what_there_is() {
    let other = json!({"billing": {"mode": "Prepaid", "period": {"unit": "Week", "count": 1}}});
    for (more, says) in [
        (
            json!({"gpu": {"model": "A100", "count": 1}}),
            "neolink.skus: 北京一区 has no 1 x A100 by the hour; it has: 1 x H20 by the hour for 4.80 an hour (SKU 2), \
             1 x 4090 by the hour for 2.50 an hour (SKU 66)",
        ),
        (
            json!({"gpu": {"model": "RTX 4090", "count": 8}}),
            "has no 8 x RTX 4090 by the hour; it has: 1 x 4090 by the hour for 2.50 an hour (SKU 66)",
        ),
        (other, "has no 1 x RTX 4090 by the week"),
        (
            json!({"gpu": null, "neolink": {"gpuSkuId": "99"}}),
            "has no SKU 99 by the hour",
        ),
        (
            json!({"neolink": {"gpuSkuId": "2"}}),
            "has no 1 x RTX 4090 as SKU 2 by the hour",
        ),
    ] {
        let error = chosen(&skus(), more).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid);
        assert!(error.message.contains(says), "{error}");
    }
    let error = chosen(&json!([]), json!({})).await.unwrap_err();
    assert!(error.message.ends_with("it has: nothing"), "{error}");
}

#[tokio::test]
async fn none_free_is_no_capacity_and_few_are_the_clouds_to_judge() {
    let mut catalog = skus();
    catalog[1]["remainGPUCount"] = json!(0);
    let error = chosen(&catalog, json!({})).await.unwrap_err();
    assert_eq!(error.kind, Kind::NoCapacity);
    assert_eq!(
        error.message,
        "neolink.skus: no 1 x 4090 by the hour for 2.50 an hour (SKU 66) is free in 北京一区 now"
    );
    (catalog[1]["gpuCounts"], catalog[1]["remainGPUCount"]) = (json!(8), json!(1));
    assert!(
        chosen(&catalog, json!({"gpu": {"model": "RTX 4090", "count": 8}}))
            .await
            .is_ok()
    );
    catalog[1]["remainGPUCount"] = Value::Null;
    assert!(
        chosen(&catalog, json!({"gpu": {"model": "RTX 4090", "count": 8}}))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn other_regions_goods_are_left_out() {
    let mut catalog = skus();
    catalog[1]["regionID"] = json!("elsewhere");
    assert_eq!(chosen(&catalog, json!({})).await.unwrap_err().kind, Kind::Invalid);
    catalog[1]["regionID"] = json!(REGION);
    assert!(chosen(&catalog, json!({})).await.is_ok());
}

#[tokio::test]
async fn an_order_is_never_above_the_cap_whatever_was_quoted_before() {
    let scene = Scene::saying(&fixture("create")).await;
    let cap = |cap: &str| spec(json!({"maxPricePerHour": cap}));
    // The planner compares the quote itself, and says so in its own words.
    let quote = scene.provider.quote(&cap("2.49")).await.unwrap();
    assert_eq!(quote.price_per_hour.map(money::format).as_deref(), Some("2.50"));
    let error = create(&*scene.provider, &cap("2.49")).await.unwrap_err();
    assert_eq!(error.kind, Kind::NoCapacity);
    assert!(
        scene.received().await.iter().all(|(method, ..)| method == "GET"),
        "nothing is ordered"
    );
    create(&*scene.provider, &cap("2.5")).await.unwrap();

    let mut catalog = skus();
    catalog[1]["price"] = json!("ask us");
    let error = chosen(&catalog, json!({"maxPricePerHour": "9"})).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(
        error.message.contains("SKU 66 has no price that can be read"),
        "{error}"
    );
    assert_eq!(chosen(&catalog, json!({})).await.unwrap().0, None);
}

#[tokio::test]
async fn an_answer_that_is_no_catalog_is_an_outage() {
    for body in [json!({"data": []}), json!("ok"), Value::Null] {
        assert_eq!(
            chosen(&body, json!({})).await.unwrap_err().kind,
            Kind::Transient,
            "{body}"
        );
    }
}
