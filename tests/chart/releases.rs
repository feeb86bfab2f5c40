//! What becomes of a release on a real API server: installed, upgraded, rolled back, uninstalled. There is no node, so its
//! Pods are never started; what would run in them is `deployed.rs`.

use std::path::Path;
use std::process::Command;

use controlplane::ControlPlane;
use gpu_instance_operator::api::crds;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::helm::{Helm, NAMESPACE, RELEASE, chart, create_restricted_namespace, get, objects, the};
use crate::operator::{Plane, credentials, instance};
use crate::repository::root;

/// A field that the older chart's kind lacks.
const NEW_FIELD: &str = "stopMode";

/// The chart as it was before the kind had [`NEW_FIELD`].
fn older_chart() -> TempDir {
    let folder = TempDir::with_prefix("chart-").unwrap();
    let copied = Command::new("cp")
        .arg("--recursive")
        .arg(chart())
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    let older = folder.path().join("gpu-instance-operator");
    let mut kind = crds::all()
        .into_iter()
        .find(|crd| crd.spec.names.kind == "GpuInstance")
        .unwrap();
    let schema = kind.spec.versions[0]
        .schema
        .as_mut()
        .unwrap()
        .open_api_v3_schema
        .as_mut()
        .unwrap();
    let spec = schema.properties.as_mut().unwrap().get_mut("spec").unwrap();
    spec.properties
        .as_mut()
        .unwrap()
        .remove(NEW_FIELD)
        .expect("a field of the spec");
    let file = older.join("files/crds/gpuinstances.yaml");
    std::fs::write(file, crds::document(&kind).unwrap()).unwrap();
    let about = std::fs::read_to_string(older.join("Chart.yaml")).unwrap();
    std::fs::write(
        older.join("Chart.yaml"),
        about.replace(
            concat!("\nversion: ", env!("CARGO_PKG_VERSION"), "\n"),
            "\nversion: 0.0.9\n",
        ),
    )
    .unwrap();
    folder
}

fn machine() -> Value {
    let mut machine = instance("kept", json!({ "power": "Stopped" }));
    machine["metadata"]["namespace"] = "ml".into();
    machine
}

/// What an API server with the kind as it is now says of a machine with the new field.
fn set_new_field(plane: &ControlPlane) -> Result<String, String> {
    let patch = json!({ "spec": { NEW_FIELD: "KeepGpu" } });
    let patch = format!("--patch={patch}");
    plane.kubectl_with(
        &["patch", "gpuinstance", "kept", "--namespace=ml", "--type=merge", &patch],
        "",
    )
}

fn seen(plane: &ControlPlane) -> (String, Value) {
    let object = get(plane, &["gpuinstance", "kept", "--namespace=ml"]);
    assert!(object["metadata"]["deletionTimestamp"].is_null(), "{object}");
    (
        object["metadata"]["uid"].as_str().unwrap().to_owned(),
        object["spec"][NEW_FIELD].clone(),
    )
}

#[test]
fn a_kind_is_upgraded_under_its_objects_and_outlives_the_release() {
    let plane = Plane::own_without_kinds();
    let helm = Helm::on(&plane);
    create_restricted_namespace(&plane, NAMESPACE);
    plane.kubectl(&["create", "namespace", "ml"]).unwrap();
    let older = older_chart();
    let older = older.path().join("gpu-instance-operator");
    helm.with_chart(&["install"], &older, &json!({})).unwrap();
    plane
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd/gpuinstances.gpuinstance.dev",
        ])
        .unwrap();
    plane.apply(&machine().to_string()).unwrap();
    let said = set_new_field(&plane);
    let (uid, field) = seen(&plane);
    assert!(field.is_null(), "the older kind does not have it: {said:?}");

    let upgraded = helm.with_chart(&["upgrade"], &chart(), &json!({})).unwrap();
    assert!(upgraded.contains("STATUS: deployed"), "{upgraded}");
    until_taken(&plane);
    assert_eq!(seen(&plane), (uid.clone(), json!("KeepGpu")));

    helm.run(&["rollback", RELEASE, "1", "--namespace", NAMESPACE]).unwrap();
    assert_eq!(seen(&plane).0, uid);
    helm.with_chart(&["upgrade"], &chart(), &json!({})).unwrap();
    assert_eq!(seen(&plane).0, uid);

    helm.run(&["uninstall", RELEASE, "--namespace", NAMESPACE]).unwrap();
    assert_eq!(seen(&plane).0, uid, "kinds and objects are kept");
    let left = plane
        .kubectl(&[
            "get",
            "all,roles,serviceaccounts,pdb",
            "--namespace",
            NAMESPACE,
            "--output=name",
        ])
        .unwrap();
    assert_eq!(left, "serviceaccount/default");
    let roles = plane
        .kubectl(&["get", "clusterroles,clusterrolebindings", "--output=name"])
        .unwrap();
    assert!(!roles.contains(RELEASE), "{roles}");

    helm.with_chart(&["install"], &chart(), &json!({})).unwrap();
    assert_eq!(seen(&plane).0, uid, "what was kept is taken over");
}

