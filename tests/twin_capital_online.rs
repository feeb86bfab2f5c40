//! Capital Online's driver against Capital Online's twin: the whole life of a machine, and the faults that cost money
//! where they are misread.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it is surprised")]

mod operator;
mod twin;

use std::time::Duration;

use cloudsim::{Cloud, Fault, NewMachine};
use gpu_instance_operator::api::instance::StopMode;
use gpu_instance_operator::api::{GpuInstanceSpec, InstanceState};
use gpu_instance_operator::environment::{Environment, System};
use gpu_instance_operator::provider::{Created, Field, Kind, Proof, Scope, TaskState};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};

use operator::{CAPITAL_ONLINE, merged};
use twin::{NAME, PASSWORD, Twin, order};

const PREPAID: (i64, &str) = (7793, "1b69ecca-453c-4535-8c96-16edf1ec6da9");

/// The real world, but for its clock.
struct Late(SignedDuration);

impl Environment for Late {
    fn now(&self) -> Timestamp {
        System.now() + self.0
    }

    fn random(&self) -> u64 {
        System.random()
    }

    fn secret_bytes(&self) -> [u8; 32] {
        System.secret_bytes()
    }
}

fn spec(more: Value) -> GpuInstanceSpec {
    twin::spec(&CAPITAL_ONLINE, more)
}

async fn created(scene: &Twin, spec: &GpuInstanceSpec) -> String {
    match scene.create(spec).await.unwrap() {
        Created::Task(task) => task,
        Created::Instance(_) => panic!("an order is a task here"),
    }
}

fn prepaid(more: Value) -> GpuInstanceSpec {
    let wanted = json!({
        "billing": {"mode": "Prepaid", "period": {"unit": "Month", "count": 2}},
        "capitalOnline": {"goodsId": PREPAID.0, "computeId": PREPAID.1},
    });
    spec(merged(wanted, more))
}

#[tokio::test]
async fn a_machine_lives_and_dies() {
    let scene = Twin::of(&CAPITAL_ONLINE).await;
    let provider = &scene.provider;
    let account = provider.identify().await.unwrap().account;
    assert!(account.starts_with("key-") && account.len() == 20, "{account}");
    assert_eq!(scene.machines().await, []);

    let task = created(&scene, &spec(json!({}))).await;
    let state = provider.task(&task, &Scope::default()).await.unwrap();
    assert_eq!(state, TaskState::Running);
    let creating = scene.machine().await;
    assert_eq!((creating.state, creating.ssh), (InstanceState::Creating, None));
    let running = scene.settled(InstanceState::Running).await;
    let state = provider.task(&task, &Scope::default()).await.unwrap();
    assert_eq!(state, TaskState::Succeeded(vec![running.id.clone()]));
    assert_eq!(running.name.as_deref(), Some(NAME));
    let ssh = running.ssh.clone().unwrap();
    assert!(ssh.host.starts_with("60.165.239."), "the public address: {}", ssh.host);
    assert_eq!((ssh.port, ssh.user.as_str()), (22, "root"));
    let detailed = provider.describe(&running).await.unwrap();
    assert_eq!(
        detailed.ssh, running.ssh,
        "the detail spells the public address otherwise"
    );
    assert_eq!(detailed.region.as_deref(), Some("CN_Hohhot_B"));
    assert_eq!(
        scene.sim.capital_online_password(&running.id).as_deref(),
        Some(PASSWORD)
    );

    provider.stop(&running, StopMode::KeepGpu, None).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Stopping);
    let stopped = scene.settled(InstanceState::Stopped).await;
    assert_eq!(stopped.ssh, None);
    provider.start(&stopped, None).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Starting);
    let running = scene.settled(InstanceState::Running).await;
    provider.restart(&running).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Restarting);
    let running = scene.settled(InstanceState::Running).await;

    let reinstalled = spec(json!({"image": CAPITAL_ONLINE.other_image}));
    let password = SecretString::from("An0ther-one");
    let order = order(&reinstalled, Some(&password));
    provider.update(&running, &order, &[Field::Image]).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Reinstalling);
    let running = scene.settled(InstanceState::Running).await;
    assert_eq!(
        scene.sim.capital_online_password(&running.id).as_deref(),
        Some("An0ther-one")
    );

    let refused = provider.delete(&running).await.unwrap_err();
    assert_eq!(
        refused.kind,
        Kind::Transient,
        "a running machine is not deleted before it is shut down: {refused}"
    );
    provider.stop(&running, StopMode::KeepGpu, None).await.unwrap();
    let stopped = scene.settled(InstanceState::Stopped).await;
    provider.delete(&stopped).await.unwrap();
    assert_eq!(scene.machine().await.state, InstanceState::Deleting);
    scene.sim.advance(Duration::from_hours(1));
    assert_eq!(scene.machines().await, []);
    assert!(scene.sim.alive().is_empty());
}

