//! What is sent.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::provider::{Kind, Scope};
use serde_json::{Value, json};

use crate::{
    ACCOUNT, H800, ID, IMAGE, NAME, PASSWORD, REGION, Received, Scene, USER, create, fixture, machine, pinned, spec,
};

fn post(path: &str, body: Value) -> Received {
    ("POST".to_owned(), path.to_owned(), Some(body))
}

/// The order that was sent.
async fn ordered(scene: &Scene) -> Value {
    let received = scene.received().await;
    let orders: Vec<_> = received
        .into_iter()
        .filter(|(_, path, _)| path == "/instance/create")
        .collect();
    let [(method, _, Some(body))] = &orders[..] else {
        panic!("one order: {orders:?}")
    };
    assert_eq!(method, "POST");
    body.clone()
}

#[tokio::test]
async fn a_login_comes_first_and_only_once() {
    let scene = Scene::saying(&fixture("instances")).await;
    assert_eq!(scene.provider.identify().await.unwrap().account, ACCOUNT);
    scene.provider.list(&Scope::default()).await.unwrap();
    scene.provider.list(&Scope::default()).await.unwrap();
    let mut login = fixture("login_request");
    login["username"] = json!(USER);
    login["password"] = json!(PASSWORD);
    let mut page = fixture("list_request");
    page["pager"]["pageSize"] = json!(50);
    let page = post("/instance/list", page);
    assert_eq!(scene.all().await, [post("/user/login", login), page.clone(), page]);
}

#[tokio::test]
async fn the_balance_is_asked_where_the_sister_has_it() {
    let scene = Scene::saying(&fixture("balance")).await;
    let balance = scene.provider.balance().await.unwrap().unwrap();
    assert_eq!(
        (balance.amount.to_string().as_str(), balance.currency),
        ("128.37", "CNY")
    );
    assert_eq!(
        scene.received().await,
        [("GET".to_owned(), "/balance".to_owned(), None)]
    );
}

#[tokio::test]
async fn the_vendors_own_example_is_what_its_spec_sends() {
    let example = fixture("create_request");
    let scene = Scene::saying(&fixture("created")).await;
    let spec = spec(json!({
        "gpu": null,
        "region": example["region"],
        "image": example["imageId"],
        "volumes": [{
            "source": "highspeedstorage/example-volume/f6a6345e-xxxx-xxxx-xxxx-e52e330cfaec",
            "mountPath": "/root/highspeedstorage/example-volume",
        }],
        "ports": [{"port": 7892, "protocol": "TCP"}, {"port": 7891, "protocol": "HTTP"}, {"port": 22, "protocol": "SSH"}],
        "luchen": {
            "instanceTypeId": example["instanceTypeId"], "enableDocker": true, "dockerStorageSize": "50Gi",
        },
    }));
    scene.provider.check(&spec).unwrap();
    create(&*scene.provider, &spec).await.unwrap();
    let mut expected = example;
    expected["name"] = json!(NAME);
    assert_eq!(ordered(&scene).await, expected);
}

