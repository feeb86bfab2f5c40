//! What is sent.

use gpu_instance_operator::api::InstanceState::{Running, Stopped};
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::provider::{Created, Field, Kind};
use serde_json::{Value, json};

use crate::wire::with;
use crate::{
    CREATE, DELETE, ID, IMAGES, NAME, RESIZE, RESOURCES, SCRIPT, START, STOP, Scene, called, create, fixture, good,
    machine, order, refusal, spec,
};

#[tokio::test]
async fn an_order_is_the_vendors_example() {
    let scene = Scene::new().await;
    scene.says(CREATE, fixture("create"));
    let spec = spec(json!({
        "ports": [{"port": 18888, "protocol": "HTTP"}],
        "volumes": [{"source": "/public1/home/x/test_mount", "mountPath": "/mnt/test_mount"}],
        "scnet": {"taskType": "ssh"},
    }));
    let created = create(&*scene.provider, &spec).await.unwrap();
    assert_eq!(
        created,
        Created::Instance("530491fa7c8e47348f01de73e627a6a7".to_owned())
    );
    let mut expected = fixture("order");
    expected["instanceServiceName"] = json!(NAME);
    expected["description"] = json!("rented by gpu-instance-operator");
    assert_eq!(scene.calls().await, [called(CREATE, "", Some(expected))]);
}

#[tokio::test]
async fn every_field_of_an_order_comes_from_the_spec() {
    let scene = Scene::new().await;
    scene.says(CREATE, fixture("create"));
    let spec = spec(json!({
        "gpu": {"model": "tesla m40", "count": 2},
        "cpu": 8,
        "memory": "1500M",
        "ports": [{"port": 22, "protocol": "SSH"}, {"port": 8080, "protocol": "HTTP"}],
        "volumes": [{"source": "/a", "mountPath": "/b"}],
        "scnet": {
            "acceleratorType": "dcu", "taskType": "rstudio", "taskNumber": 3, "timeoutLimit": "360:00:00",
            "startupScriptScope": "header", "imageVersion": "mine:1", "mountType": "path",
        },
    }));
    scene
        .provider
        .create(&order(&spec, Some("echo a\r\necho b")))
        .await
        .unwrap();
    let calls = scene.calls().await;
    let body = calls[0].body.clone().unwrap();
    for (member, expected) in [
        ("gpuNumber", json!(2)),
        ("cpuNumber", json!(8)),
        ("ramSize", json!(1431)),
        ("resourceGroup", json!("tesla m40")),
        ("acceleratorType", json!("dcu")),
        ("taskType", json!("rstudio")),
        ("taskNumber", json!(3)),
        ("timeoutLimit", json!("360:00:00")),
        ("useStartScript", json!(true)),
        ("startScriptActionScope", json!("header")),
        ("startScriptContent", json!("echo a\necho b\n")),
        ("version", json!("mine:1")),
        (
            "containerPortInfoList",
            json!([{"protocolType": "SSH", "containerPort": "22"}, {"protocolType": "HTTP", "containerPort": "8080"}]),
        ),
        (
            "mountInfoList",
            json!([{"sourcePath": "/a", "targetPath": "/b", "type": "path"}]),
        ),
    ] {
        assert_eq!(body[member], expected, "{member}");
    }
    assert_eq!(scene.count(IMAGES).await, 0, "the version was said");
}

#[tokio::test]
async fn commands_name_one_machine_in_the_query_and_have_no_body() {
    let scene = Scene::new().await;
    for call in [START, STOP, DELETE] {
        scene.says(call, fixture("create"));
    }
    let provider = &scene.provider;
    provider.start(&machine(Stopped), None).await.unwrap();
    provider
        .stop(&machine(Running), StopMode::ReleaseGpu, None)
        .await
        .unwrap();
    scene.says(DELETE, fixture("deleted"));
    provider.delete(&machine(Stopped)).await.unwrap();
    assert_eq!(
        scene.calls().await,
        [
            called(START, &format!("instanceServiceId={ID}"), None),
            called(STOP, &format!("ids={ID}"), None),
            called(DELETE, &format!("ids={ID}"), None),
        ]
    );
}

#[tokio::test]
async fn a_command_without_an_id_or_a_region_is_not_sent() {
    let scene = Scene::new().await;
    let mut nobody = machine(Running);
    nobody.id = String::new();
    let mut nowhere = machine(Running);
    nowhere.region = None;
    for machine in [nobody, nowhere] {
        for outcome in [
            scene.provider.stop(&machine, StopMode::ReleaseGpu, None).await,
            scene.provider.delete(&machine).await,
        ] {
            assert_eq!(outcome.unwrap_err().kind, Kind::Invalid);
        }
    }
    assert_eq!(scene.calls().await, []);
}

