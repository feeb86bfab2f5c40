//! A machine from its creation to its end, and what is told on the way.

use cloudsim::{Change, Phase};
use serde_json::{Value, json};

use crate::operator::{Event, Kind, Object, Price, Scene, Setup};

pub async fn one_machine_from_creation_to_deletion(setup: Setup) {
    let scene = setup.start().await;
    let long_ago = json!({ "restartedAt": "2020-01-01T00:00:00Z" });
    scene.apply(scene.instance("train-1", long_ago)).await;
    scene.kubectl(&["wait", "gpui/train-1", "--for=condition=Ready", "--timeout=60s"]);
    scene.kubectl(&["wait", "gpui/train-1", "--for=condition=Available", "--timeout=60s"]);
    created(&scene).await;
    stopped_and_started(&scene, json!({}), scene.at.gives_gpu_back).await;
    for mode in scene.at.stop_modes {
        stopped_and_started(&scene, json!({ "stopMode": mode }), *mode == "ReleaseGpu").await;
    }
    scene.change("train-1", json!({ "stopMode": null })).await;
    restarted_once(&scene).await;
    measured(&scene).await;

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive(), []);
    assert_eq!((scene.sim.machines().len(), scene.orders()), (1, 1));
    told(&scene).await;
}

async fn created(scene: &Scene) {
    let object = scene.until_ready("train-1").await;
    let [machine] = <[_; 1]>::try_from(scene.sim.alive()).unwrap();
    assert_eq!(object.instance_id(), machine.id);
    assert!(
        machine.name.starts_with("gi-t") && machine.name.ends_with("-1"),
        "{}",
        machine.name
    );
    let account = object.text("/status/accountId");
    assert!(account.starts_with(scene.at.account_id), "{account}");
    let price = match scene.at.price {
        Price::BeforeOrder(price) | Price::OnMachine(price) => (price, "CNY"),
        Price::Never => ("", ""),
    };
    let shown = (object.text("/status/pricePerHour"), object.text("/status/currency"));
    assert_eq!(shown, price, "{object}");
    assert_eq!(object.text("/status/lastRestartedAt"), "2020-01-01T00:00:00Z");
    assert_eq!(object.finalizers(), ["gpuinstance.dev/instance"]);
    assert_eq!(object.truth("Synced"), "True");
    assert!(
        object.condition("Reconciling").is_none() && object.condition("Stalled").is_none(),
        "{object}"
    );
    // The annotation is written beside the status, and may come a moment later.
    let bound = format!("{}/{account}/{}", object.uid(), machine.id);
    let is_bound = |object: &Object| object.binding() == bound;
    scene
        .until_instance("train-1", "bound by its annotation", is_bound)
        .await;
    assert_eq!(
        scene.changes(),
        0,
        "a time that is there at creation is not a wish to restart"
    );
    shown_by_kubectl(scene, &object);
}

fn shown_by_kubectl(scene: &Scene, object: &Object) {
    let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    let table = scene.kubectl(&["get", "gpui"]);
    let [header, row] = <[&str; 2]>::try_from(table.lines().collect::<Vec<_>>()).unwrap();
    assert_eq!(words(header), ["NAME", "STATE", "GPU", "READY", "PRICE", "SSH", "AGE"]);
    for column in [
        "Running",
        object.text("/status/gpu/summary"),
        object.text("/status/pricePerHour"),
        object.text("/status/endpoints/ssh/address"),
    ] {
        assert!(row.contains(column), "no {column} in\n{table}");
    }
    let wide = scene.kubectl(&["get", "gpuinstances", "-o", "wide"]);
    let header = words(wide.lines().next().unwrap());
    assert_eq!(header[7..], ["CLOUD", "REGION", "INSTANCE", "MESSAGE"]);
    for column in [scene.at.shown_as, object.instance_id(), "the machine runs"] {
        assert!(wide.contains(column), "no {column} in\n{wide}");
    }
    let category = scene.kubectl(&["get", "gpu", "-o", "name"]);
    let provider = format!("gpuprovider.gpuinstance.dev/{}", scene.at.name);
    assert!(
        category.contains("gpuinstance.gpuinstance.dev/train-1") && category.contains(&provider),
        "{category}"
    );
}