#[tokio::test]
async fn switching_is_understood_in_both_shapes_of_its_answer() {
    for singular in [false, true] {
        let scene = Twin::of(&CAPITAL_ONLINE).await;
        scene
            .sim
            .change_capital_online_settings(|settings| settings.singular_task_id = singular);
        created(&scene, &spec(json!({}))).await;
        let running = scene.settled(InstanceState::Running).await;
        scene.provider.stop(&running, StopMode::KeepGpu, None).await.unwrap();
        scene.settled(InstanceState::Stopped).await;
    }
}

#[tokio::test]
async fn an_order_without_an_answer_is_open_whether_it_was_carried_out_or_not() {
    let on = || Fault::on("capital_online.CreateGpuInstance");
    for (fault, machines) in [
        (on().cut_before_commit(), 0),
        (on().cut_after_commit(), 1),
        (on().status_after_commit(500), 1),
        (on().html(502), 0),
        (on().truncated_json(), 1),
        (on().cut_in_body(), 1),
        (on().refuse(1000, "系统繁忙"), 0),
    ] {
        let scene = Twin::of(&CAPITAL_ONLINE).await;
        scene.order_is_left_open_by(fault, &spec(json!({})), machines).await;
    }
}

#[tokio::test]
async fn a_refused_order_rents_nothing_and_is_known_to() {
    let on = || Fault::on("capital_online.CreateGpuInstance");
    for (fault, kind) in [
        (on().no_capacity(), Kind::NoCapacity),
        (on().low_balance(), Kind::InsufficientBalance),
        (on().unauthorized(), Kind::Unauthorized),
        (on().rate_limited_for(5), Kind::RateLimited),
    ] {
        let scene = Twin::of(&CAPITAL_ONLINE).await;
        scene.sim.fault(fault);
        let error = scene.create(&spec(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(scene.sim.machines().is_empty());
    }
}

#[tokio::test]
async fn an_order_is_checked_against_what_there_is() {
    let scene = Twin::of(&CAPITAL_ONLINE).await;
    let quoted = scene.provider.quote(&spec(json!({}))).await.unwrap();
    assert_eq!(quoted.price_per_hour.unwrap().to_string(), "13.5");
    assert_eq!(quoted.currency, Some("CNY"));
    let daily = spec(json!({"capitalOnline": {"priceUnit": "Day"}}));
    let quoted = scene.provider.quote(&daily).await.unwrap();
    assert_eq!(quoted.price_per_hour.unwrap().to_string(), "0.5625");
    // Two months of 6720 over 2 x 672 hours.
    let quoted = scene.provider.quote(&prepaid(json!({}))).await.unwrap();
    assert_eq!(quoted.price_per_hour.unwrap().to_string(), "10");

    for (wrong, expected) in [
        (spec(json!({"capitalOnline": {"goodsId": 1}})), "goodsId 7685"),
        (spec(json!({"region": "CN_SJZ_B"})), "CN_Hohhot_B"),
        (spec(json!({"region": "nowhere"})), "there are regions"),
        (
            spec(json!({"capitalOnline": {"goodsId": PREPAID.0, "computeId": PREPAID.1}})),
            "PrePaid only",
        ),
        (spec(json!({"image": "nonesuch"})), "ubuntu14.04_64"),
        (
            spec(json!({"capitalOnline": {"vpcId": "nonesuch"}})),
            "b2ca7892-a329-11ef-943a-66fdd349a9b1",
        ),
        (
            spec(json!({"capitalOnline": {"subnetId": "nonesuch"}})),
            "b2cc9168-a329-11ef-943a-66fdd349a9b1",
        ),
    ] {
        let error = scene.provider.quote(&wrong).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
    scene
        .sim
        .change_capital_online_settings(|settings| settings.goods[0].capacity = 0);
    let error = scene.provider.quote(&spec(json!({}))).await.unwrap_err();
    assert_eq!(error.kind, Kind::NoCapacity, "{error}");
    assert!(scene.sim.machines().is_empty());
}

#[tokio::test]
async fn a_prepaid_machine_ends_with_its_period_and_is_not_renewed_unasked() {
    let scene = Twin::of(&CAPITAL_ONLINE).await;
    created(&scene, &prepaid(json!({}))).await;
    let running = scene.settled(InstanceState::Running).await;
    let paid = scene.provider.describe(&running).await.unwrap();
    assert!(paid.note.unwrap().starts_with("paid until 20") && !paid.expired);
    assert!((scene.sim.meter().cost - 13_440.0).abs() < 0.01, "two months at once");
    scene.provider.stop(&running, StopMode::KeepGpu, None).await.unwrap();
    let stopped = scene.settled(InstanceState::Stopped).await;
    let error = scene.provider.delete(&stopped).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    assert!(error.message.contains("a prepaid one ends with its period"), "{error}");
    scene.provider.start(&stopped, None).await.unwrap();
    scene.settled(InstanceState::Running).await;
    scene.sim.advance(Duration::from_hours(24 * 61));
    scene.machines().await;
    scene.settled(InstanceState::Stopped).await;
}

#[tokio::test]
async fn every_page_is_read_and_a_list_that_is_cut_short_proves_nothing() {
    let scene = Twin::of(&CAPITAL_ONLINE).await;
    for n in 0..7 {
        let machine = NewMachine::named(Cloud::CapitalOnline, "c-1", &format!("foreign-{n}"));
        scene.sim.plant(&machine).unwrap();
    }
    scene
        .sim
        .change_capital_online_settings(|settings| settings.largest_page = 3);
    assert_eq!(scene.machines().await.len(), 7);
    assert_eq!(scene.sim.call_count("capital_online.DescribeGpu"), 3);
    scene.sim.fault(Fault::on("capital_online.DescribeGpu").short_list(1));
    let listing = scene.provider.list(&Scope::default()).await.unwrap();
    assert!(matches!(listing.proof, Proof::Incomplete(_)), "{listing:?}");
}

#[tokio::test]
async fn a_task_that_fails_is_told_and_leaves_nothing() {
    let scene = Twin::of(&CAPITAL_ONLINE).await;
    scene
        .sim
        .change_capital_online_settings(|settings| settings.tasks_fail = true);
    let task = created(&scene, &spec(json!({}))).await;
    let state = scene.provider.task(&task, &Scope::default()).await.unwrap();
    assert!(matches!(state, TaskState::Failed(_)), "{state:?}");
    let error = scene.provider.task("nonesuch", &Scope::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert!(scene.sim.machines().is_empty());
}

#[tokio::test]
async fn a_wrong_secret_and_a_wrong_clock_are_told_apart() {
    let scene = Twin::of(&CAPITAL_ONLINE).await;
    let provider = scene.connect(json!({"accessKeySecret": "not-the-secret"}), System);
    let error = provider.identify().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unauthorized);
    assert!(
        error.message.contains("signature is refused") && !error.message.contains("clock"),
        "{error}"
    );
    assert!(!error.message.contains("not-the-secret"));

    let provider = scene.connect(json!({}), Late(SignedDuration::from_mins(-20)));
    let error = provider.identify().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unauthorized);
    assert!(error.message.contains("s behind the cloud's"), "{error}");
}
