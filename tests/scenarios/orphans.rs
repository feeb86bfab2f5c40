//! Machines of this installation that no object knows. What they have in common at every cloud is in `faults`.

use std::time::Duration;

use cloudsim::Fault;
use serde_json::{Value, json};

use crate::operator::{Kind, Object, Scene, Setup};

/// What turns up with the first list counts as older than its provider where a cloud tells no age.
const FIRST_LOOK: Duration = Duration::from_secs(6);

/// An instance that runs; then its object is torn out by force while nobody looks. Its machine's id.
async fn torn_out(scene: &mut Scene, name: &str) -> String {
    scene.apply(scene.instance(name, json!({}))).await;
    let id = scene.until_ready(name).await.instance_id().to_owned();
    scene.operator.kill9();
    scene.tear_out(name).await;
    tokio::time::sleep(FIRST_LOOK).await;
    id
}

fn orphan(provider: &Object) -> &Value {
    provider.at("/status/orphans/0")
}

async fn until_said(scene: &Scene, id: &str, words: &str) -> Object {
    let says = |provider: &Object| {
        let orphan = orphan(provider);
        orphan["instanceId"] == id
            && orphan["message"]
                .as_str()
                .is_some_and(|message| message.contains(words))
    };
    scene
        .until(
            Kind::GpuProvider,
            scene.at.name,
            &format!("says of {id}: {words}"),
            says,
        )
        .await
}

pub async fn told_of_and_left_alone(setup: Setup) {
    let mut scene = setup.start().await;
    let id = torn_out(&mut scene, "train-1").await;
    scene.operator.restart().await;
    let provider = until_said(&scene, &id, "only reported").await;
    let told = orphan(&provider);
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
    let id = torn_out(&mut scene, "train-1").await;
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
