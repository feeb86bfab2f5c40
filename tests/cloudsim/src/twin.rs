//! What a cloud has to bring to be simulated.

use serde::{Deserialize, Serialize};

use crate::{
    cloud::Cloud,
    exchange::{Recognised, Refusal, Reply, Request},
    world::World,
};

/// One simulated cloud: its routes, its words, its rules. Time, money, faults and the log are common to all.
pub(crate) trait Twin: Send + Sync {
    fn cloud(&self) -> Cloud;

    /// The names of its operations, without its own, such as `deploy`.
    fn operations(&self) -> Vec<&'static str>;

    /// Says what a request is; changes nothing.
    fn recognise(&self, world: &World, request: &Request) -> Recognised;

    /// Carries it out, and answers.
    fn perform(&self, world: &mut World, request: &Request) -> Reply;

    /// How far the clock that its answers show is ahead of the true one.
    fn clock_ahead_seconds(&self, _world: &World) -> i64 {
        0
    }

    /// Refuses as this cloud does.
    fn refuse(&self, refusal: Refusal) -> Reply;

    /// Puts a machine there without a call; gives its id.
    fn plant(&self, world: &mut World, machine: &NewMachine) -> Result<String, String>;
}

/// A machine that is simply there, as if somebody had rented it in the cloud's console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMachine {
    /// At which cloud.
    pub cloud: Cloud,
    /// In which account.
    pub account: String,
    /// Any name.
    pub name: String,
    /// The model as the cloud's API wants it; left out, the first that it has.
    #[serde(default)]
    pub gpu_model: Option<String>,
    /// How many GPUs; left out, one.
    #[serde(default)]
    pub gpu_count: Option<u32>,
}

impl NewMachine {
    /// One with this name and one GPU of the first model.
    #[must_use]
    pub fn named(cloud: Cloud, account: &str, name: &str) -> Self {
        Self {
            cloud,
            account: account.to_owned(),
            name: name.to_owned(),
            gpu_model: None,
            gpu_count: None,
        }
    }
}
