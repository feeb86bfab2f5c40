//! Taking secrets out of what a cloud says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::byte_serialize;

/// Sessions' tokens that are remembered: enough for one a region, and its successor.
const SESSION_SECRETS: usize = 64;

/// The secrets of one account.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    account: Arc<[SecretString]>,
    sessions: Arc<Mutex<VecDeque<SecretString>>>,
}

impl Secrets {
    pub(super) fn new(account: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            account: account.into_iter().collect(),
            sessions: Arc::default(),
        }
    }

    pub(super) fn add(&self, secret: SecretString) {
        let mut sessions = self.sessions();
        if sessions
            .iter()
            .any(|known| known.expose_secret() == secret.expose_secret())
        {
            return;
        }
        if sessions.len() == SESSION_SECRETS {
            sessions.pop_front();
        }
        sessions.push_back(secret);
    }

    /// The text with `***` in place of every secret, as it is and as a URL would have it.
    pub(super) fn redact(&self, text: &str, more: &[SecretString]) -> String {
        let sessions = self.sessions();
        let mut needles: Vec<String> = self
            .account
            .iter()
            .chain(sessions.iter())
            .chain(more)
            .map(ExposeSecret::expose_secret)
            .filter(|secret| !secret.is_empty())
            .flat_map(|secret| [secret.to_owned(), byte_serialize(secret.as_bytes()).collect()])
            .collect();
        // A secret that contains another one must go as a whole.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        needles.dedup();
        needles
            .iter()
            .fold(text.to_owned(), |text, needle| text.replace(needle, "***"))
    }

    fn sessions(&self) -> MutexGuard<'_, VecDeque<SecretString>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> Vec<SecretString> {
        texts.iter().map(|text| (*text).into()).collect()
    }

    #[test]
    fn secrets_go_whole_and_in_every_spelling() {
        let known = Secrets::new(secrets(&["tok", "tok-en/1+2", ""]));
        known.add("session".into());
        assert_eq!(
            known.redact(
                "a tok-en/1+2 b tok c tok-en%2F1%2B2 d session e extra",
                &secrets(&["extra"])
            ),
            "a *** b *** c *** d *** e ***"
        );
    }

    #[test]
    fn old_sessions_are_forgotten_but_never_the_account() {
        let known = Secrets::new(secrets(&["account-secret"]));
        for n in 0..=SESSION_SECRETS {
            known.add(format!("session-{n:03}").into());
        }
        assert_eq!(
            known.redact("session-000 session-064 account-secret", &[]),
            "session-000 *** ***"
        );
    }
}
