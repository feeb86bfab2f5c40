//! Luchen's driver against Luchen's twin: the whole life of a machine, and the faults that cost money where they are
//! misread.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod twin;

use std::time::Duration;

use cloudsim::{Change, Cloud, Fault, NewMachine, luchen::NameMember};
use gpu_instance_operator::api::instance::{Port, PortProtocol, StopMode};
use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::environment::System;
use gpu_instance_operator::provider::{Created, Kind, Proof, Scope};
use serde_json::{Value, json};

use operator::LUCHEN;
use twin::{NAME, Twin};

const H800: &str = "dc25f5be-0000-0000-0000-000000000001";
const REGION: &str = "fce31a0c-0000-0000-0000-41caa1bdd251";
const UNPULLABLE: &str = "bad00000-0000-0000-0000-000000000000";

fn spec(more: Value) -> GpuInstanceSpec {
    twin::spec(&LUCHEN, more)
}

#[tokio::test]
async fn a_machine_lives_and_dies() {
    let scene = Twin::of(&LUCHEN).await;
    let provider = &scene.provider;
    assert_eq!(provider.identify().await.unwrap().account, "u-1");
    assert_eq!(provider.balance().await.unwrap().unwrap().amount.to_string(), "1000");
    assert_eq!(scene.list().await.machines, []);
    let spec = spec(json!({"ports": [{"port": 22, "protocol": "SSH"}, {"port": 7891, "protocol": "HTTP"}]}));
    let quote = provider.quote(&spec).await.unwrap();
    assert_eq!(quote.price_per_hour.unwrap().to_string(), "12.5");

    let Created::Instance(id) = scene.create(&spec).await.unwrap() else {
        panic!("Luchen has no tasks")
    };
    for (seconds, state, word) in [
        (0, InstanceState::Creating, "Initializing"),
        (20, InstanceState::Creating, "PullingImage"),
        (32, InstanceState::Starting, "Starting"),
    ] {
        scene.sim.advance(Duration::from_secs(seconds));
        let machine = scene.machine().await;
        assert_eq!(
            (machine.state, machine.cloud_state.as_str(), &machine.id),
            (state, word, &id)
        );
        assert!(machine.ssh.is_none() && machine.ports.is_empty());
    }
    let running = scene.settled(InstanceState::Running).await;
    assert_eq!(running.name.as_deref(), Some(NAME));
    assert_eq!(running.region.as_deref(), Some("cn-east-1"));
    let ssh = running.ssh.clone().unwrap();
    assert_eq!(
        (ssh.host.as_str(), ssh.user.as_str()),
        ("ssh.cn-east-1.luchen.invalid", "root")
    );
    assert!(running.jupyter_url.is_some() && running.secrets.password.is_none());
    let port = |port, protocol| provider.port_endpoint(&running, Port { port, protocol }).unwrap().url;
    assert_eq!(port(22, PortProtocol::Ssh), format!("{}:{}", ssh.host, ssh.port));
    assert!(port(7891, PortProtocol::Http).starts_with("http://ssh.cn-east-1.luchen.invalid:"));

    provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Stopping);
    let stopped = scene.settled(InstanceState::Stopped).await;
    assert!(stopped.ssh.is_none() && stopped.ports.is_empty());
    provider.start(&stopped, None).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Starting);
    let running = scene.settled(InstanceState::Running).await;

    provider.delete(&running).await.unwrap();
    scene.sim.advance(Duration::from_hours(1));
    assert_eq!(scene.list().await.machines, []);
    assert!(scene.sim.alive().is_empty());
    assert_eq!(scene.sim.call_count("luchen.login"), 1);
}

