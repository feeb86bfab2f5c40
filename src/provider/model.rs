//! What is said to a cloud and what it says, in words that fit all five.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secrecy::SecretString;

use super::Error;
use crate::api::instance::GpuInstanceSpec;
use crate::api::money::Decimal;
use crate::api::status::{InstanceState, PortEndpoint};

/// Who the cloud says we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account's id, or a digest of the key's id where the cloud does not say. The same for every key of one
    /// account, as far as the cloud lets it be known.
    pub account: String,
}

/// What is left on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The amount.
    pub amount: Decimal,
    /// Its currency, ISO 4217.
    pub currency: &'static str,
}

/// Where to list, for clouds that list by region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The regions in use, as specs name them.
    pub regions: BTreeSet<String>,
    /// Of these, the ones in which some object holds a machine or has claimed one: a list that cannot find such a
    /// region is not whole. In the others somebody only wishes to rent, maybe by a name that does not exist.
    pub held: BTreeSet<String>,
    /// Besides these, every region there is: now and then, for machines where nobody would look for them.
    pub everywhere: bool,
}

/// All machines of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Every machine that was shown.
    pub machines: Vec<Machine>,
    /// Whether a machine that is not here does not exist.
    pub proof: Proof,
}

/// Whether a list can prove that something is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Every page was read, every row understood, every name shown.
    Complete,
    /// Something was not; why, for the reader.
    Incomplete(String),
    /// Every region was read in full but these, by every spelling under which specs may name them: what is in other
    /// regions is proven all the same.
    Except(BTreeMap<String, Error>),
}

impl Proof {
    /// Why the list does not prove that a machine in this region is absent; `None` if it does. Without a region, the
    /// machine may be in any.
    #[must_use]
    pub fn gap(&self, region: Option<&str>) -> Option<String> {
        match self {
            Self::Complete => None,
            Self::Incomplete(why) => Some(why.clone()),
            Self::Except(_) if region.is_some() => self.unread(region).map(ToString::to_string),
            Self::Except(unread) => unread.values().next().map(ToString::to_string),
        }
    }

    /// Why this region could not be read.
    #[must_use]
    pub fn unread(&self, region: Option<&str>) -> Option<&Error> {
        match self {
            Self::Except(unread) => unread.get(region?),
            Self::Complete | Self::Incomplete(_) => None,
        }
    }
}

/// A machine as its cloud shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Its id: what later calls name it by.
    pub id: String,
    /// The name that it was given; `None` where the cloud does not show it.
    pub name: Option<String>,
    /// What it is doing.
    pub state: InstanceState,
    /// The cloud's own word for that, as it came.
    pub cloud_state: String,
    /// What the cloud says beside the state: why it waits, what went wrong.
    pub note: Option<String>,
    /// Model of its GPUs, in the market's spelling.
    pub gpu_model: Option<String>,
    /// Number of its GPUs.
    pub gpu_count: Option<i64>,
    /// Its image, where the cloud shows it in the words of an order.
    pub image: Option<String>,
    /// Where it is.
    pub region: Option<String>,
    /// What it costs an hour now.
    pub price_per_hour: Option<Decimal>,
    /// Currency of the price, ISO 4217.
    pub currency: Option<&'static str>,
    /// Where its shell is; only what is complete.
    pub ssh: Option<Ssh>,
    /// Where its Jupyter is, without any token.
    pub jupyter_url: Option<String>,
    /// Published ports, where the cloud lists them.
    pub ports: Vec<PortEndpoint>,
    /// What must not be shown.
    pub secrets: MachineSecrets,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// Whether the cloud ended it because its paid or allowed time is over.
    pub expired: bool,
    /// Whether the cloud does not show all of it yet, so that it is to be described again though its row is the same.
    pub partial: bool,
}

impl Machine {
    /// A machine of which no more is known than its id and state.
    #[must_use]
    pub fn new(id: impl Into<String>, state: InstanceState, cloud_state: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: None,
            state,
            cloud_state: cloud_state.into(),
            note: None,
            gpu_model: None,
            gpu_count: None,
            image: None,
            region: None,
            price_per_hour: None,
            currency: None,
            ssh: None,
            jupyter_url: None,
            ports: Vec::new(),
            secrets: MachineSecrets::default(),
            created_at: None,
            started_at: None,
            expired: false,
            partial: false,
        }
    }
}

/// Where a machine's shell is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User to log in as.
    pub user: String,
}

/// What opens a machine. Its `Debug` shows none of it.
#[derive(Clone, Debug, Default)]
pub struct MachineSecrets {
    /// Password of the shell.
    pub password: Option<SecretString>,
    /// Token of Jupyter.
    pub jupyter_token: Option<SecretString>,
    /// Private key of the shell.
    pub private_key: Option<SecretString>,
}

impl PartialEq for MachineSecrets {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        let parts = |secrets: &Self| {
            [&secrets.password, &secrets.jupyter_token, &secrets.private_key]
                .map(|secret| secret.as_ref().map(|secret| secret.expose_secret().to_owned()))
        };
        parts(self) == parts(other)
    }
}

/// What a cloud asks for an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Price an hour; `None` where the cloud tells none before renting.
    pub price_per_hour: Option<Decimal>,
    /// Its currency, ISO 4217.
    pub currency: Option<&'static str>,
}

/// A machine to rent.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The name to give it: the only thing by which a lost reply can be settled.
    pub name: &'a str,
    /// What is wanted; checked against the capabilities before.
    pub spec: &'a GpuInstanceSpec,
    /// The script to run at start, read from wherever the spec says.
    pub startup_script: Option<&'a str>,
    /// The password to set, where the cloud wants us to choose it.
    pub password: Option<&'a SecretString>,
}

/// The answer to an order that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The machine's id.
    Instance(String),
    /// The task that makes the machine.
    Task(String),
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It goes on.
    Running,
    /// It made these machines.
    Succeeded(Vec<String>),
    /// It failed; what the cloud says. It may have left a machine behind: lists tell.
    Failed(String),
}
