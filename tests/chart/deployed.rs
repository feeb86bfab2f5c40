//! The operator as the chart deploys it, without a node: the program, started with the service account's token, the
//! arguments and the environment of the rendered Pod, on a real API server, at a simulated cloud. Nothing that it does is
//! denied, and nothing that it may do is left undone.

use std::path::{Path, PathBuf};

use cloudsim::{Cloudsim, Config, Pace};
use controlplane::Rights;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::helm::{Helm, NAMESPACE, RELEASE, chart, create_restricted_namespace, get};
use crate::operator::{
    Cluster, Kind, Launch, Operator, Plane, Scene, XGC, cluster_provider, credentials, instance, provider,
};

/// Installs the chart, and runs in the namespace `ml` what its Deployment says.
async fn deploy(values: Value, watched: &[&str]) -> Scene {
    let sim = Cloudsim::start(Config::default().with_pace(&Pace::every(300)))
        .await
        .unwrap();
    let plane = tokio::task::block_in_place(|| install(values, &sim, watched));
    let logs = TempDir::with_prefix("operator-").unwrap();
    let launch = tokio::task::block_in_place(|| launch_of_the_pod(&plane, logs.path()));
    let cluster = Cluster::new(plane, "ml").await;
    let operator = Operator::start(launch).await;
    operator.until_ready().await;
    Scene::of(&XGC, operator, sim, cluster, logs)
}

fn install(mut values: Value, sim: &Cloudsim, watched: &[&str]) -> Plane {
    let plane = Plane::own_without_kinds();
    create_restricted_namespace(&plane, NAMESPACE);
    for namespace in watched {
        plane.kubectl(&["create", "namespace", namespace]).unwrap();
    }
    values["allowedEndpoints"] = json!([sim.url()]);
    values["log"] = json!({ "filter": "info,gpu_instance_operator=debug" });
    Helm::on(&plane).with_chart(&["install"], &chart(), &values).unwrap();
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
    plane.kubectl(&established).unwrap();
    plane
}

/// How the kubelet would start the Pod's container.
fn launch_of_the_pod(plane: &Plane, logs: &Path) -> Launch {
    let deployment = get(plane, &["deployment", RELEASE, "--namespace", NAMESPACE]);
    let pod = &deployment["spec"]["template"]["spec"];
    let [container] = <&[Value; 1]>::try_from(pod["containers"].as_array().unwrap().as_slice()).unwrap();
    assert!(pod["volumes"].is_null() && container["command"].is_null(), "{pod}");
    let environment = container["env"].as_array().unwrap();
    let [rust_log] = <&[Value; 1]>::try_from(environment.as_slice()).unwrap();
    assert_eq!(rust_log["name"], "RUST_LOG");
    let arguments = container["args"].as_array().unwrap().iter();
    let mut arguments: Vec<String> = arguments.map(|word| word.as_str().unwrap().to_owned()).collect();
    assert_eq!(arguments.remove(0), "run");
    // The kubelet puts the Pod's namespace into a file; outside of a Pod a flag stands for it.
    arguments.push(format!("--lease-namespace={NAMESPACE}"));
    Launch {
        kubeconfig: kubeconfig_of(plane, pod["serviceAccountName"].as_str().unwrap(), logs),
        arguments,
        replica: format!("{RELEASE}-6d4cf56db6-x7k2p"),
        rust_log: rust_log["value"].as_str().unwrap().to_owned(),
        log: logs.join("operator.log"),
        crash_point: None,
    }
}

