use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// What can go wrong with a control plane, for whoever reads the output of a failed test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The temporary directory could not be made.
    #[error("no temporary directory for the control plane: {0}")]
    Directory(#[source] io::Error),
    /// A program could not be run at all.
    #[error("`{program}` could not be run: {source}")]
    Run {
        /// What was to be run.
        program: PathBuf,
        /// Why it could not.
        #[source]
        source: io::Error,
    },
    /// The programs are not there and could not be built.
    #[error("the control plane's programs could not be built ({0}); the reason is on standard error")]
    Build(ExitStatus),
    /// The supervisor gave up before everything was ready.
    #[error(
        "the control plane did not become ready; the reason is on standard error, and with \
         KEEP_CONTROLPLANE=1 its logs stay in {0}"
    )]
    NotReady(PathBuf),
    /// [`ControlPlane::shared`](crate::ControlPlane::shared) was called with different options.
    #[error(
        "the shared control plane of this test binary already runs with other options; use the same \
         ones everywhere or start one of your own"
    )]
    SharedWithOtherOptions,
    /// A fault that was asked for did not come about.
    #[error("fault `{fault}`: {message}")]
    Fault {
        /// As the script names it.
        fault: &'static str,
        /// What the script says.
        message: String,
    },
    /// kubectl returned an error.
    #[error("kubectl {arguments}: {message}")]
    Kubectl {
        /// The command line.
        arguments: String,
        /// Its standard error.
        message: String,
    },
    /// The audit log could not be read.
    #[error("the audit log {path} could not be read: {source}; was it asked for with Options::audit?")]
    AuditLog {
        /// Where it should be.
        path: PathBuf,
        /// Why it can't be read.
        #[source]
        source: io::Error,
    },
}
