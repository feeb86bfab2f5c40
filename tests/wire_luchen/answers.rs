//! What is made of rows.

use gpu_instance_operator::api::InstanceState;
use gpu_instance_operator::api::instance::{Port, PortProtocol};
use gpu_instance_operator::provider::{Machine, Proof, Ssh};
use serde_json::{Value, json};

use crate::{ID, NAME, PASSWORD, connect, fixture, list, token};

/// The first machine of the fixture, with this change to its row.
async fn first(change: impl FnOnce(&mut Value)) -> Machine {
    let mut instances = fixture("instances");
    change(&mut instances["instances"][0]);
    let listing = list(&instances).await.unwrap();
    assert_eq!(listing.proof, Proof::Complete);
    listing.machines.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_row_becomes_a_machine() {
    let listing = list(&fixture("instances")).await.unwrap();
    assert_eq!(listing.proof, Proof::Complete);
    let [running, stopped] = &listing.machines[..] else {
        panic!("a released row is as if it were not there: {listing:?}")
    };
    assert_eq!((running.id.as_str(), running.name.as_deref()), (ID, Some(NAME)));
    assert_eq!(
        (running.state, running.cloud_state.as_str()),
        (InstanceState::Running, "Running")
    );
    assert_eq!(running.region.as_deref(), Some("cn-east-1"));
    let host = "ssh.cn-east-1.luchentech.com".to_owned();
    let user = "root".to_owned();
    assert_eq!(
        running.ssh,
        Some(Ssh {
            host,
            port: 30022,
            user
        })
    );
    assert_eq!(
        running.jupyter_url.as_deref(),
        Some("http://ssh.cn-east-1.luchentech.com:30088")
    );
    assert!(
        running.note.as_deref().unwrap().contains("SSH key that was registered"),
        "{:?}",
        running.note
    );
    assert!(running.secrets.password.is_none() && running.price_per_hour.is_none());

    assert_eq!(
        (stopped.state, stopped.cloud_state.as_str()),
        (InstanceState::Stopped, "Stopped")
    );
    assert!(
        stopped.ssh.is_none() && stopped.jupyter_url.is_none() && stopped.ports.is_empty() && stopped.note.is_none()
    );
}

#[tokio::test]
async fn every_word_for_a_state_is_known_and_others_are_unknown() {
    for (word, state) in [
        ("Initializing", InstanceState::Creating),
        ("PullingImage", InstanceState::Creating),
        ("pullingImage", InstanceState::Creating),
        ("Starting", InstanceState::Starting),
        ("Restarting", InstanceState::Restarting),
        ("Running", InstanceState::Running),
        ("Stopping", InstanceState::Stopping),
        ("Stopped", InstanceState::Stopped),
        ("Archived", InstanceState::Stopped),
        ("StartingFailed", InstanceState::Failed),
        ("InitializationFailed", InstanceState::Failed),
        ("Hibernating", InstanceState::Unknown),
        ("", InstanceState::Unknown),
    ] {
        let machine = first(|row| row["instanceRuntimeInfo"]["status"] = json!(word)).await;
        assert_eq!((machine.state, machine.cloud_state.as_str()), (state, word));
        let is_shown = state == InstanceState::Running;
        assert_eq!(
            (machine.ssh.is_some(), machine.ports.is_empty()),
            (is_shown, !is_shown),
            "{word}"
        );
    }
    assert_eq!(
        first(|row| row["instanceRuntimeInfo"] = Value::Null).await.state,
        InstanceState::Unknown
    );
}

#[tokio::test]
async fn a_name_is_read_by_either_of_its_members() {
    for (metadata, name) in [
        (json!({"instanceName": "a", "name": "b"}), Some("a")),
        (json!({"name": "b"}), Some("b")),
        (json!({"instanceName": "", "name": "b"}), Some("b")),
        (json!({"instanceName": ""}), Some("")),
    ] {
        let machine = first(|row| {
            row["instanceMetadata"] = metadata.clone();
            row["instanceMetadata"]["instanceId"] = json!(ID);
        })
        .await;
        assert_eq!(machine.name.as_deref(), name, "{metadata}");
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_said_to_never_end() {
    let stuck = |word: &'static str, phase: &'static str, reason: &'static str| {
        first(move |row| {
            row["instanceRuntimeInfo"] = json!({
                "status": word, "phase": phase, "diagnosisReason": reason,
                "diagnosisMessage": "Back-off pulling image\n\u{1b}\"registry/x:1\"",
            });
        })
    };
    let machine = stuck("PullingImage", "DownloadImage", "BackOff").await;
    assert_eq!(machine.state, InstanceState::Creating);
    let note = machine.note.unwrap();
    assert!(
        note.starts_with("DownloadImage; BackOff; Back-off pulling image \"registry/x:1\"; its image cannot be pulled"),
        "{note}"
    );
    assert!(
        note.contains("tries for ever") && note.contains("check spec.image"),
        "{note}"
    );
    let machine = stuck("Initializing", "DownloadImage", "ImagePullBackOff").await;
    assert!(machine.note.unwrap().contains("cannot be pulled"));
    let machine = stuck("Initializing", "StartContainer", "CrashLoopBackOff").await;
    assert!(machine.note.unwrap().contains("fails to start again and again"));
    // A pull that goes on, and one whose end the cloud has seen, end by themselves.
    let machine = stuck("PullingImage", "DownloadImage", "").await;
    assert!(!machine.note.unwrap().contains("for ever"));
    let failed = stuck("InitializationFailed", "DownloadImage", "BackOff").await;
    assert_eq!(failed.state, InstanceState::Failed);
    assert!(!failed.note.unwrap().contains("for ever"));
    let plain = first(|row| row["instanceRuntimeInfo"] = json!({"status": "Starting", "phase": "Starting"})).await;
    assert_eq!(plain.note, None);
}

#[tokio::test]
async fn a_diagnosis_is_short_and_tells_no_secret() {
    let machine = first(|row| {
        row["instanceRuntimeInfo"] = json!({
            "status": "Initializing",
            "diagnosisMessage": format!("{} {PASSWORD} {}", token(), "x".repeat(5000)),
        });
    })
    .await;
    let note = machine.note.unwrap();
    assert!(note.len() < 300, "{}", note.len());
    assert!(!note.contains(PASSWORD) && !note.contains("eyJ"), "{note}");
}

#[tokio::test]
async fn a_shell_is_whole_and_harmless_or_not_there() {
    for (pointer, value) in [
        ("/instanceSpecInfo/regionInfo/sshAddress", json!("")),
        ("/instanceSpecInfo/regionInfo/sshAddress", json!("-oProxyCommand=evil")),
        ("/instanceSpecInfo/regionInfo/sshAddress", json!("host;rm -rf /")),
        ("/instanceSpecInfo/regionInfo", Value::Null),
        ("/instanceMetadata/instanceUsername", json!("root@elsewhere")),
        ("/instanceMetadata/instanceUsername", json!("")),
        ("/instanceSpecInfo/nodePorts/0/nodePort", json!(0)),
        ("/instanceSpecInfo/nodePorts/0/nodePort", json!(65536)),
        ("/instanceSpecInfo/nodePorts/0/nodePort", json!("22 -oX")),
        ("/instanceSpecInfo/nodePorts/0/port", json!(2222)),
        ("/instanceSpecInfo/nodePorts", json!([7891])),
        ("/instanceSpecInfo/nodePorts", Value::Null),
    ] {
        let machine = first(|row| *row.pointer_mut(pointer).unwrap() = value.clone()).await;
        assert_eq!(machine.ssh, None, "{pointer} = {value}");
    }
}

#[tokio::test]
async fn types_may_differ_from_what_clients_saw() {
    let machine = first(|row| {
        row["instanceSpecInfo"]["nodePorts"] =
            json!([{"port": "22", "nodePort": "30022"}, {"port": 22.0, "nodePort": 1}]);
        row["instanceSpecInfo"]["regionInfo"]["regionName"] = Value::Null;
        row["never_heard_of"] = json!({"a": [1]});
    })
    .await;
    assert_eq!(machine.ssh.map(|ssh| ssh.port), Some(30022));
    assert_eq!(machine.region.as_deref(), Some("fce31a0c-0000-4000-8000-41caa1bdd251"));
    assert_eq!(machine.jupyter_url, None);
}

#[tokio::test]
async fn ports_are_published_while_the_machine_runs() {
    let provider = connect("http://127.0.0.1:1/luchen");
    let running = first(|_| {}).await;
    let published = |port, protocol| {
        let endpoint = provider.port_endpoint(&running, Port { port, protocol });
        endpoint.map(|found| found.url)
    };
    let at = |url: &str| Some(url.to_owned());
    assert_eq!(
        published(7891, PortProtocol::Tcp),
        at("ssh.cn-east-1.luchentech.com:31891")
    );
    assert_eq!(
        published(7891, PortProtocol::Http),
        at("http://ssh.cn-east-1.luchentech.com:31891")
    );
    assert_eq!(
        published(22, PortProtocol::Ssh),
        at("ssh.cn-east-1.luchentech.com:30022")
    );
    assert_eq!(published(7892, PortProtocol::Tcp), None);
    let stopped = first(|row| row["instanceRuntimeInfo"]["status"] = json!("Stopped")).await;
    let port = Port {
        port: 7891,
        protocol: PortProtocol::Tcp,
    };
    assert_eq!(provider.port_endpoint(&stopped, port), None);
}