async fn stopped_and_started(scene: &Scene, mode: Value, releases: bool) {
    let before = scene.get(Kind::GpuInstance, "train-1").await;
    let changes = scene.changes();
    scene.change("train-1", mode.clone()).await;
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    let object = scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!(object.truth("Available"), "False");
    assert_eq!(scene.phase(before.instance_id()), Phase::Stopped { released: releases });
    let price = if releases {
        ""
    } else {
        before.text("/status/pricePerHour")
    };
    assert_eq!(
        object.text("/status/pricePerHour"),
        price,
        "stopped by {mode}: {object}"
    );
    assert!(object.at("/status/endpoints/ssh").is_null(), "{object}");

    scene.change("train-1", json!({ "power": "Running" })).await;
    let object = scene.until_ready("train-1").await;
    assert_eq!(object.instance_id(), before.instance_id());
    assert_eq!(scene.changes(), changes + 2, "one stop and one start by {mode}");
}

async fn restarted_once(scene: &Scene) {
    let restart = "2020-02-02T00:00:00Z";
    let changes = scene.changes();
    scene.change("train-1", json!({ "restartedAt": restart })).await;
    let restarted =
        |object: &Object| object.is_ready_in("Running") && object.text("/status/lastRestartedAt") == restart;
    scene
        .until_instance("train-1", "restarted, and Ready again", restarted)
        .await;
    scene.after_lists(3).await;
    let once = if scene.at.restarts_at_once { 1 } else { 2 };
    assert_eq!(scene.changes(), changes + once, "restarted once");
}

