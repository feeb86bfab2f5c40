//! `SCNet`, 国家超算互联网.
//!
//! Three hosts: one grants a token for every region at once, signed for with an access key; one tells where a region's
//! container interface is; and that interface, one a region. Failures come as a code in the body. What is documented
//! and what is guessed is in `docs/providers/scnet.md`.

mod address;
mod call;
mod capabilities;
mod catalog;
mod center;
mod envelope;
mod list;
mod machine;
mod operation;
mod order;
mod regions;
mod session;
mod signature;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::endpoint::{EndpointPolicy, VendorUrl};
use super::http::{Client, Effect, Method};
use super::{
    Capabilities, Created, Error, Field, Identity, Kind, Listing, Machine, Order, Proof, Provider, Quote, Refusal,
    Result, Scope,
};
use crate::api::cloud::ScnetListing;
use crate::api::instance::{GpuInstanceSpec, Snapshot, StopMode};
use crate::api::status::InstanceState;
use crate::environment::Environment;
use call::Ask;
pub use operation::{LEFT_OUT, Operation};
use order::{Container, Resolved};
use regions::Regions;
use session::Session;

/// Where tokens are granted.
pub const API: VendorUrl = VendorUrl {
    default: "https://api.scnet.cn",
    also: &[],
};

/// Where the vendor tells where regions are.
pub const CENTER_API: VendorUrl = VendorUrl {
    default: "https://www.scnet.cn",
    also: &[],
};

/// Images asked for at once.
const IMAGES: usize = 100;
/// Pages of images that are looked through.
const MOST_IMAGE_PAGES: usize = 10;

/// Who signs in.
#[derive(Clone, Debug)]
pub struct Keys {
    /// User name on the platform.
    pub user: SecretString,
    /// The key's id.
    pub access_key: SecretString,
    /// The key.
    pub secret_key: SecretString,
}

/// Where things are, and what may be called of what the cloud hands out.
#[derive(Clone, Debug)]
pub struct Places {
    /// Base URL of the tokens.
    pub tokens: Url,
    /// Base URL of what tells where regions are.
    pub center: Url,
    /// Which addresses may be called.
    pub policy: Arc<EndpointPolicy>,
}

/// An account at `SCNet`.
pub struct Scnet {
    session: Session,
    regions: Regions,
}

impl Scnet {
    /// What `SCNet` can do.
    pub const CAPABILITIES: &'static Capabilities = &capabilities::SCNET;

    /// The account that these keys open. `listing` says how machines are listed; where it does not, both ways are tried.
    #[must_use]
    pub fn new(
        client: Client,
        places: Places,
        keys: Keys,
        listing: Option<ScnetListing>,
        environment: Arc<dyn Environment>,
    ) -> Self {
        Self {
            session: Session::new(client, places, keys, environment),
            regions: Regions::new(listing),
        }
    }

    /// What was ordered, in the cloud's own words, once it is known that there is such a thing.
    async fn resolve(&self, region: &str, spec: &GpuInstanceSpec) -> Result<Resolved> {
        let resource_group = self.check_size(region, spec).await?;
        let (image_path, image_version) = self.find_image(region, spec).await?;
        Ok(Resolved {
            resource_group,
            image_path,
            image_version,
        })
    }

