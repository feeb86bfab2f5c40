//! The operator as a child process.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How to start an operator.
#[derive(Clone, Debug)]
pub struct Launch {
    pub kubeconfig: PathBuf,
    /// After `run`, but for `--listen`.
    pub arguments: Vec<String>,
    /// Who it is for the others that contend for the Lease.
    pub replica: String,
    pub rust_log: String,
    /// Where its log is appended.
    pub log: PathBuf,
    /// Where it stands still, the first time that it comes by.
    pub crash_point: Option<String>,
}

/// An operator; killed when dropped, its log printed when that is because a test failed.
pub struct Operator {
    launch: Launch,
    child: Option<Child>,
    address: String,
}

/// How long a start or an end may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(1);
/// Lines of the log that are shown when a test fails.
const SHOWN: usize = 150;

impl Operator {
    /// Starts it, and waits until it listens; it may not be ready then.
    pub async fn start(launch: Launch) -> Self {
        let mut operator = Self {
            launch,
            child: None,
            address: String::new(),
        };
        operator.spawn().await;
        operator
    }

    async fn spawn(&mut self) {
        let launch = &self.launch;
        let logged = self.log().len();
        let log = OpenOptions::new().create(true).append(true).open(&launch.log).unwrap();
        let mut command = match &launch.crash_point {
            // A release has no crash points.
            Some(point) => with_crash_points(point),
            None => Command::new(binary()),
        };
        let child = command
            .arg("run")
            .args(&launch.arguments)
            .arg("--listen=127.0.0.1:0")
            .env("KUBECONFIG", &launch.kubeconfig)
            .env("HOSTNAME", &launch.replica)
            .env("RUST_LOG", &launch.rust_log)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        self.address = self.listening(logged).await;
    }

    /// Where it listens, which it says as soon as it does.
    async fn listening(&mut self, logged: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let mut words = log[logged..].split_whitespace();
            let address = words.find_map(|word| word.strip_prefix("listen="));
            if let Some(address) = address {
                return address.to_owned();
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "the operator ended: {ended:?}\n{}", &log[logged..]);
            assert!(Instant::now() < deadline, "the operator does not listen:\n{log}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until `/readyz` says that it is.
    pub async fn until_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, text) = self.get("/readyz").await;
            if status == 200 {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the operator is not ready: {text}\n{}",
                self.log_tail()
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until `/metrics` has this line.
    pub async fn until_metric(&self, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let metrics = self.metrics().await;
            if metrics.lines().any(|said| said == line) {
                return;
            }
            assert!(Instant::now() < deadline, "no {line} in\n{metrics}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Status and text of one of its pages; status 0 where it does not answer.
    pub async fn get(&self, path: &str) -> (u16, String) {
        match reqwest::get(format!("http://{}{path}", self.address)).await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        }
    }

    /// What `/metrics` says.
    pub async fn metrics(&self) -> String {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        text
    }

    /// Ends it as a crash does: at once, without a chance to say goodbye.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again, killed first where it still runs, and waits until it listens.
    pub async fn restart(&mut self) {
        self.kill9();
        self.spawn().await;
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        let asked = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status();
        assert!(asked.unwrap().success());
        self.until_ended().await
    }

    /// Waits until it has ended.
    pub async fn until_ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                self.child = None;
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the operator does not end:\n{}",
                self.log_tail()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Starts it again, killed first where it still runs, to stand still at this point, or at none.
    pub async fn restart_until(&mut self, crash_point: Option<&str>) {
        self.launch.crash_point = crash_point.map(ToOwned::to_owned);
        self.restart().await;
    }

    /// How it ended by itself; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().unwrap())
    }

    /// How it was started.
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Everything that it has logged, over all its restarts.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.launch.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            eprintln!(
                "--- log of the operator {} ---\n{}",
                self.launch.replica,
                self.log_tail()
            );
        }
    }
}

/// The binary that was built with this test.
pub const BUILT: &str = env!("CARGO_BIN_EXE_gpu-instance-operator");

/// The binary under test: the one that was built with this test, unless another is named.
fn binary() -> PathBuf {
    std::env::var_os("GPU_INSTANCE_OPERATOR_BIN").map_or_else(|| PathBuf::from(BUILT), PathBuf::from)
}

fn with_crash_points(chosen: &str) -> Command {
    let mut command = Command::new(BUILT);
    command.env(gpu_instance_operator::crash_point::VARIABLE, chosen);
    command
}
