//! What a simulator starts with.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{
    account::{AccountConfig, CredentialConfig},
    luchen,
    pace::Pace,
    xgc,
};

/// What a simulator starts with; as a file it is JSON, and everything may be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// From which ids, passwords and ports are derived: the same seed, the same ids.
    pub seed: u64,
    /// XGC, 仙宫云.
    pub xgc: XgcConfig,
    /// Luchen, 潞晨云.
    pub luchen: LuchenConfig,
}

/// XGC's part of [`Config`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XgcConfig {
    /// Its customers.
    pub accounts: Vec<AccountConfig>,
    /// How it behaves; may be changed while it runs.
    pub settings: xgc::Settings,
}

/// Luchen's part of [`Config`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LuchenConfig {
    /// Its customers; a credential is a user name and a password.
    pub accounts: Vec<AccountConfig>,
    /// How it behaves; may be changed while it runs.
    pub settings: luchen::Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            xgc: XgcConfig::default(),
            luchen: LuchenConfig::default(),
        }
    }
}

impl Default for XgcConfig {
    fn default() -> Self {
        Self {
            accounts: vec![AccountConfig::with_tokens("u-1", ["sim-xgc-token-1"])],
            settings: xgc::Settings::default(),
        }
    }
}

impl Default for LuchenConfig {
    fn default() -> Self {
        Self {
            accounts: vec![AccountConfig {
                credentials: vec![CredentialConfig {
                    key: "sim-luchen-user".to_owned(),
                    secret: "sim-luchen-password-1".to_owned(),
                }],
                ..AccountConfig::default()
            }],
            settings: luchen::Settings::default(),
        }
    }
}

impl Config {
    /// Sets the pace of every cloud.
    #[must_use]
    pub fn with_pace(mut self, pace: &Pace) -> Self {
        self.xgc.settings.pace = pace.clone();
        self.luchen.settings.pace = pace.clone();
        self
    }
}
