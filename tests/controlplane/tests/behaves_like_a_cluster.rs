//! What no API server of a test's own making would do: the parts of a cluster that tests of an
//! operator lean on are the real ones.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use controlplane::{ControlPlane, Error, Options};

fn shared() -> &'static ControlPlane {
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machines.yaml");
    let options = Options::new().audit().user("alice", &["developers"]).crds(crds);
    ControlPlane::shared(&options).expect("a control plane")
}

/// Polls, because the controllers work in their own time.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        sleep(Duration::from_millis(100));
    }
}

fn create_namespace(name: &str) {
    shared().kubectl(&["create", "namespace", name]).expect("a namespace");
}

#[test]
fn a_namespace_takes_what_is_in_it_along() {
    create_namespace("leaving");
    let plane = shared();
    eventually("the namespace has its service account", || {
        plane
            .kubectl(&["get", "serviceaccount/default", "--namespace=leaving"])
            .is_ok()
    });
    plane
        .kubectl(&["create", "configmap", "inside", "--namespace=leaving"])
        .expect("a configmap");

    plane
        .kubectl(&["delete", "namespace", "leaving", "--timeout=60s"])
        .expect("kubectl waits until the namespace is gone");

    let gone = plane.kubectl(&["get", "configmap/inside", "--namespace=leaving"]);
    assert!(matches!(gone, Err(Error::Kubectl { .. })), "{gone:?}");
}

#[test]
fn what_an_object_owns_goes_with_it() {
    create_namespace("owning");
    let plane = shared();
    plane
        .apply(
            "{apiVersion: example.com/v1, kind: Machine, \
              metadata: {name: owner, namespace: owning}}",
        )
        .expect("an owner of a kind of our own");
    let machine = ["get", "machine/owner", "--namespace=owning"];
    let uid = plane
        .kubectl(&[machine.as_slice(), &["--output=jsonpath={.metadata.uid}"]].concat())
        .expect("its UID");
    plane
        .apply(&format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: owned, namespace: owning, \
              ownerReferences: [{{apiVersion: example.com/v1, kind: Machine, name: owner, uid: {uid}}}]}}}}"
        ))
        .expect("a secret that it owns");

    let secret = ["get", "secret/owned", "--namespace=owning"];
    plane.kubectl(&secret).expect("it stays while its owner does");
    let deleted = Instant::now();
    plane
        .kubectl(&["delete", "machine/owner", "--namespace=owning"])
        .expect("the owner deleted");

    eventually("the secret is collected", || plane.kubectl(&secret).is_err());
    let took = deleted.elapsed();
    assert!(took < Duration::from_secs(10), "the collector knew the kind: {took:?}");
}

#[test]
fn rights_are_those_that_rbac_gives() {
    create_namespace("guarded");
    let plane = shared();
    let as_alice = |arguments: &[&str]| {
        let kubeconfig = plane.kubeconfig_of("alice");
        plane
            .kubectl_command()
            .env("KUBECONFIG", kubeconfig)
            .args(arguments)
            .output()
            .expect("kubectl")
    };
    let list = ["get", "secrets", "--namespace=guarded"];
    let refused = as_alice(&list);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("Forbidden"),
        "{refused:?}"
    );

    plane
        .kubectl(&[
            "create",
            "rolebinding",
            "developers",
            "--namespace=guarded",
            "--clusterrole=admin",
            "--group=developers",
        ])
        .expect("a binding for a group of hers");
    eventually("her group may list", || as_alice(&list).status.success());
}

#[test]
fn a_service_account_has_a_token_that_the_server_knows() {
    create_namespace("accounts");
    let plane = shared();
    eventually("a token for the default account", || {
        plane
            .kubectl(&["create", "token", "default", "--namespace=accounts"])
            .is_ok()
    });
    let token = plane
        .kubectl(&["create", "token", "default", "--namespace=accounts"])
        .expect("a token");
    // A kubeconfig of its own: the administrator's token would win over `--token`.
    let user = plane
        .kubectl_command()
        .env("KUBECONFIG", "/dev/null")
        .arg(format!("--token={token}"))
        .args(["--server", &server(plane), "--insecure-skip-tls-verify"])
        .args(["auth", "whoami", "--output=jsonpath={.status.userInfo.username}"])
        .output()
        .expect("kubectl");
    let user = String::from_utf8_lossy(&user.stdout);
    assert_eq!(user, "system:serviceaccount:accounts:default");
}

fn server(plane: &ControlPlane) -> String {
    plane
        .kubectl(&["config", "view", "--output=jsonpath={.clusters[0].cluster.server}"])
        .expect("the server's address")
}

#[test]
fn roles_are_aggregated() {
    let plane = shared();
    plane
        .apply(
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: machines, \
              labels: {rbac.authorization.k8s.io/aggregate-to-view: 'true'}}, \
              rules: [{apiGroups: [example.com], resources: [machines], verbs: [get]}]}",
        )
        .expect("a role");
    eventually("`view` has got its rules", || {
        plane
            .kubectl(&["get", "clusterrole/view", "--output=yaml"])
            .is_ok_and(|role| role.contains("example.com"))
    });
}

#[test]
fn the_audit_log_tells_who_did_what() {
    let plane = shared();
    create_namespace("audited");

    let log = plane.audit_log().expect("an audit log");
    let call = log
        .iter()
        .find(|call| call.verb == "create" && call.name == "audited")
        .expect("the call is in the log");
    assert_eq!(call.resource, "namespaces");
    assert_eq!(call.user, "admin");
    assert_eq!(call.code, 201);
    assert!(call.user_agent.starts_with("kubectl"), "{call:?}");
    assert!(
        log.iter().any(|call| call.verb == "watch" && !call.complete),
        "the watches of the controllers are open, and seen"
    );
}

#[test]
fn one_shared_control_plane_has_one_set_of_options() {
    shared();
    let other = ControlPlane::shared(&Options::new());
    assert!(matches!(other, Err(Error::SharedWithOtherOptions)), "{other:?}");
}