    /// The resource group that a spec means, once it is known that its nodes are large enough.
    async fn check_size(&self, region: &str, spec: &GpuInstanceSpec) -> Result<String> {
        let kind = order::accelerator(spec);
        let said = spec.gpu.as_ref().and_then(|gpu| gpu.model()).unwrap_or_default();
        let ask = Ask::new(
            Operation::ResourceGroups,
            Effect::Read,
            Method::GET,
            ["instance-service", "resource-group"],
        );
        let groups = match self.session.ask(region, ask).await {
            Ok(answer) => catalog::resource_groups(answer.data(), kind),
            Err(failure) if failure.unknown => Vec::new(),
            Err(failure) => return Err(failure.into()),
        };
        let group = catalog::find_group(&groups, said);
        let word: &str = kind.into();
        let ask = Ask::new(
            Operation::Resources,
            Effect::Read,
            Method::GET,
            ["instance-service", "resources"],
        )
        .query("acceleratorType", word)
        .query("resourceGroup", group.as_str());
        match self.session.ask(region, ask).await {
            Ok(answer) if answer.data().is_object() => catalog::check_limits(&answer, spec, &group)?,
            Err(failure) if !failure.unknown => return Err(failure.into()),
            // Neither list knows the group.
            _ if !groups.is_empty() && !groups.contains(&group) => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!(
                        "spec.gpu.model {group} is not a resource group with accelerators of kind {word} in region \
                         {region}; there are: {}",
                        groups.join(", ")
                    ),
                ));
            }
            _ => {}
        }
        Ok(group)
    }

    /// Path and version of the image that a spec means.
    async fn find_image(&self, region: &str, spec: &GpuInstanceSpec) -> Result<(String, String)> {
        let said = spec.image().unwrap_or_default();
        let version = spec.scnet.as_ref().and_then(|own| own.image_version.as_deref());
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            return Ok((said.to_owned(), version.to_owned()));
        }
        let mut have = Vec::new();
        for access in ["public", "private"] {
            let mut start = 0;
            for _ in 0..MOST_IMAGE_PAGES {
                let answer = match self.session.ask(region, image_page(access, start)).await {
                    Ok(answer) => answer,
                    // There is no such list to ask: the path says the version.
                    Err(failure) if failure.unknown => return Ok((said.to_owned(), catalog::derived_version(said))),
                    Err(failure) => return Err(failure.into()),
                };
                let Some(page) = catalog::images(&answer, said) else {
                    return Ok((said.to_owned(), catalog::derived_version(said)));
                };
                if let Some(image) = page.found {
                    return Ok((image.path, image.version));
                }
                have.extend(page.paths);
                start += page.rows;
                if page.rows == 0 || page.total.is_some_and(|total| start >= total) {
                    break;
                }
            }
        }
        Err(catalog::no_image(said, &have))
    }

    /// Where a machine of a list is.
    fn region_of(machine: &Machine) -> Result<&str> {
        machine.region.as_deref().ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                format!("it is not known in which region machine {} is", machine.id),
            )
        })
    }
}

fn image_page(access: &str, start: usize) -> Ask<'static> {
    Ask::new(Operation::Images, Effect::Read, Method::POST, ["image", "images"]).body(json!({
        "access": access,
        "orderBy": "create_time",
        "limit": IMAGES,
        "start": start,
        "sort": "DESC",
    }))
}

