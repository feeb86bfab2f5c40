//! The way of a process to the cloud: calls that take time, get lost, or are refused.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gpu_instance_operator::api::GpuProviderSpec;
use gpu_instance_operator::api::billing::{BillingMode, PeriodUnit};
use gpu_instance_operator::api::instance::{GpuInstanceSpec, Port, Snapshot, StopMode};
use gpu_instance_operator::api::status::{InstanceState, PortEndpoint};
use gpu_instance_operator::provider::breaker::Breaker;
use gpu_instance_operator::provider::http::CALL_TIMEOUT;
use gpu_instance_operator::provider::{
    Capabilities, Connect, ConnectError, Created, Credentials, Error, Field, Identity, Kind, Listing, Machine, Order,
    Provider, Quote, Refusal, Result, Scope, TaskState,
};
use secrecy::ExposeSecret;

use super::operations::Ask;
use super::{Cloud, Profile, Wanted};
use crate::model::faults::{Effect, Fate};
use crate::model::world::{ProcessId, Virtual};

/// The cloud, as a process gets to it.
#[derive(Clone)]
pub struct Way {
    pub cloud: Arc<Cloud>,
    pub process: ProcessId,
    /// What the process puts into the names that it gives.
    pub installation: &'static str,
}

impl Connect for Way {
    fn connect(
        &self,
        _: &GpuProviderSpec,
        credentials: &Credentials,
    ) -> std::result::Result<Arc<dyn Provider>, ConnectError> {
        let token = {
            let books = self.cloud.books();
            let digest = |token: &str| [("token", token)].into_iter().collect::<Credentials>().digest();
            let mut tokens = books.accounts.keys();
            tokens.find(|token| digest(token) == credentials.digest()).cloned()
        };
        let driver = Driver {
            cloud: Arc::clone(&self.cloud),
            process: self.process,
            installation: self.installation,
            token,
        };
        let environment = Arc::new(Virtual::new(Arc::clone(&self.cloud.world)));
        Ok(Arc::new(Breaker::new(Arc::new(driver), environment)))
    }
}

struct Driver {
    cloud: Arc<Cloud>,
    process: ProcessId,
    installation: &'static str,
    token: Option<String>,
}

/// A call that changes something at the cloud.
struct Call {
    what: String,
    /// Whether it must not be repeated, so that a lost answer is [`Kind::Ambiguous`].
    once: bool,
    /// What a refusal may mean, the most usual first.
    refusals: &'static [Kind],
}

const TO_AN_ORDER: &[Kind] = &[
    Kind::NoCapacity,
    Kind::InsufficientBalance,
    Kind::Quota,
    Kind::RateLimited,
    Kind::Unauthorized,
    Kind::Invalid,
    Kind::Transient,
];
const TO_A_START: &[Kind] = &[
    Kind::NoCapacity,
    Kind::InsufficientBalance,
    Kind::RateLimited,
    Kind::Unauthorized,
    Kind::NotFound,
    Kind::Transient,
];
const TO_A_CHANGE: &[Kind] = &[
    Kind::Transient,
    Kind::RateLimited,
    Kind::Unauthorized,
    Kind::NotFound,
    Kind::Invalid,
];
const TO_A_QUESTION: &[Kind] = &[Kind::RateLimited, Kind::Transient, Kind::Unauthorized];

impl Driver {
    fn profile(&self) -> &Profile {
        &self.cloud.profile
    }

    fn account(&self) -> Result<String> {
        let books = self.cloud.books();
        let account = self.token.as_ref().and_then(|token| books.accounts.get(token));
        account
            .cloned()
            .ok_or_else(|| Error::new(Kind::Unauthorized, "no such token"))
    }

    /// A refusal: as somebody has planned it, as the dice have it, or the usual one.
    fn refusal(&self, kinds: &[Kind]) -> Error {
        let (planned, moody) = {
            let books = self.cloud.books();
            (books.habits.refuses_with, books.habits.moody)
        };
        let world = &self.cloud.world;
        let n = if moody { world.below(kinds.len() as u64) } else { 0 };
        let kind = planned.unwrap_or(kinds[usize::try_from(n).unwrap()]);
        let pause = (moody && kind == Kind::RateLimited && world.one_in(2)).then(|| world.span(1_000, 20_000));
        Error::new(kind, "the model says no").retry_after(pause)
    }

