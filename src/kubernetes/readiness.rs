//! Whether the operator is ready to do its work, and if not, what it waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What must be in order before the operator is ready. Cheap to clone; all clones see the same gates.
///
/// A standby is ready: it has everything that it needs to take over. So leadership is no gate.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    /// What each gate waits for; `None` where it is open.
    gates: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

/// One thing that must be in order. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct Gate {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// A new gate, closed for this reason.
    #[must_use]
    pub fn gate(&self, name: &'static str, waits_for: &str) -> Gate {
        let gate = Gate {
            name,
            readiness: self.clone(),
        };
        gate.close(waits_for);
        gate
    }

    /// What the closed gates wait for, a line each; empty when ready.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .iter()
            .filter_map(|(name, waits_for)| waits_for.as_ref().map(|what| format!("{name}: {what}")))
            .collect()
    }

    fn set(&self, name: &'static str, waits_for: Option<String>) {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.insert(name, waits_for);
    }
}

impl Gate {
    /// This is in order.
    pub fn open(&self) {
        self.readiness.set(self.name, None);
    }

    /// This is not in order, or no longer: what is waited for.
    pub fn close(&self, waits_for: &str) {
        self.readiness.set(self.name, Some(waits_for.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_every_gate_is_open() {
        let readiness = Readiness::default();
        let kinds = readiness.gate("kinds", "gpuinstances");
        let watches = readiness.gate("watches", "the first list");
        assert_eq!(readiness.missing(), ["kinds: gpuinstances", "watches: the first list"]);
        kinds.open();
        watches.open();
        assert!(readiness.missing().is_empty());
        watches.close("the API server");
        assert_eq!(readiness.missing(), ["watches: the API server"]);
    }
}
