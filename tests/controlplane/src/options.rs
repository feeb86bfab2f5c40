use std::ffi::OsString;
use std::path::PathBuf;

/// How a control plane is started. The default has an administrator and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    audit: bool,
    users: Vec<(String, Vec<String>)>,
    crds: Vec<PathBuf>,
}

impl Options {
    /// An administrator, and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records every call to the API: see [`ControlPlane::audit_log`](crate::ControlPlane::audit_log).
    #[must_use]
    pub fn audit(mut self) -> Self {
        self.audit = true;
        self
    }

    /// One more user, with no rights but those that RBAC gives to the name and the groups: see
    /// [`ControlPlane::kubeconfig_of`](crate::ControlPlane::kubeconfig_of).
    #[must_use]
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(ToString::to_string).collect();
        self.users.push((name.to_owned(), groups));
        self
    }

    /// Applies the `CustomResourceDefinition`s of this file or folder before the garbage collector
    /// starts. It looks for new kinds only every 30 seconds, so owner references of kinds that come
    /// later take that long to matter
    /// (or a [restart](crate::ControlPlane::restart_controller_manager)).
    #[must_use]
    pub fn crds(mut self, path: impl Into<PathBuf>) -> Self {
        self.crds.push(path.into());
        self
    }

    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if self.audit {
            arguments.push("--audit".into());
        }
        for (name, groups) in &self.users {
            arguments.push("--user".into());
            arguments.push(format!("{name}:{}", groups.join(",")).into());
        }
        for path in &self.crds {
            arguments.push("--crds".into());
            arguments.push(path.into());
        }
        arguments
    }
}
