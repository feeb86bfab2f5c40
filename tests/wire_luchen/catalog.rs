//! From a spec's words to ids, and what the ids cost.

use gpu_instance_operator::api::money;
use gpu_instance_operator::provider::{Error, Kind};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{H800, REGION, Scene, create, fixture, pinned, spec};

const TYPES: &str = "/resource/user/instance/list";

async fn price(more: Value) -> Result<Option<String>, Error> {
    let spec = spec(more);
    let scene = Scene::selling().await;
    scene.provider.check(&spec).unwrap();
    let quote = scene.provider.quote(&spec).await?;
    assert_eq!(quote.currency.is_some(), quote.price_per_hour.is_some());
    Ok(quote.price_per_hour.map(money::format))
}

#[tokio::test]
async fn a_price_is_for_an_hour_however_it_is_paid() {
    let prepaid = |unit: &str| json!({"billing": {"mode": "Prepaid", "period": {"unit": unit, "count": 1}}});
    for (more, expected) in [
        (json!({}), Some("12.50")),
        (json!({"gpu": {"model": "NVIDIA h800 sxm", "count": 1}}), Some("12.50")),
        (json!({"region": "CN-East-1"}), Some("12.50")),
        (json!({"billing": {"mode": "OffPeak"}}), Some("8.25")),
        (prepaid("Day"), Some("10.00")),
        (prepaid("Week"), Some("9.00")),
        (prepaid("Month"), Some("8.00")),
        (json!({"luchen": {"spot": true}}), Some("6.00")),
        (json!({"gpu": {"count": 0}}), Some("0.30")),
        (json!({"gpu": {"model": "RTX 4090", "count": 1}}), Some("1.89")),
        (json!({"maxPricePerHour": "12.50"}), Some("12.50")),
        // Above the cap: whoever asked decides.
        (json!({"maxPricePerHour": "1"}), Some("12.50")),
    ] {
        assert_eq!(price(more.clone()).await.unwrap().as_deref(), expected, "{more}");
    }
    let unpriced = json!({
        "gpu": {"model": "RTX 4090", "count": 2},
        "billing": {"mode": "Prepaid", "period": {"unit": "Month", "count": 1}},
    });
    assert_eq!(
        price(unpriced).await.unwrap(),
        None,
        "a price of null is not known, and not nothing"
    );
}

