//! Customers of the clouds and what they sign in with.

use serde::{Deserialize, Serialize};

use crate::{cloud::Cloud, money::Money};

/// An account as configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// Who it is, as the cloud says it when asked.
    pub id: String,
    /// What it signs in with; any of them will do.
    pub credentials: Vec<CredentialConfig>,
    /// In yuan.
    pub balance: f64,
}

/// Something to sign in with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialConfig {
    /// The part by which the cloud finds the account: a token, a user name or a key's id.
    pub key: String,
    /// The part that proves it, where there are two: a password or a secret key.
    pub secret: String,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            id: "u-1".to_owned(),
            credentials: Vec::new(),
            balance: 1000.0,
        }
    }
}

impl AccountConfig {
    /// An account that signs in with any of these tokens, and has 1000 yuan.
    #[must_use]
    pub fn with_tokens<const N: usize>(id: &str, tokens: [&str; N]) -> Self {
        Self {
            id: id.to_owned(),
            credentials: tokens
                .into_iter()
                .map(|token| CredentialConfig {
                    key: token.to_owned(),
                    secret: String::new(),
                })
                .collect(),
            ..Self::default()
        }
    }
}

/// An account as reported. Its credentials are made up, so they are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountReport {
    /// Its cloud.
    pub cloud: Cloud,
    /// Who it is.
    pub id: String,
    /// In yuan.
    pub balance: f64,
    /// What it signs in with.
    pub credentials: Vec<CredentialReport>,
}

/// A credential as reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialReport {
    /// The part by which the cloud finds the account.
    pub key: String,
    /// The part that proves it, where there are two.
    pub secret: String,
    /// Whether the cloud refuses it.
    pub revoked: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) cloud: Cloud,
    pub(crate) id: String,
    pub(crate) balance: Money,
    pub(crate) credentials: Vec<CredentialReport>,
}

impl Account {
    pub(crate) fn new(cloud: Cloud, config: &AccountConfig) -> Self {
        Self {
            cloud,
            id: config.id.clone(),
            balance: Money::yuan(config.balance),
            credentials: config
                .credentials
                .iter()
                .map(|credential| CredentialReport {
                    key: credential.key.clone(),
                    secret: credential.secret.clone(),
                    revoked: false,
                })
                .collect(),
        }
    }

    pub(crate) fn accepts(&self, key: &str) -> bool {
        self.credentials
            .iter()
            .any(|credential| credential.key == key && !credential.revoked)
    }

    pub(crate) fn report(&self) -> AccountReport {
        AccountReport {
            cloud: self.cloud,
            id: self.id.clone(),
            balance: self.balance.as_yuan(),
            credentials: self.credentials.clone(),
        }
    }
}
