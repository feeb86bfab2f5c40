//! From a provider's spec and its Secret to a cloud that can be called.

use std::sync::Arc;

use secrecy::ExposeSecret;
use url::Url;

use super::breaker::Breaker;
use super::credentials::Credentials;
use super::endpoint::{EndpointPolicy, VendorUrl};
use super::http::{Client, Transport};
use super::pace::Pace;
use super::{Provider, capital_online, luchen, neolink, scnet, xgc};
use crate::api::condition::Reason;
use crate::api::{Cloud, GpuProviderSpec, money};
use crate::environment::Environment;
use crate::metrics::Metrics;

/// An account that cannot be connected to: what the provider's conditions say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    reason: Reason,
    message: String,
}

impl ConnectError {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// [`Reason::CredentialsIncomplete`], [`Reason::EndpointNotAllowed`], [`Reason::Invalid`] or
    /// [`Reason::Unsupported`].
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

/// Makes drivers: the clouds' own ([`Connector`]), or those of a cloud that a test has made up.
pub trait Connect: Send + Sync + 'static {
    /// The account. Asks nobody: whether the credentials are good, [`Provider::identify`] tells.
    fn connect(&self, spec: &GpuProviderSpec, credentials: &Credentials) -> Result<Arc<dyn Provider>, ConnectError>;
}

impl Connect for Connector {
    fn connect(&self, spec: &GpuProviderSpec, credentials: &Credentials) -> Result<Arc<dyn Provider>, ConnectError> {
        Self::connect(self, spec, credentials)
    }
}

/// Connects to accounts.
#[derive(Clone)]
pub struct Connector {
    policy: Arc<EndpointPolicy>,
    transport: Transport,
    environment: Arc<dyn Environment>,
    metrics: Option<Metrics>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// A connector that calls nothing but what the policy lets it call. One is enough for a process: all accounts
    /// share its connections.
    pub fn new(policy: EndpointPolicy, environment: Arc<dyn Environment>) -> super::Result<Self> {
        Ok(Self {
            policy: Arc::new(policy),
            transport: Transport::new()?,
            environment,
            metrics: None,
        })
    }

    /// The same; waits for turns are told there.
    #[must_use]
    pub fn measured(self, metrics: Metrics) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }

    /// The account, kept within `limits.requestsPerSecond` and left alone while its cloud is out of order. Asks
    /// nobody: whether the credentials are good, [`Provider::identify`] tells.
    pub fn connect(
        &self,
        spec: &GpuProviderSpec,
        credentials: &Credentials,
    ) -> Result<Arc<dyn Provider>, ConnectError> {
        let Some(cloud) = spec.cloud() else {
            return Err(ConnectError::new(
                Reason::Invalid,
                "the provider names no cloud: set exactly one of xgc, luchen, scnet, capitalOnline and neolink",
            ));
        };
        credentials.check(cloud)?;
        let pace = match &self.metrics {
            Some(metrics) => pace(spec)?.measured(cloud, metrics.clone()),
            None => pace(spec)?,
        };
        let driver: Arc<dyn Provider> = match cloud {
            Cloud::Xgc => {
                let token = credentials.get("token")?;
                let base = self.base(xgc::API, "spec.xgc.endpoint", spec.endpoint())?;
                let client = Client::new(&self.transport, pace, [token.clone()]);
                Arc::new(xgc::Xgc::new(client, base, token))
            }
            Cloud::CapitalOnline => self.capital_online(spec, credentials, pace)?,
            Cloud::Luchen => self.luchen(spec, credentials, pace)?,
            Cloud::Neolink => self.neolink(spec, credentials, pace)?,
            Cloud::Scnet => self.scnet(spec, credentials, pace)?,
        };
        Ok(Arc::new(Breaker::new(driver, Arc::clone(&self.environment))))
    }

    /// The base URL of an API: what the field says, if it may be called, else the vendor's.
    fn base(&self, vendor: VendorUrl, field: &str, said: Option<&str>) -> Result<Url, ConnectError> {
        let base = self.policy.base(vendor, field, said);
        base.map_err(|refused| ConnectError::new(Reason::EndpointNotAllowed, refused.to_string()))
    }

    fn capital_online(
        &self,
        spec: &GpuProviderSpec,
        credentials: &Credentials,
        pace: Pace,
    ) -> Result<Arc<dyn Provider>, ConnectError> {
        let bases = capital_online::Bases {
            machines: self.base(capital_online::API, "spec.capitalOnline.endpoint", spec.endpoint())?,
            networks: self.base(
                capital_online::VPC_API,
                "spec.capitalOnline.vpcEndpoint",
                spec.second_endpoint(),
            )?,
        };
        let key_id = credentials.get("accessKeyId")?.expose_secret().to_owned();
        let secret = credentials.get("accessKeySecret")?;
        let client = Client::new(&self.transport, pace, [secret.clone()]);
        let environment = Arc::clone(&self.environment);
        Ok(Arc::new(capital_online::CapitalOnline::new(
            client,
            bases,
            key_id,
            secret,
            environment,
        )))
    }

    fn luchen(
        &self,
        spec: &GpuProviderSpec,
        credentials: &Credentials,
        pace: Pace,
    ) -> Result<Arc<dyn Provider>, ConnectError> {
        let base = self.base(luchen::API, "spec.luchen.endpoint", spec.endpoint())?;
        let username = credentials.get("username")?;
        let password = credentials.get("password")?;
        let client = Client::new(&self.transport, pace, [username.clone(), password.clone()]);
        Ok(Arc::new(luchen::Luchen::new(client, base, username, password)))
    }

    fn scnet(
        &self,
        spec: &GpuProviderSpec,
        credentials: &Credentials,
        pace: Pace,
    ) -> Result<Arc<dyn Provider>, ConnectError> {
        let tokens = self.base(scnet::API, "spec.scnet.endpoint", spec.endpoint())?;
        // The tokens of a twin are not for the vendor's eyes, nor the other way round.
        let is_vendors = self
            .base(scnet::API, "", None)
            .is_ok_and(|vendor| vendor.host() == tokens.host());
        let center = spec
            .second_endpoint()
            .or_else(|| spec.endpoint().filter(|_| !is_vendors));
        let places = scnet::Places {
            center: self.base(scnet::CENTER_API, "spec.scnet.centerEndpoint", center)?,
            tokens,
            policy: Arc::clone(&self.policy),
        };
        let keys = scnet::Keys {
            user: credentials.get("user")?,
            access_key: credentials.get("accessKey")?,
            secret_key: credentials.get("secretKey")?,
        };
        let listing = spec.scnet.as_ref().and_then(|account| account.list_with);
        let client = Client::new(
            &self.transport,
            pace,
            [keys.access_key.clone(), keys.secret_key.clone()],
        );
        let environment = Arc::clone(&self.environment);
        Ok(Arc::new(scnet::Scnet::new(client, places, keys, listing, environment)))
    }

    fn neolink(
        &self,
        spec: &GpuProviderSpec,
        credentials: &Credentials,
        pace: Pace,
    ) -> Result<Arc<dyn Provider>, ConnectError> {
        let token = credentials.get("token")?;
        let user_id = credentials.get("userId")?.expose_secret().to_owned();
        if !neolink::Key::is_user_id(&user_id) {
            return Err(ConnectError::new(
                Reason::CredentialsIncomplete,
                "key userId of the credentials Secret is no user id: it has blanks, a slash or other characters that no id has",
            ));
        }
        let base = self.base(neolink::API, "spec.neolink.endpoint", spec.endpoint())?;
        let client = Client::new(&self.transport, pace, [token.clone()]);
        let key = neolink::Key { token, user_id };
        Ok(Arc::new(neolink::Neolink::new(
            client,
            base,
            key,
            Arc::clone(&self.environment),
        )))
    }
}

