//! Faults come when they are asked for, and whichever way its holder ends, nothing is left running.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use controlplane::{ControlPlane, Error, Options};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/controlplane");

/// The supervisor and its three parts.
const PROCESSES: usize = 4;

fn script(arguments: &[&str], dir: &Path) -> Output {
    Command::new(SCRIPT)
        .args(arguments.split_at(1).0)
        .arg(dir)
        .args(arguments.split_at(1).1)
        .output()
        .expect("the script")
}

fn pids(dir: &Path) -> Vec<u32> {
    let files = fs::read_dir(dir.join("pids")).expect("the pids");
    let pids: Vec<u32> = files
        .map(|file| fs::read_to_string(file.expect("a file").path()).expect("a pid"))
        .map(|pid| pid.trim().parse().expect("a number"))
        .collect();
    assert_eq!(pids.len(), PROCESSES);
    assert!(pids.iter().copied().all(runs), "{pids:?}");
    pids
}

/// The command line of a process that is dead but not yet reaped is empty.
fn runs(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn assert_gone(pids: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while pids.iter().copied().any(runs) {
        assert!(Instant::now() < deadline, "still running: {pids:?}");
        sleep(Duration::from_millis(50));
    }
}

fn kill(pid: u32) {
    let killed = Command::new("kill").arg("-9").arg(pid.to_string()).status();
    assert!(killed.expect("kill").success());
}

#[test]
fn faults_come_and_go() {
    let plane = ControlPlane::start(&Options::new()).expect("a control plane");
    let create = |name| plane.kubectl(&["create", "configmap", name, "--request-timeout=3s"]);
    create("before").expect("a write");

    plane.restart_apiserver().expect("a restart");
    plane
        .kubectl(&["get", "configmap/before"])
        .expect("the same address, the same data, after the restart");

    plane.stop_apiserver().expect("a stop");
    let refused = create("stopped");
    assert!(matches!(refused, Err(Error::Kubectl { .. })), "{refused:?}");
    plane.start_apiserver().expect("a start");
    create("started").expect("a write, once it is back");

    plane.pause_etcd().expect("a pause");
    let hung = create("paused");
    assert!(matches!(hung, Err(Error::Kubectl { .. })), "{hung:?}");
    let impossible = plane.restart_apiserver();
    assert!(matches!(impossible, Err(Error::Fault { .. })), "{impossible:?}");
    plane.resume_etcd().expect("a resumption");
    create("resumed").expect("a write, once etcd is back");

    plane
        .restart_controller_manager()
        .expect("the controllers back at work");
}

#[test]
fn dropping_it_leaves_nothing_behind() {
    let plane = ControlPlane::start(&Options::new()).expect("a control plane");
    // The worst moment: who is paused does not hear that it is to stop.
    plane.pause_etcd().expect("a pause");
    let (dir, pids) = (plane.dir().to_owned(), pids(plane.dir()));

    drop(plane);

    assert!(!pids.iter().copied().any(runs), "still running: {pids:?}");
    assert!(!dir.exists(), "{} is still there", dir.display());
}

#[test]
fn killing_its_holder_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("plane");
    // The shell is the holder: it has the other end of the supervisor's standard input, and so has
    // only it, because a shell's co-process is not inherited by what it runs.
    let mut holder = Command::new("bash")
        .arg("-c")
        .arg(r#"coproc "$0" run "$1" --ephemeral; read -r -u "${COPROC[0]}" line; echo "$line"; read -r"#)
        .arg(SCRIPT)
        .arg(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a holder");
    let mut line = String::new();
    let output = holder.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    let pids = pids(&dir);

    holder.kill().expect("SIGKILL");
    holder.wait().expect("its end");

    assert_gone(&pids);
    assert!(!dir.exists(), "{} is still there", dir.display());
}

#[test]
fn up_and_down_need_no_holder_and_keep_the_data() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("plane");
    let kubectl = |arguments: &[&str]| {
        Command::new(dir.join("bin/kubectl"))
            .env("KUBECONFIG", dir.join("kubeconfig"))
            .env("KUBECACHEDIR", dir.join("kubectl-cache"))
            .args(arguments)
            .output()
            .expect("kubectl")
    };
    let up = script(&["up"], &dir);
    assert!(up.status.success(), "{up:?}");
    let before = pids(&dir);
    assert!(script(&["up"], &dir).status.success(), "up is up already");
    assert_eq!(pids(&dir), before, "nothing was started again");
    assert!(!script(&["run"], &dir).status.success(), "one DIR, one control plane");
    kubectl(&["create", "configmap", "kept"]);

    assert!(script(&["down"], &dir).status.success());
    assert_gone(&before);
    assert!(script(&["down"], &dir).status.success(), "down is down already");

    let up = script(&["up"], &dir);
    assert!(up.status.success(), "{up:?}");
    let kept = kubectl(&["get", "configmap/kept"]);
    assert!(kept.status.success(), "{kept:?}");
    let after = pids(&dir);
    // The hard way: the supervisor has no chance to stop anything.
    let supervisor = fs::read_to_string(dir.join("pids/supervisor")).expect("a pid");
    kill(supervisor.trim().parse().expect("a number"));
    assert_gone(&after);
    assert!(script(&["down"], &dir).status.success(), "what is left is cleared up");
}

#[test]
fn a_part_that_dies_is_named_and_ends_the_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("plane");
    let mut run = Command::new(SCRIPT)
        .arg("run")
        .arg(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the script");
    let mut line = String::new();
    let output = run.stdout.as_mut().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    let pids = pids(&dir);

    let etcd = fs::read_to_string(dir.join("pids/etcd")).expect("a pid");
    kill(etcd.trim().parse().expect("a number"));

    // It takes care of its standard input only by itself here: the pipe stays open.
    let input = run.stdin.take();
    let ended = run.wait_with_output().expect("its end");
    drop(input);
    assert!(!ended.status.success(), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("etcd ended by itself"), "{said}");
    assert_gone(&pids);
}
