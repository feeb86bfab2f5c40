//! What is sent.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::provider::{Kind, Scope};
use serde_json::{Value, json};

use crate::{ID, IMAGE, NAME, Scene, create, fixture, machine, spec};

/// One request and no other.
async fn sent(scene: &Scene) -> (String, String, Option<Value>) {
    let mut received = scene.received().await;
    assert_eq!(received.len(), 1, "{received:?}");
    received.remove(0)
}

fn post(path: &str, body: Value) -> (String, String, Option<Value>) {
    ("POST".to_owned(), format!("/xgc/open/{path}"), Some(body))
}

fn get(path: &str) -> (String, String, Option<Value>) {
    ("GET".to_owned(), format!("/xgc/open/{path}"), None)
}

#[tokio::test]
async fn reads_are_plain_gets() {
    let scene = Scene::saying(&fixture("instances")).await;
    scene.provider.list(&Scope::default()).await.unwrap();
    assert_eq!(sent(&scene).await, get("instances"));

    let scene = Scene::saying(&fixture("whoami")).await;
    assert_eq!(scene.provider.identify().await.unwrap().account, "u-1");
    assert_eq!(sent(&scene).await, get("whoami"));

    let scene = Scene::saying(&fixture("balance")).await;
    let balance = scene.provider.balance().await.unwrap().unwrap();
    assert_eq!(
        (balance.amount.to_string().as_str(), balance.currency),
        ("128.37", "CNY")
    );
    assert_eq!(sent(&scene).await, get("balance"));
}

#[tokio::test]
async fn an_order_says_what_the_spec_says_and_nothing_else() {
    let plain = json!({
        "gpu_model": "NVIDIA GeForce RTX 4090", "gpu_count": 1, "data_center_id": 1,
        "image": IMAGE, "image_type": "public", "name": NAME,
    });
    let with = |more: Value| {
        let mut body = plain.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, body) in [
        (json!({}), plain.clone()),
        (
            json!({"volumes": [{"mountPath": "/root/cloud"}]}),
            with(json!({"storage": true, "storage_mount_path": "/root/cloud"})),
        ),
        (
            json!({"gpu": {"model": "rtx-4090d", "count": 8}}),
            with(json!({"gpu_model": "NVIDIA GeForce RTX 4090 D", "gpu_count": 8})),
        ),
        (json!({"gpu": {"count": 0}}), with(json!({"gpu_count": 0}))),
        (
            json!({"xgc": {"dataCenterId": 2, "imageType": "community", "sshKeyId": "k-1", "systemDiskExpand": "50Gi"}}),
            with(json!({
                "data_center_id": 2, "image_type": "community", "ssh_key": "k-1",
                "system_disk_expand": true, "system_disk_expand_size": 53_687_091_200_u64,
            })),
        ),
        (
            json!({"xgc": {"sshKeyId": "", "systemDiskExpand": "0Gi"}}),
            plain.clone(),
        ),
    ] {
        let scene = Scene::saying(&fixture("deploy")).await;
        let spec = spec(more);
        scene.provider.check(&spec).unwrap();
        create(&*scene.provider, &spec).await.unwrap();
        assert_eq!(sent(&scene).await, post("instance/deploy", body));
    }
}

#[tokio::test]
async fn a_model_goes_out_under_its_full_name_even_a_new_one() {
    for (said, sent_as) in [
        ("RTX 4090", "NVIDIA GeForce RTX 4090"),
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090"),
        ("RTX4090D", "NVIDIA GeForce RTX 4090 D"),
        ("4090 d 48g", "NVIDIA GeForce RTX 4090 D 48G"),
        ("RTX 4090-48G", "NVIDIA GeForce RTX 4090 48G"),
        ("RTX 5090", "NVIDIA GeForce RTX 5090"),
        ("geforce rtx 5090", "NVIDIA GeForce rtx 5090"),
        ("NVIDIA H800", "NVIDIA H800"),
        ("A100-PCIE", "A100-PCIE"),
    ] {
        let scene = Scene::saying(&fixture("deploy")).await;
        let spec = spec(json!({"gpu": {"model": said, "count": 1}}));
        create(&*scene.provider, &spec).await.unwrap();
        let (_, _, body) = sent(&scene).await;
        assert_eq!(body.unwrap()["gpu_model"], sent_as, "{said}");
    }
}

