//! Neolink's driver against Neolink's twin: the whole life of a machine, and the faults that cost money where they are
//! misread.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod twin;

use std::time::Duration;

use cloudsim::neolink::Paging;
use cloudsim::{Cloud, Fault, NewMachine};
use gpu_instance_operator::api::instance::{Snapshot, StopMode};
use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState, money};
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::{Created, Kind, Machine, Proof, Scope};
use serde_json::{Value, json};

use operator::NEOLINK;
use twin::{NAME, Twin};

fn spec(more: Value) -> GpuInstanceSpec {
    twin::spec(&NEOLINK, more)
}

#[tokio::test]
async fn a_machine_lives_and_dies() {
    let scene = Twin::of(&NEOLINK).await;
    let provider = &scene.provider;
    assert_eq!(provider.identify().await.unwrap().account, "u-1");
    assert_eq!(provider.list(&Scope::default()).await.unwrap().machines, []);
    let spec = spec(json!({}));
    let quote = provider.quote(&spec).await.unwrap();
    assert_eq!(quote.price_per_hour.map(money::format).as_deref(), Some("2.50"));

    let Created::Instance(id) = scene.create(&spec).await.unwrap() else {
        panic!("Neolink has no tasks")
    };
    let creating = scene.machine().await;
    assert_eq!((creating.state, creating.id), (InstanceState::Creating, id));
    assert!(creating.ssh.is_none() && creating.secrets.password.is_none());
    let running = scene.settled(InstanceState::Running).await;
    assert_eq!(running.name.as_deref(), Some(NAME));
    assert_eq!(
        (running.gpu_model.as_deref(), running.gpu_count),
        (Some("RTX 4090"), Some(1))
    );
    assert_eq!(running.region.as_deref(), Some("host-cluster"));
    assert!(running.ssh.is_some() && running.jupyter_url.is_some());
    assert!(running.secrets.password.is_some() && running.secrets.jupyter_token.is_some());
    assert_eq!(running.price_per_hour, quote.price_per_hour);

    provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Stopping);
    let stopped = scene.settled(InstanceState::Stopped).await;
    assert!(stopped.ssh.is_none() && !stopped.expired);
    provider.start(&stopped, None).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Starting);
    let running = scene.settled(InstanceState::Running).await;

    provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    let stopped = scene.settled(InstanceState::Stopped).await;
    provider.delete(&stopped).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Deleting);
    scene.sim.advance(Duration::from_hours(1));
    assert_eq!(provider.list(&Scope::default()).await.unwrap().machines, []);
    assert!(scene.sim.alive().is_empty());
}

#[tokio::test]
async fn an_image_is_saved_by_the_stop() {
    let scene = Twin::of(&NEOLINK).await;
    scene.create(&spec(json!({}))).await.unwrap();
    let running = scene.settled(InstanceState::Running).await;
    let snapshot = Snapshot {
        name: "mine".to_owned(),
        tag: Some("v1".to_owned()),
    };
    let stop = scene.provider.stop(&running, StopMode::ReleaseGpu, Some(&snapshot));
    stop.await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Stopping);
    scene.settled(InstanceState::Stopped).await;
    let images = scene.sim.neolink_images();
    let [image] = &images[..] else { panic!("{images:?}") };
    assert_eq!(
        (image.name.as_str(), image.tag.as_str(), &image.instance),
        ("mine", "v1", &running.id)
    );
}

#[tokio::test]
async fn every_way_to_pay_is_taken() {
    for (more, cost_type, hourly) in [
        (json!({}), "1", 2.5),
        (
            json!({"billing": {"mode": "Prepaid", "period": {"unit": "Day", "count": 3}}}),
            "4",
            2.4,
        ),
        (
            json!({"billing": {"mode": "Prepaid", "period": {"unit": "Week", "count": 1}}}),
            "3",
            2.25,
        ),
        (
            json!({"billing": {"mode": "Prepaid", "period": {"unit": "Month", "count": 1}}}),
            "2",
            2.0,
        ),
    ] {
        let scene = Twin::of(&NEOLINK).await;
        scene.create(&spec(more)).await.unwrap();
        let machine = scene.settled(InstanceState::Running).await;
        let price = machine.price_per_hour.map(money::format);
        assert_eq!(price, Some(format!("{hourly:.2}")), "{cost_type}");
        let charged = scene.sim.meter().rate_per_hour;
        assert!((charged - hourly).abs() < 1e-6, "{cost_type}: {charged}");
    }
}