/// An API server takes up a changed kind a moment after it was written.
fn until_taken(plane: &ControlPlane) {
    for _ in 0..100 {
        set_new_field(plane).unwrap();
        if !seen(plane).1.is_null() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("the upgraded kind never took {NEW_FIELD}");
}

/// The chart's Pod as an object of its own, in a namespace that enforces Pod Security `restricted`.
fn admitted(
    plane: &ControlPlane,
    namespace: &str,
    deployment: &Value,
    change: impl Fn(&mut Value),
) -> Result<String, String> {
    let mut pod = deployment["spec"]["template"].clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["generateName"] = "operator-".into();
    change(&mut pod);
    let namespace = format!("--namespace={namespace}");
    plane.kubectl_with(&["create", &namespace, "--filename=-"], &pod.to_string())
}

/// Values that turn on everything that puts something into the Pod.
fn everything() -> Value {
    json!({
        "log": { "filter": "debug" }, "proxy": { "url": "http://proxy:3128" },
        "caBundle": { "configMap": "company-ca" }, "priorityClassName": "system-cluster-critical",
        "nodeSelector": { "kubernetes.io/os": "linux" }, "tolerations": [{ "operator": "Exists" }],
        "extraEnv": [{ "name": "TZ", "valueFrom": { "configMapKeyRef": { "name": "place", "key": "tz" } } }],
        "podAnnotations": { "a": "b" }, "podLabels": { "team": "ml" }, "imagePullSecrets": [{ "name": "registry" }],
        "networkPolicy": {
            "enabled": true, "from": [{ "namespaceSelector": {} }], "egress": [{ "to": [{ "podSelector": {} }] }],
        },
    })
}

#[test]
fn what_is_rendered_is_admitted_where_the_strictest_standard_is_enforced() {
    let plane = Plane::shared();
    let helm = Helm::on(&plane);
    create_restricted_namespace(&plane, NAMESPACE);
    for values in [json!({}), everything()] {
        let manifest = helm.render(&values).unwrap();
        let objects = objects(&manifest);
        let apply = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--validate=strict",
            "--filename=-",
        ];
        let said = plane.kubectl_with(&apply, &manifest).unwrap();
        assert!(!said.contains("Warning"), "{said}");
        let deployment = the(&objects, "Deployment");
        let said = admitted(&plane, NAMESPACE, deployment, |_| {}).unwrap();
        assert!(said.contains("created") && !said.contains("Warning"), "{said}");
        // Were nothing enforced, that would prove nothing.
        let refused = admitted(&plane, NAMESPACE, deployment, |pod| {
            pod["spec"]["securityContext"] = json!({});
        });
        assert!(
            refused.as_ref().is_err_and(|said| said.contains("PodSecurity")),
            "{refused:?}"
        );
    }
}