fn pace(spec: &GpuProviderSpec) -> Result<Pace, ConnectError> {
    let limit = spec
        .limits
        .as_ref()
        .and_then(|limits| limits.requests_per_second.as_deref());
    let Some(requests) = money::parse(limit) else {
        return Ok(Pace::default());
    };
    Pace::per_second(requests).ok_or_else(|| {
        ConnectError::new(
            Reason::Invalid,
            "spec.limits.requestsPerSecond must be more than 0: nothing could be done with the account",
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::environment::System;

    fn connect(spec: serde_json::Value, token: &str) -> Result<Arc<dyn Provider>, ConnectError> {
        let policy = EndpointPolicy::new(["http://127.0.0.1:9000/xgc".parse().unwrap()]).unwrap();
        let connector = Connector::new(policy, Arc::new(System)).unwrap();
        let spec: GpuProviderSpec = serde_json::from_value(spec).unwrap();
        let keys = spec.cloud().map_or(&[][..], super::super::required_keys);
        let credentials = keys.iter().map(|key| (*key, token)).collect();
        connector.connect(&spec, &credentials)
    }

    fn refusal(spec: serde_json::Value, token: &str) -> (Reason, String) {
        let error = connect(spec, token).err().expect("refused");
        (error.reason(), error.to_string())
    }

    #[test]
    fn an_account_at_xgc_is_connected() {
        for spec in [
            json!({"xgc": {"credentialsSecretRef": {"name": "x"}}}),
            json!({"xgc": {"credentialsSecretRef": {"name": "x"}, "endpoint": ""}}),
            json!({"xgc": {"credentialsSecretRef": {"name": "x"}, "endpoint": "http://127.0.0.1:9000/xgc"}}),
            json!({"xgc": {"credentialsSecretRef": {"name": "x"}}, "limits": {"requestsPerSecond": "0.5"}}),
            json!({"xgc": {"credentialsSecretRef": {"name": "x"}}, "limits": {"requestsPerSecond": ""}}),
        ] {
            let provider = connect(spec, "tok").unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(provider.capabilities().cloud, Cloud::Xgc);
        }
    }

    #[test]
    fn what_is_wrong_is_said_by_its_reason() {
        let xgc = |endpoint: &str| json!({"xgc": {"credentialsSecretRef": {"name": "x"}, "endpoint": endpoint}});
        let (reason, message) = refusal(xgc("http://169.254.169.254"), "hunter2");
        assert_eq!(reason, Reason::EndpointNotAllowed);
        assert!(
            message.contains("--allow-endpoint http://169.254.169.254/"),
            "{message}"
        );
        assert_eq!(refusal(xgc(""), "\n").0, Reason::CredentialsIncomplete);
        let mut unlimited = xgc("");
        unlimited["limits"] = json!({"requestsPerSecond": "0"});
        assert_eq!(refusal(unlimited, "tok").0, Reason::Invalid);
        assert_eq!(refusal(json!({}), "tok").0, Reason::Invalid);
    }
}
