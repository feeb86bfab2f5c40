//! The process as a cluster sees it: it waits, leads, stands by, and ends in good order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where it finds something wrong"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use controlplane::{ControlPlane, Options};
use gpu_instance_operator::api::crds;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gpu-instance-operator");
/// Longer than anything here takes, the time that a Lease is valid included.
const PATIENCE: Duration = Duration::from_secs(40);

/// A replica that runs. Dropped, it is killed.
struct Replica {
    process: Child,
    base: String,
    log: PathBuf,
}

impl Replica {
    fn start(plane: &ControlPlane, name: &str, kubeconfig: &Path, arguments: &[&str]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let log = plane.dir().join(format!("{name}.log"));
        let process = Command::new(PROGRAM)
            .args(["run", &format!("--listen=127.0.0.1:{port}")])
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .env("HOSTNAME", name)
            .env_remove("RUST_LOG")
            .stderr(std::fs::File::create(&log).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let base = format!("http://127.0.0.1:{port}");
        Self { process, base, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Status and text at a path of its server; `None` while nothing answers.
    async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("{}{path}", self.base)).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    async fn is_ready(&self) -> bool {
        self.get("/readyz").await.is_some_and(|(status, _)| status == 200)
    }

    async fn becomes_ready(&self) {
        eventually(&format!("{} is ready", self.log.display()), async || {
            self.is_ready().await
        })
        .await;
    }

    fn terminate(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    async fn ends(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Who holds the Lease; empty where nobody does.
fn holder(plane: &ControlPlane, namespace: &str) -> String {
    let lease = [
        "get",
        "lease",
        "gpu-instance-operator",
        "--namespace",
        namespace,
        "--ignore-not-found",
    ];
    let path = ["--output=jsonpath={.spec.holderIdentity}"];
    plane.kubectl(&[&lease[..], &path[..]].concat()).unwrap()
}

#[tokio::test]
async fn replicas_wait_for_their_kinds_take_turns_and_stop_when_they_lose() {
    install_tls();
    let plane = ControlPlane::start(&Options::new().audit()).unwrap();
    let mut first = Replica::start(&plane, "first", plane.kubeconfig(), &[]);

    // Without the kinds: alive, not ready, and it says what is missing.
    let missing = "the CRD gpuinstances.gpuinstance.dev is not installed";
    eventually("what is missing is said", async || {
        let answer = first.get("/readyz").await;
        answer.is_some_and(|(status, text)| status == 503 && text.contains(missing))
    })
    .await;
    assert_eq!(first.get("/healthz").await.map(|(status, _)| status), Some(200));
    assert_eq!(holder(&plane, "default"), "");

    // With them it leads, without a restart.
    plane.apply(&crds::yaml().unwrap()).unwrap();
    first.becomes_ready().await;
    eventually("the first leads", async || {
        holder(&plane, "default").starts_with("first_")
    })
    .await;
    let metrics = first.get("/metrics").await.unwrap().1;
    assert!(metrics.contains("gpu_instance_operator_leader 1"), "{metrics}");

    // A standby is ready, and does not lead.
    let mut second = Replica::start(&plane, "second", plane.kubeconfig(), &["--log-format=json"]);
    second.becomes_ready().await;
    eventually("the second stands by", async || second.log().contains("standing by")).await;
    let metrics = second.get("/metrics").await.unwrap().1;
    assert!(metrics.contains("gpu_instance_operator_leader 0"), "{metrics}");
    assert!(holder(&plane, "default").starts_with("first_"));

    // Asked to end, the leader gives leadership back, and the standby need not wait for the Lease to expire.
    first.terminate();
    let asked = Instant::now();
    assert!(first.ends().await.success(), "{}", first.log());
    eventually("the second leads", async || {
        holder(&plane, "default").starts_with("second_")
    })
    .await;
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());

    // Who loses the Lease ends at once, and not as if all were well.
    let thief = r#"--patch={"spec":{"holderIdentity":"thief"}}"#;
    plane
        .kubectl(&["patch", "lease", "gpu-instance-operator", "--type=merge", thief])
        .unwrap();
    assert_eq!(second.ends().await.code(), Some(1), "{}", second.log());
    assert!(second.log().contains("error: leadership is lost"), "{}", second.log());

    let agent = concat!("gpu-instance-operator/", env!("CARGO_PKG_VERSION"));
    let log = plane.audit_log().unwrap();
    assert!(
        log.iter().any(|event| event.user_agent == agent),
        "nobody calls itself {agent}"
    );
}

#[tokio::test]
async fn within_a_namespace_nothing_cluster_wide_is_needed() {
    install_tls();
    let options = Options::new()
        .crds(Path::new(env!("CARGO_MANIFEST_DIR")).join("crds"))
        .user("tenant", &[]);
    let plane = ControlPlane::start(&options).unwrap();
    plane.kubectl(&["create", "namespace", "ml"]).unwrap();
    let all = ["create", "role", "all", "--namespace=ml", "--verb=*", "--resource=*.*"];
    plane.kubectl(&all).unwrap();
    let binding = [
        "create",
        "rolebinding",
        "tenant",
        "--namespace=ml",
        "--role=all",
        "--user=tenant",
    ];
    plane.kubectl(&binding).unwrap();
    let kubeconfig = plane.kubeconfig_of("tenant");

    // The default of the installation's id is cluster-wide: the flag is named.
    let namespaced = ["--namespace=ml", "--lease-namespace=ml"];
    let mut refused = Replica::start(&plane, "refused", &kubeconfig, &namespaced);
    assert_eq!(refused.ends().await.code(), Some(1));
    assert!(refused.log().contains("--installation-id"), "{}", refused.log());

    let arguments = [&namespaced[..], &["--installation-id=test"]].concat();
    let mut tenant = Replica::start(&plane, "tenant", &kubeconfig, &arguments);
    tenant.becomes_ready().await;
    eventually("it leads", async || holder(&plane, "ml").starts_with("tenant_")).await;
    tenant.terminate();
    assert!(tenant.ends().await.success(), "{}", tenant.log());
    assert_eq!(holder(&plane, "ml"), "");
}

#[test]
fn the_kinds_and_the_version_are_printed() {
    let print = |argument: &str| {
        let output = Command::new(PROGRAM).arg(argument).output().unwrap();
        assert!(output.status.success(), "{argument}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(print("crds"), crds::yaml().unwrap());
    assert_eq!(
        print("--version").trim_end(),
        concat!("gpu-instance-operator ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn without_a_cluster_it_says_so_in_a_line() {
    let output = Command::new(PROGRAM)
        .args(["run", "--listen=127.0.0.1:0"])
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("error: no Kubernetes cluster is configured; set KUBECONFIG"),
        "{said}"
    );
}
