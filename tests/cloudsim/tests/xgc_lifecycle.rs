//! States over time, capacity and money at XGC.

mod client;

use std::time::Duration;

use client::{Client, SOON, comes_to, order, start, start_with, with};
use cloudsim::{Cause, Change, Cloudsim, Config, Pace};
use serde_json::json;

const HOUR: Duration = Duration::from_hours(1);

/// Everything lasts so long that only the virtual clock gets it done.
async fn start_slow() -> Cloudsim {
    start_with(Config::default().with_pace(&Pace::every(60_000))).await
}

fn minute(sim: &Cloudsim) {
    sim.advance(Duration::from_mins(1));
}

async fn status(client: &Client, id: &str) -> String {
    let instance = client.instance(id).await;
    instance["status"].as_str().expect("a word").to_owned()
}

fn close(actual: f64, expected: f64) -> bool {
    // Real time passes too, a little: at 2 yuan an hour a second is 0.0006.
    (actual - expected).abs() < 0.01
}

#[tokio::test]
async fn states_come_in_the_vendors_order() {
    let sim = start_slow().await;
    let client = Client::of(&sim);
    let id = client.rent("n").await;
    assert_eq!(status(&client, &id).await, "deploying");
    let instance = client.instance(&id).await;
    assert_eq!(instance["ssh_port"], json!(""));
    assert_eq!(instance["ssh_domain"], json!(""));
    assert_eq!(instance["password"], json!(""));
    assert_eq!(instance["start_timestamp"], json!(0));
    sim.advance(Duration::from_secs(30));
    let progress = client.instance(&id).await["progress"].as_i64().expect("a number");
    assert!((50..60).contains(&progress), "{progress}");
    sim.advance(Duration::from_secs(30));
    assert_eq!(status(&client, &id).await, "running");
    let token = client.instance(&id).await["jupyter_token"].clone();

    client.command("shutdown", &id).await;
    assert_eq!(status(&client, &id).await, "shutting_down");
    minute(&sim);
    assert_eq!(status(&client, &id).await, "shutdown");
    let instance = client.instance(&id).await;
    assert_eq!(instance["ssh_port"], json!(""));
    assert_eq!(instance["retain"], json!(0.0));
    assert_ne!(instance["stop_timestamp"], json!(0));

    client.command("boot", &id).await;
    assert_eq!(status(&client, &id).await, "booting");
    minute(&sim);
    assert_eq!(status(&client, &id).await, "running");
    assert_eq!(client.instance(&id).await["jupyter_token"], token);

    client.command("saveimage", &id).await;
    assert_eq!(status(&client, &id).await, "saving_image");
    minute(&sim);
    assert_eq!(status(&client, &id).await, "running");

    client.command("shutdown_release_gpu", &id).await;
    minute(&sim);
    assert_eq!(status(&client, &id).await, "shutdown");
    assert_eq!(client.instance(&id).await["retain"], json!(1.0));

    client.command("destroy", &id).await;
    assert_eq!(status(&client, &id).await, "destroying");
    minute(&sim);
    assert_eq!(client.names().await, Vec::<String>::new());
    assert_eq!(
        client.get(&format!("/open/instance/{id}")).await.refusal(),
        "未找到实例"
    );
    let gone = sim.machine(&id).expect("the meter forgets nothing");
    assert!(!gone.alive);
    assert_eq!(gone.destroyed_by, Some(Cause::Api));
    assert!(gone.destroyed_at.is_some());
}

#[tokio::test]
async fn destroying_goes_through_what_comes_before_it() {
    let sim = start_slow().await;
    let client = Client::of(&sim);
    let shut = client.rent("shut").await;
    let saved = client.rent("saved").await;
    minute(&sim);
    client.command("shutdown_destroy", &shut).await;
    client.command("saveimage_destroy", &saved).await;
    assert_eq!(status(&client, &shut).await, "shutting_down");
    assert_eq!(status(&client, &saved).await, "saving_image");
    minute(&sim);
    assert_eq!(status(&client, &shut).await, "destroying");
    assert_eq!(status(&client, &saved).await, "destroying");
    minute(&sim);
    assert!(sim.alive().is_empty());
    let images = client.get("/open/images").await.data();
    assert_eq!(images["list"][0]["name"], json!("saved"));
    assert_eq!(images["list"][0]["status"], json!("ready"));
}

#[tokio::test]
async fn commands_in_the_wrong_state_are_refused() {
    let sim = start_slow().await;
    let client = Client::of(&sim);
    let id = client.rent("n").await;
    let refused = async |verb: &str| {
        let message = client.command(verb, &id).await.refusal();
        assert!(message.contains("状态"), "{verb}: {message}");
    };
    for verb in [
        "shutdown",
        "shutdown_release_gpu",
        "shutdown_destroy",
        "boot",
        "saveimage",
    ] {
        refused(verb).await;
    }
    minute(&sim);
    refused("boot").await;
    client.command("shutdown", &id).await;
    refused("shutdown").await;
    refused("saveimage").await;
    minute(&sim);
    refused("shutdown").await;
    // Shut down with its GPU kept, it can still give the GPU back.
    client.command("shutdown_release_gpu", &id).await;
    minute(&sim);
    refused("shutdown_release_gpu").await;
    sim.change_xgc_settings(|settings| settings.destroy_takes_running = false);
    client.command("boot", &id).await;
    minute(&sim);
    refused("destroy").await;
    sim.change_xgc_settings(|settings| settings.destroy_takes_running = true);
    client.command("destroy", &id).await;
    refused("destroy").await;
}

