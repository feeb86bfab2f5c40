//! Machines of this installation that no object knows. What they have in common at every cloud is in `faults`.

use cloudsim::Fault;
use serde_json::{Value, json};

use crate::operator::{Kind, Object, Setup, orphan};

pub async fn told_of_and_left_alone(setup: Setup) {
    let mut scene = setup.start().await;
    let id = scene.torn_out("train-1").await.instance_id().to_owned();
    scene.operator.restart().await;
    let provider = scene.until_said_of_orphan(&id, "only reported").await;
    let told = orphan(&provider, &id).unwrap();
    assert!(told["foundAt"].is_string(), "{told}");
    // Less than an hour old, where the cloud tells both.
    let so_far = if told["createdAt"].is_null() {
        &Value::Null
    } else {
        &told["pricePerHour"]
    };
    assert_eq!(&told["costSoFar"], so_far, "{told}");
    assert_eq!(provider.at("/status/instances/orphans"), 1);
    let event = scene.until_event(scene.at.name, "OrphanFound").await;
    assert!(event.note.contains(&id), "{event}");
    let (cloud, account) = (scene.at.shown_as, provider.text("/status/account/id"));
    let metric = format!(r#"gpu_instance_operator_orphans{{cloud="{cloud}",account="{account}"}} 1"#);
    scene.operator.until_metric(&metric).await;
    scene.after_lists(3).await;
    assert_eq!((scene.sim.alive().len(), scene.rented_and_destroyed()), (1, (1, 0)));
}

pub async fn deleted_where_that_is_wanted(setup: Setup) {
    let mut scene = setup.provider(json!({ "orphans": "Delete" })).start().await;
    let theirs = [scene.plant("my-notebook"), scene.plant("gi-other-000000000000-1")];
    let id = scene.torn_out("train-1").await.instance_id().to_owned();
    // The answer to the delete is lost: whether it was carried out, the lists say.
    for delete in scene.at.calls.delete {
        scene.sim.fault(Fault::on(delete).cut_after_commit());
    }
    scene.operator.restart().await;
    scene.apply(scene.instance("train-2", json!({}))).await;
    scene
        .until_cloud("the orphan is gone", |sim| !sim.machine(&id).unwrap().alive)
        .await;
    let event = scene.until_event(scene.at.name, "OrphanDeleted").await;
    assert!(event.note.contains(&id), "{event}");
    scene.until_ready("train-2").await;
    let none = |provider: &Object| provider.at("/status/instances/orphans") == 0;
    scene.until(Kind::GpuProvider, scene.at.name, "no orphan", none).await;
    scene.after_lists(3).await;
    assert!(theirs.iter().all(|id| scene.sim.machine(id).unwrap().alive));
    assert_eq!((scene.sim.alive().len(), scene.orders()), (3, 2));
}
