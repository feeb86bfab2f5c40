//! Objects of a real API server, with the real operator, as Flux and Argo CD apply and judge them.

use cloudsim::Fault;
use gpu_instance_operator::api::GpuInstance;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::judged::judge;
use crate::operator::{Kind, Object, Scene, Setup, USER_AGENT, instance};

/// What Flux and Argo CD say of an object as it is now.
fn judged(object: &Object) -> (String, String) {
    let judged = judge(std::slice::from_ref(&object.0)).remove(0);
    (judged.kstatus, judged.argo)
}

fn both(kstatus: &str, argo: &str) -> (String, String) {
    (kstatus.to_owned(), argo.to_owned())
}

/// Applies as a tool does that does not force: whoever owns a field that it would change is in its way.
async fn apply_as(manager: &str, client: &Client, namespace: &str, object: &Value) -> Result<(), kube::Error> {
    let instances: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<GpuInstance>(&()));
    let name = object["metadata"]["name"].as_str().unwrap();
    let applied = instances
        .patch(name, &PatchParams::apply(manager), &Patch::Apply(object))
        .await;
    applied.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_is_judged_rightly() {
    let mut scene = Setup::new("judged").start().await;
    scene.operator.kill9();
    scene.apply(instance("train-1", json!({}))).await;
    let created = scene.get(Kind::GpuInstance, "train-1").await;
    assert_eq!(
        judged(&created),
        both("InProgress", "Progressing"),
        "nobody has looked yet"
    );
    scene.operator.restart().await;
    let ready = scene.until_ready("train-1").await;
    assert_eq!(judged(&ready), both("Current", "Healthy"));
    let provider = scene.get(Kind::GpuProvider, "xgc").await;
    assert_eq!(judged(&provider), both("Current", "Healthy"));

    scene.change("train-1", json!({ "power": "Stopped" })).await;
    let stopped = scene.until_ready_in("train-1", "Stopped").await;
    assert_eq!(judged(&stopped), both("Current", "Healthy"));

    scene.apply(instance("odd", json!({ "region": "nowhere" }))).await;
    let stalled = scene.until_not_ready("odd", "Unsupported").await;
    assert_eq!(judged(&stalled), both("Failed", "Degraded"));

    let deaf = Fault::on("xgc.destroy").status_before_commit(500);
    scene.sim.fault(deaf.until_cleared());
    scene.delete(Kind::GpuInstance, "train-1").await;
    let deleting = scene
        .until_instance("train-1", "being deleted", Object::is_being_deleted)
        .await;
    assert_eq!(judged(&deleting), both("Terminating", "Progressing"));
    scene.sim.clear_faults();
    scene.until_gone(Kind::GpuInstance, "train-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_its_secret_is_degraded() {
    let scene = Scene::start("judged-provider").await;
    let mut lost = scene.get(Kind::GpuProvider, "xgc").await.0;
    let spec = json!({
        "xgc": { "credentialsSecretRef": { "name": "not-there" }, "endpoint": lost["spec"]["xgc"]["endpoint"].take() },
    });
    let provider = json!({
        "apiVersion": "gpuinstance.dev/v1alpha1", "kind": "GpuProvider", "metadata": { "name": "lost" }, "spec": spec,
    });
    scene.apply(provider).await;
    let stalled = |provider: &Object| provider.is_not_ready_for("CredentialsNotFound");
    let provider = scene
        .until(Kind::GpuProvider, "lost", "without its Secret", stalled)
        .await;
    assert_eq!(judged(&provider), both("Failed", "Degraded"));
}

/// Who set which field, but for status.
fn managers_of_spec(object: &Object) -> Vec<&str> {
    let fields = object.at("/metadata/managedFields").as_array().unwrap();
    let of_spec = fields.iter().filter(|entry| entry["fieldsV1"].get("f:spec").is_some());
    of_spec.map(|entry| entry["manager"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fights_over_a_field() {
    let scene = Scene::start("undisputed").await;
    let manifest = instance("train-1", json!({ "ports": [{ "port": 8080, "protocol": "HTTP" }] }));
    let apply = async |manager: &str| apply_as(manager, &scene.client, &scene.namespace, &manifest).await;
    apply("kustomize-controller").await.unwrap();
    scene.until_ready("train-1").await;
    let ready = scene.until_bound("train-1").await;

    // The first once more, and another one: neither is in the way of the operator, or of the other.
    apply("kustomize-controller").await.unwrap();
    apply("argocd-controller").await.unwrap();
    scene.after_lists(2).await;
    let after = scene.get(Kind::GpuInstance, "train-1").await;
    assert_eq!(managers_of_spec(&after), ["argocd-controller", "kustomize-controller"]);
    assert_eq!(after.generation(), ready.generation(), "nothing in spec was changed");
    assert_eq!(after.at("/metadata/annotations"), ready.at("/metadata/annotations"));
    assert_eq!(after.finalizers(), ready.finalizers());
    assert_eq!(after.instance_id(), ready.instance_id());
    let writes = scene.plane.audit_log().unwrap();
    let to_spec = writes.iter().filter(|call| {
        call.user_agent.starts_with(USER_AGENT)
            && call.namespace == scene.namespace
            && call.resource == "gpuinstances"
            && call.subresource.is_empty()
            && call.verb == "update"
    });
    assert_eq!(to_spec.count(), 0, "the operator puts no whole object");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_diff_is_clean_once_it_is_ready() {
    let scene = Scene::start("diffed").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("machine.yaml");
    std::fs::write(&file, instance("train-1", json!({})).to_string()).unwrap();
    let file = file.to_str().unwrap();
    scene.kubectl(&["apply", "--server-side", "--filename", file]);
    scene.until_ready("train-1").await;
    // It fails where there is a difference.
    let said = scene.kubectl(&["diff", "--server-side", "--filename", file]);
    assert_eq!(said.trim(), "");
    // As people do it who have not heard of the server's side.
    scene.kubectl(&["delete", "--wait", "--filename", file]);
    scene.kubectl(&["apply", "--filename", file]);
    scene.until_ready("train-1").await;
    assert_eq!(scene.kubectl(&["diff", "--filename", file]).trim(), "");
}