#[tokio::test]
async fn booting_can_change_the_gpu_only_after_it_was_released() {
    let sim = start_slow().await;
    let client = Client::of(&sim);
    let id = client.rent("n").await;
    let boot = async |gpu_model: &str, gpu_count: serde_json::Value| {
        let body = json!({"id": id, "gpu_model": gpu_model, "gpu_count": gpu_count});
        client.post("/open/instance/boot", body).await
    };
    let other = "NVIDIA GeForce RTX 4090 D";
    minute(&sim);
    client.command("shutdown", &id).await;
    minute(&sim);
    assert!(boot(other, json!("1")).await.refusal().contains("GPU"));
    assert!(boot("", json!("2")).await.refusal().contains("GPU"));
    client.command("shutdown_release_gpu", &id).await;
    minute(&sim);
    for count in [json!(2), json!("9"), json!("two"), json!("-1")] {
        assert!(boot(other, count).await.refusal().contains("gpu_count"));
    }
    assert!(boot("RTX 4090 D", json!("1")).await.refusal().contains("gpu_model"));
    assert_eq!(boot(other, json!("2")).await.json()["success"], json!(true));
    minute(&sim);
    let instance = client.instance(&id).await;
    assert_eq!(instance["gpu_model"], json!("RTX 4090 D"));
    assert_eq!(instance["gpu_used"], json!(2));
    assert_eq!(instance["price_per_hour"], json!(3.18));
}

#[tokio::test]
async fn gpus_run_out_and_come_back_when_released() {
    let sim = start_slow().await;
    sim.change_xgc_settings(|settings| settings.set_capacity("NVIDIA GeForce RTX 4090", 2));
    let client = Client::of(&sim);
    let first = client.rent("a").await;
    client.rent("b").await;
    assert_eq!(client.deploy("c").await.refusal(), "可用GPU不足");
    let other = with(order("d"), "gpu_model", json!("NVIDIA GeForce RTX 4090 D"));
    client.post("/open/instance/deploy", other).await.data();
    minute(&sim);
    client.command("shutdown", &first).await;
    minute(&sim);
    assert_eq!(client.deploy("c").await.refusal(), "可用GPU不足", "kept GPUs are taken");
    client.command("shutdown_release_gpu", &first).await;
    minute(&sim);
    client.rent("c").await;
    assert_eq!(client.command("boot", &first).await.refusal(), "可用GPU不足");
    assert_eq!(sim.alive().len(), 4);
}

#[tokio::test]
async fn only_what_runs_or_is_kept_costs_its_price() {
    let sim = start_slow().await;
    let client = Client::of(&sim);
    let id = client.rent("n").await;
    let cost = || sim.machine(&id).expect("a machine").cost;
    let rate = || sim.machine(&id).expect("a machine").rate_per_hour;
    assert!(rate().abs() < f64::EPSILON, "deploying is free");
    minute(&sim);
    assert!(cost() < 0.001, "{}", cost());
    assert!((rate() - 1.89).abs() < f64::EPSILON);
    sim.advance(HOUR);
    assert!(close(cost(), 1.89), "{}", cost());
    let told = client.get("/open/balance").await.data()["balance"]
        .as_f64()
        .expect("a number");
    assert!(close(told, 1000.0 - 1.89), "{told}");

    client.command("shutdown", &id).await;
    minute(&sim);
    sim.advance(HOUR);
    assert!(
        close(cost(), 1.89 * (2.0 + 1.0 / 60.0)),
        "kept GPUs cost the same: {}",
        cost()
    );

    client.command("shutdown_release_gpu", &id).await;
    minute(&sim);
    let before = cost();
    assert!((rate() - 0.0009).abs() < f64::EPSILON, "30 GB of disk: {}", rate());
    sim.advance(100 * HOUR);
    assert!((cost() - before - 0.09).abs() < 0.0001, "{}", cost() - before);

    client.command("destroy", &id).await;
    minute(&sim);
    let total = cost();
    sim.advance(100 * HOUR);
    assert!((cost() - total).abs() < f64::EPSILON);
    let meter = sim.meter();
    assert!((meter.cost - total).abs() < f64::EPSILON);
    assert_eq!(meter.alive, 0);
    assert_eq!(meter.created_by_calls, 1);
}