/// With a token as the kubelet asks for one, and nothing else.
fn kubeconfig_of(plane: &Plane, account: &str, folder: &Path) -> PathBuf {
    let token = plane
        .kubectl(&["create", "token", account, "--namespace", NAMESPACE, "--duration=1h"])
        .unwrap();
    let text = std::fs::read_to_string(plane.kubeconfig()).unwrap();
    let mut kubeconfig: Value = serde_saphyr::from_str(&text).unwrap();
    kubeconfig["users"][0]["user"] = json!({ "token": token });
    let path = folder.join("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}

/// A machine's life, and all else that needs a right of its own.
async fn live(scene: &Scene) {
    scene
        .apply(credentials("xgc", &scene.sim.xgc().account("u-1").token()))
        .await;
    scene.apply(provider("xgc", &scene.sim, json!({}))).await;
    scene.apply(instance("train-1", json!({}))).await;
    scene.until_ready("train-1").await;
    scene.connection("train-1").await;
    scene.change("train-1", json!({ "power": "Stopped" })).await;
    scene.until_ready_in("train-1", "Stopped").await;
    scene.change("train-1", json!({ "power": "Running" })).await;
    scene.until_ready("train-1").await;

    // XGC runs no scripts, and says so, after the script was looked for.
    let from = json!({ "startupScriptFrom": { "configMapKeyRef": { "name": "scripts", "key": "start.sh" } } });
    let script = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "scripts" }, "data": { "start.sh": "true" },
    });
    scene.apply(script).await;
    scene.apply(instance("scripted", from)).await;
    scene.until_not_ready("scripted", "Unsupported").await;

    for name in ["train-1", "scripted"] {
        scene.delete(Kind::GpuInstance, name).await;
        scene.until_gone(Kind::GpuInstance, name).await;
    }
    scene.delete(Kind::GpuProvider, "xgc").await;
    scene.until_gone(Kind::GpuProvider, "xgc").await;
    assert_eq!(scene.sim.alive(), []);
    assert_eq!(scene.rented_and_destroyed(), (1, 1));
}

/// The same with a shared account, which selects namespaces by their labels.
async fn live_on_a_shared_account(scene: &Scene) {
    scene.create_namespace("accounts", json!({})).await;
    scene.create_namespace("ml", json!({ "gpu": "yes" })).await;
    let mut secret = credentials("shared", &scene.sim.xgc().account("u-1").token());
    secret["metadata"]["namespace"] = "accounts".into();
    scene.apply(secret).await;
    let allowed = json!({ "allowedNamespaces": { "selector": { "matchLabels": { "gpu": "yes" } } } });
    scene
        .apply(cluster_provider("shared", &scene.sim, "accounts", allowed))
        .await;
    let reference = json!({ "providerRef": { "kind": "ClusterGpuProvider", "name": "shared" } });
    scene.apply(instance("shares", reference)).await;
    scene.until_ready("shares").await;
    scene.delete(Kind::GpuInstance, "shares").await;
    scene.until_gone(Kind::GpuInstance, "shares").await;
    scene.delete(Kind::ClusterGpuProvider, "shared").await;
    scene.until_gone(Kind::ClusterGpuProvider, "shared").await;
}

/// Ends the operator, and compares its rights with its calls.
async fn rights_and_calls_agree(mut scene: Scene) {
    scene.operator.terminate().await;
    let kinds = "clusterrolebindings,rolebindings,clusterroles,roles";
    let rbac = get(&scene.plane, &[kinds, "--all-namespaces"]);
    let rights = Rights::of(NAMESPACE, RELEASE, &rbac, &scene.plane.audit_log().unwrap());
    assert!(!rights.granted.is_empty());
    assert_eq!(rights.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn for_all_namespaces_it_has_the_rights_that_it_uses_and_no_other() {
    let scene = deploy(json!({}), &[]).await;
    live(&scene).await;
    live_on_a_shared_account(&scene).await;
    rights_and_calls_agree(scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_some_namespaces_it_has_rights_nowhere_else() {
    let values = json!({ "watchNamespaces": ["ml"], "installationId": "prod1" });
    let scene = deploy(values, &["ml"]).await;
    live(&scene).await;
    let reference = json!({ "providerRef": { "kind": "ClusterGpuProvider", "name": "shared" } });
    scene.apply(instance("shares", reference)).await;
    let refused = scene.until_not_ready("shares", "ProviderNotFound").await;
    let message = refused.said("Ready", "message");
    assert!(message.contains("looks after some namespaces only"), "{message}");
    let kept = scene.sim.machines();
    assert!(
        kept.iter().all(|machine| machine.name.starts_with("gi-prod1-")),
        "{kept:?}"
    );
    rights_and_calls_agree(scene).await;
}
