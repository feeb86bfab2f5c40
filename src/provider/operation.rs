//! What is asked of a vendor's API and for what, declared by each driver: a request can be made of nothing else, and the
//! docs show the same.

use strum::VariantArray;

/// An operation of a vendor's API. Each driver has an enum of those that it sends.
pub trait Operation: Copy + VariantArray {
    /// What it is.
    fn declare(self) -> Declared;
}

/// What an operation is.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// What errors and logs call it: the cloud's name, a dot, and a word: `xgc.deploy`.
    pub name: &'static str,
    /// As the vendor writes it.
    pub written: &'static str,
    /// What it is sent for.
    pub purposes: &'static [Purpose],
}

impl Declared {
    pub(super) const fn new(name: &'static str, written: &'static str, purposes: &'static [Purpose]) -> Self {
        Self {
            name,
            written,
            purposes,
        }
    }
}

/// All operations that a driver sends.
#[must_use]
pub fn declared<O: Operation>() -> Vec<Declared> {
    O::VARIANTS.iter().map(|operation| operation.declare()).collect()
}

/// Operations of a vendor's API that are not sent.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut {
    /// As the vendor writes them.
    pub written: &'static str,
    /// Why nothing here sends them.
    pub reason: &'static str,
}

/// What an operation is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
#[allow(missing_docs, reason = "`description` says it")]
pub enum Purpose {
    Identity,
    Balance,
    Places,
    List,
    Detail,
    Catalog,
    Price,
    Image,
    Volume,
    Network,
    Rent,
    FollowOrder,
    Start,
    Stop,
    Restart,
    SaveImage,
    Resize,
    Reinstall,
    RunScript,
    Delete,
}

impl Purpose {
    /// What happens, and from where it is reached: fields of a `GpuInstance`, or the pass over the account.
    #[must_use]
    pub const fn description(self) -> (&'static str, &'static str) {
        match self {
            Self::Identity => ("log in; whose is the key", "the account's pass"),
            Self::Balance => ("what is left", "the account's pass"),
            Self::Places => ("where can be rented, and by which address", "`region`"),
            Self::List => ("every machine", "the account's pass"),
            Self::Detail => (
                "what the list does not show",
                "the account's pass, when a row has changed",
            ),
            Self::Catalog => (
                "what can be rented",
                "`gpu`, `cpu`, `memory`, `region`, the cloud's block",
            ),
            Self::Price => ("what it costs", "`maxPricePerHour`, `status.pricePerHour`"),
            Self::Image => ("look the image up", "`image`"),
            Self::Volume => ("look a volume up", "`volumes[].source`"),
            Self::Network => ("look the network up", "`capitalOnline.vpcId`, `subnetId`"),
            Self::Rent => ("rent", "a new `GpuInstance`"),
            Self::FollowOrder => ("what became of the order", "a new `GpuInstance`"),
            Self::Start => ("start", "`power: Running`"),
            Self::Stop => ("stop", "`power: Stopped`, `stopMode`"),
            Self::Restart => ("restart", "`restartedAt`"),
            Self::SaveImage => ("save an image", "`snapshotOnStop`"),
            Self::Resize => (
                "other GPUs or size",
                "`gpu`, `cpu`, `memory` with `updatePolicy: InPlace`",
            ),
            Self::Reinstall => ("another image", "`image` with `updatePolicy: InPlace`"),
            Self::RunScript => ("run a changed script", "`startupScript` with `updatePolicy: InPlace`"),
            Self::Delete => ("delete", "`deletionPolicy: Delete`"),
        }
    }
}
