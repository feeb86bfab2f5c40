//! Credentials that the cloud has refused. They are tried ever more rarely, since a cloud may lock out who logs in
//! wrongly again and again; a changed Secret, or a request to look now, is tried at once.

use jiff::Timestamp;

use super::Ticker;
use crate::account::resolve::ProviderView;
use crate::account::sessions::Obstacle;
use crate::api::condition::Reason;
use crate::environment::later;
use crate::kubernetes::Pace;
use crate::provider::{self, CredentialsDigest};

/// Credentials that the cloud has refused.
#[derive(Clone, Debug)]
pub(super) struct Rejected {
    credentials: CredentialsDigest,
    requested_at: Option<String>,
    until: Timestamp,
    obstacle: Obstacle,
}

impl Ticker {
    /// Why these credentials are not tried now.
    pub(super) fn still_rejected(&self, provider: &ProviderView, credentials: &CredentialsDigest) -> Option<Obstacle> {
        let rejected = self.memory().get(&provider.key)?.rejected.clone()?;
        let same = rejected.credentials == *credentials && rejected.requested_at == provider.requested_at;
        (same && self.environment.now() < rejected.until).then_some(rejected.obstacle)
    }

    /// Takes in that the cloud has refused the credentials, and says what to do.
    pub(super) fn reject(
        &self,
        provider: &ProviderView,
        credentials: CredentialsDigest,
        error: &provider::Error,
    ) -> Obstacle {
        let secret = provider
            .secret()
            .map_or_else(String::new, |(namespace, name)| format!(" {namespace}/{name}"));
        let obstacle = Obstacle::new(
            Reason::CredentialsRejected,
            format!(
                "{}: {error}; put a key that works into Secret{secret}: until it changes, the cloud is asked ever more rarely",
                provider.key
            ),
        );
        let pause = self.backoff.next(&attempts(provider), provider.generation, Pace::Slow);
        let rejected = Rejected {
            credentials,
            requested_at: provider.requested_at.clone(),
            until: later(self.environment.now(), pause),
            obstacle: obstacle.clone(),
        };
        self.remember(&provider.key, |memory| memory.rejected = Some(rejected));
        obstacle
    }

    /// Takes in that the cloud has accepted the credentials.
    pub(super) fn accept(&self, provider: &ProviderView) {
        self.backoff.forget(&attempts(provider));
        self.remember(&provider.key, |memory| memory.rejected = None);
    }
}

/// What refusals of a provider's credentials are counted under.
fn attempts(provider: &ProviderView) -> String {
    format!("{}/credentials", provider.uid)
}