    async fn read<T>(&self, what: &str, read: impl FnOnce(&Cloud, &str) -> Result<T>) -> Result<T> {
        let world = &self.cloud.world;
        let fate = world.fate(self.process, what, Effect::Reads);
        if matches!(fate, Fate::DiesBefore | Fate::DiesAfter) {
            world.die(self.process).await;
        }
        tokio::time::sleep(world.span(5, 100)).await;
        let account = self.account()?;
        let answer = read(&self.cloud, &account);
        tokio::time::sleep(world.span(5, 400)).await;
        match fate {
            Fate::Well => answer,
            Fate::Refused => Err(self.refusal(TO_A_QUESTION)),
            _ => Err(Error::new(Kind::Transient, "the model lost it")),
        }
    }

    /// A change is carried out by the cloud, whatever becomes of who asked for it.
    async fn change<T: Send + 'static>(
        &self,
        call: Call,
        commit: impl FnOnce(&Cloud, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let world = Arc::clone(&self.cloud.world);
        let fate = world.fate(self.process, &call.what, Effect::Writes);
        if fate == Fate::DiesBefore {
            world.die(self.process).await;
        }
        let lost = |what: &str| {
            let kind = if call.once { Kind::Ambiguous } else { Kind::Transient };
            Error::new(kind, format!("the model lost the {what}"))
        };
        // The driver waits for its turn before it sends.
        tokio::time::sleep(world.span(1, 50)).await;
        let account = self.account()?;
        let slow = fate != Fate::Well && world.one_in(2);
        let on_the_way = if fate == Fate::ComesLate {
            world.span(300_000, 600_000)
        } else if slow {
            world.span(1_000, 20_000)
        } else {
            world.span(5, 300)
        };
        let refusal = (fate == Fate::Refused).then(|| self.refusal(call.refusals));
        let never_came = (fate == Fate::RequestLost).then(|| lost("request"));
        let cloud = Arc::clone(&self.cloud);
        let carried_out = tokio::spawn(async move {
            tokio::time::sleep(on_the_way).await;
            match refusal.or(never_came) {
                Some(error) => Err(error),
                None => commit(&cloud, &account),
            }
        });
        if fate == Fate::DiesAfter {
            // Somewhere between sending and the answer.
            tokio::time::sleep(world.span(0, 400)).await;
            world.die(self.process).await;
        }
        if fate == Fate::ReplyLost {
            tokio::time::sleep(world.span(10, 15_000)).await;
            return Err(lost("reply"));
        }
        let Ok(answer) = tokio::time::timeout(CALL_TIMEOUT, carried_out).await else {
            return Err(lost("reply"));
        };
        tokio::time::sleep(world.span(5, 300)).await;
        answer.expect("the cloud does not panic")
    }

    /// Whatever becomes of it, nothing is asked of a machine that another installation has named.
    fn keeps_to_its_own(&self, machine: &Machine) {
        let name = machine.name.as_deref().unwrap_or_default();
        let others = name.starts_with("gi-") && !name.starts_with(&format!("gi-{}-", self.installation));
        if others {
            let whose = format!("{} ({name}) is another installation's, and was touched", machine.id);
            self.cloud.world.wrong(whose);
        }
    }

    /// Asks something of one machine.
    async fn ask(&self, verb: &str, machine: &Machine, once: bool, refusals: &'static [Kind], ask: Ask) -> Result<()> {
        self.keeps_to_its_own(machine);
        let call = Call {
            what: format!("cloud {verb} {}", machine.id),
            once,
            refusals,
        };
        let id = machine.id.clone();
        self.change(call, move |cloud, account| cloud.commit_change(account, &id, ask))
            .await
    }
}

