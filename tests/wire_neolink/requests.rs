//! What is sent.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::provider::{Created, Kind, Machine, Scope};
use serde_json::{Value, json};

use crate::{CLUSTER, ID, IMAGE, NAME, REGION, Scene, USER, create, fixture, machine, spec};

type Sent = (String, String, Option<Value>);

fn sent(method: &str, path: &str, body: Option<Value>) -> Sent {
    (method.to_owned(), path.to_owned(), body)
}

#[tokio::test]
async fn reads_are_plain_gets() {
    let scene = Scene::saying(&fixture("list")).await;
    scene.provider.list(&Scope::default()).await.unwrap();
    let list = sent("GET", "/clusters/host-cluster/instances", None);
    assert_eq!(scene.received().await, std::slice::from_ref(&list));

    let scene = Scene::saying(&fixture("list")).await;
    assert_eq!(scene.provider.identify().await.unwrap().account, USER);
    assert_eq!(
        scene.received().await,
        [list],
        "the token is tried out on something that is not public"
    );
    assert_eq!(scene.provider.balance().await.unwrap(), None);

    let scene = Scene::saying(&json!("ok")).await;
    scene.provider.quote(&spec(json!({}))).await.unwrap();
    assert_eq!(
        scene.received().await,
        [sent("GET", &format!("/skus/computings?region_id={REGION}"), None)]
    );
}

#[tokio::test]
async fn the_vendors_own_example_is_what_is_sent() {
    let example = fixture("create_request");
    let scene = Scene::saying(&fixture("create")).await;
    let spec = spec(json!({
        "image": example["image"],
        "volumes": [{"mountPath": "/root/data", "size": "50Gi"}],
    }));
    let created = create(&*scene.provider, &spec).await.unwrap();
    assert_eq!(created, Created::Instance(ID.to_owned()));
    let mut expected = example;
    expected["displayName"] = json!(NAME);
    // The example leaves it out; the table says that it is where the machine is rented.
    expected["Region"] = json!("北京一区");
    assert_eq!(
        scene.received().await[1..],
        [sent("POST", "/clusters/host-cluster/instances", Some(expected))]
    );
}

