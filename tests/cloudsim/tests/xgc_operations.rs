//! Each of XGC's operations as a client sees it: paths, methods, envelope, types.

mod client;

use client::{Client, MINICONDA, SOON, comes_to, order, start, with, without};
use cloudsim::{AccountConfig, Cloud, NewMachine, xgc::SaveImageName};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn every_path_of_the_table_answers_to_its_method_only() {
    let sim = start().await;
    let client = Client::of(&sim);
    let table = [
        (Method::GET, "/open/instances", "list"),
        (Method::GET, "/open/instance/abc", "get"),
        (Method::GET, "/open/instance/abc/images", "instance_images"),
        (Method::POST, "/open/instance/deploy", "deploy"),
        (Method::POST, "/open/instance/destroy", "destroy"),
        (Method::POST, "/open/instance/shutdown", "shutdown"),
        (
            Method::POST,
            "/open/instance/shutdown_release_gpu",
            "shutdown_release_gpu",
        ),
        (Method::POST, "/open/instance/shutdown_destroy", "shutdown_destroy"),
        (Method::POST, "/open/instance/boot", "boot"),
        (Method::POST, "/open/instance/saveimage", "saveimage"),
        (Method::POST, "/open/instance/saveimage_destroy", "saveimage_destroy"),
        (Method::GET, "/open/images", "images"),
        (Method::GET, "/open/image/abc", "image"),
        (Method::POST, "/open/image/destroy", "image_destroy"),
        (Method::GET, "/open/whoami", "whoami"),
        (Method::GET, "/open/balance", "balance"),
        (Method::POST, "/open/recharge/order", "recharge"),
        (Method::GET, "/open/recharge/order/abc", "recharge_order"),
    ];
    assert_eq!(table.len(), 18);
    for (method, path, operation) in table {
        sim.reset_calls();
        let body = (method == Method::POST).then(|| json!({}));
        let answer = client.send(method, path, body).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(sim.calls()[0].operation, format!("xgc.{operation}"));
        for wrong in [Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = client.send(wrong, path, None).await;
            assert_eq!(answer.status, 405, "{path}");
            assert_eq!(sim.calls().last().expect("a call").operation, "xgc.unknown");
        }
    }
    for (method, path) in [
        (Method::POST, "/open/instances"),
        (Method::POST, "/open/instance/abc"),
        (Method::POST, "/open/whoami"),
        (Method::POST, "/open/balance"),
        (Method::GET, "/open/recharge/order"),
    ] {
        assert_eq!(client.send(method, path, Some(json!({}))).await.status, 405, "{path}");
    }
    for path in ["/open/instance/list/x/y", "/open", "/", "/open/instance/", "/instances"] {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
    // A verb with GET is an instance of that name, and there is none.
    assert_eq!(client.get("/open/instance/power_on").await.refusal(), "未找到实例");
}

#[tokio::test]
async fn a_token_is_taken_with_and_without_bearer_and_refused_under_status_200() {
    let sim = start().await;
    sim.xgc()
        .add_account(&AccountConfig::with_tokens("u-2", ["one", "two"]));
    let whoami = async |authorization: Option<&str>| {
        Client::new(sim.xgc().url(), authorization.map(str::to_owned))
            .get("/open/whoami")
            .await
    };
    for good in ["Bearer one", "one", "bearer two", "two"] {
        let data = whoami(Some(good)).await.data();
        assert_eq!(data["uuid"], json!("u-2"));
        assert!(data["nickname"].is_string());
        assert!(data["phone"].as_str().expect("a phone").contains("****"));
    }
    for none in [None, Some(""), Some("Bearer"), Some("Bearer ")] {
        assert_eq!(whoami(none).await.refusal(), "访问令牌为空");
    }
    for bad in ["Bearer three", "three", "Basic one"] {
        assert_eq!(whoami(Some(bad)).await.refusal(), "未找到访问令牌");
    }
    let account = sim.xgc().account("u-2");
    account.revoke("one").expect("it has it");
    assert_eq!(whoami(Some("one")).await.refusal(), "未找到访问令牌");
    assert_eq!(whoami(Some("two")).await.data()["uuid"], json!("u-2"));
    account.restore("one").expect("it has it");
    account.rotate("three").expect("an account");
    assert_eq!(whoami(Some("one")).await.refusal(), "未找到访问令牌");
    assert_eq!(whoami(Some("three")).await.data()["uuid"], json!("u-2"));
    assert_eq!(account.token(), "three");
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let sim = start().await;
    sim.xgc().add_account(&AccountConfig::with_tokens("u-2", ["other"]));
    let mine = Client::of(&sim);
    let theirs = Client::new(sim.xgc().url(), Some("other".to_owned()));
    let id = mine.rent("mine").await;
    assert_eq!(theirs.list().await, json!({"list": [], "total": 0}));
    assert_eq!(
        theirs.get(&format!("/open/instance/{id}")).await.refusal(),
        "未找到实例"
    );
    assert_eq!(theirs.command("destroy", &id).await.refusal(), "未找到实例");
    assert_eq!(mine.names().await, ["mine"]);
}

#[tokio::test]
async fn an_instance_has_the_vendors_fields_and_no_others() {
    let sim = start().await;
    let client = Client::of(&sim);
    let id = client.running(&sim, "n").await;
    let list = client.list().await;
    assert_eq!(list["total"], json!(1));
    let fields: Vec<(&str, &str)> = include_str!("fixtures/xgc-instance-fields.txt")
        .lines()
        .map(|line| line.split_once(' ').expect("name and type"))
        .collect();
    for instance in [list["list"][0].clone(), client.instance(&id).await] {
        assert_eq!(instance.as_object().expect("an object").len(), fields.len());
        for (name, kind) in &fields {
            let value = &instance[*name];
            let fits = match *kind {
                "string" => value.is_string(),
                "int" | "int64" => value.is_i64(),
                "float64" => value.is_f64(),
                "bool" => value.is_boolean(),
                other => unreachable!("{other}"),
            };
            assert!(fits, "{name}: {kind} but {value}");
        }
    }
}

#[tokio::test]
async fn a_running_instance_says_how_to_reach_it() {
    let sim = start().await;
    let client = Client::of(&sim);
    let order = with(order("reach me"), "gpu_count", json!(2));
    let before = sim.now().as_second();
    let data = client.post("/open/instance/deploy", order).await.data();
    assert_eq!(data.as_object().expect("an object").len(), 1);
    let id = data["id"].as_str().expect("an id");
    assert_eq!(id.len(), 16);
    assert!(
        id.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    );
    comes_to(&sim, id, "running").await;
    let instance = client.instance(id).await;
    assert_eq!(instance["id"], json!(id));
    assert_eq!(instance["name"], json!("reach me"));
    assert_eq!(instance["gpu_model"], json!("RTX 4090"));
    assert_eq!(instance["gpu_used"], json!(2));
    assert_eq!(instance["price_per_hour"], json!(3.78));
    assert_eq!(instance["base_price"], json!(3.78));
    assert_eq!(instance["system_disk_size"], json!(32_212_254_720_i64));
    assert_eq!(instance["memory_size"], json!(128_849_018_880_i64));
    assert_eq!(instance["retain"], json!(0.0));
    assert_eq!(instance["image_id"], json!(MINICONDA));
    assert_eq!(instance["image_type"], json!("public"));
    assert_eq!(instance["public_image"], json!("Miniconda3_3.10/ubuntu22.04/CUDA 12.2"));
    assert_eq!(instance["ssh_domain"], json!(format!("{id}.ssh.x-gpu.com")));
    assert_eq!(instance["ssh_user"], json!("root"));
    let port: u16 = instance["ssh_port"]
        .as_str()
        .expect("a string")
        .parse()
        .expect("a port");
    assert!((30000..60000).contains(&port));
    assert!(!instance["password"].as_str().expect("a string").is_empty());
    assert_eq!(
        instance["jupyter_url"],
        json!(format!("https://{id}-8888.container.x-gpu.com"))
    );
    assert!(!instance["jupyter_token"].as_str().expect("a string").is_empty());
    assert_eq!(instance["progress"], json!(100));
    let created = instance["create_timestamp"].as_i64().expect("seconds");
    assert!((before..=before + 5).contains(&created));
    assert!(instance["start_timestamp"].as_i64().expect("seconds") >= created);
    assert_eq!(instance["stop_timestamp"], json!(0));
}

#[tokio::test]
async fn deploy_refuses_what_makes_no_sense_and_rents_nothing() {
    let sim = start().await;
    let client = Client::of(&sim);
    let good = order("n");
    let bad = [
        with(good.clone(), "gpu_model", json!("RTX 4090")),
        with(good.clone(), "gpu_model", json!("NVIDIA GeForce RTX 5090")),
        with(good.clone(), "gpu_model", json!(4090)),
        with(good.clone(), "gpu_count", json!("1")),
        with(good.clone(), "gpu_count", json!(1.0)),
        with(good.clone(), "gpu_count", json!(-1)),
        with(good.clone(), "gpu_count", json!(9)),
        with(good.clone(), "data_center_id", json!(2)),
        with(good.clone(), "data_center_id", json!("1")),
        with(good.clone(), "image", json!("7fd1f863-0000-0000-0000-000000000000")),
        with(good.clone(), "image_type", json!("private")),
        with(good.clone(), "image_type", json!("community")),
        with(good.clone(), "image_type", json!("mine")),
        with(good.clone(), "storage", json!("true")),
        with(good.clone(), "storage_mount_path", Value::Null),
        with(good.clone(), "ssh_key", Value::Null),
        with(good.clone(), "ssh_key", json!(7)),
        with(good.clone(), "system_disk_expand", json!(1)),
        with(good.clone(), "system_disk_expand_size", json!("1")),
        with(good.clone(), "system_disk_expand_size", json!(-1)),
        with(good.clone(), "name", Value::Null),
        without(good.clone(), "gpu_model"),
        without(good.clone(), "gpu_count"),
        without(good.clone(), "data_center_id"),
        without(good.clone(), "image"),
        without(good.clone(), "image_type"),
        json!([]),
        json!("x"),
    ];
    for order in bad {
        let answer = client.post("/open/instance/deploy", order.clone()).await;
        assert!(!answer.refusal().is_empty(), "{order}");
    }
    assert!(sim.machines().is_empty());
    assert!(sim.calls().iter().all(|call| !call.committed));
    assert_eq!(sim.call_count("xgc.deploy"), 28);
}

#[tokio::test]
async fn deploy_takes_all_that_the_page_lists() {
    let sim = start().await;
    let client = Client::of(&sim);
    for (model, short, price) in [
        ("NVIDIA GeForce RTX 4090", "RTX 4090", 1.89),
        ("NVIDIA GeForce RTX 4090 D", "RTX 4090 D", 1.59),
        ("NVIDIA GeForce RTX 4090 D 48G", "RTX 4090 D 48G", 2.59),
        ("NVIDIA GeForce RTX 4090 48G", "RTX 4090 48G", 2.99),
    ] {
        let full = json!({
            "gpu_model": model, "gpu_count": 1, "data_center_id": 1,
            "image": "7fd1f863-c2e2-4af6-b41b-cf92a034c2d3", "image_type": "public",
            "storage": true, "ssh_key": "key-1",
            "system_disk_expand": true, "system_disk_expand_size": 10_737_418_240_i64,
            "name": "full",
        });
        let data = client.post("/open/instance/deploy", full).await.data();
        let instance = client.instance(data["id"].as_str().expect("an id")).await;
        assert_eq!(instance["gpu_model"], json!(short));
        assert_eq!(instance["price_per_hour"], json!(price));
        assert_eq!(instance["storage_mount_path"], json!("/root/cloud"));
        assert_eq!(instance["ssh_key"], json!("key-1"));
        assert_eq!(instance["system_disk_size"], json!(42_949_672_960_i64));
    }
    let without_gpu = with(order("cpu"), "gpu_count", json!(0));
    let data = client.post("/open/instance/deploy", without_gpu).await.data();
    let instance = client.instance(data["id"].as_str().expect("an id")).await;
    assert_eq!(instance["gpu_used"], json!(0));
    assert_eq!(instance["price_per_hour"], json!(0.1));
    // Names are neither unique nor required.
    client.rent("twice").await;
    client.rent("twice").await;
    client
        .post("/open/instance/deploy", without(order("n"), "name"))
        .await
        .data();
    let community = with(order("n"), "image", json!("c0ffee00-0000-4000-8000-000000000001"));
    let community = with(community, "image_type", json!("community"));
    client.post("/open/instance/deploy", community).await.data();
    assert_eq!(client.list().await["total"], json!(9));
}

#[tokio::test]
async fn the_list_is_newest_first_and_whole() {
    let sim = start().await;
    let client = Client::of(&sim);
    for number in 0..25 {
        sim.advance(std::time::Duration::from_secs(1));
        client.rent(&format!("n{number}")).await;
    }
    let names = client.names().await;
    assert_eq!(names.len(), 25);
    assert_eq!(names[0], "n24");
    assert_eq!(names[24], "n0");
}

#[tokio::test]
async fn unknown_ids_are_code_1000_as_is_a_bad_token() {
    let sim = start().await;
    let client = Client::of(&sim);
    for verb in [
        "destroy",
        "shutdown",
        "shutdown_release_gpu",
        "shutdown_destroy",
        "boot",
        "saveimage",
        "saveimage_destroy",
    ] {
        assert_eq!(client.command(verb, "0000000000000000").await.refusal(), "未找到实例");
        let path = format!("/open/instance/{verb}");
        for body in [json!({}), json!({"id": null}), json!({"id": 7}), json!({"id": ""})] {
            assert!(client.post(&path, body).await.refusal().contains("参数错误"));
        }
    }
    assert_eq!(client.get("/open/instance/nope").await.refusal(), "未找到实例");
    assert_eq!(client.get("/open/instance/nope/images").await.refusal(), "未找到实例");
    assert_eq!(client.get("/open/image/nope").await.refusal(), "未找到镜像");
    assert_eq!(
        client
            .post("/open/image/destroy", json!({"id": "nope"}))
            .await
            .refusal(),
        "未找到镜像"
    );
    assert_eq!(client.get("/open/recharge/order/nope").await.refusal(), "未找到订单");
}

#[tokio::test]
async fn commands_answer_without_data() {
    let sim = start().await;
    let client = Client::of(&sim);
    let id = client.running(&sim, "n").await;
    for (verb, state) in [
        ("shutdown", "shutdown"),
        ("boot", "running"),
        ("saveimage", "running"),
        ("shutdown_release_gpu", "shutdown"),
        ("destroy", "destroyed"),
    ] {
        let envelope = client.command(verb, &id).await.json();
        assert_eq!(
            envelope,
            json!({"code": 200, "msg": "success", "success": true}),
            "{verb}"
        );
        comes_to(&sim, &id, state).await;
    }
}

#[tokio::test]
async fn images_can_be_saved_listed_rented_and_destroyed() {
    let sim = start().await;
    let client = Client::of(&sim);
    let id = client.running(&sim, "n").await;
    let save = json!({"id": id, "name": "mine", "image_name": "ignored"});
    client.post("/open/instance/saveimage", save).await;
    assert_eq!(client.instance(&id).await["image_save"], json!(true));
    comes_to(&sim, &id, "running").await;
    let images = client.get("/open/images").await.data();
    assert_eq!(images["total"], json!(1));
    assert_eq!(client.get(&format!("/open/instance/{id}/images")).await.data(), images);
    let image = images["list"][0].clone();
    let image_id = image["id"].as_str().expect("an id").to_owned();
    assert_eq!(client.get(&format!("/open/image/{image_id}")).await.data(), image);
    assert_eq!(image["name"], json!("mine"));
    assert_eq!(image["original_image_id"], json!(MINICONDA));
    assert_eq!(image["save_image"], json!(1));
    assert_eq!(image["original_owner"], json!(true));
    for (name, fits) in [
        ("create_timestamp", image["create_timestamp"].is_i64()),
        ("introduction", image["introduction"].is_string()),
        ("size", image["size"].is_i64()),
        ("visibility", image["visibility"].is_i64()),
        ("status", image["status"].is_string()),
        ("price", image["price"].is_f64()),
        ("original_image_name", image["original_image_name"].is_string()),
        ("original_image_price", image["original_image_price"].is_f64()),
        ("file_timestamp", image["file_timestamp"].is_i64()),
    ] {
        assert!(fits, "{name}");
    }
    let private = with(order("from image"), "image", json!(image_id));
    let private = with(private, "image_type", json!("private"));
    client.post("/open/instance/deploy", private.clone()).await.data();
    client.post("/open/image/destroy", json!({"id": image_id})).await;
    assert_eq!(client.get("/open/images").await.data(), json!({"list": [], "total": 0}));
    assert_eq!(
        client.post("/open/instance/deploy", private).await.refusal(),
        "未找到镜像"
    );
}

#[tokio::test]
async fn the_name_of_an_image_goes_by_either_word_or_only_one() {
    let sim = start().await;
    let client = Client::of(&sim);
    let id = client.running(&sim, "machine").await;
    let save = async |body: Value| {
        let answer = client.post("/open/instance/saveimage", body).await;
        let taken = answer.json()["success"] == json!(true);
        comes_to(&sim, &id, "running").await;
        taken
    };
    assert!(save(json!({"id": id, "name": "a"})).await);
    assert!(save(json!({"id": id, "image_name": "b"})).await);
    assert!(save(json!({"id": id})).await);
    sim.change_xgc_settings(|settings| settings.save_image_name = SaveImageName::Name);
    assert!(save(json!({"id": id, "name": "c"})).await);
    assert!(!save(json!({"id": id, "image_name": "d"})).await);
    sim.change_xgc_settings(|settings| settings.save_image_name = SaveImageName::ImageName);
    assert!(!save(json!({"id": id, "name": "e"})).await);
    assert!(save(json!({"id": id, "image_name": "f"})).await);
    let images = client.get("/open/images").await.data();
    let names: Vec<&str> = images["list"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|image| image["name"].as_str())
        .collect();
    assert_eq!(names, ["a", "b", "machine", "c", "f"]);
}

#[tokio::test]
async fn a_recharge_is_ordered_as_a_number_and_told_as_a_string() {
    let sim = start().await;
    let client = Client::of(&sim);
    let order = async |amount: Value, payment: &str| {
        client
            .post("/open/recharge/order", json!({"amount": amount, "payment": payment}))
            .await
    };
    for amount in [json!(4.99), json!(0), json!(-10), json!("10"), Value::Null] {
        assert!(order(amount, "alipay").await.refusal().contains("amount"));
    }
    assert!(order(json!(10), "cash").await.refusal().contains("payment"));
    let placed = order(json!(12.5), "wechat").await.data();
    assert_eq!(placed["amount"], json!("12.50"));
    assert_eq!(placed["payment"], json!("wechat"));
    assert!(placed["url"].as_str().expect("a url").starts_with("https://"));
    let trade_no = placed["trade_no"].as_str().expect("a number");
    let path = format!("/open/recharge/order/{trade_no}");
    assert_eq!(client.get(&path).await.data()["status"], json!("unpaid"));
    assert_eq!(client.get("/open/balance").await.data(), json!({"balance": 1000.0}));
    sim.xgc().pay_order(trade_no).expect("the order");
    sim.xgc().pay_order(trade_no).expect("paying twice changes nothing");
    assert_eq!(client.get(&path).await.data()["status"], json!("paid"));
    assert_eq!(client.get("/open/balance").await.data(), json!({"balance": 1012.5}));
}

#[tokio::test]
async fn foreign_machines_look_like_all_others() {
    let sim = start().await;
    let client = Client::of(&sim);
    let planted = sim
        .plant(&NewMachine::named(Cloud::Xgc, "u-1", "somebody's"))
        .expect("a machine");
    assert!(planted.foreign);
    assert_eq!(client.names().await, ["somebody's"]);
    assert_eq!(client.instance(&planted.id).await["status"], json!("running"));
    client.command("destroy", &planted.id).await;
    assert!(sim.wait_until(SOON, |sim| sim.alive().is_empty()).await);
}
