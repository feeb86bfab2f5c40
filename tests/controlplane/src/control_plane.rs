use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{AuditEvent, Error, Options, audit, fed};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/controlplane");

/// Longer than the supervisor takes to stop its parts the hard way.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// A running control plane, in a temporary directory. Dropping it stops it and removes the directory
/// (unless `KEEP_CONTROLPLANE=1`).
#[derive(Debug)]
pub struct ControlPlane {
    /// Its standard input is the pipe that keeps everything alive.
    supervisor: Child,
    dir: PathBuf,
    kubeconfig: PathBuf,
    options: Options,
}

impl ControlPlane {
    /// Starts one and waits until it is ready, which takes a few seconds; the first time on a machine
    /// it takes minutes, to build the programs, and says so on standard error.
    pub fn start(options: &Options) -> Result<Self, Error> {
        build()?;
        let dir = tempfile::Builder::new()
            .prefix("controlplane-")
            .tempdir()
            .map_err(Error::Directory)?
            // The supervisor removes it: it is there even when this process is killed.
            .keep();
        let supervisor = Command::new(SCRIPT)
            .arg("run")
            .arg(&dir)
            .arg("--ephemeral")
            .args(options.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A signal to the group of the test must not hit the one who cleans up after it.
            .process_group(0)
            .spawn()
            .map_err(could_not_run(SCRIPT))?;
        let mut plane = Self {
            supervisor,
            kubeconfig: dir.join("kubeconfig"),
            dir,
            options: options.clone(),
        };
        if plane.says_ready() {
            Ok(plane)
        } else {
            Err(Error::NotReady(plane.dir.clone()))
        }
    }

    /// The one that all tests of this binary share; the first call starts it.
    ///
    /// It is never dropped, because nothing static is. It stops when the process ends, however it
    /// ends, because that closes the pipe to the supervisor.
    pub fn shared(options: &Options) -> Result<&'static Self, &'static Error> {
        static SHARED: OnceLock<Result<ControlPlane, Error>> = OnceLock::new();
        let plane = SHARED.get_or_init(|| Self::start(options)).as_ref()?;
        if plane.options == *options {
            Ok(plane)
        } else {
            Err(&Error::SharedWithOtherOptions)
        }
    }

    /// The administrator's kubeconfig (group `system:masters`).
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of a user from [`Options::user`].
    #[must_use]
    pub fn kubeconfig_of(&self, user: &str) -> PathBuf {
        self.dir.join(format!("kubeconfig-{user}"))
    }

    /// Where its data and logs are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Every call so far, by anyone, in the order of arrival. A call is there when it was answered,
    /// a watch when it has started. Needs [`Options::audit`].
    pub fn audit_log(&self) -> Result<Vec<AuditEvent>, Error> {
        audit::read(&self.dir.join("audit.log"))
    }

    /// Runs kubectl as the administrator and returns what it prints.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut kubectl = self.kubectl_command();
        let output = kubectl.args(arguments).output();
        printed(arguments, &output.map_err(could_not_run("kubectl"))?)
    }

    /// Runs kubectl as the administrator, with this on its standard input, and returns all that it
    /// says, warnings included: as `Ok` if it did as it was told.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let output = fed(self.kubectl_command().args(arguments), input);
        let output = output.map_err(|source| could_not_run("kubectl")(source).to_string())?;
        let said = text(&[output.stdout, output.stderr].concat());
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    /// Applies a manifest on the server's side, as the administrator.
    pub fn apply(&self, manifest: &str) -> Result<String, Error> {
        let arguments = ["apply", "--server-side", "--filename=-"];
        let output = fed(self.kubectl_command().args(arguments), manifest);
        printed(&arguments, &output.map_err(could_not_run("kubectl"))?)
    }

    /// kubectl of the server's version, as the administrator, for what [`Self::kubectl`] can't do.
    #[must_use]
    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(self.dir.join("bin/kubectl"));
        command
            .env("KUBECONFIG", &self.kubeconfig)
            // What it caches by address would mislead the next control plane on the same port.
            .env("KUBECACHEDIR", self.dir.join("kubectl-cache"));
        command
    }

    /// Stops the API server and starts it again on the same port; returns when it is ready.
    pub fn restart_apiserver(&self) -> Result<(), Error> {
        self.fault("restart-apiserver")
    }

    /// Stops the API server until [`Self::start_apiserver`]: connections are refused.
    pub fn stop_apiserver(&self) -> Result<(), Error> {
        self.fault("stop-apiserver")
    }

    /// Starts the API server again; returns when it is ready.
    pub fn start_apiserver(&self) -> Result<(), Error> {
        self.fault("start-apiserver")
    }

    /// Freezes etcd until [`Self::resume_etcd`]: the API server hangs and times out.
    pub fn pause_etcd(&self) -> Result<(), Error> {
        self.fault("pause-etcd")
    }

    /// Ends [`Self::pause_etcd`].
    pub fn resume_etcd(&self) -> Result<(), Error> {
        self.fault("resume-etcd")
    }

    /// Starts the controllers anew, so that the garbage collector knows all kinds that there are;
    /// returns when it collects.
    pub fn restart_controller_manager(&self) -> Result<(), Error> {
        self.fault("restart-controller-manager")
    }

    fn fault(&self, fault: &'static str) -> Result<(), Error> {
        let output = Command::new(SCRIPT)
            .arg("fault")
            .arg(&self.dir)
            .arg(fault)
            .output()
            .map_err(could_not_run(SCRIPT))?;
        if output.status.success() {
            Ok(())
        } else {
            let message = text(&output.stderr);
            Err(Error::Fault { fault, message })
        }
    }

    /// Waits for the one line that the supervisor prints. It has a time limit of its own.
    fn says_ready(&mut self) -> bool {
        let Some(stdout) = self.supervisor.stdout.as_mut() else {
            return false;
        };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).is_ok() && line == "ready\n"
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let deadline = Instant::now() + STOP_PATIENCE;
        while let Ok(None) = self.supervisor.try_wait() {
            if Instant::now() >= deadline {
                // Its parts die with it.
                let _ = self.supervisor.kill();
                let _ = self.supervisor.wait();
                return;
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// Builds what is missing, which is usually nothing. A step of its own, so that interrupting the test
/// ends the build.
fn build() -> Result<(), Error> {
    let status = Command::new(SCRIPT)
        .arg("build")
        .stdin(Stdio::null())
        .status()
        .map_err(could_not_run(SCRIPT))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Build(status))
    }
}

fn could_not_run(program: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let program = program.into();
    |source| Error::Run { program, source }
}

fn printed(arguments: &[&str], output: &Output) -> Result<String, Error> {
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(Error::Kubectl {
            arguments: arguments.join(" "),
            message: text(&output.stderr),
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}
