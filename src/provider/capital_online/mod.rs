//! Capital Online, 首云: bare-metal GPU machines (`gpubms`).
//!
//! Two hosts under one signed query, orders that are tasks, a password that we choose, and a catalog of goods rather
//! than of GPU models. What is documented and what is guessed is in `docs/providers/capital-online.md`.

mod billing;
mod capabilities;
mod catalog;
mod envelope;
mod machine;
mod network;
mod operation;
mod order;
mod signature;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Url;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::endpoint::{VendorUrl, join};
use super::http::{Client, Effect, Method, Request};
use super::{
    Capabilities, Created, Error, Field, Identity, Kind, Listing, Machine, Order, Provider, Quote, Refusal, Result,
    Scope, TaskState, loose,
};
use crate::api::instance::{GpuInstanceSpec, Port, Snapshot, StopMode};
use crate::api::status::{InstanceState, PortEndpoint};
use crate::environment::Environment;
use envelope::Answer;
use machine::{PAGE_SIZE, Pages};
pub use operation::{LEFT_OUT, Operation};
use signature::{AccessKey, Subject, sign};

/// Where the vendor's API for machines is.
pub const API: VendorUrl = VendorUrl {
    default: "https://api.capitalonline.net/gpubms/v1",
    also: &[],
};

/// Where the vendor's API for networks is.
pub const VPC_API: VendorUrl = VendorUrl {
    default: "https://cdsapi.capitalonline.net/vpc",
    also: &[
        "https://cdsapi-asia.capitalonline.net/vpc",
        "https://cdsapi-us.capitalonline.net/vpc",
    ],
};

/// Pages of a list that are read at most: ten thousand machines.
const MOST_PAGES: usize = 20;

/// An account at Capital Online.
pub struct CapitalOnline {
    client: Client,
    base: Url,
    vpc_base: Url,
    key: AccessKey,
    environment: Arc<dyn Environment>,
}

impl std::fmt::Debug for CapitalOnline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CapitalOnline")
            .field("base", &self.base.as_str())
            .field("vpc_base", &self.vpc_base.as_str())
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Where an account's APIs are.
#[derive(Clone, Debug)]
pub struct Bases {
    /// That for machines.
    pub machines: Url,
    /// That for networks.
    pub networks: Url,
}

impl CapitalOnline {
    /// What Capital Online can do.
    pub const CAPABILITIES: &'static Capabilities = &capabilities::CAPITAL_ONLINE;

    /// The account that this access key opens.
    #[must_use]
    pub fn new(
        client: Client,
        bases: Bases,
        key_id: String,
        key_secret: SecretString,
        environment: Arc<dyn Environment>,
    ) -> Self {
        Self {
            client,
            base: bases.machines,
            vpc_base: bases.networks,
            key: AccessKey {
                id: key_id,
                secret: key_secret,
            },
            environment,
        }
    }

    async fn get(&self, operation: Operation, own: &[(&str, &str)]) -> Result<Answer> {
        let request = self.request(operation, Effect::Read, Method::GET, &self.base, own);
        self.send(operation, request).await
    }

    /// A question that is asked as a `POST`.
    async fn ask(&self, operation: Operation, body: &Value) -> Result<Answer> {
        self.post(operation, Effect::Read, body).await
    }

    async fn ask_vpc(&self, operation: Operation, body: &Value) -> Result<Answer> {
        let request = self.request(operation, Effect::Read, Method::POST, &self.vpc_base, &[]);
        self.send(operation, request.json(body)?).await
    }

    async fn post(&self, operation: Operation, effect: Effect, body: &(impl Serialize + Sync)) -> Result<Answer> {
        let request = self.request(operation, effect, Method::POST, &self.base, &[]);
        self.send(operation, request.json(body)?).await
    }

    /// Something that must not be done twice, and that sets a password.
    async fn order(
        &self,
        operation: Operation,
        body: &(impl Serialize + Sync),
        password: Option<&SecretString>,
    ) -> Result<Answer> {
        let request = self.request(operation, Effect::Once, Method::POST, &self.base, &[]);
        let request = password.into_iter().cloned().fold(request, Request::secret);
        self.send(operation, request.json(body)?).await
    }

    /// A signed request, which can be sent once: the next one needs a nonce of its own.
    fn request(
        &self,
        operation: Operation,
        effect: Effect,
        method: Method,
        base: &Url,
        own: &[(&str, &str)],
    ) -> Request {
        let signed = sign(
            &self.key,
            &Subject {
                method: &method,
                action: operation.action(),
                own,
                nonce: &self.nonce(),
                at: self.environment.now(),
            },
        );
        let mut url = join(base, &[""]);
        url.set_query(Some(&signed.query));
        Request::new(operation, effect, method, url).secret(signed.signature)
    }

    async fn send(&self, operation: Operation, request: Request) -> Result<Answer> {
        let reply = self.client.send(request).await?;
        Answer::read(reply, operation.action(), self.environment.now())
    }

    /// A random UUID.
    fn nonce(&self) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.environment.secret_bytes()[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = hex(&bytes);
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }

    async fn power(&self, effect: Effect, verb: &str, machine: &Machine) -> Result<()> {
        let body = json!({ "Operate": verb, "ResourceIds": [machine.id] });
        let answer = self.post(Operation::Power, effect, &body).await?;
        tracing::debug!(verb, task = task_id(&answer), "the cloud has begun a task");
        Ok(())
    }
}