#[tokio::test]
async fn a_discounted_machine_has_a_price_before_the_order_only() {
    let scene = Twin::of(&NEOLINK).await;
    let h20 = spec(json!({"gpu": {"model": "H20", "count": 1}}));
    let quote = scene.provider.quote(&h20).await.unwrap();
    assert_eq!(quote.price_per_hour.map(money::format).as_deref(), Some("4.80"));
    scene.create(&h20).await.unwrap();
    let machine = scene.settled(InstanceState::Running).await;
    assert_eq!(
        machine.price_per_hour, None,
        "whether the discount is in what it shows is not known"
    );
}

#[tokio::test]
async fn a_running_machine_is_not_deleted_before_it_is_stopped() {
    let scene = Twin::of(&NEOLINK).await;
    scene.create(&spec(json!({}))).await.unwrap();
    let running = scene.settled(InstanceState::Running).await;
    assert!(!scene.provider.capabilities().deletes_running);
    assert_eq!(scene.provider.delete(&running).await.unwrap_err().kind, Kind::Transient);
    assert_eq!(scene.sim.alive().len(), 1);
}

#[tokio::test]
async fn a_delete_takes_one_machine_and_no_other() {
    let scene = Twin::of(&NEOLINK).await;
    let foreign = scene
        .sim
        .plant(&NewMachine::named(Cloud::Neolink, "u-1", "somebody's"))
        .unwrap();
    scene.create(&spec(json!({}))).await.unwrap();
    let listing = scene.provider.list(&Scope::default()).await.unwrap();
    let ours = listing
        .machines
        .iter()
        .find(|machine| machine.name.as_deref() == Some(NAME))
        .unwrap();
    let nameless = Machine {
        id: String::new(),
        ..ours.clone()
    };
    assert_eq!(scene.provider.delete(&nameless).await.unwrap_err().kind, Kind::Invalid);
    scene.provider.delete(ours).await.unwrap();
    scene.sim.advance(Duration::from_hours(1));
    let alive: Vec<String> = scene.sim.alive().into_iter().map(|machine| machine.id).collect();
    assert_eq!(alive, [foreign.id]);
}

#[tokio::test]
async fn regions_are_apart() {
    let scene = Twin::of(&NEOLINK).await;
    scene.create(&spec(json!({"region": "上海一区"}))).await.unwrap();
    let scope = |region: &str| Scope {
        regions: [region.to_owned()].into(),
        ..Scope::default()
    };
    assert_eq!(scene.provider.list(&scope("r-1")).await.unwrap().machines, []);
    let there = scene.provider.list(&scope("r-2")).await.unwrap().machines;
    assert_eq!(there[0].region.as_deref(), Some("second-cluster"));
    scene.sim.advance(Duration::from_mins(5));
    let running = scene.machine().await;
    scene.provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    let stopped = scene.settled(InstanceState::Stopped).await;
    scene.provider.delete(&stopped).await.unwrap();
    scene.sim.advance(Duration::from_hours(1));
    assert!(scene.sim.alive().is_empty());
}

#[tokio::test]
async fn pages_are_found_however_they_are_asked_for() {
    for (paging, is_whole) in [
        (Paging::Page, true),
        (Paging::PageFromZero, true),
        (Paging::Offset, true),
        (Paging::Never, false),
    ] {
        let scene = Twin::of(&NEOLINK).await;
        scene.sim.change_neolink_settings(|settings| {
            settings.page_size = Some(3);
            settings.paging = paging;
        });
        for n in 0..8 {
            let machine = NewMachine::named(Cloud::Neolink, "u-1", &format!("n{n}"));
            scene.sim.plant(&machine).unwrap();
        }
        let listing = scene.provider.list(&Scope::default()).await.unwrap();
        assert_eq!(
            listing.proof == Proof::Complete,
            is_whole,
            "{paging:?}: {:?}",
            listing.proof
        );
        assert_eq!(listing.machines.len(), if is_whole { 8 } else { 3 });
    }
}