#[tokio::test]
async fn what_cannot_be_had_is_said_with_what_can() {
    for (more, kind, says) in [
        (
            json!({"region": "cn-west-9"}),
            Kind::Invalid,
            "Luchen has no region cn-west-9; it has: cn-east-1 (fce31a0c-0000-4000-8000-41caa1bdd251), cn-north-1 (",
        ),
        (
            json!({"gpu": {"model": "H100-SXM", "count": 1}}),
            Kind::Invalid,
            "no type with the GPUs of spec.gpu; it has: 1 x H800-SXM, 1 x H800-SXM-SPOT (spot), 1 x RTX-4090, 2 x RTX-4090, 8 x H800-SXM, no GPU",
        ),
        (
            json!({"gpu": {"model": "H800-SXM", "count": 4}}),
            Kind::Invalid,
            "it has: 1 x H800-SXM",
        ),
        (
            json!({"gpu": {"model": "RTX 4090", "count": 1}, "luchen": {"spot": true}}),
            Kind::Invalid,
            "no type with the GPUs of spec.gpu at the spot price",
        ),
        (
            json!({"gpu": {"model": "H800-SXM", "count": 8}}),
            Kind::NoCapacity,
            "8 x H800-SXM is out of stock",
        ),
        (
            json!({"region": "cn-north-1"}),
            Kind::NoCapacity,
            "out of stock in region cn-north-1",
        ),
        (
            json!({"gpu": {"model": "RTX 4090", "count": 1}, "billing": {"mode": "OffPeak"}}),
            Kind::Invalid,
            "is not sold tidePerHour there, which is what spec.billing means; it is sold perHour",
        ),
        (
            json!({"volumes": [{"source": "mine", "mountPath": "/a"}]}),
            Kind::Invalid,
            "spec.volumes[0].source: the account has no volume mine; it has: example-volume (f6a6345e-",
        ),
        (
            json!({"volumes": [{"source": "twice", "mountPath": "/a"}]}),
            Kind::Invalid,
            "several volumes are called twice; use the id: 35ab8931-0000-4000-8000-5682aa8b08ee, 35ab8931-",
        ),
        (
            json!({"maxPricePerHour": "99", "gpu": {"model": "RTX 4090", "count": 2},
                   "billing": {"mode": "Prepaid", "period": {"unit": "Month", "count": 1}}}),
            Kind::Unsupported,
            "spec.maxPricePerHour cannot be kept, for Luchen tells no price: the console's list has no price of type",
        ),
    ] {
        let error = price(more).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_pinned_type_is_held_to_the_list_as_far_as_it_goes() {
    let with = |id: &str, mut more: Value| {
        more["luchen"] = json!({"instanceTypeId": id});
        more
    };
    assert_eq!(price(with(H800, json!({}))).await.unwrap().as_deref(), Some("12.50"));
    assert_eq!(
        price(with(H800, json!({"gpu": null}))).await.unwrap().as_deref(),
        Some("12.50")
    );
    let hidden = "dc25f5be-0000-4000-8000-0000000000ff";
    assert_eq!(price(with(hidden, json!({"gpu": null}))).await.unwrap(), None);
    for (id, more, says) in [
        (
            H800,
            json!({"gpu": {"model": "RTX 4090", "count": 1}}),
            "has 1 x H800-SXM, and spec.gpu says otherwise",
        ),
        (
            H800,
            json!({"region": "cn-north-1"}),
            "is a type of region cn-east-1, not of cn-north-1",
        ),
        (hidden, json!({"region": "nowhere"}), "Luchen has no region nowhere"),
        (
            hidden,
            json!({"maxPricePerHour": "1"}),
            "spec.maxPricePerHour cannot be kept",
        ),
    ] {
        let error = price(with(id, more)).await.unwrap_err();
        assert!(error.message.contains(says), "{error}");
    }
}

#[tokio::test]
async fn without_the_list_ids_must_be_pinned_and_a_cap_cannot_be_kept() {
    let not_had = || {
        [
            ResponseTemplate::new(404).set_body_string("404 page not found"),
            ResponseTemplate::new(405),
            ResponseTemplate::new(404).set_body_json(json!({"message": "no such route"})),
            ResponseTemplate::new(403).set_body_json(json!({"message": "forbidden"})),
            ResponseTemplate::new(200).set_body_raw("<title>潞晨云</title>", "text/html"),
            ResponseTemplate::new(200).set_body_json(json!({"data": []})),
        ]
    };
    for answer in not_had() {
        let scene = Scene::saying(&fixture("created")).await;
        scene.with(TYPES, answer).await;
        let provider = &scene.provider;

        let error = provider.quote(&spec(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid, "{error}");
        assert!(
            error
                .message
                .contains("pin spec.luchen.instanceTypeId, and give spec.region as its id"),
            "{error}"
        );
        let error = provider
            .quote(&pinned(json!({"region": "cn-east-1"})))
            .await
            .unwrap_err();
        assert!(error.message.contains("give spec.region as its id"), "{error}");
        let error = provider
            .quote(&pinned(json!({"maxPricePerHour": "99"})))
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported, "{error}");
        assert_eq!(scene.count("/instance/create").await, 0);

        assert_eq!(provider.quote(&pinned(json!({}))).await.unwrap().price_per_hour, None);
        create(&**provider, &pinned(json!({}))).await.unwrap();
        let received = scene.received().await;
        let (_, _, body) = received.last().unwrap();
        let body = body.as_ref().unwrap();
        assert_eq!(
            (&body["instanceTypeId"], &body["region"]),
            (&json!(H800), &json!(REGION))
        );
    }
}

#[tokio::test]
async fn an_outage_is_not_taken_for_a_list_that_does_not_exist() {
    let scene = Scene::saying(&fixture("created")).await;
    scene.with(TYPES, ResponseTemplate::new(502)).await;
    let provider = &scene.provider;
    assert_eq!(
        provider.quote(&spec(json!({}))).await.unwrap_err().kind,
        Kind::Transient
    );
    assert_eq!(
        create(&**provider, &spec(json!({}))).await.unwrap_err().kind,
        Kind::Transient
    );
    assert_eq!(scene.count("/instance/create").await, 0);
    // Whoever pins needs no list, unless the price matters.
    assert_eq!(provider.quote(&pinned(json!({}))).await.unwrap().price_per_hour, None);
    let capped = pinned(json!({"maxPricePerHour": "99"}));
    assert_eq!(provider.quote(&capped).await.unwrap_err().kind, Kind::Unsupported);
}

#[tokio::test]
async fn a_price_that_rises_at_the_last_moment_is_not_paid() {
    let scene = Scene::selling().await;
    let error = create(&*scene.provider, &spec(json!({"maxPricePerHour": "12.49"})))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Transient, "{error}");
    assert_eq!(scene.count("/instance/create").await, 0);
}

#[tokio::test]
async fn a_volume_that_is_spelled_out_needs_no_list() {
    let scene = Scene::saying(&fixture("created")).await;
    scene.at(TYPES, &fixture("types")).await;
    scene.with("/storage/volume/list", ResponseTemplate::new(404)).await;
    let volumes = |source: &str| spec(json!({"volumes": [{"source": source, "mountPath": "/a"}]}));
    scene
        .provider
        .quote(&volumes("filesystem/mine/35ab8931-1"))
        .await
        .unwrap();
    assert_eq!(scene.count("/storage/volume/list").await, 0);
    let error = scene.provider.quote(&volumes("mine")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(error.message.contains("write it as type/name/id"), "{error}");
}
