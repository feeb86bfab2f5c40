//! What one pass does: at most one call to the cloud, or one write to the API server.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::account::Obstacle;
use crate::api::condition::Reason;
use crate::api::instance::StopMode;
use crate::api::status::{Claim, PriceLatch, Transition};
use crate::provider::Field;

/// What a pass does. Its name is the step in the log and in metrics.
#[derive(Clone, Debug, PartialEq, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Step {
    /// Nothing: everything is as the spec asks.
    Rest,
    /// Nothing yet.
    Wait(Wait),
    /// Nothing until somebody changes something.
    Halt(Obstacle),
    /// Nothing, because the spec says so; what would be done otherwise.
    Suspended(Option<String>),
    /// Take the instance's finalizer, before the first paid call.
    #[strum(serialize = "take the finalizer")]
    TakeFinalizer,
    /// Put the finalizer on the provider and its Secret.
    #[strum(serialize = "protect the provider")]
    HoldProvider,
    /// Ask the cloud whether it has what is ordered, and for how much.
    #[strum(serialize = "ask for the price")]
    Quote,
    /// Choose a password and store it, before the call that sets it.
    #[strum(serialize = "store a password")]
    StorePassword,
    /// Choose the password that a reinstall will set, and store it beside the one that holds until then.
    #[strum(serialize = "store the next password")]
    StoreNextPassword,
    /// The reinstall is over: its password is the one that holds.
    #[strum(serialize = "keep the next password")]
    KeepNextPassword,
    /// Reserve room within the limits, and write the intent to rent.
    Claim(Claim),
    /// Rent.
    Create,
    /// Ask how far the task is that makes the machine.
    #[strum(serialize = "follow the task")]
    FollowTask(String),
    /// Adopt a machine that exists.
    Adopt(String),
    /// Write down something that is known or intended.
    Record(Vec<Change>, Obstacle),
    /// Write the annotation that binds the object to its machine.
    #[strum(serialize = "write the binding")]
    WriteBinding,
    /// Start the machine; with other GPUs, if these fields are to be changed so.
    Start(Vec<Field>),
    /// Stop the machine.
    Stop(StopMode),
    /// Stop a machine that was made for the object besides the one that it has, and why.
    #[strum(serialize = "stop a second machine")]
    StopExtra(String, String),
    /// Restart the machine in one call.
    Restart,
    /// Save an image of the machine.
    #[strum(serialize = "save an image")]
    SaveImage,
    /// Change these fields on the machine.
    Update(Vec<Field>),
    /// Delete a machine, and why.
    Delete(String, String),
    /// Forget the machine, which is gone; the object stays.
    Forget(Vec<Change>, Obstacle),
    /// Leave the machine alone for good, as the deletion policy says.
    #[strum(serialize = "let go")]
    LetGo,
    /// Give the object free.
    #[strum(serialize = "drop the finalizer")]
    DropFinalizer(String),
}

/// A pass that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// What is waited for.
    pub standing: Standing,
    /// When to look again at the latest; `None` if only a change can matter.
    pub until: Option<Timestamp>,
    /// A list begun after this moment is needed.
    pub list_after: Option<Timestamp>,
    /// Whether every list is of interest.
    pub every_list: bool,
}

/// How things stand while a pass waits: what the conditions say.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// As before: nothing new is known.
    Unchanged,
    /// On the way.
    Progress(Obstacle),
    /// As the spec asks.
    Ready,
    /// The cloud could not be asked.
    Outage(Obstacle),
}

impl Wait {
    /// Waits for the cloud to finish something.
    pub fn progress(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            standing: Standing::Progress(Obstacle::new(reason, message)),
            until: None,
            list_after: None,
            every_list: true,
        }
    }

    /// Waits without saying anything new.
    pub fn quietly() -> Self {
        Self {
            standing: Standing::Unchanged,
            until: None,
            list_after: None,
            every_list: true,
        }
    }

    /// Waits because the cloud could not be asked.
    pub fn outage(obstacle: Obstacle) -> Self {
        Self {
            standing: Standing::Outage(obstacle),
            until: None,
            list_after: None,
            every_list: false,
        }
    }

    /// Looks again at this moment at the latest.
    pub fn until(mut self, moment: Timestamp) -> Self {
        self.until = Some(moment);
        self
    }

    /// Needs a list begun after this moment.
    pub fn list_after(mut self, moment: Timestamp) -> Self {
        self.list_after = Some(moment);
        self
    }
}

/// A change to what status remembers; what status shows follows from what is seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The intent to rent, and what is ordered.
    Claim(Claim, BTreeMap<String, String>),
    /// The claim came to nothing.
    Unclaim,
    /// The cloud makes the machine by this task.
    Task(String),
    /// The object's machine: its id, and the account.
    Bind(String),
    /// The machine is gone.
    Unbind,
    /// What the machine is now like.
    Ordered(BTreeMap<String, String>),
    /// A change in several steps, or its end.
    Transition(Option<Transition>),
    /// `spec.restartedAt` is carried out, or needs nothing.
    Restarted,
    /// One more start was tried.
    CountStart,
    /// Starts are forgiven.
    ForgetStarts,
    /// The machine, which was used, is gone and is replaced: it may come back.
    Replaced,
    /// One more machine was replaced.
    CountReplacement,
    /// An image is being saved before the stop.
    SnapshotTaken,
    /// The image of the last stop is no longer of interest.
    ForgetSnapshot,
    /// How the machine was stopped.
    StoppedWith(StopMode),
    /// The price went above the cap.
    PriceLatch(PriceLatch),
}
