//! XGC, 仙宫云.
//!
//! One host, one bearer token, eleven operations of JSON under `/open`. Failures come under HTTP 200 with a text in
//! Chinese, prices only with a machine, and one unpaged list shows everything. What is documented and what is guessed
//! is in `docs/providers/xgc.md`.

mod capabilities;
mod envelope;
mod machine;
mod operation;
mod order;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;

use super::endpoint::{VendorUrl, join};
use super::http::{Client, Effect, Method, Request};
use super::{
    Balance, Capabilities, Created, Error, Identity, Kind, Listing, Machine, Order, Provider, Quote, Refusal, Result,
    Scope, loose,
};
use crate::api::instance::{GpuInstanceSpec, Port, Snapshot, StopMode};
use crate::api::status::{InstanceState, PortEndpoint};
use crate::api::{cloud::XgcImageType, money};
use envelope::{Answer, Failure};
pub use operation::{LEFT_OUT, Operation};

/// Where the vendor's API is.
pub const API: VendorUrl = VendorUrl {
    default: "https://api.xiangongyun.com",
    also: &[],
};

/// An account at XGC.
#[derive(Debug)]
pub struct Xgc {
    client: Client,
    base: Url,
    token: SecretString,
}

impl Xgc {
    /// What XGC can do.
    pub const CAPABILITIES: &'static Capabilities = &capabilities::XGC;

    /// The account that this token opens, at this base URL.
    #[must_use]
    pub fn new(client: Client, base: Url, token: SecretString) -> Self {
        Self { client, base, token }
    }

    async fn get(&self, operation: Operation, path: &[&str]) -> Result<Answer> {
        let request = self.request(operation, Effect::Read, Method::GET, path)?;
        Ok(self.send(request).await?)
    }

    async fn post(
        &self,
        operation: Operation,
        effect: Effect,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<Answer> {
        let request = self.request(operation, effect, Method::POST, path)?.json(body)?;
        Ok(self.send(request).await?)
    }

    fn request(&self, operation: Operation, effect: Effect, method: Method, path: &[&str]) -> Result<Request> {
        Request::new(operation, effect, method, join(&self.base, path)).secret_header(
            AUTHORIZATION,
            &self.token,
            |token| format!("Bearer {token}"),
        )
    }

    async fn send(&self, request: Request) -> std::result::Result<Answer, Failure> {
        let reply = self.client.send(request).await.map_err(Failure::Unclear)?;
        Answer::read(reply)
    }

    /// A command for one machine that may be given twice.
    async fn command(&self, command: Command, machine: &Machine) -> std::result::Result<(), Failure> {
        let request = self
            .request(
                command.operation,
                Effect::Repeatable,
                Method::POST,
                &["open", "instance", command.verb],
            )
            .and_then(|request| request.json(&json!({ "id": machine.id })))
            .map_err(Failure::Unclear)?;
        self.send(request).await.map(drop)
    }
}

/// What one machine can be told with nothing but its id.
#[derive(Clone, Copy)]
struct Command {
    operation: Operation,
    verb: &'static str,
}

const SHUTDOWN: Command = Command {
    operation: Operation::Shutdown,
    verb: "shutdown",
};
const SHUTDOWN_RELEASE_GPU: Command = Command {
    operation: Operation::ShutdownReleaseGpu,
    verb: "shutdown_release_gpu",
};
const DESTROY: Command = Command {
    operation: Operation::Destroy,
    verb: "destroy",
};
const SHUTDOWN_DESTROY: Command = Command {
    operation: Operation::ShutdownDestroy,
    verb: "shutdown_destroy",
};

#[async_trait]
impl Provider for Xgc {
    fn capabilities(&self) -> &'static Capabilities {
        Self::CAPABILITIES
    }

    fn check(&self, spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        order::check(spec)
    }

