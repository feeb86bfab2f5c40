//! Neolink.
//!
//! One host, one bearer token and the user's id, eight operations of JSON below `/mdc/api/v1`. There is no envelope:
//! answers are bare arrays, objects and the word `"ok"`, so that the status and the shape decide. Machines are listed
//! cluster by cluster. What is documented and what is guessed is in `docs/providers/neolink.md`.

mod answer;
mod capabilities;
mod catalog;
mod listing;
mod machine;
mod operation;
mod order;
mod region;
mod shell;
mod term;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName};
use secrecy::SecretString;

use super::endpoint::{VendorUrl, join};
use super::http::{Client, Effect, Method, Request};
use super::{
    Capabilities, Created, Error, Identity, Kind, Listing, Machine, Order, Provider, Quote, Refusal, Result, Scope,
    loose,
};
use crate::api::instance::{GpuInstanceSpec, Port, Snapshot, StopMode};
use crate::api::money::{self, Decimal};
use crate::api::status::PortEndpoint;
use crate::environment::Environment;
use answer::Answer;
use catalog::Sku;
use listing::{MOST_PAGES, Page};
pub use operation::{LEFT_OUT, Operation};
use region::{Age, Known, Region};

/// Where the vendor's API is.
pub const API: VendorUrl = VendorUrl {
    default: "https://neolink-ai.com/mdc/api/v1",
    also: &[],
};

/// The user's id, beside the token.
const NAMESPACE: HeaderName = HeaderName::from_static("namespace");

/// What opens an account at Neolink.
#[derive(Clone, Debug)]
pub struct Key {
    /// The API token.
    pub token: SecretString,
    /// The user's id: who the account is. Not a secret.
    pub user_id: String,
}

impl Key {
    /// Whether a user id can be one, and can be a part of an annotation and of a header.
    #[must_use]
    pub fn is_user_id(text: &str) -> bool {
        (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic() && c != '/')
    }
}

/// An account at Neolink.
pub struct Neolink {
    client: Client,
    base: Url,
    key: Key,
    environment: Arc<dyn Environment>,
    regions: Known,
}

