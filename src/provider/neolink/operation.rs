//! What Neolink is asked, and what not.

use strum::VariantArray;

use crate::provider::operation::{self, Declared, LeftOut, Purpose};

/// What Neolink is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
#[allow(missing_docs, reason = "`declare` says what each is")]
pub enum Operation {
    Regions,
    Skus,
    List,
    Create,
    PowerOff,
    PowerOn,
    Delete,
}

impl operation::Operation for Operation {
    fn declare(self) -> Declared {
        let (name, written, purposes): (_, _, &[_]) = match self {
            Self::Regions => ("neolink.regions", "regions", &[Purpose::Places]),
            Self::Skus => ("neolink.skus", "skus/computings", &[Purpose::Catalog, Purpose::Price]),
            Self::List => ("neolink.list", "GET instances", &[Purpose::Identity, Purpose::List]),
            Self::Create => ("neolink.create", "POST instances", &[Purpose::Rent]),
            Self::PowerOff => (
                "neolink.power_off",
                "instances/{name}/power_off",
                &[Purpose::Stop, Purpose::Restart, Purpose::SaveImage],
            ),
            Self::PowerOn => (
                "neolink.power_on",
                "instances/{name}/power_on",
                &[Purpose::Start, Purpose::Restart],
            ),
            Self::Delete => ("neolink.delete", "DELETE instances", &[Purpose::Delete]),
        };
        Declared::new(name, written, purposes)
    }
}

/// What Neolink is not asked.
pub const LEFT_OUT: &[LeftOut] = &[LeftOut {
    written: "instances/{name}",
    reason: "the list shows the same of every machine at once",
}];