#[tokio::test]
async fn commands_name_the_machine() {
    use InstanceState::{Running, Stopped};
    let taken = fixture("taken");
    let id = json!({ "id": ID });

    let scene = Scene::saying(&taken).await;
    scene
        .provider
        .stop(&machine(Running), StopMode::ReleaseGpu, None)
        .await
        .unwrap();
    assert_eq!(sent(&scene).await, post("instance/shutdown_release_gpu", id.clone()));

    let scene = Scene::saying(&taken).await;
    scene
        .provider
        .stop(&machine(Running), StopMode::KeepGpu, None)
        .await
        .unwrap();
    assert_eq!(sent(&scene).await, post("instance/shutdown", id.clone()));

    let scene = Scene::saying(&taken).await;
    scene.provider.start(&machine(Stopped), None).await.unwrap();
    assert_eq!(sent(&scene).await, post("instance/boot", id));

    let scene = Scene::saying(&taken).await;
    let reshaped = spec(json!({"gpu": {"model": "RTX 4090 D", "count": 2}}));
    scene.provider.start(&machine(Stopped), Some(&reshaped)).await.unwrap();
    // Here, and only here, the count is a text.
    let body = json!({"id": ID, "gpu_model": "NVIDIA GeForce RTX 4090 D", "gpu_count": "2"});
    assert_eq!(sent(&scene).await, post("instance/boot", body));
}

#[tokio::test]
async fn an_image_is_saved_under_both_names_that_clients_use() {
    let snapshot = Snapshot {
        name: "mine".to_owned(),
        tag: None,
    };
    let scene = Scene::saying(&fixture("taken")).await;
    scene
        .provider
        .save_image(&machine(InstanceState::Running), &snapshot)
        .await
        .unwrap();
    let body = json!({"id": ID, "name": "mine", "image_name": "mine"});
    assert_eq!(sent(&scene).await, post("instance/saveimage", body));

    let running = machine(InstanceState::Running);
    let with_stop = scene.provider.stop(&running, StopMode::ReleaseGpu, Some(&snapshot));
    assert_eq!(with_stop.await.unwrap_err().kind, Kind::Unsupported);
    assert!(
        scene.received().await.is_empty(),
        "a stop that would save nothing is not sent"
    );
}

#[tokio::test]
async fn a_machine_is_destroyed_by_the_command_that_fits_its_state() {
    for (state, verb) in [
        (InstanceState::Running, "shutdown_destroy"),
        (InstanceState::Starting, "destroy"),
        (InstanceState::Stopped, "destroy"),
        (InstanceState::Creating, "destroy"),
        (InstanceState::Frozen, "destroy"),
        (InstanceState::Unknown, "destroy"),
    ] {
        let scene = Scene::saying(&fixture("taken")).await;
        scene.provider.delete(&machine(state)).await.unwrap();
        assert_eq!(
            sent(&scene).await,
            post(&format!("instance/{verb}"), json!({ "id": ID }))
        );
    }
}

#[tokio::test]
async fn a_private_image_is_looked_up_before_it_is_paid_for() {
    let private = |image: &str| spec(json!({"image": image, "xgc": {"imageType": "private"}}));
    let known = private("0b6f3f0e-6f5c-4d55-9c55-5a3c1b1f0a11");
    let scene = Scene::saying(&fixture("images")).await;
    assert_eq!(scene.provider.quote(&known).await.unwrap().price_per_hour, None);
    assert_eq!(sent(&scene).await, get("images"));

    let scene = Scene::saying(&fixture("images")).await;
    let error = scene.provider.quote(&private("nonesuch")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert_eq!(
        error.message,
        "xgc.images: the account has no private image nonesuch; it has: 0b6f3f0e-6f5c-4d55-9c55-5a3c1b1f0a11 \
         (my-image), 1c7f3f0e-6f5c-4d55-9c55-5a3c1b1f0a22 (another)"
    );

    let scene = Scene::saying(&fixture("images")).await;
    scene.provider.quote(&spec(json!({}))).await.unwrap();
    assert!(
        scene.received().await.is_empty(),
        "there is nothing to ask about a public image"
    );

    // Not the whole list, so it proves nothing.
    let mut part = fixture("images");
    part["data"]["total"] = json!(3);
    let scene = Scene::saying(&part).await;
    assert!(scene.provider.quote(&private("nonesuch")).await.is_ok());
}
