//! Luchen, 潞晨云; its sister HPC-AI.COM runs on the same platform.
//!
//! One host; a login by name and password whose token goes into a cookie; nearly everything is a `POST` of JSON. There
//! is no envelope: a success is a bare object, a failure says `message`. The list has pages and is all there is to see a
//! machine by. What is documented and what is guessed is in `docs/providers/luchen.md`.

mod answer;
mod capabilities;
mod catalog;
mod listing;
mod machine;
mod operation;
mod order;
mod session;
mod storage;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::COOKIE;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::endpoint::{VendorUrl, join};
use super::http::{Client, Effect, Method, Request};
use super::{
    Balance, Capabilities, Created, Error, Identity, Kind, Listing, Machine, Order, Provider, Quote, Refusal, Result,
    Scope, loose,
};
use crate::api::instance::{GpuInstanceSpec, Port, Snapshot, StopMode};
use crate::api::money;
use crate::api::status::{InstanceState, PortEndpoint};
use answer::{Answer, Failure};
use catalog::{Catalog, Choice};
use listing::{MOST_PAGES, PAGE_SIZE, Pages};
pub use operation::{LEFT_OUT, Operation};
use session::{Login, Session};
use storage::Storage;

/// Where the vendor's API is.
pub const API: VendorUrl = VendorUrl {
    default: "https://cloud.luchentech.com/api",
    also: &[],
};

/// An account at Luchen.
#[derive(Debug)]
pub struct Luchen {
    client: Client,
    base: Url,
    session: Session,
}

impl Luchen {
    /// What Luchen can do.
    pub const CAPABILITIES: &'static Capabilities = &capabilities::LUCHEN;

    /// The account that this user opens, at this base URL.
    #[must_use]
    pub fn new(client: Client, base: Url, username: SecretString, password: SecretString) -> Self {
        Self {
            client,
            base,
            session: Session::new(username, password),
        }
    }

    async fn login(&self, refused: Option<u64>) -> Result<Login> {
        self.session.login(&self.client, &self.base, refused).await
    }

    async fn post(&self, operation: Operation, body: &Value) -> std::result::Result<Answer, Failure> {
        self.ask(operation, Method::POST, Some(body)).await
    }

    /// Asks. Where the session turns out to be over, one new login is made and the question asked once more; an order
    /// is never sent a second time by itself.
    async fn ask(
        &self,
        operation: Operation,
        method: Method,
        body: Option<&Value>,
    ) -> std::result::Result<Answer, Failure> {
        let login = self.login(None).await?;
        let refused = match self.send(operation, method.clone(), body, &login).await {
            Err(Failure::NotLoggedIn(error)) => error,
            outcome => return outcome,
        };
        let login = self.login(Some(login.number)).await?;
        if operation.effect() == Effect::Once {
            let message = format!("{}; nothing was done, and a new login is at hand", refused.message);
            return Err(Failure::Refused(Error::new(Kind::Transient, message)));
        }
        self.send(operation, method, body, &login).await
    }

    async fn send(
        &self,
        operation: Operation,
        method: Method,
        body: Option<&Value>,
        login: &Login,
    ) -> std::result::Result<Answer, Failure> {
        let url = join(&self.base, &operation.path());
        let mut request =
            Request::new(operation, operation.effect(), method, url)
                .secret_header(COOKIE, &login.token, |token| format!("AccessToken={token}"))?;
        if let Some(body) = body {
            request = request.json(body)?;
        }
        Answer::read(self.client.send(request).await?, Some(operation.member()))
    }

    async fn command(&self, operation: Operation, machine: &Machine) -> std::result::Result<(), Failure> {
        self.post(operation, &json!({ "instanceId": machine.id }))
            .await
            .map(drop)
    }

    /// What the spec's words stand for: the type and its region, and the volumes.
    async fn resolve(&self, spec: &GpuInstanceSpec) -> Result<(Choice, Vec<Storage>)> {
        let choice = catalog::choose(&self.catalog(spec).await?, spec)?;
        Ok((choice, self.storages(spec).await?))
    }

