//! Nothing secret is in anything that the operator writes, but for the Secrets themselves.

use cloudsim::Fault;
use serde_json::json;

use crate::operator::{Kind, Scene, Setup, credentials, instance};

const TOKENS: [&str; 3] = ["sim-xgc-token-1", "refused-token-7c1f", "second-token-93ab"];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_anywhere() {
    let scene = Setup::new("secrecy").rust_log("trace").start().await;
    let secrets = live_through_everything(&scene).await;
    assert!(
        secrets.len() > TOKENS.len() + 3,
        "passwords and tokens of machines were collected: {}",
        secrets.len()
    );
    let log = scene.operator.log();
    assert!(log.contains("DEBUG") || log.contains("TRACE"), "the log is whole");
    let mut written = vec![("the log", log), ("metrics", scene.operator.metrics().await)];
    let events: Vec<String> = scene.events().await.iter().map(ToString::to_string).collect();
    assert!(events.len() > 10, "{events:?}");
    written.push(("events", events.join("\n")));
    for kind in [Kind::GpuInstance, Kind::GpuProvider, Kind::Lease] {
        let objects: Vec<String> = scene
            .list(kind)
            .await
            .iter()
            .map(|object| object.0.to_string())
            .collect();
        written.push(("objects", objects.join("\n")));
    }
    let audit = std::fs::read_to_string(scene.plane.dir().join("audit.log")).unwrap();
    written.push(("the audit log", audit));
    for (place, text) in &written {
        for secret in &secrets {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert!(
                line.is_none(),
                "{place} tells the secret {secret}: {}",
                line.unwrap_or_default()
            );
        }
    }
}

/// Machines and errors of all kinds; the secrets that were in use.
async fn live_through_everything(scene: &Scene) -> Vec<String> {
    let mut secrets: Vec<String> = TOKENS.iter().map(ToString::to_string).collect();
    scene
        .apply(instance("train-1", json!({ "snapshotOnStop": { "name": "image" } })))
        .await;
    scene.until_ready("train-1").await;
    collect(scene, &mut secrets).await;

    // Answers that cannot be read, with secrets in them, and refusals.
    let list = || Fault::on("xgc.list");
    for fault in [
        list().truncated_json(),
        list().cut_in_body(),
        list().with("/data", format!("oops, your token is {}", TOKENS[0])),
        list().refuse(1000, &format!("token {} expired", TOKENS[0])),
        list().html(502),
        Fault::on("xgc.deploy").cut_after_commit(),
    ] {
        scene.sim.fault(fault);
    }
    scene
        .apply(instance("train-2", json!({ "gpu": { "model": "RTX 4090 D" } })))
        .await;
    scene.until_ready("train-2").await;
    collect(scene, &mut secrets).await;
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("train-1", "Stopped").await;

    scene.apply(credentials("xgc", TOKENS[1])).await;
    scene.until_not_ready("train-1", "CredentialsRejected").await;
    scene.sim.xgc().account("u-1").rotate(TOKENS[2]).unwrap();
    scene.apply(credentials("xgc", TOKENS[2])).await;
    scene.change("train-1", json!({ "power": "Running" })).await;
    scene.until_ready("train-1").await;
    collect(scene, &mut secrets).await;
    scene.delete(Kind::GpuInstance, "train-2").await;
    scene.until_gone(Kind::GpuInstance, "train-2").await;
    secrets.sort();
    secrets.dedup();
    secrets
}

/// The passwords and tokens that the connection Secrets hold now.
async fn collect(scene: &Scene, secrets: &mut Vec<String>) {
    for secret in scene.list(Kind::Secret).await {
        secrets.extend(
            ["password", "jupyter_token", "token"]
                .iter()
                .filter_map(|key| secret.secret(key)),
        );
    }
}