#[tokio::test]
async fn an_order_arrives_as_it_was_meant() {
    let scene = Twin::of(&LUCHEN).await;
    scene
        .create(&spec(json!({
            "billing": {"mode": "Prepaid", "period": {"unit": "Day", "count": 3}},
            "volumes": [{"source": "example-volume", "mountPath": "/root/data"}],
            "ports": [{"port": 7891, "protocol": "TCP"}],
            "startupScript": "echo hello\n",
            "luchen": {"extraDataDiskSize": "100Gi", "enableDocker": true, "dockerStorageSize": "50Gi", "enableCommonData": true},
        })))
        .await
        .unwrap();
    let machine = scene.machine().await;
    assert_eq!(
        scene.sim.luchen_order(&machine.id).unwrap(),
        json!({
            "instanceTypeId": H800, "region": REGION, "imageId": "0d0c0000-0000-0000-0000-000000000000",
            "chargeMode": "perDay",
            "mounts": [{
                "mountPath": "/root/data", "name": "example-volume", "type": "highspeedstorage",
                "id": "f6a6345e-0000-0000-0000-e52e330cfaec",
            }],
            "dataDiskGB": 100, "commonData": true, "docker": true, "dockerGB": 50, "initScript": "echo hello\n",
            "ports": [7891],
        })
    );
    assert!(
        (scene.sim.meter().cost - 3.0 * 250.0).abs() < 0.01,
        "{}",
        scene.sim.meter().cost
    );
}

#[tokio::test]
async fn every_mode_of_payment_has_a_price() {
    let scene = Twin::of(&LUCHEN).await;
    let prepaid = |unit: &str| json!({"billing": {"mode": "Prepaid", "period": {"unit": unit, "count": 1}}});
    for (more, price) in [
        (json!({"billing": {"mode": "OffPeak"}}), "8.25"),
        (prepaid("Day"), "10.4167"),
        (prepaid("Week"), "9.375"),
        (prepaid("Month"), "8.3333"),
        (json!({"luchen": {"spot": true}}), "6"),
        (json!({"gpu": {"model": null, "count": 0}}), "0.3"),
    ] {
        let quote = scene.provider.quote(&spec(more)).await.unwrap();
        assert_eq!(quote.price_per_hour.unwrap().to_string(), price);
    }
}

#[tokio::test]
async fn a_machine_dies_in_any_state_whichever_way_the_cloud_wants_it() {
    for takes_running in [true, false] {
        for state in [
            InstanceState::Creating,
            InstanceState::Running,
            InstanceState::Stopping,
            InstanceState::Stopped,
        ] {
            let scene = Twin::of(&LUCHEN).await;
            scene
                .sim
                .change_luchen_settings(|settings| settings.terminate_takes_running = takes_running);
            let machine = scene.machine_in(state, &spec(json!({}))).await;
            let first = scene.provider.delete(&machine).await;
            let is_taken = takes_running || state == InstanceState::Stopped;
            assert_eq!(first.is_ok(), is_taken, "{first:?}");
            if let Err(error) = first {
                assert_eq!(error.kind, Kind::Transient, "{error}");
                let stopped = scene.settled(InstanceState::Stopped).await;
                scene.provider.delete(&stopped).await.unwrap();
            }
            scene.sim.advance(Duration::from_hours(1));
            assert!(
                scene.sim.alive().is_empty(),
                "{state:?}, terminate takes running: {takes_running}"
            );
        }
    }
}

#[tokio::test]
async fn a_session_ends_and_nothing_is_ordered_twice() {
    let scene = Twin::of(&LUCHEN).await;
    scene.list().await;
    // Longer than any token lives, while this process's own clock has hardly moved.
    scene.sim.advance(Duration::from_hours(25));
    scene.list().await;
    assert_eq!(
        (
            scene.sim.call_count("luchen.login"),
            scene.sim.call_count("luchen.list")
        ),
        (2, 3)
    );
    let created = scene.create(&spec(json!({}))).await;
    assert!(created.is_ok());
    scene.sim.fault(Fault::on("luchen.create").unauthorized());
    let error = scene.create(&spec(json!({}))).await.unwrap_err();
    assert_eq!(error.kind, Kind::Transient, "{error}");
    assert_eq!(scene.sim.call_count("luchen.create"), 2);
    assert_eq!(scene.sim.machines_named(NAME).len(), 1);

    let account = scene.sim.luchen().account("u-1");
    account.revoke("sim-luchen-user").unwrap();
    let error = scene.provider.list(&Scope::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unauthorized, "{error}");
    account.restore("sim-luchen-user").unwrap();
    scene.list().await;
    let error = scene
        .connect(json!({"password": "wrong"}), System)
        .identify()
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unauthorized, "{error}");
    assert_eq!(
        scene.connect(json!({}), System).identify().await.unwrap().account,
        "u-1"
    );
}

