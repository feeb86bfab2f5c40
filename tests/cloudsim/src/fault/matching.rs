//! Which calls a fault is for.

use super::Fault;

/// What a fault is matched against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) operation: &'a str,
    pub(crate) account: Option<&'a str>,
    /// The machines that the call is about or, in its answer, those that the answer shows.
    pub(crate) machines: &'a [String],
}

impl Fault {
    /// Whether this operation, such as `xgc.deploy`, is meant.
    pub(crate) fn is_on(&self, operation: &str) -> bool {
        match self.on.strip_suffix('*') {
            Some(prefix) => operation.starts_with(prefix),
            None => self.on == operation,
        }
    }

    pub(super) fn matches(&self, target: Target<'_>) -> bool {
        let account = self
            .account
            .as_deref()
            .is_none_or(|wanted| target.account == Some(wanted));
        let machine = self.machine.is_none() || target.machines.iter().any(|name| self.covers(name));
        self.is_on(target.operation) && account && machine
    }

    /// Whether a machine of this name is meant.
    pub(crate) fn covers(&self, name: &str) -> bool {
        match self.machine.as_deref() {
            None => true,
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == pattern,
            },
        }
    }
}
