//! Which account each provider speaks for just now, and through which driver.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::resolve::{ProviderKey, ProviderView};
use super::{Account, AccountKey};
use crate::api::condition::Reason;
use crate::provider::{CredentialsDigest, Provider};

/// Why something cannot go on: what will stand in the condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The reason.
    pub reason: Reason,
    /// What is wrong, on what, and what to do.
    pub message: String,
}

impl Obstacle {
    /// An obstacle of this kind.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// A provider that speaks for an account.
#[derive(Clone)]
pub struct Connected {
    /// The provider, as it was when the session was made.
    pub provider: ProviderView,
    /// The account.
    pub account: Arc<Account>,
    /// The way to it.
    pub driver: Arc<dyn Provider>,
    /// Digest of the credentials, to notice when they change.
    pub credentials: CredentialsDigest,
}

/// What became of connecting a provider to its account.
#[derive(Clone)]
pub enum Session {
    /// It speaks for an account.
    Connected(Box<Connected>),
    /// Something is in the way.
    Obstructed(Obstacle),
}

/// All sessions, and the accounts that they share.
#[derive(Default)]
pub struct Sessions {
    sessions: Mutex<BTreeMap<ProviderKey, Session>>,
    accounts: Mutex<BTreeMap<AccountKey, Arc<Account>>>,
}

impl Sessions {
    /// The session of a provider; `None` before its first pass.
    #[must_use]
    pub fn get(&self, key: &ProviderKey) -> Option<Session> {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    /// Remembers what became of a provider.
    pub fn set(&self, key: &ProviderKey, session: Session) {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.clone(), session);
    }

    /// Forgets a provider that is gone.
    pub fn remove(&self, key: &ProviderKey) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// The providers that speak for this account.
    #[must_use]
    pub fn of_account(&self, account: &AccountKey) -> Vec<Connected> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = sessions.values().filter_map(|session| match session {
            Session::Connected(connected) => Some(connected.as_ref()),
            Session::Obstructed(_) => None,
        });
        connected
            .filter(|connected| connected.account.key == *account)
            .cloned()
            .collect()
    }

    /// The account of this key: one for all providers that speak for it.
    #[must_use]
    pub fn account(&self, key: AccountKey) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            accounts
                .entry(key.clone())
                .or_insert_with(|| Arc::new(Account::new(key))),
        )
    }
}