impl std::fmt::Debug for Neolink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neolink")
            .field("base", &self.base.as_str())
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Neolink {
    /// What Neolink can do.
    pub const CAPABILITIES: &'static Capabilities = &capabilities::NEOLINK;

    /// The account that this key opens, at this base URL. The clock tells which discounts hold.
    #[must_use]
    pub fn new(client: Client, base: Url, key: Key, environment: Arc<dyn Environment>) -> Self {
        Self {
            client,
            base,
            key,
            environment,
            regions: Known::default(),
        }
    }

    fn request(&self, operation: Operation, effect: Effect, method: Method, path: &[&str]) -> Result<Request> {
        Request::new(operation, effect, method, join(&self.base, path))
            .secret_header(AUTHORIZATION, &self.key.token, |token| format!("bearer {token}"))?
            .header(NAMESPACE, &self.key.user_id)
    }

    async fn send(&self, request: Request) -> Result<Answer> {
        Answer::read(self.client.send(request).await?)
    }

    /// The regions; read anew only now and then.
    async fn regions(&self, age: Age) -> Result<Arc<[Region]>> {
        let read = async {
            let request = self.request(Operation::Regions, Effect::Read, Method::GET, &["regions"])?;
            let answer = self.send(request).await?;
            region::read(&answer.json()?).ok_or_else(|| answer.unreadable("no list of regions"))
        };
        self.regions.get(age, read).await
    }

    /// The region that a spec names.
    async fn region(&self, spec: &GpuInstanceSpec) -> Result<Region> {
        let wanted = spec.region().unwrap_or_default();
        let mut regions = self.regions(Age::Usual).await?;
        if region::resolve(&regions, wanted).is_none() {
            regions = self.regions(Age::Fresh).await?;
        }
        region::resolve(&regions, wanted).cloned().ok_or_else(|| {
            let have = region::names(&regions);
            Error::new(
                Kind::Invalid,
                format!("neolink.regions: Neolink has no region {wanted}; it has: {have}"),
            )
        })
    }

    /// What the spec means of the region's catalog, and its price an hour.
    async fn sku(&self, spec: &GpuInstanceSpec, region: &Region) -> Result<(Sku, Option<Decimal>)> {
        let request = self
            .request(Operation::Skus, Effect::Read, Method::GET, &["skus", "computings"])?
            .query("region_id", &region.id);
        let answer = self.send(request).await?;
        let skus = catalog::read(&answer.json()?, region, self.environment.now())
            .ok_or_else(|| answer.unreadable("no catalog"))?;
        let sku = catalog::choose(&skus, spec, region).map_err(|(kind, why)| answer.refusal(kind, &why))?;
        let price = catalog::price_per_hour(sku, spec);
        if price.is_none() && spec.max_price_per_hour().is_some() {
            let why = format!(
                "SKU {} has no price that can be read, so spec.maxPricePerHour cannot be kept",
                sku.id
            );
            return Err(answer.refusal(Kind::Invalid, &why));
        }
        Ok((sku.clone(), price))
    }

    async fn page(&self, cluster: &str, query: &[(&str, usize)]) -> Result<Page> {
        let request = self.request(
            Operation::List,
            Effect::Read,
            Method::GET,
            &["clusters", cluster, "instances"],
        )?;
        let request = query.iter().fold(request, |request, (name, value)| {
            request.query(name, &value.to_string())
        });
        let answer = self.send(request).await?;
        Page::read(&answer.json()?).ok_or_else(|| answer.unreadable("no list of machines"))
    }

    /// Every machine of a cluster, as one page; not whole where it could not be read whole.
    async fn pages(&self, cluster: &str) -> Result<Page> {
        let first = self.page(cluster, &[]).await?;
        if !first.has_more() {
            return Ok(first);
        }
        // How to ask for a page is not documented: pages may be counted from one or from nought.
        for base in [1, 0] {
            if let Some(whole) = self.further(cluster, &first, base).await? {
                return Ok(whole);
            }
        }
        Ok(first)
    }

    /// The pages after the first, asked for in every usual way at once; `None` if that does not lead to the end.
    async fn further(&self, cluster: &str, first: &Page, base: usize) -> Result<Option<Page>> {
        let size = first.rows.len();
        let mut all = first.clone();
        for n in 1..MOST_PAGES {
            let query = [
                ("page", n + base),
                ("pageNum", n + base),
                ("pageSize", size),
                ("limit", size),
                ("offset", n * size),
            ];
            let next = match self.page(cluster, &query).await {
                Ok(next) => next,
                // It does not like one of these.
                Err(error) if matches!(error.kind, Kind::Invalid | Kind::NotFound) => return Ok(None),
                Err(error) => return Err(error),
            };
            if !all.extend(next) {
                return Ok(None);
            }
            if !all.has_more() {
                return Ok(all.is_whole().then_some(all));
            }
        }
        Ok(None)
    }

    /// A machine's path; not one that would mean something else.
    fn machine_path(machine: &Machine) -> Result<[&str; 4]> {
        let cluster = machine.region.as_deref().filter(|cluster| region::is_a_part(cluster));
        match cluster.filter(|_| region::is_a_part(&machine.id)) {
            Some(cluster) => Ok(["clusters", cluster, "instances", &machine.id]),
            None => Err(Error::new(
                Kind::Invalid,
                format!(
                    "neolink: not sent: machine {:?} has no id or no cluster that a call could name",
                    machine.id
                ),
            )),
        }
    }
}