#[tokio::test]
async fn all_pages_are_read() {
    let scene = Twin::of(&LUCHEN).await;
    for n in 0..120 {
        let machine = NewMachine::named(Cloud::Luchen, "u-1", &format!("n-{n}"));
        scene.sim.plant(&machine).unwrap();
    }
    let listing = scene.list().await;
    assert_eq!((listing.proof, listing.machines.len()), (Proof::Complete, 120));
    assert_eq!(scene.sim.call_count("luchen.list"), 3);
    scene.sim.fault(Fault::on("luchen.list").short_list(3).from_nth(2));
    assert!(matches!(scene.list().await.proof, Proof::Incomplete(_)));
    scene.sim.clear_faults();
    scene
        .sim
        .fault(Fault::on("luchen.list").machines_without(&["/instanceMetadata/instanceName"]));
    assert!(matches!(scene.list().await.proof, Proof::Incomplete(_)));
}

#[tokio::test]
async fn a_machine_is_known_by_either_name() {
    let scene = Twin::of(&LUCHEN).await;
    scene.create(&spec(json!({}))).await.unwrap();
    for member in [NameMember::Name, NameMember::InstanceName] {
        scene
            .sim
            .change_luchen_settings(|settings| settings.name_member = member);
        assert_eq!(scene.machine().await.name.as_deref(), Some(NAME));
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_said_to_never_end() {
    let scene = Twin::of(&LUCHEN).await;
    scene.create(&spec(json!({ "image": UNPULLABLE }))).await.unwrap();
    scene.sim.advance(Duration::from_hours(100));
    let machine = scene.machine().await;
    assert_eq!(
        (machine.state, machine.cloud_state.as_str()),
        (InstanceState::Creating, "PullingImage")
    );
    let note = machine.note.clone().unwrap();
    assert!(note.contains("BackOff") && note.contains("tries for ever"), "{note}");
    scene.provider.delete(&machine).await.unwrap();
    scene.sim.advance(Duration::from_hours(1));
    assert!(scene.sim.alive().is_empty());
}

#[tokio::test]
async fn states_that_end_a_machine_are_told_apart() {
    let scene = Twin::of(&LUCHEN).await;
    scene.create(&spec(json!({}))).await.unwrap();
    let id = scene.settled(InstanceState::Running).await.id;
    for (word, state) in [
        ("StartingFailed", InstanceState::Failed),
        ("InitializationFailed", InstanceState::Failed),
        ("Archived", InstanceState::Stopped),
        ("Hibernating", InstanceState::Unknown),
    ] {
        let word = Some(word.to_owned());
        scene.sim.change(&id, Change::State { word }).unwrap();
        assert_eq!(scene.machine().await.state, state);
    }
    let word = Some("Released".to_owned());
    scene.sim.change(&id, Change::State { word }).unwrap();
    let listing = scene.list().await;
    assert_eq!((listing.proof, listing.machines.len()), (Proof::Complete, 0));
}

#[tokio::test]
async fn an_order_without_an_answer_is_open_whether_it_was_carried_out_or_not() {
    for (fault, machines) in [
        (Fault::on("luchen.create").cut_before_commit(), 0),
        (Fault::on("luchen.create").cut_after_commit(), 1),
        (Fault::on("luchen.create").status_after_commit(500), 1),
        (Fault::on("luchen.create").html(502), 0),
        (Fault::on("luchen.create").html(404), 0),
        (Fault::on("luchen.create").truncated_json(), 1),
        (Fault::on("luchen.create").cut_in_body(), 1),
        (Fault::on("luchen.create").without("/instanceId"), 1),
        (Fault::on("luchen.create").refuse(7, "系统繁忙"), 0),
        (Fault::on("luchen.create").success_with_code(7, "what"), 0),
    ] {
        let scene = Twin::of(&LUCHEN).await;
        scene.order_is_left_open_by(fault, &spec(json!({})), machines).await;
    }
}

#[tokio::test]
async fn a_refused_order_rents_nothing_and_is_known_to() {
    for status in [None, Some(200)] {
        for (fault, kind) in [
            (Fault::on("luchen.create").no_capacity(), Kind::NoCapacity),
            (Fault::on("luchen.create").low_balance(), Kind::InsufficientBalance),
            (Fault::on("luchen.create").rate_limited_for(5), Kind::RateLimited),
            (Fault::on("luchen.create").rate_limited_until(5), Kind::RateLimited),
        ] {
            let scene = Twin::of(&LUCHEN).await;
            scene
                .sim
                .change_luchen_settings(|settings| settings.refusal_status = status);
            scene.sim.fault(fault);
            let error = scene.create(&spec(json!({}))).await.unwrap_err();
            assert_eq!(error.kind, kind, "{error}");
            assert_eq!(error.retry_after.is_some(), kind == Kind::RateLimited);
            assert!(scene.sim.machines().is_empty());
        }
    }
}

#[tokio::test]
async fn what_is_wrong_in_an_order_is_said_before_or_by_the_refusal() {
    let scene = Twin::of(&LUCHEN).await;
    let error = scene.create(&spec(json!({"image": "nonesuch"}))).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid, "{error}");
    let unknown = spec(json!({"gpu": {"model": "RTX 6090", "count": 1}}));
    let error = scene.provider.quote(&unknown).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(
        error
            .message
            .contains("1 x H800-SXM, 1 x H800-SXM-SPOT (spot), 1 x RTX-4090, 8 x H800-SXM, no GPU"),
        "{error}"
    );
    scene
        .sim
        .change_luchen_settings(|settings| settings.set_capacity(H800, 0));
    assert_eq!(
        scene.provider.quote(&spec(json!({}))).await.unwrap_err().kind,
        Kind::NoCapacity
    );
    scene.sim.luchen().account("u-1").set_balance(0.0).unwrap();
    let cheap = spec(json!({"gpu": {"model": "rtx 4090", "count": 1}}));
    assert_eq!(scene.create(&cheap).await.unwrap_err().kind, Kind::InsufficientBalance);
    assert!(scene.sim.machines().is_empty());
}

#[tokio::test]
async fn a_host_that_lacks_what_only_the_sister_has_still_rents_what_is_pinned() {
    let scene = Twin::of(&LUCHEN).await;
    scene.sim.change_luchen_settings(|settings| {
        settings.has_type_list = false;
        settings.has_balance = false;
        settings.has_start = false;
        settings.has_volumes = false;
    });
    assert_eq!(scene.provider.balance().await.unwrap(), None);
    let error = scene.create(&spec(json!({}))).await.unwrap_err();
    assert!(error.message.contains("pin spec.luchen.instanceTypeId"), "{error}");
    let pinned = spec(json!({
        "gpu": null,
        "volumes": [{"source": "highspeedstorage/example-volume/f6a6345e-0000-0000-0000-e52e330cfaec", "mountPath": "/a"}],
        "luchen": {"instanceTypeId": H800},
    }));
    scene.create(&pinned).await.unwrap();
    let running = scene.settled(InstanceState::Running).await;
    scene.provider.stop(&running, StopMode::ReleaseGpu, None).await.unwrap();
    let stopped = scene.settled(InstanceState::Stopped).await;
    assert_eq!(
        scene.provider.start(&stopped, None).await.unwrap_err().kind,
        Kind::Unsupported
    );
}