#[async_trait]
impl Provider for Driver {
    fn capabilities(&self) -> &'static Capabilities {
        self.profile().capabilities
    }

    fn check(&self, spec: &GpuInstanceSpec) -> std::result::Result<(), Refusal> {
        self.profile().driver().check(spec)
    }

    async fn identify(&self) -> Result<Identity> {
        self.read("cloud identify", |_, account| {
            Ok(Identity {
                account: account.to_owned(),
            })
        })
        .await
    }

    async fn list(&self, scope: &Scope) -> Result<Listing> {
        self.read("cloud list", |cloud, account| Ok(cloud.list(account, scope)))
            .await
    }

    async fn describe(&self, machine: &Machine) -> Result<Machine> {
        let what = format!("cloud describe {}", machine.id);
        self.read(&what, |cloud, account| cloud.describe(account, machine))
            .await
    }

    async fn quote(&self, _: &GpuInstanceSpec) -> Result<Quote> {
        self.read("cloud quote", |cloud, _| {
            let price_per_hour = cloud.quoted();
            Ok(Quote {
                price_per_hour,
                currency: price_per_hour.map(|_| cloud.profile.capabilities.currency),
            })
        })
        .await
    }

    async fn create(&self, order: &Order<'_>) -> Result<Created> {
        let call = Call {
            what: format!("cloud create {}", order.name),
            once: true,
            refusals: TO_AN_ORDER,
        };
        let wanted = wanted(order);
        self.change(call, move |cloud, account| cloud.commit_order(account, wanted))
            .await
    }

    async fn task(&self, task: &str, _: &Scope) -> Result<TaskState> {
        self.read("cloud task", |cloud, _| cloud.task(task)).await
    }

    async fn start(&self, machine: &Machine, reshape: Option<&GpuInstanceSpec>) -> Result<()> {
        let once = self.profile().start_restarts;
        let ask = Ask::Start(reshape.and_then(gpus));
        self.ask("start", machine, once, TO_A_START, ask).await
    }

    async fn stop(&self, machine: &Machine, mode: StopMode, snapshot: Option<&Snapshot>) -> Result<()> {
        let ask = Ask::Stop(mode, snapshot.is_some());
        self.ask("stop", machine, snapshot.is_some(), TO_A_CHANGE, ask).await
    }

    async fn restart(&self, machine: &Machine) -> Result<()> {
        self.ask("restart", machine, true, TO_A_CHANGE, Ask::Restart).await
    }

    async fn save_image(&self, machine: &Machine, _: &Snapshot) -> Result<()> {
        self.ask("save", machine, true, TO_A_CHANGE, Ask::SaveImage).await
    }

    async fn update(&self, machine: &Machine, order: &Order<'_>, fields: &[Field]) -> Result<()> {
        let password = order.password.map(|password| password.expose_secret().to_owned());
        let (once, ask) = if fields.contains(&Field::Image) {
            let image = order.spec.image().unwrap_or_default().to_owned();
            (true, Ask::Reinstall(image, password))
        } else if fields.contains(&Field::StartupScript) {
            (true, Ask::RunScript)
        } else {
            (false, Ask::Resize(gpus(order.spec).unwrap_or_default()))
        };
        self.ask("update", machine, once, TO_A_CHANGE, ask).await
    }

    /// Where a machine that runs is not deleted, the driver has it stopped in the same breath, and says that it is not
    /// deleted yet.
    async fn delete(&self, machine: &Machine) -> Result<()> {
        self.keeps_to_its_own(machine);
        let call = Call {
            what: format!("cloud delete {}", machine.id),
            once: false,
            refusals: TO_A_CHANGE,
        };
        let (id, state) = (machine.id.clone(), machine.state);
        self.change(call, move |cloud, account| {
            let refused = match cloud.commit_change(account, &id, Ask::Delete) {
                Err(refused) if cloud.profile.delete_stops_first && refused.kind != Kind::NotFound => refused,
                answer => return answer,
            };
            if state != InstanceState::Stopping {
                cloud.commit_change(account, &id, Ask::Stop(StopMode::ReleaseGpu, false))?;
            }
            Err(Error::new(Kind::Transient, format!("{refused}; it is being stopped")))
        })
        .await
    }

    fn port_endpoint(&self, machine: &Machine, port: Port) -> Option<PortEndpoint> {
        self.profile().driver().port_endpoint(machine, port)
    }
}

fn gpus(spec: &GpuInstanceSpec) -> Option<i64> {
    spec.gpu.as_ref().map(|gpu| gpu.count)
}

fn wanted(order: &Order<'_>) -> Wanted {
    let spec = order.spec;
    let billing = spec.billing.as_ref();
    let prepaid = billing.filter(|_| spec.billing_mode() == BillingMode::Prepaid);
    let period = prepaid.and_then(|billing| billing.period.as_ref()).map(|period| {
        let days = match period.unit {
            PeriodUnit::Day => 1,
            PeriodUnit::Week => 7,
            PeriodUnit::Month => 30,
        };
        Duration::from_hours(24 * days * u64::try_from(period.count).unwrap_or(1))
    });
    Wanted {
        name: order.name.to_owned(),
        region: spec.region().map(ToOwned::to_owned),
        image: spec.image().unwrap_or_default().to_owned(),
        gpus: gpus(spec).unwrap_or(1),
        password: order.password.map(|password| password.expose_secret().to_owned()),
        period,
        renews: prepaid.is_some_and(|billing| billing.auto_renew == Some(true)),
    }
}
