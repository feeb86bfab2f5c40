//! Which account a provider speaks for: its credentials, and who the cloud says we are.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, ResourceExt};
use tracing::{info, warn};

use super::Ticker;
use crate::account::resolve::ProviderView;
use crate::account::sessions::{Connected, Obstacle, Session};
use crate::account::verdict::verdict;
use crate::account::{Account, Holding};
use crate::api::IN_USE_FINALIZER;
use crate::api::condition::Reason;
use crate::kubernetes::call;
use crate::provider::{Credentials, Kind, Observed, Provider};

impl Ticker {
    /// The provider's session: the one that it has, unless its spec or its credentials have changed.
    pub(super) async fn session(&self, provider: &ProviderView) -> Session {
        let before = self.sessions.get(&provider.key);
        let session = match (self.credentials(provider).await, before.clone()) {
            // The API server does not answer: what was known goes on, since no cloud is out of order.
            (Err(obstacle), Some(Session::Connected(connected))) if obstacle.reason.is_outage() => {
                Session::Connected(connected)
            }
            (Err(obstacle), _) => Session::Obstructed(obstacle),
            (Ok(credentials), Some(Session::Connected(connected)))
                if connected.credentials == credentials.digest() && same_account(&connected.provider, provider) =>
            {
                Session::Connected(Box::new(Connected {
                    provider: provider.clone(),
                    ..*connected
                }))
            }
            (Ok(credentials), _) => match self.still_rejected(provider, &credentials.digest()) {
                Some(obstacle) => Session::Obstructed(obstacle),
                None => self.connect(provider, &credentials).await,
            },
        };
        self.sessions.set(&provider.key, session.clone());
        if news(before.as_ref(), &session) {
            match &session {
                Session::Connected(connected) => {
                    info!(provider = %provider.key, account = connected.account.key.id, "the provider speaks for its account");
                }
                Session::Obstructed(obstacle) => {
                    warn!(provider = %provider.key, reason = %obstacle.reason, "{}", obstacle.message);
                }
            }
            self.wake_users(&provider.key);
        }
        session
    }

    async fn credentials(&self, provider: &ProviderView) -> Result<Credentials, Obstacle> {
        // Until it is seen with its finalizer, it counts as one without.
        self.remember(&provider.key, |memory| memory.secret_bare = true);
        let secret = credentials_secret(&self.client, provider).await?;
        let held = secret.finalizers().iter().any(|held| held == IN_USE_FINALIZER);
        self.remember(&provider.key, |memory| memory.secret_bare = !held);
        Ok(Credentials::from_secret(&secret))
    }

    async fn connect(&self, provider: &ProviderView, credentials: &Credentials) -> Session {
        let driver: Arc<dyn Provider> = match self.connector.connect(&provider.spec, credentials) {
            Ok(driver) => Arc::new(Observed::new(driver, self.metrics.clone(), provider.key.to_string())),
            Err(error) => {
                let place = provider
                    .secret()
                    .filter(|_| error.reason() == Reason::CredentialsIncomplete);
                let place = place.map_or_else(String::new, |(namespace, name)| {
                    format!("; correct Secret {namespace}/{name}")
                });
                let message = format!("{}: {error}{place}", provider.key);
                return Session::Obstructed(Obstacle::new(error.reason(), message));
            }
        };
        let identity = match driver.identify().await {
            Ok(identity) => identity,
            Err(error) if error.kind == Kind::Unauthorized => {
                return Session::Obstructed(self.reject(provider, credentials.digest(), &error));
            }
            Err(error) => {
                let verdict = verdict(&error);
                return Session::Obstructed(Obstacle::new(verdict.reason, format!("{}: {error}", provider.key)));
            }
        };
        self.remember(&provider.key, |memory| {
            memory.balance_read_at = None;
        });
        let account = self
            .sessions
            .account(provider.account(driver.capabilities().cloud, identity));
        self.enter_holdings(&account);
        Session::Connected(Box::new(Connected {
            provider: provider.clone(),
            account,
            driver,
            credentials: credentials.digest(),
        }))
    }

    /// Enters what the cache's instances hold in the account's ledger, before anything is reserved in it.
    fn enter_holdings(&self, account: &Account) {
        for guarded in self.cache.instances() {
            let Ok(instance) = &guarded.0 else { continue };
            let status = instance.status.as_ref();
            if let Some(status) = status.filter(|status| status.holds_of(&account.key.id)) {
                account.record(&guarded.uid().unwrap_or_default(), Holding::of(instance, status));
            }
        }
    }
}

/// The Secret with the credentials of a provider; what is in the way, for its conditions.
pub async fn credentials_secret(client: &Client, provider: &ProviderView) -> Result<Secret, Obstacle> {
    let Some((namespace, name)) = provider.secret() else {
        return Err(Obstacle::new(
            Reason::Invalid,
            format!("{} names no Secret with credentials", provider.key),
        ));
    };
    let api: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    match call(api.get_opt(&name)).await {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => Err(Obstacle::new(
            Reason::CredentialsNotFound,
            format!("{} needs Secret {namespace}/{name}, which does not exist", provider.key),
        )),
        Err(error) if error.is_forbidden() => Err(Obstacle::new(
            Reason::CredentialsNotFound,
            format!(
                "{} needs Secret {namespace}/{name}, which the operator may not read: {error}",
                provider.key
            ),
        )),
        Err(error) => Err(Obstacle::new(
            Reason::CloudUnavailable,
            format!(
                "Secret {namespace}/{name} of {} could not be read: {error}",
                provider.key
            ),
        )),
    }
}

/// Whether two versions of a provider mean the same account, so that its session may go on.
fn same_account(before: &ProviderView, now: &ProviderView) -> bool {
    before.uid == now.uid
        && before.spec.cloud() == now.spec.cloud()
        && before.spec.endpoint() == now.spec.endpoint()
        && before.spec.second_endpoint() == now.spec.second_endpoint()
        && before.spec.scnet == now.spec.scnet
        && before.spec.limits == now.spec.limits
        && before.secret() == now.secret()
}

/// Whether instances must be told of a session.
fn news(before: Option<&Session>, now: &Session) -> bool {
    match (before, now) {
        (Some(Session::Connected(before)), Session::Connected(now)) => {
            before.account.key != now.account.key
                || before.provider.spec != now.provider.spec
                || before.provider.deleting != now.provider.deleting
                || before.provider.allowed_namespaces != now.provider.allowed_namespaces
        }
        (Some(Session::Obstructed(before)), Session::Obstructed(now)) => before != now,
        _ => true,
    }
}