    async fn catalog(&self, spec: &GpuInstanceSpec) -> Result<Catalog> {
        let missing = |error: &Error| Ok(Catalog::Missing(Operation::Types.without_name(&error.message)));
        match self.post(Operation::Types, &json!({})).await {
            Ok(answer) => Ok(catalog::read(answer.body()).map_or_else(
                || Catalog::Missing(Operation::Types.without_name(&answer.unreadable("no instanceInfos").message)),
                Catalog::Known,
            )),
            Err(Failure::NoSuchOperation(error) | Failure::Refused(error)) => missing(&error),
            // Whoever pins all that the list could tell needs no list.
            Err(Failure::Unclear(error)) if order::pinned_type(spec).is_some() && error.kind == Kind::Transient => {
                missing(&error)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// The volumes of a spec, in its order.
    async fn storages(&self, spec: &GpuInstanceSpec) -> Result<Vec<Storage>> {
        let sources: Vec<&str> = spec
            .volumes
            .iter()
            .map(|volume| volume.source().unwrap_or_default())
            .collect();
        let field = |n: usize| format!("spec.volumes[{n}].source");
        let spelled_out: Vec<Option<Storage>> = sources.iter().map(|source| storage::spelled_out(source)).collect();
        let Some(first) = spelled_out.iter().position(Option::is_none) else {
            return Ok(spelled_out.into_iter().flatten().collect());
        };
        let volumes = match self.volumes().await {
            Ok(volumes) => volumes,
            Err(Failure::NoSuchOperation(error) | Failure::Refused(error)) => {
                let why = Operation::Volumes.without_name(&error.message);
                return Err(storage::cannot_look_up(&field(first), &why));
            }
            Err(failure) => return Err(failure.into()),
        };
        let found = spelled_out.into_iter().zip(&sources).enumerate();
        found
            .map(|(n, (known, source))| known.map_or_else(|| storage::find(&volumes, source, &field(n)), Ok))
            .collect()
    }

    async fn volumes(&self) -> std::result::Result<Vec<Storage>, Failure> {
        let mut volumes = Vec::new();
        for page in 1..=MOST_PAGES {
            let answer = self.post(Operation::Volumes, &pager(page)).await?;
            let Some(more) = storage::read(answer.body()) else {
                return Err(Failure::Refused(answer.unreadable("no volumeList")));
            };
            let total = loose::integer(&answer.body()["pager"], "totalEntries").and_then(|n| usize::try_from(n).ok());
            let is_last = more.is_empty();
            volumes.extend(more);
            if is_last || total.is_none_or(|total| volumes.len() >= total) {
                break;
            }
        }
        Ok(volumes)
    }
}

/// Without this, the list is an error of the server's.
fn pager(page: usize) -> Value {
    json!({ "pager": { "currentPage": page, "pageSize": PAGE_SIZE } })
}

#[async_trait]
impl Provider for Luchen {
    fn capabilities(&self) -> &'static Capabilities {
        Self::CAPABILITIES
    }

    fn check(&self, spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        order::check(spec)
    }

    /// Logs in: the token says who we are.
    async fn identify(&self) -> Result<Identity> {
        let login = self.login(None).await?;
        Ok(Identity { account: login.account })
    }

    /// Not documented: where the host does not have it, nobody knows.
    async fn balance(&self) -> Result<Option<Balance>> {
        let answer = match self.ask(Operation::Balance, Method::GET, None).await {
            Ok(answer) => answer,
            Err(Failure::NoSuchOperation(_) | Failure::Refused(_)) => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let amount = loose::number(answer.body(), "balance").and_then(money::from_vendor);
        Ok(amount.map(|amount| Balance {
            amount,
            currency: Self::CAPABILITIES.currency,
        }))
    }

    async fn list(&self, _scope: &Scope) -> Result<Listing> {
        let mut pages = Pages::default();
        for page in 1..=MOST_PAGES {
            let answer = self.post(Operation::List, &pager(page)).await?;
            let more = pages
                .take(answer.body(), &|text| answer.redact(text))
                .ok_or_else(|| answer.unreadable("no list of machines"))?;
            if !more {
                return Ok(pages.into_listing());
            }
        }
        pages.complain(format!("has more than {MOST_PAGES} pages"));
        Ok(pages.into_listing())
    }

    async fn quote(&self, spec: &GpuInstanceSpec) -> Result<Quote> {
        let (choice, _) = self.resolve(spec).await?;
        Ok(Quote {
            price_per_hour: choice.price,
            currency: choice.price.map(|_| Self::CAPABILITIES.currency),
        })
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        let (choice, storages) = self.resolve(order.spec).await?;
        if let (Some(price), Some(cap)) = (choice.price, order.spec.max_price_per_hour())
            && price > cap
        {
            let message =
                "luchen.create: not sent: the price has risen above spec.maxPricePerHour since it was asked for";
            return Err(Error::new(Kind::Transient, message));
        }
        let body = serde_json::to_value(order::Create::new(order, &choice, &storages))
            .map_err(|_| Error::new(Kind::Invalid, "luchen.create: not sent: no JSON"))?;
        let answer = self.post(Operation::Create, &body).await?;
        loose::id(answer.body(), "instanceId")
            .map(Created::Instance)
            .ok_or_else(|| answer.unreadable("no id of the new machine"))
    }

    async fn start(&self, machine: &Machine, reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        if reshape.is_some() {
            return Err(Error::unsupported(
                "Luchen starts a machine only with the GPUs that it has",
            ));
        }
        match self.command(Operation::Start, machine).await {
            Err(Failure::NoSuchOperation(error)) => Err(Error::unsupported(&format!(
                "{}; the vendor documents no way to start a machine again: start it in the console, or replace it",
                error.message
            ))),
            outcome => Ok(outcome?),
        }
    }

    async fn stop(&self, machine: &Machine, _mode: StopMode, snapshot: Option<&Snapshot>) -> Result<()> {
        if snapshot.is_some() {
            return Err(Error::unsupported("Luchen saves no images"));
        }
        Ok(self.command(Operation::Stop, machine).await?)
    }

    /// It is not documented whether a running machine can be terminated. If that is refused, the machine is asked to
    /// stop, and whoever tries again finds it stopped: one that nobody can delete bills for ever.
    async fn delete(&self, machine: &Machine) -> Result<()> {
        let refused = match self.command(Operation::Terminate, machine).await {
            Err(Failure::Refused(error))
                if matches!(error.kind, Kind::Transient | Kind::Invalid) && machine.state != InstanceState::Stopped =>
            {
                error
            }
            outcome => return Ok(outcome?),
        };
        let then = if machine.state == InstanceState::Stopping {
            "the machine is stopping, and is deleted then".to_owned()
        } else {
            match self.command(Operation::Stop, machine).await {
                Ok(()) => "the machine is being stopped, and is deleted then".to_owned(),
                Err(failure) => format!("stopping it first failed too: {}", Error::from(failure)),
            }
        };
        Err(Error::new(Kind::Transient, format!("{}; {then}", refused.message)))
    }

    fn port_endpoint(&self, machine: &Machine, port: Port) -> Option<PortEndpoint> {
        machine::port_endpoint(machine, port)
    }
}