#[tokio::test]
async fn an_order_says_what_the_spec_says_and_nothing_else() {
    let plain = json!({
        "Cost": {"CostType": "1", "CouponID": "", "DiskSKUID": "1", "GPUSKUID": "66", "CostTime": ""},
        "VolumeMount": [],
        "namespace": USER,
        "displayName": NAME,
        "image": IMAGE,
        "Region": "北京一区",
    });
    let with = |pointer: &str, value: Value| {
        let mut body = plain.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let own = |name: &str, value: &str| json!({"neolink": {name: value}});
    for (more, body) in [
        (json!({}), plain.clone()),
        (json!({"region": "北京一区"}), plain.clone()),
        (json!({"region": CLUSTER}), plain.clone()),
        (own("gpuSkuId", ""), plain.clone()),
        (own("diskSkuId", "7"), with("/Cost/DiskSKUID", json!("7"))),
        (own("couponId", "c-1"), with("/Cost/CouponID", json!("c-1"))),
        (own("regionForm", "Id"), with("/Region", json!(REGION))),
        (own("regionForm", "ClusterName"), with("/Region", json!(CLUSTER))),
        (
            json!({"gpu": null, "neolink": {"gpuSkuId": "2"}}),
            with("/Cost/GPUSKUID", json!("2")),
        ),
        (
            json!({"volumes": [
                {"mountPath": "/a", "source": "data", "size": "1500Mi"},
                {"mountPath": "/b", "source": "shared-filesystem"},
            ]}),
            with(
                "/VolumeMount",
                json!([
                    {"PathInContainer": "/a", "Size": 2, "Type": "shared-filesystem"},
                    {"PathInContainer": "/b", "Type": "shared-filesystem"},
                ]),
            ),
        ),
    ] {
        let scene = Scene::saying(&fixture("create")).await;
        let spec = spec(more);
        scene.provider.check(&spec).unwrap();
        create(&*scene.provider, &spec).await.unwrap();
        assert_eq!(scene.received().await.last().unwrap().2, Some(body));
    }
}

#[tokio::test]
async fn a_period_paid_in_advance_is_a_number_and_a_letter() {
    for (unit, count, cost_type, cost_time) in [("Day", 3, "4", "3D"), ("Week", 2, "3", "2W"), ("Month", 1, "2", "1M")]
    {
        let mut catalog = crate::skus();
        catalog[1]["sellingType"] = json!(cost_type);
        let answer = wiremock::ResponseTemplate::new(200).set_body_json(fixture("create"));
        let scene = Scene::with_catalog(&catalog, answer).await;
        let spec = spec(json!({"billing": {"mode": "Prepaid", "period": {"unit": unit, "count": count}}}));
        create(&*scene.provider, &spec).await.unwrap();
        let cost = scene.received().await.pop().unwrap().2.unwrap()["Cost"].clone();
        assert_eq!(
            (&cost["CostType"], &cost["CostTime"]),
            (&json!(cost_type), &json!(cost_time))
        );
    }
}

#[tokio::test]
async fn commands_name_the_machine() {
    let path = |verb: &str| format!("/clusters/{CLUSTER}/instances/{ID}/{verb}");
    let ok = fixture("ok");

    let scene = Scene::saying(&ok).await;
    scene
        .provider
        .start(&machine(InstanceState::Stopped), None)
        .await
        .unwrap();
    assert_eq!(scene.received().await, [sent("POST", &path("power_on"), None)]);

    let scene = Scene::saying(&ok).await;
    let running = machine(InstanceState::Running);
    scene.provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    let body = json!({"gracePeriodSeconds": 10, "needSnapshot": false});
    assert_eq!(scene.received().await, [sent("POST", &path("power_off"), Some(body))]);

    let scene = Scene::saying(&ok).await;
    scene.provider.delete(&machine(InstanceState::Stopped)).await.unwrap();
    let path = format!("/clusters/{CLUSTER}/instances?name={ID}");
    assert_eq!(scene.received().await, [sent("DELETE", &path, None)]);
}

#[tokio::test]
async fn a_stop_saves_an_image_as_in_the_vendors_example() {
    for (tag, sent_as) in [(Some("v1.1.0"), "v1.1.0"), (None, "latest"), (Some(""), "latest")] {
        let snapshot = Snapshot {
            name: "image1".to_owned(),
            tag: tag.map(ToOwned::to_owned),
        };
        let scene = Scene::saying(&fixture("ok")).await;
        let running = machine(InstanceState::Running);
        scene
            .provider
            .stop(&running, StopMode::ReleaseGpu, Some(&snapshot))
            .await
            .unwrap();
        let mut expected = fixture("power_off_request");
        expected["tag"] = json!(sent_as);
        assert_eq!(scene.received().await[0].2, Some(expected));
    }
}

#[tokio::test]
async fn what_would_mean_another_machine_or_none_is_not_sent() {
    let mut machines: Vec<Machine> = ["", ".", "..", "a/b", "a?name=b", "a b"]
        .into_iter()
        .map(|id| Machine {
            id: id.to_owned(),
            ..machine(InstanceState::Stopped)
        })
        .collect();
    for region in [None, Some(""), Some(".."), Some("a/b")] {
        let region = region.map(ToOwned::to_owned);
        machines.push(Machine {
            region,
            ..machine(InstanceState::Stopped)
        });
    }
    let scene = Scene::saying(&fixture("ok")).await;
    for machine in &machines {
        for outcome in [
            scene.provider.delete(machine).await,
            scene.provider.start(machine, None).await,
            scene.provider.stop(machine, StopMode::ReleaseGpu, None).await,
        ] {
            assert_eq!(outcome.unwrap_err().kind, Kind::Invalid, "{machine:?}");
        }
    }
    assert_eq!(scene.received().await, []);
}

#[tokio::test]
async fn regions_are_not_asked_for_again_and_again() {
    let scene = Scene::saying(&fixture("list")).await;
    for _ in 0..3 {
        scene.provider.list(&Scope::default()).await.unwrap();
        scene.provider.quote(&spec(json!({}))).await.unwrap();
        let error = scene
            .provider
            .quote(&spec(json!({"region": "nowhere"})))
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Invalid);
        assert!(
            error
                .message
                .contains(&format!("has no region nowhere; it has: 北京一区 ({REGION})")),
            "{error}"
        );
    }
    let requests = scene.server.received_requests().await.unwrap();
    let regions = requests
        .iter()
        .filter(|request| request.url.path().ends_with("/regions"));
    assert_eq!(regions.count(), 1);
}
