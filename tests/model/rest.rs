//! Rest: what all comes to once faults stop and specs stay as they are.

use gpu_instance_operator::api::status::InstanceState::{self, Expired, Failed, Frozen, Running, Stopped};
use serde_json::Value;

use super::look::{condition, is_ready};
use super::oracles::provider_of;
use super::{Model, Outcome};

/// Longest that anything takes to come to rest: pauses that had grown, an hour's worth of tries.
const PATIENCE: u32 = 4_500;
/// A change that was just made may still be told of.
const ECHO: u32 = 90;
/// How often it may look as if all were at rest before it is.
const MOST_ALARMS: u32 = 10;
/// How long nothing at all is written, nor asked of the cloud but to be read.
const QUIET: u32 = 300;

impl Model {
    /// Faults are over: everything comes to rest as the specs ask, and then nothing is written any more.
    pub async fn settles(&mut self) -> Outcome {
        self.rests(why_not_as_asked).await
    }

    /// The same, where a spec may ask for what cannot be had, and says so.
    pub async fn settles_somehow(&mut self) -> Outcome {
        self.rests(|object, model| why_not_as_asked(object, model).filter(|_| !is_explained(object, model)))
            .await
    }

    async fn rests(&mut self, why_not: impl Fn(&Value, &Self) -> Option<String>) -> Outcome {
        self.world.calm();
        self.cloud.calm();
        let restless = |model: &Self| {
            let objects = model.api.all("gpuinstances");
            objects.iter().find_map(|object| why_not(object, model))
        };
        for _ in 0..MOST_ALARMS {
            self.until("at rest", PATIENCE, |model| restless(model).is_none())
                .await?;
            self.seconds(ECHO).await?;
            if restless(self).is_some() {
                // What was found to differ is being put right only now.
                continue;
            }
            let (writes, faults) = (self.world.writes(), self.world.fault_count());
            self.seconds(QUIET).await?;
            if self.world.fault_count() > faults {
                // A fault that was planned for this very time: what it stirs up comes to rest as well.
                continue;
            }
            self.world.looked("at rest nothing is written");
            if self.world.writes() != writes {
                let count = self.world.writes() - writes;
                self.world
                    .wrong(format!("{count} writes at rest; {}", self.described()));
            }
            if let Some(why) = restless(self) {
                self.world.wrong(format!("it did not stay at rest: {why}"));
            }
            self.world.looked("at rest the cloud is as the specs say");
            return self.world.verdict();
        }
        self.world
            .wrong(format!("it comes to rest only to leave it; {}", self.described()));
        self.world.verdict()
    }
}

/// Why an object is not what its spec asks for; nothing, if it is.
fn why_not_as_asked(object: &Value, model: &Model) -> Option<String> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return Some(format!("{name} is being deleted"));
    }
    if !is_ready(object) {
        return Some(format!("{name} is not Ready: {}", condition(object, "Ready")));
    }
    let id = object["status"]["instanceId"].as_str().unwrap_or_default();
    let state = model.cloud.state(id);
    let as_asked = match object["spec"]["power"].as_str() {
        Some("Stopped") => id.is_empty() || state == Some(Stopped),
        _ => state == Some(Running),
    };
    if !as_asked {
        return Some(format!("{name} is Ready, and its machine {id} is {state:?}"));
    }
    let machines = model.cloud.machines();
    let machine = machines.iter().find(|machine| machine.id == id)?;
    let differs = object["spec"]["image"] != machine.image.as_str();
    (differs && condition(object, "Drifted")["status"] != "True").then(|| {
        format!(
            "{name} is of image {}, and does not say that it should not be",
            machine.image
        )
    })
}

/// Whether the object has a machine.
fn has_machine(object: &Value) -> bool {
    object["status"]["instanceId"].is_string()
}

/// Whether the reason that an object gives for not being Ready is so.
fn is_explained(object: &Value, model: &Model) -> bool {
    let ready = condition(object, "Ready");
    let current = ready["observedGeneration"] == object["metadata"]["generation"];
    let spec = &object["spec"];
    let status = &object["status"];
    let id = status["instanceId"].as_str().unwrap_or_default();
    let state: Option<InstanceState> = model.cloud.state(id);
    let deleted = !object["metadata"]["deletionTimestamp"].is_null();
    let reason = ready["reason"].as_str().unwrap_or_default();
    // Deleted or not, an object waits for whoever can tell what became of its order, or has the key to its machine.
    let is_out_of_reach = reason == "AccountChanged";
    let waits_for_people = is_out_of_reach || reason == "CreateOutcomeUnknown";
    // A machine that is too dear is given back, which takes its time.
    let goes = deleted || status["transition"]["kind"] == "Discard";
    // A machine that is gone is said to be lost, sooner or later.
    if (goes && !waits_for_people) || (state.is_none() && !id.is_empty() && reason != "Lost" && !is_out_of_reach) {
        return false;
    }
    let explained = match reason {
        "Lost" => state.is_none(),
        "Expired" => state == Some(Expired),
        "Failed" => state == Some(Failed),
        "InsufficientBalance" => state == Some(Frozen),
        "Suspended" => spec["suspend"] == true,
        "PriceAboveCap" => !spec["maxPricePerHour"].is_null(),
        "LimitReached" => {
            provider_of(&model.api, object).is_some_and(|provider| provider["spec"]["limits"].is_object())
        }
        "InstanceNotFound" | "InstanceClaimed" | "AdoptionForbidden" => !spec["instanceId"].is_null(),
        "NamespaceNotAllowed" | "ProviderNotFound" => spec["providerRef"]["kind"] == "ClusterGpuProvider",
        // The last is of what opens a machine that was let go: it is kept, under the name that the next object wants.
        "Unsupported" | "Invalid" | "SecretNotOwned" => true,
        // Somebody else has rented a machine meanwhile, in an account where no name has proved to be kept.
        "CreateOutcomeUnknown" => {
            let machines = model.cloud.machines();
            !has_machine(object) && machines.iter().any(|machine| !machine.name.starts_with("gi-"))
        }
        // In the end providers speak for the first account.
        "AccountChanged" => status["accountId"] == "u-2",
        // The cloud stops it again and again.
        "Stopped" => state == Some(Stopped),
        _ => false,
    };
    current && explained
}
