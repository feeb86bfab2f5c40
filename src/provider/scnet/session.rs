//! Signing in, and calling a region with its token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as PlainMutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use reqwest::header::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::call::{Ask, TOKEN};
use super::envelope::{Answer, Failure};
use super::tokens::Tokens;
use super::{Keys, Operation, Places, center, signature};
use crate::environment::Environment;
use crate::provider::endpoint::join;
use crate::provider::http::{Client, Effect, Method, Request};
use crate::provider::{Error, Kind, Result};

const USER: HeaderName = HeaderName::from_static("user");
const ACCESS_KEY: HeaderName = HeaderName::from_static("accesskey");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const TIMESTAMP: HeaderName = HeaderName::from_static("timestamp");

/// A region's address is asked for anew after this time.
const ADDRESS_AGE: SignedDuration = SignedDuration::from_hours(1);
/// The host of tokens also says 200 for success.
const ALSO_SUCCESS: i64 = 200;

/// The tokens of an account, and the addresses of its regions.
pub(super) struct Session {
    client: Client,
    places: Places,
    keys: Keys,
    environment: Arc<dyn Environment>,
    tokens: Mutex<Option<Arc<Tokens>>>,
    addresses: PlainMutex<BTreeMap<String, (Url, Timestamp)>>,
}

impl Session {
    pub(super) fn new(client: Client, places: Places, keys: Keys, environment: Arc<dyn Environment>) -> Self {
        Self {
            client,
            places,
            keys,
            environment,
            tokens: Mutex::default(),
            addresses: PlainMutex::default(),
        }
    }

    /// The user name that the key belongs to.
    pub(super) fn user(&self) -> &str {
        self.keys.user.expose_secret()
    }

    /// The tokens: those at hand while they are good, else new ones.
    pub(super) async fn tokens(&self) -> Result<Arc<Tokens>> {
        self.tokens_but(None).await
    }

    /// The id of the region that a spec names.
    pub(super) async fn region(&self, said: &str) -> Result<String> {
        let tokens = self.tokens().await?;
        tokens.find(said).map(|(region, _)| region.id.clone())
    }

    /// Asks a region. Where it refuses the token, it is asked once more with a new one: a refusal did nothing.
    pub(super) async fn ask(&self, region: &str, ask: Ask<'_>) -> std::result::Result<Answer, Failure> {
        let tokens = self.tokens().await?;
        let (_, token) = tokens.find(region)?;
        let failure = match self.send(region, &ask, token).await {
            Err(failure) if failure.token => failure,
            outcome => return outcome,
        };
        let newer = self.tokens_but(Some(token)).await?;
        let (_, newer) = newer.find(region)?;
        if newer.expose_secret() == token.expose_secret() {
            return Err(failure);
        }
        self.send(region, &ask, newer).await
    }

    async fn send(&self, region: &str, ask: &Ask<'_>, token: &SecretString) -> std::result::Result<Answer, Failure> {
        let base = self.address(region, token).await?;
        let reply = self.client.send(ask.request(&base, token)?).await?;
        Answer::read(reply, None)
    }

    /// The tokens, unless this one of them was refused. All callers share one sign-in.
    async fn tokens_but(&self, refused: Option<&SecretString>) -> Result<Arc<Tokens>> {
        let mut kept = self.tokens.lock().await;
        let now = self.environment.now();
        if let Some(tokens) = kept.as_ref()
            && tokens.are_good(now)
            && !refused.is_some_and(|refused| tokens.contain(refused))
        {
            return Ok(Arc::clone(tokens));
        }
        // Gone even if signing in fails: nobody should go on with a refused token.
        *kept = None;
        let tokens = Arc::new(self.sign_in(now).await?);
        *kept = Some(Arc::clone(&tokens));
        Ok(tokens)
    }

    async fn sign_in(&self, now: Timestamp) -> Result<Tokens> {
        let url = join(&self.places.tokens, &["api", "user", "v3", "tokens"]);
        let timestamp = now.as_second().to_string();
        let Keys {
            user,
            access_key,
            secret_key,
        } = &self.keys;
        let signature = signature::sign(
            user.expose_secret(),
            access_key.expose_secret(),
            &timestamp,
            secret_key.expose_secret(),
        );
        let request = Request::new(Operation::Tokens, Effect::Read, Method::POST, url)
            .header(USER, user.expose_secret())?
            .secret_header(ACCESS_KEY, access_key, ToOwned::to_owned)?
            .secret_header(SIGNATURE, &signature.into(), ToOwned::to_owned)?
            .header(TIMESTAMP, &timestamp)?;
        let reply = self.client.send(request).await?;
        let answer = Answer::read(reply, Some(ALSO_SUCCESS)).map_err(|failure| refused(failure.error))?;
        let tokens = Tokens::read(answer.data(), now).ok_or_else(|| answer.unreadable("no readable list of tokens"))?;
        for token in tokens.secrets() {
            self.client.keep_secret(token.clone());
        }
        Ok(tokens)
    }

    /// Where a region's container interface is.
    async fn address(&self, region: &str, token: &SecretString) -> std::result::Result<Url, Failure> {
        let now = self.environment.now();
        if let Some((url, since)) = self.addresses().get(region)
            && now.duration_since(*since) < ADDRESS_AGE
        {
            return Ok(url.clone());
        }
        let url = join(&self.places.center, &["ac", "openapi", "v2", "center"]);
        let request = Request::new(Operation::Center, Effect::Read, Method::GET, url).secret_header(
            TOKEN,
            token,
            ToOwned::to_owned,
        )?;
        let reply = self.client.send(request).await?;
        let answer = Answer::read(reply, None)?;
        let base = center::base(&answer, region, &self.places.policy)?;
        self.addresses().insert(region.to_owned(), (base.clone(), now));
        Ok(base)
    }

    fn addresses(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Url, Timestamp)>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host of tokens says "no permission" where the signature does not fit.
fn refused(error: Error) -> Error {
    if error.kind != Kind::Unauthorized {
        return error;
    }
    Error::new(
        Kind::Unauthorized,
        format!(
            "{}; check user, accessKey and secretKey in the credentials Secret, and this machine's clock",
            error.message
        ),
    )
}
