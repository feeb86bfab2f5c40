//! What Luchen is asked, and what not.

use strum::VariantArray;

use crate::provider::http::Effect;
use crate::provider::operation::{self, Declared, LeftOut, Operation as _, Purpose};

/// What Luchen is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
#[allow(missing_docs, reason = "`declare` says what each is")]
pub enum Operation {
    Login,
    Balance,
    List,
    Types,
    Volumes,
    Create,
    Start,
    Stop,
    // The vendor's page is called "delete", and so is its heading's path; the call in it is this one.
    Terminate,
}

impl operation::Operation for Operation {
    fn declare(self) -> Declared {
        let (name, written, purposes): (_, _, &[_]) = match self {
            Self::Login => ("luchen.login", "user/login", &[Purpose::Identity]),
            Self::Balance => ("luchen.balance", "balance", &[Purpose::Balance]),
            Self::List => ("luchen.list", "instance/list", &[Purpose::List]),
            Self::Types => (
                "luchen.types",
                "resource/user/instance/list",
                &[Purpose::Places, Purpose::Catalog, Purpose::Price],
            ),
            Self::Volumes => ("luchen.volumes", "storage/volume/list", &[Purpose::Volume]),
            Self::Create => ("luchen.create", "instance/create", &[Purpose::Rent]),
            Self::Start => ("luchen.start", "instance/start", &[Purpose::Start, Purpose::Restart]),
            Self::Stop => ("luchen.stop", "instance/stop", &[Purpose::Stop, Purpose::Restart]),
            Self::Terminate => ("luchen.terminate", "instance/terminate", &[Purpose::Delete]),
        };
        Declared::new(name, written, purposes)
    }
}

impl Operation {
    pub(super) fn effect(self) -> Effect {
        match self {
            Self::Login | Self::Balance | Self::List | Self::Types | Self::Volumes => Effect::Read,
            Self::Start | Self::Stop | Self::Terminate => Effect::Repeatable,
            Self::Create => Effect::Once,
        }
    }

    pub(super) fn path(self) -> Vec<&'static str> {
        self.declare().written.split('/').collect()
    }

    /// What only a success has.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Login => "accessToken",
            Self::Balance => "balance",
            Self::List => "instances",
            Self::Types => "instanceInfos",
            Self::Volumes => "volumeList",
            Self::Create | Self::Start | Self::Stop | Self::Terminate => "instanceId",
        }
    }

    /// What an error of this operation says, to be quoted where the operation is named already.
    pub(super) fn without_name(self, message: &str) -> String {
        let name = self.declare().name;
        let said = message.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
        said.unwrap_or(message).to_owned()
    }
}

/// What Luchen is not asked.
pub const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        written: "storage/volume/create, storage/volume/delete",
        reason: "volumes hold your data, outlive machines and are billed on their own: they are yours to make",
    },
    LeftOut {
        written: "resource/user/available",
        reason: "of the older platform; the list of types tells the stock",
    },
];
