//! Condition types and reasons: every word that status may say, in one file.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use strum::{EnumIter, IntoStaticStr, VariantNames};

/// Type of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantNames)]
pub enum Type {
    /// The machine is as the spec asks, `Stopped` included; on a provider: the account can be used.
    Ready,
    /// The machine is running, and every endpoint that it should have is published.
    Available,
    /// The cloud answered last time.
    Synced,
    /// The machine differs from the spec, and by policy that is not changed; only while true.
    Drifted,
    /// The operator is working towards the spec; only while true.
    Reconciling,
    /// Nothing will happen until somebody changes something; only while true.
    Stalled,
}

impl Type {
    /// The word in `conditions[].type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Why a condition is as it is: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, IntoStaticStr, VariantNames)]
pub enum Reason {
    // As it should be.
    /// The machine runs.
    Running,
    /// The machine is stopped, or nothing is rented because none should run.
    Stopped,
    /// The cloud answered.
    CloudAnswered,
    /// The account can be used.
    AccountUsable,
    /// What status says is as the spec asks.
    AsSpecified,

    // On the way there.
    /// The operator has not looked yet.
    Pending,
    /// A claim is written; the list of the cloud is awaited.
    Claimed,
    /// The machine is being made.
    Creating,
    /// A create without an answer is being cleared up by looking.
    Settling,
    /// The machine is starting.
    Starting,
    /// The machine is stopping.
    Stopping,
    /// The machine is being restarted.
    Restarting,
    /// An image is being saved.
    SavingImage,
    /// The machine gets a new image.
    Reinstalling,
    /// The machine gets other GPUs.
    Reshaping,
    /// The machine is being replaced.
    Replacing,
    /// The machine is being deleted.
    Deleting,
    /// A machine is being adopted.
    Adopting,
    /// The machine runs, but not every endpoint is published.
    EndpointsPending,
    /// The cloud uses a word that is not known: nothing is done.
    UnknownState,

    // The provider's side: Synced=False, Stalled.
    /// The Secret with the credentials does not exist.
    CredentialsNotFound,
    /// The Secret lacks a key.
    CredentialsIncomplete,
    /// The cloud refuses the credentials.
    CredentialsRejected,
    /// The base URL is not the vendor's, and not allowed.
    EndpointNotAllowed,
    /// The shared provider does not allow this namespace.
    NamespaceNotAllowed,
    /// There is no such provider.
    ProviderNotFound,
    /// The provider now speaks for another account than the one that has the machine.
    AccountChanged,

    // The spec's or the machine's side: Stalled.
    /// The cloud cannot do what a field asks.
    Unsupported,
    /// A field's value makes no sense to the cloud.
    Invalid,
    /// The account has no machine of that id.
    InstanceNotFound,
    /// Another object holds that machine.
    InstanceClaimed,
    /// The provider does not let machines be adopted.
    AdoptionForbidden,
    /// The object was copied or restored, and its machine is another object's.
    AdoptionUnconfirmed,
    /// Whether a machine was made cannot be learned from the cloud; a human must say.
    CreateOutcomeUnknown,
    /// The cloud asks more than `maxPricePerHour`.
    PriceAboveCap,
    /// A Secret of the connection's name exists and is not this instance's.
    SecretNotOwned,
    /// The account no longer has the machine.
    Lost,
    /// The machine's paid or allowed time is over.
    Expired,
    /// The cloud says that the machine failed.
    Failed,

    // The cloud's side: asked again, ever more rarely.
    /// The cloud has none free.
    NoCapacity,
    /// The account has not enough money.
    InsufficientBalance,
    /// The provider's limits leave no room.
    LimitReached,
    /// The cloud does not answer, or not sensibly.
    CloudUnavailable,
    /// The cloud asks to be called less often.
    RateLimited,

    /// `spec.suspend` is set.
    Suspended,
    /// The machine differs from the spec.
    SpecChanged,
}

impl Reason {
    /// The word in `conditions[].reason`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether the provider, not the instance, has to be mended: the cloud was not asked.
    #[must_use]
    pub fn is_provider_side(self) -> bool {
        matches!(
            self,
            Self::CredentialsNotFound
                | Self::CredentialsIncomplete
                | Self::CredentialsRejected
                | Self::EndpointNotAllowed
                | Self::NamespaceNotAllowed
                | Self::ProviderNotFound
                | Self::AccountChanged
        )
    }

    /// Whether nothing happens until somebody changes something.
    #[must_use]
    pub fn is_stalled(self) -> bool {
        self.is_provider_side()
            || matches!(
                self,
                Self::Unsupported
                    | Self::Invalid
                    | Self::InstanceNotFound
                    | Self::InstanceClaimed
                    | Self::AdoptionForbidden
                    | Self::AdoptionUnconfirmed
                    | Self::CreateOutcomeUnknown
                    | Self::PriceAboveCap
                    | Self::SecretNotOwned
                    | Self::Lost
                    | Self::Expired
                    | Self::Failed
            )
    }

    /// Whether the cloud could not be asked, so that what was known stays as it was.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(self, Self::CloudUnavailable | Self::RateLimited)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
pub enum Truth {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can tell.
    Unknown,
}

/// Longest message that the API accepts.
const LONGEST_MESSAGE: usize = 32_768;

/// Sets a condition; its transition time moves only if its status does.
pub fn set(
    conditions: &mut Vec<Condition>,
    kind: Type,
    truth: Truth,
    reason: Reason,
    message: &str,
    generation: i64,
    now: Timestamp,
) {
    let status: &str = truth.into();
    let old = conditions.iter().find(|condition| condition.type_ == kind.name());
    let since = old
        .filter(|condition| condition.status == status)
        .map_or(Time(now), |old| old.last_transition_time.clone());
    let new = Condition {
        type_: kind.name().to_owned(),
        status: status.to_owned(),
        reason: reason.name().to_owned(),
        message: message.chars().take(LONGEST_MESSAGE / 4).collect(),
        observed_generation: Some(generation),
        last_transition_time: since,
    };
    match conditions.iter_mut().find(|condition| condition.type_ == kind.name()) {
        Some(old) => *old = new,
        None => conditions.push(new),
    }
}

/// Sets a condition that is there only while it holds.
pub fn set_while(
    conditions: &mut Vec<Condition>,
    holds: bool,
    kind: Type,
    reason: Reason,
    message: &str,
    generation: i64,
    now: Timestamp,
) {
    if holds {
        set(conditions, kind, Truth::True, reason, message, generation, now);
    } else {
        conditions.retain(|condition| condition.type_ != kind.name());
    }
}

/// The condition of this type.
#[must_use]
pub fn get(conditions: &[Condition], kind: Type) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == kind.name())
}