#[tokio::test]
async fn an_order_always_says_everything() {
    let plain = json!({
        "name": NAME, "imageId": IMAGE, "instanceTypeId": H800, "region": REGION,
        "billing": {"chargeMode": "perHour", "duration": 1}, "remoteStorages": [],
        "instanceConfiguration": {
            "extraDataDiskSizeDB": 0, "enableCommonData": false, "enableDocker": false, "dockerStorageSize": 0,
            "initScript": "",
        },
        "isSpotInstance": false, "nodePorts": [],
    });
    let billing = |mode: &str, duration: i64| json!({"/billing": {"chargeMode": mode, "duration": duration}});
    let prepaid =
        |unit: &str| json!({"billing": {"mode": "Prepaid", "period": {"unit": unit, "count": 3}, "autoRenew": false}});
    for (more, changes) in [
        (json!({}), json!({})),
        (json!({"billing": {"mode": "PayAsYouGo"}}), json!({})),
        (json!({"billing": {"mode": "OffPeak"}}), billing("tidePerHour", 1)),
        (prepaid("Day"), billing("perDay", 3)),
        (prepaid("Week"), billing("perWeek", 3)),
        (prepaid("Month"), billing("perMonth", 3)),
        (
            json!({"region": "cn-east-1", "startupScript": "echo 启动\n"}),
            json!({"/instanceConfiguration/initScript": "echo 启动\n"}),
        ),
        (
            json!({"luchen": {"extraDataDiskSize": "100Gi", "enableCommonData": true, "dockerStorageSize": ""}}),
            json!({"/instanceConfiguration/extraDataDiskSizeDB": 100, "/instanceConfiguration/enableCommonData": true}),
        ),
        (
            json!({"luchen": {"spot": true}}),
            json!({"/isSpotInstance": true, "/instanceTypeId": "5907f5be-0000-4000-8000-000000000001"}),
        ),
        (
            json!({"ports": [{"port": 22, "protocol": "SSH"}, {"port": 80, "protocol": "HTTP"}, {"port": 80, "protocol": "TCP"}]}),
            json!({"/nodePorts": [80]}),
        ),
        (
            json!({"volumes": [
                {"source": "example-volume", "mountPath": "/a"},
                {"source": "35ab8931-0000-4000-8000-5682aa8b08ef", "mountPath": "/b"},
            ]}),
            json!({"/remoteStorages": [
                {"mountPath": "/a", "remoteStorageName": "example-volume", "type": "highspeedstorage",
                 "remoteStorageId": "f6a6345e-0000-4000-8000-e52e330cfaec"},
                {"mountPath": "/b", "remoteStorageName": "twice", "type": "filesystem",
                 "remoteStorageId": "35ab8931-0000-4000-8000-5682aa8b08ef"},
            ]}),
        ),
    ] {
        let scene = Scene::selling().await;
        let spec = spec(more);
        scene.provider.check(&spec).unwrap();
        create(&*scene.provider, &spec).await.unwrap();
        let mut expected = plain.clone();
        for (pointer, value) in changes.as_object().unwrap() {
            *expected.pointer_mut(pointer).unwrap() = value.clone();
        }
        assert_eq!(ordered(&scene).await, expected);
    }
}

#[tokio::test]
async fn commands_name_the_machine() {
    let mut id = fixture("command_request");
    id["instanceId"] = json!(ID);
    let scene = Scene::saying(&fixture("taken")).await;
    let provider = &scene.provider;
    provider.start(&machine(InstanceState::Stopped), None).await.unwrap();
    provider
        .stop(&machine(InstanceState::Running), StopMode::ReleaseGpu, None)
        .await
        .unwrap();
    for state in [
        InstanceState::Running,
        InstanceState::Stopped,
        InstanceState::Creating,
        InstanceState::Unknown,
    ] {
        provider.delete(&machine(state)).await.unwrap();
    }
    let terminate = post("/instance/terminate", id.clone());
    assert_eq!(
        scene.received().await,
        [
            post("/instance/start", id.clone()),
            post("/instance/stop", id),
            terminate.clone(),
            terminate.clone(),
            terminate.clone(),
            terminate,
        ]
    );
}

#[tokio::test]
async fn what_it_cannot_do_is_not_sent() {
    let scene = Scene::saying(&fixture("taken")).await;
    let provider = &scene.provider;
    let snapshot = Snapshot {
        name: "mine".to_owned(),
        tag: None,
    };
    let running = machine(InstanceState::Running);
    for error in [
        provider
            .stop(&running, StopMode::ReleaseGpu, Some(&snapshot))
            .await
            .unwrap_err(),
        provider.start(&running, Some(&pinned(json!({})))).await.unwrap_err(),
        provider.save_image(&running, &snapshot).await.unwrap_err(),
        provider.restart(&running).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, Kind::Unsupported);
    }
    assert!(scene.all().await.is_empty());
}