#[async_trait]
impl Provider for Scnet {
    fn capabilities(&self) -> &'static Capabilities {
        Self::CAPABILITIES
    }

    fn check(&self, spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        order::check(spec)
    }

    /// Nothing tells who we are, but tokens are granted only to whom the key belongs: the user name it is. It is the
    /// same for every region and every key, which the claims of tokens need not be.
    async fn identify(&self) -> Result<Identity> {
        self.session.tokens().await?;
        Ok(Identity {
            account: account(self.session.user()),
        })
    }

    async fn list(&self, scope: &Scope) -> Result<Listing> {
        let tokens = self.session.tokens().await?;
        let said = regions::wanted(&tokens, scope);
        let read = join_all(said.regions.keys().map(|id| self.regions.list(&self.session, id))).await;
        let mut machines = Vec::new();
        let mut unread = said.unknown;
        let mut first = None;
        let (mut outages, known) = (0, said.regions.len());
        for ((id, spellings), read) in said.regions.into_iter().zip(read) {
            match read {
                Ok(found) => machines.extend(found),
                Err(error) => {
                    outages += usize::from(matches!(error.kind, Kind::Transient | Kind::RateLimited));
                    let named = Error {
                        message: format!("region {id}: {}", error.message),
                        ..error.clone()
                    };
                    unread.extend(spellings.into_iter().map(|said| (said, named.clone())));
                    first.get_or_insert(error);
                }
            }
        }
        if unread.values().any(|error| error.kind == Kind::Unauthorized) {
            // Is it that region which has no rights, or is the key no good any more?
            self.session.tokens().await?;
        }
        match first {
            // Not one region answers: that is not a region's fault.
            Some(error) if outages == known && unread.len() >= known => return Err(error),
            _ => {}
        }
        let proof = if unread.is_empty() {
            Proof::Complete
        } else {
            Proof::Except(unread)
        };
        Ok(Listing { machines, proof })
    }

    /// The list lacks the addresses, and maybe the size. Errors of the second call leave what the first has told.
    async fn describe(&self, listed: &Machine) -> Result<Machine> {
        let region = Self::region_of(listed)?;
        let ask = Ask::new(
            Operation::Detail,
            Effect::Read,
            Method::GET,
            ["instance-service", &listed.id, "detail"],
        );
        let answer = self.session.ask(region, ask).await?;
        let detail = answer.data();
        let Some(mut machine) = machine::machine(detail, region).filter(|machine| machine.id == listed.id) else {
            return Err(answer.unreadable("no such machine"));
        };
        machine.name = machine.name.or_else(|| listed.name.clone());
        machine.created_at = machine.created_at.or(listed.created_at);
        machine.started_at = machine.started_at.or(listed.started_at);
        if machine.state != InstanceState::Running {
            return Ok(machine);
        }
        machine::add_ports(&mut machine, detail);
        if machine::serves_page(detail) {
            let ask = Ask::new(
                Operation::Url,
                Effect::Read,
                Method::GET,
                ["instance-service", &listed.id, "url"],
            );
            let url = self.session.ask(region, ask).await.ok();
            machine::add_page(&mut machine, url.and_then(|answer| answer.text()).as_deref());
        }
        Ok(machine)
    }

    async fn quote(&self, spec: &GpuInstanceSpec) -> Result<Quote> {
        let region = self.session.region(spec.region().unwrap_or_default()).await?;
        self.resolve(&region, spec).await?;
        Ok(Quote::default())
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        let region = self.session.region(order.spec.region().unwrap_or_default()).await?;
        let resolved = self.resolve(&region, order.spec).await?;
        let container = Container::new(order, &resolved);
        let body = serde_json::to_value(&container)
            .map_err(|_| Error::new(Kind::Invalid, "scnet.create: not sent: the order is no JSON"))?;
        let ask = Ask::new(
            Operation::Create,
            Effect::Once,
            Method::POST,
            ["instance-service", "task"],
        )
        .body(body);
        let answer = self.session.ask(&region, ask).await?;
        answer
            .id()
            .map(Created::Instance)
            .ok_or_else(|| answer.unreadable("no id of the new machine"))
    }

    /// What the vendor calls a restart. Nobody says what a second one does to a machine that the first has started.
    async fn start(&self, machine: &Machine, _reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        let ask = Ask::new(Operation::Start, Effect::Once, Method::POST, action("restart"))
            .query("instanceServiceId", machine.id.as_str());
        Ok(self.session.ask(Self::region_of(machine)?, ask).await.map(drop)?)
    }

    async fn stop(&self, machine: &Machine, _mode: StopMode, snapshot: Option<&Snapshot>) -> Result<()> {
        if snapshot.is_some() {
            return Err(Error::unsupported("SCNet saves no images"));
        }
        let ask = Ask::new(Operation::Stop, Effect::Repeatable, Method::POST, action("stop")).ids(&[&machine.id])?;
        Ok(self.session.ask(Self::region_of(machine)?, ask).await.map(drop)?)
    }

    /// A script runs on the running machine; a size is changed while it is stopped.
    async fn update(&self, machine: &Machine, order: &Order<'_>, fields: &[Field]) -> Result<()> {
        let region = Self::region_of(machine)?;
        if fields
            .iter()
            .any(|field| matches!(field, Field::Gpu | Field::Cpu | Field::Memory))
        {
            let group = self.check_size(region, order.spec).await?;
            order::check_resize(machine, &group)?;
            let ask = Ask::new(
                Operation::Resize,
                Effect::Repeatable,
                Method::POST,
                ["instance-service", "resource-spec", "actions", "update"],
            )
            .body(order::resize(machine, order.spec));
            self.session.ask(region, ask).await?;
        }
        let script = order.startup_script.filter(|script| !script.trim().is_empty());
        if let Some(script) = script.filter(|_| fields.contains(&Field::StartupScript)) {
            let ask = Ask::new(
                Operation::ExecuteScript,
                Effect::Once,
                Method::POST,
                action("execute-script"),
            )
            .body(order::script(machine, order.spec, script));
            self.session.ask(region, ask).await?;
        }
        Ok(())
    }

    async fn delete(&self, machine: &Machine) -> Result<()> {
        let ask = Ask::new(
            Operation::Delete,
            Effect::Repeatable,
            Method::DELETE,
            ["instance-service", "task"],
        )
        .ids(&[&machine.id])?;
        Ok(self.session.ask(Self::region_of(machine)?, ask).await.map(drop)?)
    }
}

fn action(verb: &'static str) -> [&'static str; 4] {
    ["instance-service", "task", "actions", verb]
}

/// The user's name where it can be a part of an annotation, else a digest of it.
fn account(user: &str) -> String {
    if user.len() <= 128 && user.chars().all(|c| c.is_ascii_graphic() && c != '/') {
        return user.to_owned();
    }
    let digest = Sha256::digest(user.as_bytes());
    format!("user-{}", signature::hex(&digest[..8]))
}

/// Regions that could not be read, by each spelling under which specs may name them.
type Unread = BTreeMap<String, Error>;