#[async_trait]
impl Provider for Neolink {
    fn capabilities(&self) -> &'static Capabilities {
        Self::CAPABILITIES
    }

    fn check(&self, spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        order::check(spec)
    }

    /// Nobody says who we are: it is the user id of the Secret, if machines can be listed with it. Machines that are
    /// all somebody else's show that it is not the token's.
    async fn identify(&self) -> Result<Identity> {
        let regions = self.regions(Age::Usual).await?;
        if let Some(region) = regions.first() {
            let page = self.page(&region.cluster, &[]).await?;
            let owners: Vec<String> = page
                .rows
                .iter()
                .filter_map(|row| loose::word(row, "namespace"))
                .collect();
            if !owners.is_empty() && !owners.contains(&self.key.user_id) {
                return Err(Error::new(
                    Kind::Unauthorized,
                    "neolink.list: every machine belongs to another namespace than userId of the credentials Secret: \
                     it must be the id of the user whose token it is",
                ));
            }
        }
        Ok(Identity {
            account: self.key.user_id.clone(),
        })
    }

    /// The clusters in use; all of them while none is. One that does not answer hides its own machines only.
    async fn list(&self, scope: &Scope) -> Result<Listing> {
        let mut regions = self.regions(Age::Usual).await?;
        if scope
            .regions
            .iter()
            .any(|wanted| region::resolve(&regions, wanted).is_none())
        {
            regions = self.regions(Age::Fresh).await?;
        }
        let places = listing::places(&regions, scope);
        let read = join_all(places.clusters.keys().map(|cluster| self.pages(cluster))).await;
        let mut found = listing::Found::new(&places);
        for (cluster, page) in places.clusters.keys().zip(read) {
            match page {
                Ok(page) => found.read(&page, cluster, &regions, self.environment.now()),
                Err(error) if matches!(error.kind, Kind::Unauthorized | Kind::RateLimited) => return Err(error),
                Err(error) => found.unread(cluster, &error),
            }
        }
        found.listing()
    }

    async fn quote(&self, spec: &GpuInstanceSpec) -> Result<Quote> {
        let region = self.region(spec).await?;
        let (_, price_per_hour) = self.sku(spec, &region).await?;
        Ok(Quote {
            price_per_hour,
            currency: price_per_hour.map(|_| Self::CAPABILITIES.currency),
        })
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        let region = self.region(order.spec).await?;
        // Looked up once more: stock and discounts may have changed since the quote, and with them what is cheapest.
        let (sku, price) = self.sku(order.spec, &region).await?;
        if let (Some(price), Some(cap)) = (price, order.spec.max_price_per_hour())
            && price > cap
        {
            return Err(Error::new(
                Kind::NoCapacity,
                format!(
                    "neolink.create: not sent: the cheapest that is free now costs {} an hour, more than spec.maxPricePerHour",
                    money::format(price)
                ),
            ));
        }
        let path = ["clusters", &region.cluster, "instances"];
        let body = order::Create::new(order, &self.key.user_id, &region, &sku);
        let request = self
            .request(Operation::Create, Effect::Once, Method::POST, &path)?
            .json(&body)?;
        let answer = self.send(request).await.map_err(|error| match error.kind {
            // Of an order, this is said of what it names.
            Kind::NotFound => Error {
                kind: Kind::Invalid,
                ..error
            },
            _ => error,
        })?;
        loose::id(&answer.json()?, "name")
            .filter(|id| region::is_a_part(id))
            .map(Created::Instance)
            .ok_or_else(|| answer.unreadable("no name of the new machine"))
    }

    async fn start(&self, machine: &Machine, reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        if reshape.is_some() {
            return Err(Error::unsupported("Neolink starts a machine as it is"));
        }
        let [clusters, cluster, instances, id] = Self::machine_path(machine)?;
        let path = [clusters, cluster, instances, id, "power_on"];
        let request = self.request(Operation::PowerOn, Effect::Repeatable, Method::POST, &path)?;
        self.send(request).await?.taken()
    }

    async fn stop(&self, machine: &Machine, _mode: StopMode, snapshot: Option<&Snapshot>) -> Result<()> {
        let [clusters, cluster, instances, id] = Self::machine_path(machine)?;
        let path = [clusters, cluster, instances, id, "power_off"];
        // An image is saved each time that it is asked for.
        let effect = if snapshot.is_some() {
            Effect::Once
        } else {
            Effect::Repeatable
        };
        let request = self
            .request(Operation::PowerOff, effect, Method::POST, &path)?
            .json(&order::PowerOff::new(snapshot))?;
        self.send(request).await?.taken()
    }

    async fn delete(&self, machine: &Machine) -> Result<()> {
        let [clusters, cluster, instances, id] = Self::machine_path(machine)?;
        let request = self
            .request(
                Operation::Delete,
                Effect::Repeatable,
                Method::DELETE,
                &[clusters, cluster, instances],
            )?
            .query("name", id);
        self.send(request).await?.taken()
    }

    fn port_endpoint(&self, machine: &Machine, port: Port) -> Option<PortEndpoint> {
        machine::port_endpoint(machine, port)
    }
}