#[async_trait]
impl Provider for CapitalOnline {
    fn capabilities(&self) -> &'static Capabilities {
        Self::CAPABILITIES
    }

    fn check(&self, spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        order::check(spec)
    }

    /// Nothing tells whose a key is, so the account is a digest of the key's id. The cheapest question proves the key.
    async fn identify(&self) -> Result<Identity> {
        self.get(Operation::Regions, &[]).await?;
        let digest = Sha256::digest(self.key.id.as_bytes());
        Ok(Identity {
            account: format!("key-{}", hex(&digest[..8])),
        })
    }

    async fn list(&self, _scope: &Scope) -> Result<Listing> {
        let mut pages = Pages::default();
        let size = PAGE_SIZE.to_string();
        for number in 1..=MOST_PAGES {
            let page = [("PageNumber", &*number.to_string()), ("PageSize", &*size)];
            let answer = self.get(Operation::List, &page).await?;
            let more = pages
                .add(answer.data())
                .ok_or_else(|| answer.unreadable("no list of machines"))?;
            if !more {
                return Ok(pages.listing());
            }
        }
        pages.give_up();
        Ok(pages.listing())
    }

    async fn describe(&self, machine: &Machine) -> Result<Machine> {
        let own = [("ResourceId", &*machine.id)];
        let answer = self.get(Operation::Detail, &own).await?;
        machine::detailed(machine, answer.data(), self.environment.now())
            .ok_or_else(|| answer.unreadable("no detail of the machine"))
    }

    /// Goods, image and network are looked up one by one, for the vendor's refusals say little; then the price.
    async fn quote(&self, spec: &GpuInstanceSpec) -> Result<Quote> {
        let Some(own) = &spec.capital_online else {
            return Err(Error::new(Kind::Invalid, "spec.capitalOnline says what is rented"));
        };
        self.find_goods(spec, own).await?;
        self.find_image(spec, Some(&own.compute_id)).await?;
        self.find_network(own).await?;
        self.price(spec, own).await
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        let body = order::Create::new(order)?;
        let answer = self
            .order(Operation::Create, &body, order.password)
            .await
            .map_err(|error| match error.kind {
                // What the order names does not exist; there is no machine yet that could be missing.
                Kind::NotFound => Error::new(Kind::Invalid, error.message),
                _ => error,
            })?;
        task_id(&answer)
            .map(Created::Task)
            .ok_or_else(|| answer.unreadable("no task of the order"))
    }

    async fn task(&self, task: &str, _scope: &Scope) -> Result<TaskState> {
        let answer = self.get(Operation::Task, &[("TaskId", task)]).await?;
        let data = answer.data();
        let word = loose::state_word(data, "Status").to_lowercase();
        Ok(match word.as_str() {
            "succeed" | "success" | "succeeded" => TaskState::Succeeded(ids(&data["ResourceIds"])),
            "failed" => TaskState::Failed("the cloud does not say why".to_owned()),
            "" => return Err(answer.unreadable("no state of the task")),
            // `init`, or a word that nobody knows: the lists have the last word anyway.
            _ => TaskState::Running,
        })
    }

    async fn start(&self, machine: &Machine, _reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        self.power(Effect::Repeatable, "start", machine).await
    }

    async fn stop(&self, machine: &Machine, _mode: StopMode, _snapshot: Option<&Snapshot>) -> Result<()> {
        self.power(Effect::Repeatable, "stop", machine).await
    }

    async fn restart(&self, machine: &Machine) -> Result<()> {
        self.power(Effect::Once, "reset", machine).await
    }

    /// A new image means a reinstall, which sets the order's password.
    async fn update(&self, machine: &Machine, order: &Order<'_>, fields: &[Field]) -> Result<()> {
        if fields != [Field::Image] {
            return Err(Error::unsupported("Capital Online changes only the image of a machine"));
        }
        let body = order::Reinstall::new(machine, order)?;
        let compute = order.spec.capital_online.as_ref().map(|own| own.compute_id.as_str());
        self.find_image(order.spec, compute).await?;
        let answer = self.order(Operation::Reinstall, &body, order.password).await?;
        tracing::debug!(task = task_id(&answer), "the cloud has begun a reinstall");
        Ok(())
    }

    async fn delete(&self, machine: &Machine) -> Result<()> {
        let body = json!({ "ResourceIds": [machine.id] });
        let answer = self.post(Operation::Delete, Effect::Repeatable, &body).await;
        answer.map(drop).map_err(|error| match (error.kind, machine.state) {
            // That it is prepaid and that it is not shut down are one refusal; the second one passes.
            (Kind::Unsupported, state) if state != InstanceState::Stopped => Error {
                kind: Kind::Transient,
                ..error
            },
            _ => error,
        })
    }

    fn port_endpoint(&self, machine: &Machine, port: Port) -> Option<PortEndpoint> {
        machine::port_endpoint(machine, port)
    }
}

/// The task that an action has begun: under one of several names, alone or in a list, in the payload or beside it.
fn task_id(answer: &Answer) -> Option<String> {
    [answer.data(), answer.envelope()]
        .into_iter()
        .flat_map(|place| ["taskId", "TaskId", "TaskIds"].map(|name| (place, name)))
        .find_map(|(place, name)| match &place[name] {
            Value::Array(_) => ids(&place[name]).into_iter().next(),
            _ => loose::id(place, name),
        })
}

fn ids(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|id| loose::id(&json!({ "id": id }), "id")).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