#[tokio::test]
async fn arrears_freeze_and_money_thaws() {
    let sim = start_slow().await;
    let client = Client::of(&sim);
    let id = client.rent("n").await;
    minute(&sim);
    sim.xgc().account("u-1").set_balance(1.89).expect("an account");
    sim.advance(Duration::from_secs(3570));
    assert_eq!(status(&client, &id).await, "running");
    sim.advance(Duration::from_secs(40));
    assert_eq!(status(&client, &id).await, "freezing");
    minute(&sim);
    assert_eq!(status(&client, &id).await, "freeze");
    sim.advance(10 * HOUR);
    let balance = sim.xgc().account("u-1").balance();
    assert!((-0.001..0.0).contains(&balance), "frozen costs nothing: {balance}");
    assert_eq!(client.deploy("m").await.refusal(), "余额不足");
    assert!(client.command("boot", &id).await.refusal().contains("状态"));

    sim.xgc().account("u-1").set_balance(100.0).expect("an account");
    assert_eq!(status(&client, &id).await, "shutdown");
    client.command("boot", &id).await;
    minute(&sim);
    assert_eq!(status(&client, &id).await, "running");
}

#[tokio::test]
async fn frozen_machines_can_be_destroyed_for_arrears() {
    let sim = start_slow().await;
    sim.change_xgc_settings(|settings| settings.pace.destroy_frozen_after_ms = Some(3_600_000));
    let client = Client::of(&sim);
    let id = client.rent("n").await;
    minute(&sim);
    sim.xgc().account("u-1").set_balance(-1.0).expect("an account");
    sim.advance(Duration::from_secs(3500));
    assert!(sim.machine(&id).expect("a machine").alive);
    sim.advance(Duration::from_mins(5));
    let gone = sim.machine(&id).expect("a machine");
    assert!(!gone.alive);
    assert_eq!(gone.destroyed_by, Some(Cause::Arrears));
}

#[tokio::test]
async fn changes_behind_the_owners_back_show_at_once() {
    let sim = start().await;
    let client = Client::of(&sim);
    let id = client.running(&sim, "n").await;
    let change = |change| sim.change(&id, change).expect("a machine");
    let rate = |report: cloudsim::MachineReport| report.rate_per_hour;

    assert!((rate(change(Change::Stop { release: false })) - 1.89).abs() < f64::EPSILON);
    assert_eq!(status(&client, &id).await, "shutdown");
    assert!(rate(change(Change::Stop { release: true })) < 0.001);
    change(Change::Start);
    assert_eq!(status(&client, &id).await, "running");
    change(Change::Freeze);
    assert_eq!(status(&client, &id).await, "freeze");
    change(Change::Unfreeze);
    assert_eq!(status(&client, &id).await, "shutdown");
    change(Change::Start);
    change(Change::State {
        word: Some("replacing_image".to_owned()),
    });
    assert_eq!(status(&client, &id).await, "replacing_image");
    change(Change::State { word: None });
    assert_eq!(status(&client, &id).await, "running");
    change(Change::Rename {
        name: "renamed".to_owned(),
    });
    assert_eq!(client.names().await, ["renamed"]);
    assert!((rate(change(Change::Price { per_hour: 9.5 })) - 9.5).abs() < f64::EPSILON);
    assert_eq!(client.instance(&id).await["price_per_hour"], json!(9.5));
    let gone = change(Change::Destroy);
    assert_eq!(gone.destroyed_by, Some(Cause::Admin));
    assert_eq!(client.list().await["total"], json!(0));
    assert!(sim.change(&id, Change::Start).is_err());
    assert!(sim.change("nope", Change::Start).is_err());
}

#[tokio::test]
async fn lists_can_lag_behind_for_all() {
    let sim = start_slow().await;
    sim.change_xgc_settings(|settings| {
        settings.pace.list_hides_new_ms = 5000;
        settings.pace.list_shows_destroyed_ms = 5000;
    });
    let client = Client::of(&sim);
    let id = client.rent("n").await;
    assert!(client.names().await.is_empty());
    assert_eq!(status(&client, &id).await, "deploying", "by its id it is there");
    sim.advance(Duration::from_secs(5));
    assert_eq!(client.names().await, ["n"]);
    minute(&sim);
    client.command("destroy", &id).await;
    minute(&sim);
    assert!(sim.alive().is_empty());
    assert_eq!(client.names().await, ["n"]);
    assert_eq!(status(&client, &id).await, "destroyed");
    sim.advance(Duration::from_secs(5));
    assert!(client.names().await.is_empty());
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let mut ids = Vec::new();
    for seed in [7, 7, 8] {
        let sim = start_with(Config {
            seed,
            ..Config::default()
        })
        .await;
        ids.push(Client::of(&sim).rent("n").await);
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn states_pass_in_real_time_too() {
    let sim = start().await;
    let client = Client::of(&sim);
    let id = client.running(&sim, "n").await;
    client.command("shutdown_destroy", &id).await;
    comes_to(&sim, &id, "destroyed").await;
    assert!(sim.wait_until(SOON, |sim| sim.alive().is_empty()).await);
}