    async fn identify(&self) -> Result<Identity> {
        let answer = self.get(Operation::Whoami, &["open", "whoami"]).await?;
        let account = loose::word(answer.data(), "uuid").filter(|id| is_account(id));
        account
            .map(|account| Identity { account })
            .ok_or_else(|| answer.unreadable("no uuid of the account"))
    }

    async fn balance(&self) -> Result<Option<Balance>> {
        let answer = self.get(Operation::Balance, &["open", "balance"]).await?;
        loose::number(answer.data(), "balance")
            .and_then(money::from_vendor)
            .map(|amount| {
                Some(Balance {
                    amount,
                    currency: Self::CAPABILITIES.currency,
                })
            })
            .ok_or_else(|| answer.unreadable("no balance"))
    }

    async fn list(&self, _scope: &Scope) -> Result<Listing> {
        let answer = self.get(Operation::List, &["open", "instances"]).await?;
        machine::listing(answer.data()).ok_or_else(|| answer.unreadable("no list of machines"))
    }

    /// XGC has no catalog; only a private image can be looked up before it is paid for.
    async fn quote(&self, spec: &GpuInstanceSpec) -> Result<Quote> {
        if order::image_type(spec) == XgcImageType::Private
            && let Some(wanted) = spec.image()
        {
            let answer = self.get(Operation::Images, &["open", "images"]).await?;
            order::find_image(&answer, wanted)?;
        }
        Ok(Quote::default())
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        let body = order::Deploy::new(order);
        let answer = self
            .post(Operation::Deploy, Effect::Once, &["open", "instance", "deploy"], &body)
            .await?;
        loose::id(answer.data(), "id")
            .map(Created::Instance)
            .ok_or_else(|| answer.unreadable("no id of the new machine"))
    }

    async fn start(&self, machine: &Machine, reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        let body = order::Boot::new(machine, reshape);
        self.post(
            Operation::Boot,
            Effect::Repeatable,
            &["open", "instance", "boot"],
            &body,
        )
        .await
        .map(drop)
    }

    async fn stop(&self, machine: &Machine, mode: StopMode, snapshot: Option<&Snapshot>) -> Result<()> {
        if snapshot.is_some() {
            return Err(Error::unsupported(
                "XGC saves an image in a call of its own, before the stop",
            ));
        }
        let command = match mode {
            StopMode::KeepGpu => SHUTDOWN,
            StopMode::ReleaseGpu => SHUTDOWN_RELEASE_GPU,
        };
        Ok(self.command(command, machine).await?)
    }

    async fn save_image(&self, machine: &Machine, snapshot: &Snapshot) -> Result<()> {
        // The page that names this member is not public and clients disagree; unknown members are ignored there.
        let body = json!({ "id": machine.id, "name": snapshot.name, "image_name": snapshot.name });
        self.post(
            Operation::SaveImage,
            Effect::Once,
            &["open", "instance", "saveimage"],
            &body,
        )
        .await
        .map(drop)
    }

    /// Two commands destroy a machine, and it is not documented which takes it in which state. The one that fits the
    /// state by its name goes first; the other follows if that is refused, for a machine that nobody can delete bills
    /// for ever.
    async fn delete(&self, machine: &Machine) -> Result<()> {
        let (first, second) = match machine.state {
            InstanceState::Running => (SHUTDOWN_DESTROY, DESTROY),
            _ => (DESTROY, SHUTDOWN_DESTROY),
        };
        match self.command(first, machine).await {
            Err(Failure::Refused(error)) if matches!(error.kind, Kind::Transient | Kind::Invalid) => {
                Ok(self.command(second, machine).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    fn port_endpoint(&self, machine: &Machine, port: Port) -> Option<PortEndpoint> {
        machine::port_endpoint(machine, port)
    }
}

/// Fit to be a part of an annotation, whatever the vendor's ids look like.
fn is_account(id: &str) -> bool {
    id.len() <= 128 && id.chars().all(|c| c.is_ascii_graphic() && c != '/')
}
