//! How long things take at a cloud.

use serde::{Deserialize, Serialize};

use crate::machine::Phase;

/// How long a cloud's states last and how far its list lags behind. All in milliseconds of the simulator's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// From the create call to running.
    pub creating_ms: u64,
    /// From the start call to running.
    pub starting_ms: u64,
    /// From the stop call to stopped.
    pub stopping_ms: u64,
    /// Saving an image.
    pub saving_image_ms: u64,
    /// From the destroy call to gone.
    pub destroying_ms: u64,
    /// From arrears to frozen.
    pub freezing_ms: u64,
    /// How long a frozen machine is kept before it is destroyed for arrears; `null`: for ever.
    pub destroy_frozen_after_ms: Option<u64>,
    /// How long a new machine is missing from lists.
    pub list_hides_new_ms: u64,
    /// How long a destroyed machine is still in lists.
    pub list_shows_destroyed_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            creating_ms: 2000,
            starting_ms: 2000,
            stopping_ms: 1000,
            saving_image_ms: 3000,
            destroying_ms: 1000,
            freezing_ms: 1000,
            destroy_frozen_after_ms: None,
            list_hides_new_ms: 0,
            list_shows_destroyed_ms: 0,
        }
    }
}

impl Pace {
    /// Every state in passing lasts `millis`; for tests that don't want to wait.
    #[must_use]
    pub fn every(millis: u64) -> Self {
        Self {
            creating_ms: millis,
            starting_ms: millis,
            stopping_ms: millis,
            saving_image_ms: millis,
            destroying_ms: millis,
            freezing_ms: millis,
            ..Self::default()
        }
    }

    /// How long a machine stays in a phase; `None` for those that last.
    pub(crate) fn length(&self, phase: Phase) -> Option<u64> {
        match phase {
            Phase::Creating => Some(self.creating_ms),
            Phase::Starting => Some(self.starting_ms),
            Phase::Stopping { .. } => Some(self.stopping_ms),
            Phase::SavingImage { .. } => Some(self.saving_image_ms),
            Phase::Destroying => Some(self.destroying_ms),
            Phase::Freezing => Some(self.freezing_ms),
            Phase::Frozen => self.destroy_frozen_after_ms,
            Phase::Running | Phase::Stopped { .. } | Phase::Destroyed => None,
        }
    }
}
