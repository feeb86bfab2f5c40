//! What is made of the vendor's answers.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::instance::{Port, PortProtocol};
use gpu_instance_operator::provider::{Kind, Proof, Scope, TaskState};
use serde_json::{Value, json};
use wiremock::matchers::query_param;
use wiremock::{Mock, ResponseTemplate};

use crate::{ID, Scene, fixture, list, machine, spec};

/// A list of these rows and no others.
fn whole(rows: &[Value]) -> Value {
    json!({"Code": "Success", "Data": {"Records": rows, "TotalCount": rows.len()}})
}

fn row() -> Value {
    fixture("list")["Data"]["Records"][0].clone()
}

#[tokio::test]
async fn the_vendors_row_is_read() {
    let listing = list(&whole(&[row()])).await.unwrap();
    assert_eq!(listing.proof, Proof::Complete);
    let machine = &listing.machines[0];
    assert_eq!((machine.id.as_str(), machine.name.as_deref()), (ID, Some("test-wwh")));
    assert_eq!(
        (machine.state, machine.cloud_state.as_str()),
        (InstanceState::Running, "running")
    );
    let ssh = machine.ssh.as_ref().unwrap();
    assert_eq!(
        (ssh.host.as_str(), ssh.port, ssh.user.as_str()),
        ("60.165.239.111", 22, "root")
    );
}

#[tokio::test]
async fn the_vendors_detail_is_put_over_the_row() {
    let scene = Scene::saying(&fixture("detail")).await;
    let mut machine = machine(InstanceState::Running);
    machine.id = "19cd1c58-11d4-4ed0-8c19-81aa4cf3574a".into();
    let detailed = scene.provider.describe(&machine).await.unwrap();
    assert_eq!(detailed.state, InstanceState::Reinstalling);
    assert_eq!(detailed.name.as_deref(), Some("openapi006"));
    assert_eq!(detailed.ssh, None, "a machine that is being reinstalled has no shell");
    assert_eq!(detailed.note.as_deref(), Some("paid until 2020-05-01 00:00:00"));
    assert!(detailed.expired && detailed.partial);

    let mut running = fixture("detail");
    running["Data"]["State"] = json!("running");
    let scene = Scene::saying(&running).await;
    let detailed = scene.provider.describe(&machine).await.unwrap();
    assert_eq!(detailed.ssh.unwrap().host, "60.165.239.111");

    machine.id = "another".into();
    let error = Scene::saying(&running)
        .await
        .provider
        .describe(&machine)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Transient);
}

#[tokio::test]
async fn every_word_for_a_state_is_known_or_unknown() {
    for (word, state) in [
        ("building", InstanceState::Creating),
        ("Running", InstanceState::Running),
        ("restarting", InstanceState::Restarting),
        ("shutting_down", InstanceState::Stopping),
        ("shutdown", InstanceState::Stopped),
        ("starting_up", InstanceState::Starting),
        ("rebuilding", InstanceState::Reinstalling),
        ("creating_image", InstanceState::SavingImage),
        ("deleting", InstanceState::Deleting),
        ("destroying", InstanceState::Deleting),
        ("error", InstanceState::Failed),
        ("failed", InstanceState::Failed),
        ("recycling", InstanceState::Unknown),
        ("hibernating", InstanceState::Unknown),
        ("", InstanceState::Unknown),
    ] {
        let mut row = row();
        row["State"] = json!(word);
        let listing = list(&whole(&[row])).await.unwrap();
        assert_eq!(listing.machines[0].state, state, "{word}");
        assert_eq!(listing.machines[0].ssh.is_some(), state == InstanceState::Running);
    }
    let mut gone = row();
    gone["State"] = json!("deleted");
    let listing = list(&whole(&[gone])).await.unwrap();
    assert_eq!((listing.machines.len(), listing.proof), (0, Proof::Complete));
}

#[tokio::test]
async fn an_address_is_public_where_there_is_one() {
    for (cards, expected) in [
        (
            json!([{"IpAddress": "10.0.0.1", "EipAddress": "60.1.1.1"}]),
            Some("60.1.1.1"),
        ),
        (
            json!([{"IpAddress": "10.0.0.1"}, {"IpAddress": "10.0.0.2", "eipAddress": "60.1.1.1"}]),
            Some("60.1.1.1"),
        ),
        (
            json!([{"IpAddress": "10.0.0.1", "IpType": "private"}, {"IpAddress": "60.2.2.2", "IpType": "public"}]),
            Some("60.2.2.2"),
        ),
        (json!([{"IpAddress": "10.0.0.1", "EipAddress": ""}]), Some("10.0.0.1")),
        (json!([{"IpAddress": "-oProxyCommand=x"}]), None),
        (json!([]), None),
        (json!(null), None),
    ] {
        let mut row = row();
        row["Networks"]["NetworkCards"] = cards.clone();
        let listing = list(&whole(&[row])).await.unwrap();
        let host = listing.machines[0].ssh.as_ref().map(|ssh| ssh.host.as_str());
        assert_eq!(host, expected, "{cards}");
    }
}

