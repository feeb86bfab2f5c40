//! The cluster's state is lost, the machines are not: what `rebuild` prints brings them back.

use cloudsim::Phase;
use serde_json::json;

use crate::operator::{Kind, Object, Scene, Setup};

/// The objects are gone as if they had never been; the operator knows nothing.
async fn lost(scene: &mut Scene, names: &[&str]) {
    scene.operator.kill9();
    for name in names {
        scene.tear_out(name).await;
    }
}

/// What `rebuild` prints for this scene, its complaints included; and whether it had none.
fn rebuild(scene: &Scene, more: &[&str]) -> (String, bool) {
    let launch = scene.operator.launch();
    let shared = ["--installation-id=", "--allow-endpoint=", "--namespace="];
    let arguments = launch.arguments.iter().map(String::as_str);
    let arguments = arguments.filter(|argument| shared.iter().any(|flag| argument.starts_with(flag)));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gpu-instance-operator"))
        .arg("rebuild")
        .args(arguments.chain(more.iter().copied()))
        .env("KUBECONFIG", &launch.kubeconfig)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.success())
}

pub async fn what_is_printed_brings_the_machines_back(setup: Setup) {
    let mut scene = setup.start().await;
    for name in ["runs", "stands"] {
        scene.apply(scene.instance(name, json!({}))).await;
        scene.until_ready(name).await;
    }
    scene.change("stands", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("stands", "Stopped").await;
    let runs = scene.get(Kind::GpuInstance, "runs").await;
    let stands = scene.get(Kind::GpuInstance, "stands").await;
    let ids = [&runs, &stands].map(|object| object.instance_id().to_owned());
    lost(&mut scene, &["runs", "stands"]).await;
    scene.sim.reset_calls();

    let (printed, whole) = rebuild(&scene, &[]);
    assert!(whole, "{printed}");
    for id in &ids {
        assert!(printed.contains(&format!("instanceId: \"{id}\"")), "{printed}");
    }
    let file = scene.operator.launch().log.with_file_name("rebuilt.yaml");
    std::fs::write(&file, &printed).unwrap();
    scene.kubectl(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
    scene.operator.restart().await;
    for object in scene.list(Kind::GpuInstance).await {
        let ready = scene.until_instance(object.name(), "Ready", Object::is_ready).await;
        assert!(ids.iter().any(|id| id == ready.instance_id()), "{ready}");
    }
    let phases = ids.map(|id| scene.phase(&id));
    assert_eq!(phases, [Phase::Running, scene.at.stopped()]);
    assert_eq!(scene.changes(), 0, "{:?}", scene.sim.call_counts());

    // Now they have objects: there is nothing to rebuild.
    let (printed, whole) = rebuild(&scene, &[]);
    assert!(whole && !printed.contains("kind: GpuInstance"), "{printed}");
}

pub async fn what_cannot_be_seen_is_said(setup: Setup) {
    let scene = setup.start().await;
    let credentials = format!("{}-credentials", scene.at.name);
    let keys = scene.get(Kind::Secret, &credentials).await;
    let wrong: serde_json::Map<_, _> = keys
        .secret_keys()
        .iter()
        .map(|key| ((*key).to_owned(), "wrong".into()))
        .collect();
    scene
        .patch(Kind::Secret, &credentials, json!({ "stringData": wrong }))
        .await;
    let (printed, whole) = rebuild(&scene, &[]);
    assert!(
        !whole && printed.contains("there may be more machines than these"),
        "{printed}"
    );
    let (printed, whole) = rebuild(&scene, &["--provider=nobody"]);
    assert!(!whole && printed.contains("there is no such provider"), "{printed}");
}