#[tokio::test]
async fn an_order_without_an_answer_is_open_whether_it_was_carried_out_or_not() {
    for (fault, machines) in [
        (Fault::on("neolink.create").cut_before_commit(), 0),
        (Fault::on("neolink.create").cut_after_commit(), 1),
        (Fault::on("neolink.create").status_after_commit(500), 1),
        (Fault::on("neolink.create").status_after_commit(400), 1),
        (Fault::on("neolink.create").html(502), 0),
        (Fault::on("neolink.create").html(404), 0),
        (Fault::on("neolink.create").truncated_json(), 1),
        (Fault::on("neolink.create").cut_in_body(), 1),
        (Fault::on("neolink.create").without("/name"), 1),
        (Fault::on("neolink.create").with("/name", ""), 1),
        (Fault::on("neolink.create").refuse(500, "系统繁忙"), 0),
        (Fault::on("neolink.create").refuse(409, "the name exists"), 0),
        (Fault::on("neolink.create").success_with_code(7, "what?"), 0),
    ] {
        let scene = Twin::of(&NEOLINK).await;
        scene.order_is_left_open_by(fault, &spec(json!({})), machines).await;
    }
}

#[tokio::test]
async fn a_refused_order_rents_nothing_and_is_known_to() {
    for (fault, kind) in [
        (Fault::on("neolink.create").no_capacity(), Kind::NoCapacity),
        (Fault::on("neolink.create").low_balance(), Kind::InsufficientBalance),
        (Fault::on("neolink.create").unauthorized(), Kind::Unauthorized),
        (Fault::on("neolink.create").refuse(422, "image"), Kind::Invalid),
        (Fault::on("neolink.create").rate_limited_for(5), Kind::RateLimited),
        (Fault::on("neolink.create").rate_limited_until(5), Kind::RateLimited),
    ] {
        let scene = Twin::of(&NEOLINK).await;
        scene.sim.fault(fault);
        let error = scene.create(&spec(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(error.retry_after.is_some(), kind == Kind::RateLimited);
        assert!(scene.sim.machines().is_empty());
    }
}

#[tokio::test]
async fn what_the_cloud_really_lacks_is_known_before_the_order() {
    let scene = Twin::of(&NEOLINK).await;
    scene.sim.change_neolink_settings(|settings| settings.capacity.clear());
    assert_eq!(
        scene.provider.quote(&spec(json!({}))).await.unwrap_err().kind,
        Kind::NoCapacity
    );
    assert_eq!(scene.create(&spec(json!({}))).await.unwrap_err().kind, Kind::NoCapacity);
    assert_eq!(scene.sim.call_count("neolink.create"), 0);

    let scene = Twin::of(&NEOLINK).await;
    scene.sim.neolink().account("u-1").set_balance(0.0).unwrap();
    assert_eq!(
        scene.create(&spec(json!({}))).await.unwrap_err().kind,
        Kind::InsufficientBalance
    );
}

#[tokio::test]
async fn a_list_that_is_not_whole_or_not_a_list_proves_nothing() {
    for fault in [
        Fault::on("neolink.list").short_list(0),
        Fault::on("neolink.list").with("/hasNextPage", true),
        Fault::on("neolink.list").without("/totalCount"),
        Fault::on("neolink.list").machines_without(&["/displayName"]),
        Fault::on("neolink.list").machines_without(&["/name"]),
    ] {
        let scene = Twin::of(&NEOLINK).await;
        scene.create(&spec(json!({}))).await.unwrap();
        let shown = format!("{fault:?}");
        scene.sim.fault(fault.until_cleared());
        let listing = scene.provider.list(&Scope::default()).await.unwrap();
        assert!(
            matches!(listing.proof, Proof::Incomplete(_)),
            "{shown}: {:?}",
            listing.proof
        );
    }
    for fault in [
        Fault::on("neolink.list").with("", json!([])),
        Fault::on("neolink.list").with("/nodes", "oops"),
        Fault::on("neolink.list").html(404),
        Fault::on("neolink.list").refuse(404, "cluster not found"),
        Fault::on("neolink.list").truncated_json(),
    ] {
        let scene = Twin::of(&NEOLINK).await;
        scene.create(&spec(json!({}))).await.unwrap();
        let shown = format!("{fault:?}");
        scene.sim.fault(fault.until_cleared());
        assert!(scene.provider.list(&Scope::default()).await.is_err(), "{shown}");
    }
}

#[tokio::test]
async fn who_we_are_not_is_refused() {
    let scene = Twin::of(&NEOLINK).await;
    let other = scene.connect(json!({"userId": "u-2"}), System);
    assert_eq!(other.identify().await.unwrap_err().kind, Kind::Unauthorized);
    scene
        .sim
        .neolink()
        .account("u-1")
        .revoke("sim-neolink-token-1")
        .unwrap();
    assert_eq!(scene.provider.identify().await.unwrap_err().kind, Kind::Unauthorized);
}
