//! What a simulator starts with.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{
    account::{AccountConfig, CredentialConfig},
    capital_online, luchen, neolink,
    pace::Pace,
    scnet, xgc,
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
    /// `SCNet`, 国家超算互联网.
    pub scnet: ScnetConfig,
    /// Luchen, 潞晨云.
    pub luchen: LuchenConfig,
    /// Capital Online, 首云.
    pub capital_online: CapitalOnlineConfig,
    /// Neolink.
    pub neolink: NeolinkConfig,
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

/// `SCNet`'s part of [`Config`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScnetConfig {
    /// Its customers; an id is a user name, a credential an access key and its secret key.
    pub accounts: Vec<AccountConfig>,
    /// How it behaves; may be changed while it runs.
    pub settings: scnet::Settings,
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
            scnet: ScnetConfig::default(),
            luchen: LuchenConfig::default(),
            capital_online: CapitalOnlineConfig::default(),
            neolink: NeolinkConfig::default(),
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

/// Capital Online's part of [`Config`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CapitalOnlineConfig {
    /// Its customers. The balance is no part of this API, but what is not paid for is not rented.
    pub accounts: Vec<AccountConfig>,
    /// How it behaves; may be changed while it runs.
    pub settings: capital_online::Settings,
}

impl Default for CapitalOnlineConfig {
    fn default() -> Self {
        Self {
            accounts: vec![AccountConfig {
                id: "c-1".to_owned(),
                credentials: vec![CredentialConfig {
                    key: "SIMAKCAPITALONLINE01".to_owned(),
                    secret: "sim-cds-secret/Key+1=".to_owned(),
                }],
                // Some machines are paid for a month in advance.
                balance: 100_000.0,
            }],
            settings: capital_online::Settings::default(),
        }
    }
}

impl Default for ScnetConfig {
    fn default() -> Self {
        Self {
            accounts: vec![AccountConfig {
                id: "sim-scnet-user".to_owned(),
                credentials: vec![CredentialConfig {
                    key: "sim-scnet-access-key".to_owned(),
                    secret: "sim-scnet-secret-key-1".to_owned(),
                }],
                ..AccountConfig::default()
            }],
            settings: scnet::Settings::default(),
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

/// Neolink's part of [`Config`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NeolinkConfig {
    /// Its customers; an account's id is the user's, a credential is a token.
    pub accounts: Vec<AccountConfig>,
    /// How it behaves; may be changed while it runs.
    pub settings: neolink::Settings,
}

impl Default for NeolinkConfig {
    fn default() -> Self {
        Self {
            accounts: vec![AccountConfig::with_tokens("u-1", ["sim-neolink-token-1"])],
            settings: neolink::Settings::default(),
        }
    }
}

impl Config {
    /// Sets the pace of every cloud.
    #[must_use]
    pub fn with_pace(mut self, pace: &Pace) -> Self {
        self.xgc.settings.pace = pace.clone();
        self.scnet.settings.pace = pace.clone();
        self.luchen.settings.pace = pace.clone();
        self.capital_online.settings.pace = pace.clone();
        self.neolink.settings.pace = pace.clone();
        self
    }
}