async fn measured(scene: &Scene) {
    let (status, text) = scene.operator.get("/healthz").await;
    assert_eq!((status, text.trim()), (200, "ok"));
    let cloud = scene.at.shown_as;
    let stops = 1 + scene.at.stop_modes.len() + usize::from(!scene.at.restarts_at_once);
    let calls = |operation: &str, times: usize| {
        format!(
            r#"gpu_instance_operator_cloud_calls_total{{cloud="{cloud}",operation="{operation}",outcome="ok"}} {times}"#
        )
    };
    if let Price::BeforeOrder(price) | Price::OnMachine(price) = scene.at.price {
        let object = scene.get(Kind::GpuInstance, "train-1").await;
        let account = object.text("/status/accountId");
        // As a number, without zeros at its end.
        let price: f64 = price.parse().unwrap();
        scene
            .operator
            .until_metric(&format!(
                r#"gpu_instance_operator_price_per_hour{{cloud="{cloud}",account="{account}",currency="CNY"}} {price}"#
            ))
            .await;
    }
    for line in [
        format!(r#"gpu_instance_operator_instances{{cloud="{cloud}",state="Running"}} 1"#),
        calls("create", 1),
        calls("start", stops),
        calls("stop", stops),
    ] {
        scene.operator.until_metric(&line).await;
    }
}

/// Each thing that matters was told, in order, and again when it happened again.
async fn told(scene: &Scene) {
    scene.until_event("train-1", "Deleted").await;
    let events = scene.events_of("train-1").await;
    let mut reasons: Vec<&str> = events.iter().map(|event| event.reason.as_str()).collect();
    if scene.at.orders_are_tasks {
        // A list may show the machine before its task does.
        reasons[1] = if reasons[1] == "Found" { "Created" } else { reasons[1] };
    }
    let mut expected = vec!["Creating"];
    if scene.at.orders_are_tasks {
        expected.push("Created");
    }
    expected.push("Running");
    for _ in 0..=scene.at.stop_modes.len() {
        expected.extend(["Stopping", "Stopped", "Starting", "Running"]);
    }
    if scene.at.restarts_at_once {
        expected.extend(["Restarting", "Restarting", "Running"]);
    } else {
        expected.extend(["Restarting", "Stopping", "Restarting", "Starting", "Running"]);
    }
    if !scene.at.deletes_running {
        expected.push("Stopping");
    }
    expected.extend(["Deleting", "Deleted"]);
    assert_eq!(reasons, expected, "{events:#?}");
    assert!(events.iter().all(|event| event.kind == "Normal"), "{events:#?}");
    let id = &scene.sim.machines()[0].id;
    for told in ["Stopping", "Starting", "Deleting", "Deleted"] {
        let event = events.iter().find(|event| event.reason == told).unwrap();
        assert!(event.note.contains(id), "{event}");
    }
    assert!(
        events[usize::from(scene.at.orders_are_tasks)].note.contains(id),
        "{events:#?}"
    );
}

pub async fn a_new_object_that_is_stopped_rents_nothing(setup: Setup) {
    let scene = setup.start().await;
    scene
        .apply(scene.instance("later", json!({ "power": "Stopped" })))
        .await;
    let object = scene.until_ready_in("later", "Stopped").await;
    assert_eq!((object.instance_id(), object.at("/status/claim").is_null()), ("", true));
    assert_eq!(object.truth("Available"), "False");
    assert!(
        object.said("Ready", "message").contains("nothing is rented"),
        "{object}"
    );
    // Nothing is listed either, for nobody asks: what might go wrong has a second to do so.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(scene.orders(), 0);

    scene.change("later", json!({ "power": "Running" })).await;
    let object = scene.until_ready("later").await;
    assert_eq!(scene.sim.alive()[0].id, object.instance_id());
    assert_eq!(scene.orders(), 1);
}

pub async fn hands_off_while_suspended(setup: Setup) {
    let scene = setup.start().await;
    scene.apply(scene.instance("not-yet", json!({ "suspend": true }))).await;
    scene.apply(scene.instance("train-1", json!({}))).await;
    let object = scene.until_ready("train-1").await;
    let not_yet = scene.until_not_ready("not-yet", "Suspended").await;
    assert_eq!(not_yet.instance_id(), "");
    scene
        .change("train-1", json!({ "suspend": true, "power": "Stopped" }))
        .await;
    let suspended = scene.until_not_ready("train-1", "Suspended").await;
    assert!(suspended.said("Ready", "message").contains("suspended"), "{suspended}");
    scene.stop_elsewhere(object.instance_id());
    let seen = scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!(seen.said("Ready", "reason"), "Suspended");
    scene.sim.change(object.instance_id(), Change::Start).unwrap();
    scene.until_not_ready("train-1", "Suspended").await;
    scene.after_lists(2).await;
    assert_eq!((scene.orders(), scene.changes()), (1, 0));

    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive(), []);
    scene.change("not-yet", json!({ "suspend": false })).await;
    scene.until_ready("not-yet").await;
}

pub async fn an_image_is_saved_before_each_stop(setup: Setup) {
    let snapshot = setup.facts().snapshot.as_ref().unwrap();
    let scene = setup.start().await;
    let image = (snapshot.spec)();
    scene
        .apply(scene.instance("train-1", json!({ "snapshotOnStop": image })))
        .await;
    scene.until_ready("train-1").await;
    for stops in 1..=2 {
        scene.change("train-1", json!({ "power": "Stopped" })).await;
        scene.until_ready_in("train-1", "Stopped").await;
        assert_eq!((snapshot.saved)(&scene.sim), stops);
        let calls = scene.sim.calls().into_iter().map(|call| call.operation);
        let calls: Vec<String> = calls.filter(|call| snapshot.stop.contains(&call.as_str())).collect();
        assert_eq!(calls, snapshot.stop.repeat(stops), "first the image, then the stop");
        scene.change("train-1", json!({ "power": "Running" })).await;
        scene.until_ready("train-1").await;
    }
    // In a call of its own, or as part of the stop.
    let name = image["name"].as_str().unwrap();
    let events = scene.events_of("train-1").await;
    let told = |event: &&Event| ["SavingImage", "Stopping"].contains(&event.reason.as_str());
    assert!(
        events.iter().filter(told).any(|event| event.note.contains(name)),
        "{events:#?}"
    );
    scene.delete(Kind::GpuInstance, "train-1").await;
    scene.until_gone(Kind::GpuInstance, "train-1").await;
    assert_eq!(scene.sim.alive(), []);
}