#[test]
fn kustomize_installs_the_same() {
    let plane = Plane::own_without_kinds();
    let folder = root().join("deploy");
    let apply = [
        "apply",
        "--server-side",
        "--validate=strict",
        "--kustomize",
        folder.to_str().unwrap(),
    ];
    let said = plane.kubectl_with(&apply, "").unwrap();
    assert!(!said.contains("Warning"), "{said}");
    let namespace = "gpu-instance-operator";
    let deployment = get(&plane, &["deployment", namespace, "--namespace", namespace]);
    admitted(&plane, namespace, &deployment, |_| {}).unwrap();
    let account = get(&plane, &["clusterrolebinding", namespace])["subjects"][0].clone();
    assert_eq!(account["namespace"], namespace);
    // Applied on the client's side, an object is written into an annotation of its own, whose size has a limit.
    for path in ["deploy/crds.yaml", "deploy/operator.yaml"] {
        let path = root().join(path);
        plane.kubectl(&["apply", "--filename", path.to_str().unwrap()]).unwrap();
    }
}

#[test]
fn roles_for_people_add_up_to_those_of_the_cluster() {
    let plane = Plane::own();
    create_restricted_namespace(&plane, NAMESPACE);
    plane.kubectl(&["create", "namespace", "ml"]).unwrap();
    Helm::on(&plane)
        .with_chart(&["install"], &chart(), &json!({ "crds": { "install": false } }))
        .unwrap();
    plane
        .kubectl_with(
            &["create", "--namespace=ml", "--filename=-"],
            &credentials("xgc", "t").to_string(),
        )
        .unwrap();
    for role in ["view", "edit", "admin"] {
        let (role_flag, user) = (format!("--clusterrole={role}"), format!("--user={role}er"));
        plane
            .kubectl(&["create", "rolebinding", role, &role_flag, &user, "--namespace=ml"])
            .unwrap();
    }
    for (who, verb, resource, may) in [
        ("viewer", "list", "gpuinstances.gpuinstance.dev", true),
        ("viewer", "get", "gpuproviders.gpuinstance.dev", true),
        ("viewer", "create", "gpuinstances.gpuinstance.dev", false),
        ("viewer", "get", "secrets", false),
        ("editer", "create", "gpuinstances.gpuinstance.dev", true),
        ("editer", "delete", "gpuinstances.gpuinstance.dev", true),
        ("editer", "get", "gpuproviders.gpuinstance.dev", true),
        ("editer", "create", "gpuproviders.gpuinstance.dev", false),
        ("editer", "get", "secrets", true),
        ("adminer", "create", "gpuproviders.gpuinstance.dev", true),
        ("adminer", "patch", "gpuinstances.gpuinstance.dev", true),
        ("adminer", "patch", "gpuinstances.gpuinstance.dev/status", false),
        ("adminer", "list", "clustergpuproviders.gpuinstance.dev", false),
    ] {
        assert!(
            until_allowed(&plane, who, verb, resource, may),
            "{who} may {verb} {resource}: should be {may}"
        );
    }
}

/// Whether somebody may do something in the namespace `ml`; roles add up a moment after they were made.
fn until_allowed(plane: &ControlPlane, who: &str, verb: &str, resource: &str, may: bool) -> bool {
    let who = format!("--as={who}");
    (0..50).any(|_| {
        let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
        let part = format!("--subresource={part}");
        let said = plane.kubectl(&["auth", "can-i", verb, resource, &part, &who, "--namespace=ml"]);
        if said.is_ok() == may {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        false
    })
}

#[test]
fn the_chart_is_one_that_helm_has_nothing_to_say_against() {
    let folder = chart();
    let said = Helm::without_cluster()
        .run(&["lint", "--strict", folder.to_str().unwrap()])
        .unwrap();
    assert!(
        said.contains("0 chart(s) failed") && !said.contains("[WARNING]"),
        "{said}"
    );
    let packaged = TempDir::with_prefix("package-").unwrap();
    let destination = packaged.path().to_str().unwrap();
    Helm::without_cluster()
        .run(&["package", folder.to_str().unwrap(), "--destination", destination])
        .unwrap();
    let package = concat!("gpu-instance-operator-", env!("CARGO_PKG_VERSION"), ".tgz");
    assert!(Path::new(destination).join(package).exists());
}
