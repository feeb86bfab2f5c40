//! The clouds that are simulated.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A simulated cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cloud {
    /// XGC, 仙宫云.
    Xgc,
    /// `SCNet`, 国家超算互联网.
    Scnet,
    /// Luchen, 潞晨云.
    Luchen,
    /// Capital Online, 首云.
    CapitalOnline,
    /// Neolink.
    Neolink,
}

impl Cloud {
    /// Its path prefix below the server's address, and the first half of its operations' names.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Xgc => "xgc",
            Self::Scnet => "scnet",
            Self::Luchen => "luchen",
            Self::CapitalOnline => "capital_online",
            Self::Neolink => "neolink",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.prefix())
    }
}
