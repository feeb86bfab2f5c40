//! Machines that no object knows: how they come about, and what is said of them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::cluster::Kind;
use super::object::Object;
use super::scene::Scene;

impl Scene {
    /// Waits until the provider's first look at the account is over, which lasts for its `settleAfter`: what is there
    /// by then without an object is never swept.
    pub async fn past_the_first_look(&self) {
        sleep(Duration::from_secs(6)).await;
    }

    /// An instance that ran, bound by its annotation; then it was torn out by force while no operator looked.
    pub async fn torn_out(&mut self, name: &str) -> Object {
        self.apply(self.instance(name, json!({}))).await;
        self.until_ready(name).await;
        let object = self.until_bound(name).await;
        self.operator.kill9();
        self.tear_out(name).await;
        self.past_the_first_look().await;
        object
    }

    /// Waits until the provider's status says this of the orphan of this id.
    pub async fn until_said_of_orphan(&self, id: &str, words: &str) -> Object {
        let says = |provider: &Object| {
            orphan(provider, id)
                .and_then(|orphan| orphan["message"].as_str())
                .is_some_and(|message| message.contains(words))
        };
        let what = format!("says of {id}: {words}");
        self.until(Kind::GpuProvider, self.at.name, &what, says).await
    }
}

/// The orphan of this id, as the provider's status has it.
pub fn orphan<'a>(provider: &'a Object, id: &str) -> Option<&'a Value> {
    let orphans = provider.at("/status/orphans").as_array()?;
    orphans.iter().find(|orphan| orphan["instanceId"] == id)
}