#[tokio::test]
async fn a_script_is_run_and_a_size_is_changed() {
    let scene = Scene::new().await;
    scene.says(SCRIPT, good(Value::Null));
    scene.says(RESIZE, good(Value::Null));
    let spec = spec(json!({"cpu": 4, "memory": "16Gi", "gpu": {"model": "TeslaM40", "count": 2}}));
    let order = order(&spec, Some("pip list"));
    let provider = &scene.provider;
    provider
        .update(&machine(Running), &order, &[Field::StartupScript])
        .await
        .unwrap();
    provider
        .update(&machine(Stopped), &order, &[Field::Cpu, Field::Memory, Field::Gpu])
        .await
        .unwrap();
    let script = json!({"id": ID, "startScriptContent": "pip list\n", "startScriptActionScope": "all"});
    let size = json!({"id": ID, "cpuNumber": 4, "gpuNumber": 2, "ramSize": 16384});
    assert_eq!(
        scene.calls().await,
        [called(SCRIPT, "", Some(script)), called(RESIZE, "", Some(size))]
    );
}

#[tokio::test]
async fn another_resource_group_or_a_size_that_no_node_has_is_refused_before_it_is_sent() {
    let scene = Scene::new().await;
    let spec_of = |more| spec(more);
    let mut stopped = machine(Stopped);
    stopped.gpu_model = Some("TeslaM40".to_owned());
    for (more, says) in [
        (
            json!({"gpu": {"model": "A100", "count": 1}}),
            "the machine is in resource group TeslaM40",
        ),
        (
            json!({"cpu": 41}),
            "spec.cpu asks for 41, and TeslaM40 has 40 cores a node (cpuNumber)",
        ),
    ] {
        let spec = spec_of(more);
        let error = scene
            .provider
            .update(&stopped, &order(&spec, None), &[Field::Gpu])
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Invalid);
        assert!(error.message.contains(says), "{error}");
    }
    assert_eq!(scene.calls().await, []);
}

#[tokio::test]
async fn limits_are_checked_before_an_order_and_named() {
    for (more, resources, says) in [
        (
            json!({"cpu": 41}),
            json!({}),
            "spec.cpu asks for 41, and TeslaM40 has 40 cores a node (cpuNumber)",
        ),
        (
            json!({"memory": "32Gi"}),
            json!({}),
            "spec.memory asks for 32768, and TeslaM40 has 31888 MB of memory a node (memorySize)",
        ),
        (
            json!({"gpu": {"model": "TeslaM40", "count": 3}}),
            json!({}),
            "spec.gpu.count asks for 3, and TeslaM40 has 2 accelerators a node (gpuNumber)",
        ),
        (
            json!({"scnet": {"taskNumber": 4}}),
            json!({"nvLimits": 3}),
            "spec.gpu.count asks for 4, and TeslaM40 has 3 accelerators for this account (nvLimits)",
        ),
        (
            json!({}),
            json!({"maxTime": "24:00:00"}),
            "spec.scnet.timeoutLimit is unlimited, and TeslaM40 lets a machine run for 24:00:00 (maxTime)",
        ),
        (
            json!({"scnet": {"timeoutLimit": "24:00:01"}}),
            json!({"maxTime": "24:00:00"}),
            "timeoutLimit is 24:00:01",
        ),
    ] {
        let scene = Scene::new().await;
        let mut answer = fixture("resources");
        answer["data"] = with(answer["data"].take(), resources);
        scene.says(RESOURCES, answer);
        for error in [
            scene.provider.quote(&spec(more.clone())).await.unwrap_err(),
            create(&*scene.provider, &spec(more.clone())).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Invalid);
            assert!(error.message.contains(says), "{error}");
        }
        assert_eq!(scene.calls().await, []);
    }
}

#[tokio::test]
async fn an_image_is_found_by_path_version_or_id_and_missed_by_name() {
    for said in [
        crate::IMAGE,
        "jupyter:4.4-py3.7-cpu",
        "5e23ad61364e4b49bfcb1b30ff0a49d7",
    ] {
        let scene = Scene::new().await;
        scene.says(CREATE, fixture("create"));
        create(&*scene.provider, &spec(json!({"image": said}))).await.unwrap();
        let body = scene.calls().await[0].body.clone().unwrap();
        assert_eq!(
            (&body["imagePath"], &body["version"]),
            (&json!(crate::IMAGE), &json!("jupyter:4.4-py3.7-cpu"))
        );
    }
    let scene = Scene::new().await;
    let error = scene
        .provider
        .quote(&spec(json!({"image": "nonesuch:1"})))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(
        error.message.contains(crate::IMAGE) && error.message.contains("scnet.imageVersion"),
        "{error}"
    );
    assert_eq!(scene.count(IMAGES).await, 2, "the public and the private ones");
}

#[tokio::test]
async fn a_catalog_that_cannot_be_asked_is_no_obstacle() {
    let scene = Scene::new().await;
    scene.says(CREATE, fixture("create"));
    scene.says(IMAGES, refusal("10004", "参数无效"));
    scene.says(RESOURCES, refusal("10003", "参数不全"));
    create(&*scene.provider, &spec(json!({}))).await.unwrap();
    assert_eq!(
        scene.calls().await[0].body.as_ref().unwrap()["version"],
        "jupyter:4.4-py3.7-cpu"
    );
}
