//! What is sent.

use std::collections::BTreeMap;

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::provider::{Created, Field, Kind, Scope};
use serde_json::{Value, json};

use crate::wire::order;
use crate::{COMPUTE, ID, IMAGE, NAME, PASSWORD, Scene, Sent, create, fixture, machine, password, spec};

/// One request and no other.
async fn sent(scene: &Scene) -> Sent {
    let mut received = scene.received().await;
    assert_eq!(received.len(), 1, "{received:?}");
    received.remove(0)
}

fn query(action: &str, own: &[(&str, &str)]) -> BTreeMap<String, String> {
    let action = ("Action", action);
    let all = own.iter().chain([&action]);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn post(action: &str, body: Value) -> Sent {
    ("POST".into(), "/gpubms/v1/".into(), query(action, &[]), Some(body))
}

fn get(action: &str, own: &[(&str, &str)]) -> Sent {
    ("GET".into(), "/gpubms/v1/".into(), query(action, own), None)
}

#[tokio::test]
async fn reads_are_signed_gets() {
    let scene = Scene::saying(&fixture("regions")).await;
    let account = scene.provider.identify().await.unwrap().account;
    assert_eq!(account, "key-77815ab371afcd53");
    assert_eq!(sent(&scene).await, get("DescribeGpuRegions", &[]));
    assert_eq!(scene.provider.balance().await.unwrap(), None);

    let scene = Scene::saying(&json!({"Code": "Success", "Data": {"Records": [], "TotalCount": 0}})).await;
    scene.provider.list(&Scope::default()).await.unwrap();
    assert_eq!(
        sent(&scene).await,
        get("DescribeGpu", &[("PageNumber", "1"), ("PageSize", "500")])
    );

    let scene = Scene::saying(&fixture("task")).await;
    scene.provider.task("t-1", &Scope::default()).await.unwrap();
    assert_eq!(sent(&scene).await, get("DescribeGpuTask", &[("TaskId", "t-1")]));

    let scene = Scene::saying(&fixture("detail")).await;
    let mut machine = machine(InstanceState::Running);
    machine.id = "19cd1c58-11d4-4ed0-8c19-81aa4cf3574a".into();
    scene.provider.describe(&machine).await.unwrap();
    assert_eq!(
        sent(&scene).await,
        get("DescribeGpuDetail", &[("ResourceId", &machine.id)])
    );
}

#[tokio::test]
async fn an_order_says_what_the_spec_says_and_never_renews_unasked() {
    let plain = json!({
        "RegionId": "CN_Hohhot_B", "InstanceName": NAME, "Password": PASSWORD, "InstanceChargeType": "PostPaid",
        "AutoRenew": 0, "GoodsId": 7685, "ComputeId": COMPUTE, "ImageId": IMAGE, "Amount": 1,
        "VpcNetWork": {"VpcId": "vpc-1", "NetId": "net-1", "ReserveEip": false},
    });
    let scene = Scene::saying(&fixture("create")).await;
    let created = create(&*scene.provider, &spec(json!({}))).await.unwrap();
    assert_eq!(created, Created::Task("f232d398-a77c-11e9-9d43-0242ac110003".into()));
    assert_eq!(sent(&scene).await, post("CreateGpuInstance", plain.clone()));

    let full = spec(json!({
        "billing": {"mode": "Prepaid", "period": {"unit": "Month", "count": 3}, "autoRenew": true},
        "capitalOnline": {"reserveEip": true, "eipId": "e-1", "raid": -1, "bondMode": "bond6", "portMode": "trunk", "subjectId": 68327},
    }));
    let mut expected = plain;
    for (name, value) in [
        ("InstanceChargeType", json!("PrePaid")),
        ("AutoRenew", json!(1)),
        ("PrepaidMonth", json!(3)),
        ("Raid", json!(-1)),
        ("BondMode", json!("bond6")),
        ("PortMode", json!("trunk")),
        ("SubjectId", json!("68327")),
        (
            "VpcNetWork",
            json!({"VpcId": "vpc-1", "NetId": "net-1", "ReserveEip": true, "EipIdList": ["e-1"]}),
        ),
    ] {
        expected[name] = value;
    }
    let scene = Scene::saying(&fixture("create")).await;
    create(&*scene.provider, &full).await.unwrap();
    assert_eq!(sent(&scene).await, post("CreateGpuInstance", expected));
}

#[tokio::test]
async fn commands_name_one_machine() {
    let scene = Scene::new().await;
    for (verb, state) in [
        ("stop", InstanceState::Running),
        ("start", InstanceState::Stopped),
        ("reset", InstanceState::Running),
    ] {
        scene.on("OperateGpuPower", &fixture("power")).await;
        let machine = machine(state);
        match verb {
            "stop" => scene.provider.stop(&machine, StopMode::KeepGpu, None).await.unwrap(),
            "start" => scene.provider.start(&machine, None).await.unwrap(),
            _ => scene.provider.restart(&machine).await.unwrap(),
        }
        let expected = post("OperateGpuPower", json!({"Operate": verb, "ResourceIds": [ID]}));
        assert_eq!(sent(&scene).await, expected);
    }
    scene.on("DeleteGpuInstances", &fixture("delete")).await;
    scene.provider.delete(&machine(InstanceState::Stopped)).await.unwrap();
    assert_eq!(
        sent(&scene).await,
        post("DeleteGpuInstances", json!({"ResourceIds": [ID]}))
    );
}

#[tokio::test]
async fn a_reinstall_looks_for_its_image_and_sets_the_password_that_it_is_given() {
    let scene = Scene::new().await;
    scene.on("DescribeGpuImage", &fixture("images")).await;
    scene.on("ReinstallGpu", &fixture("reinstall")).await;
    let spec = spec(json!({"capitalOnline": {"raid": 5}}));
    let password = password();
    let order = order(&spec, Some(&password));
    let machine = machine(InstanceState::Running);
    scene.provider.update(&machine, &order, &[Field::Image]).await.unwrap();
    let received = scene.received().await;
    let expected = json!({"ResourceId": ID, "ImageId": IMAGE, "Password": PASSWORD, "Raid": 5});
    assert_eq!(received.last(), Some(&post("ReinstallGpu", expected)));

    let refused = scene
        .provider
        .update(&machine, &order, &[Field::Billing])
        .await
        .unwrap_err();
    assert_eq!(refused.kind, Kind::Unsupported);
}

#[tokio::test]
async fn a_quote_asks_for_goods_image_network_and_price() {
    let scene = Scene::new().await;
    scene.on("DescribeGpuGoods", &fixture("goods")).await;
    scene.on("DescribeGpuImage", &fixture("images")).await;
    scene.on("DescribeGpuGoodsPrice", &fixture("price")).await;
    let vpcs = json!({"Total": 1, "VPCList": [{"VPCId": "vpc-1", "VPCNmae": "x", "RegionCode": "CN_Huhhot"}]});
    scene.on("DescribeVPC", &json!({"Code": "Success", "Data": vpcs})).await;
    let subnets = json!({"Total": 1, "SubnetList": [{"SubnetId": "net-1", "VPCId": "vpc-1"}]});
    scene
        .on("DescribeSubnet", &json!({"Code": "OK", "Data": subnets}))
        .await;
    let quote = scene.provider.quote(&spec(json!({}))).await.unwrap();
    // Of two prices, the larger.
    assert_eq!(quote.price_per_hour.unwrap().to_string(), "10000");
    let region = "CN_Hohhot_B";
    let image = json!({"ImageType": "public", "RegionId": region, "ComputeId": COMPUTE});
    let price = json!({
        "RegionId": region, "GoodsId": 7685, "ComputeId": COMPUTE, "InstanceChargeType": "PostPaid", "Amount": 1,
    });
    let vpc = |action: &str, body: Value| -> Sent { ("POST".into(), "/vpc/".into(), query(action, &[]), Some(body)) };
    assert_eq!(
        scene.received().await,
        [
            get("DescribeGpuGoods", &[("RegionId", region)]),
            post("DescribeGpuImage", image),
            vpc("DescribeVPC", json!({"PageNumber": 1})),
            vpc(
                "DescribeSubnet",
                json!({"RegionCode": "CN_Huhhot", "VPCId": "vpc-1", "PageNumber": "1"})
            ),
            post("DescribeGpuGoodsPrice", price),
        ]
    );
}

#[test]
fn what_cannot_be_right_is_refused_before_anybody_is_asked() {
    let provider = crate::connect("http://127.0.0.1:9");
    assert_eq!(provider.check(&spec(json!({}))), Ok(()));
    for (more, field) in [
        (json!({"image": "ubuntu 22"}), "spec.image"),
        (json!({"capitalOnline": {"eipId": "e-1"}}), "spec.capitalOnline.eipId"),
        (json!({"capitalOnline": {"raid": 6}}), "spec.capitalOnline.raid"),
        (json!({"ports": [{"port": 2222, "protocol": "SSH"}]}), "spec.ports[0]"),
        (
            json!({"billing": {"mode": "Prepaid", "period": {"unit": "Week", "count": 1}}}),
            "spec.billing.period.unit",
        ),
        (json!({"capitalOnline": null}), "spec.capitalOnline"),
    ] {
        let refusal = provider.check(&spec(more)).unwrap_err();
        assert!(refusal.message.starts_with(field), "{}", refusal.message);
    }
}