#[tokio::test]
async fn ports_are_at_the_machines_own_address() {
    let scene = Scene::saying(&whole(&[row()])).await;
    let machine = scene.provider.list(&Scope::default()).await.unwrap().machines.remove(0);
    for (protocol, expected) in [
        (PortProtocol::Http, "http://60.165.239.111:8888"),
        (PortProtocol::Tcp, "60.165.239.111:8888"),
    ] {
        let port = Port { port: 8888, protocol };
        assert_eq!(scene.provider.port_endpoint(&machine, port).unwrap().url, expected);
    }
}

#[tokio::test]
async fn only_whole_lists_prove_that_a_machine_is_absent() {
    let (mut nameless, mut unreadable) = (row(), row());
    nameless.as_object_mut().unwrap().remove("Name");
    unreadable["ResourceId"] = json!({});
    for (body, expected) in [
        (whole(&[row()]), None),
        (
            json!({"Code": "Success", "Data": {"Records": null, "TotalCount": 0}}),
            None,
        ),
        // The vendor's own example shows one machine of three; here each page is that one.
        (fixture("list"), Some("shows a machine twice")),
        (
            json!({"Code": "Success", "Data": {"Records": [row()], "TotalCount": 0}}),
            Some("says that there are 0 machines and shows 1"),
        ),
        (
            json!({"Code": "Success", "Data": {"Records": []}}),
            Some("does not say how many"),
        ),
        (whole(&[row(), row()]), Some("shows a machine twice")),
        (whole(&[nameless]), Some("without a name")),
        (whole(&[unreadable]), Some("cannot be read")),
    ] {
        let proof = list(&body).await.unwrap().proof;
        match (expected, proof) {
            (None, proof) => assert_eq!(proof, Proof::Complete, "{body}"),
            (Some(expected), Proof::Incomplete(why)) => assert!(why.contains(expected), "{why}"),
            (Some(expected), proof) => panic!("{proof:?}, not {expected}"),
        }
    }
    for body in [
        json!({"Code": "Success", "Data": {}}),
        json!({"Code": "Success", "Data": {"Records": null, "TotalCount": 2}}),
        json!({"Code": "Success", "Data": {"Records": "none", "TotalCount": 0}}),
    ] {
        assert_eq!(list(&body).await.unwrap_err().kind, Kind::Transient, "{body}");
    }
}

#[tokio::test]
async fn all_pages_are_put_together_and_a_change_in_between_is_noticed() {
    for (second_total, complete) in [(2, true), (3, false)] {
        let scene = Scene::new().await;
        for (number, id, total) in [("1", "a", 2), ("2", "b", second_total), ("3", "", second_total)] {
            let mut row = row();
            row["ResourceId"] = json!(id);
            let rows = if id.is_empty() { vec![] } else { vec![row] };
            let body = json!({"Code": "Success", "Data": {"Records": rows, "TotalCount": total}});
            Mock::given(query_param("PageNumber", number))
                .respond_with(ResponseTemplate::new(200).set_body_json(body))
                .mount(&scene.server)
                .await;
        }
        let listing = scene.provider.list(&Scope::default()).await.unwrap();
        let ids: Vec<&str> = listing.machines.iter().map(|machine| machine.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(listing.proof == Proof::Complete, complete, "{:?}", listing.proof);
    }
}

#[tokio::test]
async fn tasks_end_well_or_badly_or_go_on() {
    let made = TaskState::Succeeded(vec!["27f262ec-92fd-4a77-ba78-6f682b7533e3".into()]);
    let task = |data: Value| async move {
        let scene = Scene::saying(&json!({"Code": "Success", "Data": data})).await;
        scene.provider.task("t", &Scope::default()).await
    };
    assert_eq!(task(fixture("task")["Data"].clone()).await.unwrap(), made);
    assert_eq!(task(json!({"Status": "init"})).await.unwrap(), TaskState::Running);
    assert_eq!(task(json!({"Status": "pondering"})).await.unwrap(), TaskState::Running);
    assert!(matches!(
        task(json!({"Status": "failed"})).await,
        Ok(TaskState::Failed(_))
    ));
    assert_eq!(task(json!({})).await.unwrap_err().kind, Kind::Transient);
}

#[tokio::test]
async fn goods_that_are_not_there_are_answered_with_those_that_are() {
    let scene = Scene::new().await;
    scene.on("DescribeGpuGoods", &fixture("goods")).await;
    let wrong = spec(json!({"capitalOnline": {"goodsId": 1}}));
    let error = scene.provider.quote(&wrong).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(
        error
            .message
            .contains("goodsId 7685 GPU服务器-02SS01（公测） with computeId 8fbdb61e"),
        "{error}"
    );
    let other = spec(json!({"capitalOnline": {"goodsId": 7793, "computeId": "1b69ecca-453c-4535-8c96-16edf1ec6da9"}}));
    let error = scene.provider.quote(&other).await.unwrap_err();
    assert!(error.message.contains("are rented PrePaid only"), "{error}");
}
