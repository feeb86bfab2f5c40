//! What users do, and what befalls the operator and its surroundings.

use std::fmt;
use std::time::Duration;

use gpu_instance_operator::api::status::InstanceState;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::model::{Fate, Model, Outcome, Weather};

/// One of them.
#[derive(Clone, Debug)]
pub enum Deed {
    /// A user creates an instance, if there is none of that name.
    Create(&'static str, Value),
    /// A user changes its spec.
    Edit(&'static str, Value),
    /// A user asks for a restart.
    Restart(&'static str),
    /// A user asks the operator to look now.
    LookNow(&'static str),
    Delete(&'static str),
    /// A user deletes it, and at once creates another of the same name.
    CreateAnew(&'static str, Value),
    /// A user changes the spec of the provider.
    EditProvider(Value),
    /// The provider's Secret speaks for another account, or for nobody.
    SpeakFor(Option<usize>),
    DeleteSecret,
    DeleteProvider,
    /// A user applies provider and Secret again.
    Furnish,
    /// Who may use the cluster's provider.
    Share(Value),
    DeleteNamespace,
    /// Somebody does something to the machine in the cloud's console: it is gone, or in this state.
    Console(&'static str, Option<InstanceState>),
    /// Somebody else rents a machine.
    RentByHand,
    /// The next call whose description begins so meets this fate.
    Meet(&'static str, Fate),
    /// Of a thousand calls so many that change something fail, a third as many that read, and a tenth as many kill.
    Storm(u32),
    /// Lists are so far behind.
    ListsLag(Duration),
    /// The next list is empty.
    ListForgets,
    /// Lists are not complete, until they are again.
    ListsIncomplete(bool),
    /// Nothing is free, until something is again.
    SoldOut(bool),
    /// The process dies between two calls.
    Die,
    /// It stands still so long; another takes over after a lease's time, and then it goes on for a moment.
    StandStill(u32),
    /// Two processes lead, for so long.
    TwoLeaders(u32),
    /// What the watches bring is so late.
    WatchesLag(Duration),
    /// What the watches bring in that time is lost; then they list anew.
    LoseEvents(u32),
    /// The clock on the operator's machine is put forward or back.
    ClockJumps(i64),
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(name, spec) => write!(f, "create {name} {spec}"),
            Self::Edit(name, spec) => write!(f, "edit {name} {spec}"),
            Self::CreateAnew(name, spec) => write!(f, "delete {name} and create it anew {spec}"),
            Self::EditProvider(spec) => write!(f, "edit the provider {spec}"),
            Self::Share(allowed) => write!(f, "share a provider with {allowed}"),
            Self::Meet(call, fate) => write!(f, "the next {call:?}: {fate:?}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl Deed {
    /// The kind of fault that it is, if it is one.
    fn fault(&self) -> Option<&'static str> {
        Some(match self {
            Self::SpeakFor(_) => "credentials changed",
            Self::DeleteSecret => "credentials deleted",
            Self::DeleteProvider => "provider deleted",
            Self::DeleteNamespace => "namespace deleted",
            Self::Share(_) => "permission given or withdrawn",
            Self::Console(..) => "changed in the console",
            Self::Storm(_) => "storm",
            Self::ListsLag(_) => "lists lag",
            Self::ListForgets => "list empty",
            Self::ListsIncomplete(true) => "lists incomplete",
            Self::SoldOut(true) => "sold out",
            Self::Die => "process dies between calls",
            Self::StandStill(_) => "old leader wakes up late",
            Self::TwoLeaders(_) => "two leaders",
            Self::WatchesLag(_) => "watches lag",
            Self::LoseEvents(_) => "events lost",
            Self::ClockJumps(_) => "clock jumps",
            _ => return None,
        })
    }

    pub async fn carry_out(&self, model: &mut Model) -> Outcome {
        if let Some(fault) = self.fault() {
            model.world.count_fault(fault);
            model.world.note(format!("-- {self}"));
        }
        match self {
            Self::StandStill(seconds) => stand_still(model, *seconds).await,
            Self::TwoLeaders(seconds) => two_leaders(model, *seconds).await,
            Self::LoseEvents(seconds) => {
                model.operator.go_deaf();
                model.money.excuse(Duration::from_secs(u64::from(*seconds)));
                model.seconds(*seconds).await?;
                model.operator.list_anew();
                Ok(())
            }
            Self::CreateAnew(name, spec) => {
                model.delete(name);
                let gone = |model: &Model| model.instance(name).is_none();
                for _ in 0..120 {
                    if gone(model) {
                        break;
                    }
                    model.second().await?;
                }
                model.create(name, spec);
                Ok(())
            }
            other => {
                other.happen(model);
                Ok(())
            }
        }
    }

    /// What takes no time.
    fn happen(&self, model: &mut Model) {
        match self {
            Self::Create(name, spec) => model.create(name, spec),
            Self::Edit(name, spec) => model.edit(name, spec),
            Self::Restart(name) => model.edit(name, &json!({ "restartedAt": format!("{:.0}", model.world.now()) })),
            Self::LookNow(name) => {
                let now = json!(model.world.now().to_string());
                model.annotate(name, "reconcile-requested-at", &now);
            }
            Self::Delete(name) => model.delete(name),
            Self::EditProvider(spec) => model.edit_provider(spec),
            Self::SpeakFor(account) => model.speak_for(*account),
            Self::DeleteSecret => model.delete_secret(),
            Self::DeleteProvider => model.delete_provider(),
            Self::Furnish => model.furnish(),
            Self::Share(allowed) => model.share(allowed),
            Self::DeleteNamespace => model.delete_namespace(),
            Self::Console(name, state) => {
                let id = model.status(name, "instanceId");
                let id = id.as_str();
                // What is being deleted may fail at that; nobody brings it back.
                let is_possible = |id: &&str| {
                    model.cloud.state(id) != Some(InstanceState::Deleting)
                        || matches!(state, None | Some(InstanceState::Failed))
                };
                if let Some(id) = id.filter(is_possible) {
                    model.cloud.console(id, *state);
                }
            }
            Self::RentByHand => {
                let id = model.cloud.rent_by_hand("u-1", "notebook");
                model.oracles.belong_to_others([id]);
            }
            Self::Meet(call, fate) => model.world.plan_next(call, *fate),
            Self::Storm(writes) => model.world.set_weather(Weather {
                reads: writes / 3,
                writes: *writes,
                deaths: writes / 10,
            }),
            Self::ListsLag(lag) => model.cloud.habits(|habits| habits.lag = *lag),
            Self::ListForgets => model.cloud.habits(|habits| habits.forgets_once = true),
            Self::ListsIncomplete(incomplete) => model.cloud.habits(|habits| habits.incomplete = *incomplete),
            Self::SoldOut(sold_out) => model.cloud.habits(|habits| habits.sold_out = *sold_out),
            Self::Die => model.restart(),
            Self::WatchesLag(most) => model.operator.lags(*most),
            Self::ClockJumps(seconds) => {
                // What waits for a moment waits so much longer.
                model.money.excuse(Duration::from_secs(seconds.unsigned_abs()));
                model.world.jump(SignedDuration::from_secs(*seconds));
            }
            Self::StandStill(_) | Self::TwoLeaders(_) | Self::LoseEvents(_) | Self::CreateAnew(..) => {}
        }
    }
}

/// A lease lasts fifteen seconds; whoever wakes up later learns within a few that it leads no more.
async fn stand_still(model: &mut Model, seconds: u32) -> Outcome {
    model.operator.freeze();
    model.money.excuse(Duration::from_secs(20));
    model.seconds(15).await?;
    model.start_rival();
    model.seconds(seconds).await?;
    model.operator.thaw();
    model.seconds(3).await?;
    model.operator.deposed();
    model.seconds(2).await?;
    model.rival_stays();
    Ok(())
}

async fn two_leaders(model: &mut Model, seconds: u32) -> Outcome {
    model.start_rival();
    model.seconds(seconds).await?;
    model.operator.deposed();
    model.seconds(2).await?;
    model.rival_stays();
    Ok(())
}
