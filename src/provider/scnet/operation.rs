//! What SCNet is asked, and what not.

use strum::VariantArray;

use crate::provider::operation::{self, Declared, LeftOut, Purpose};

/// What `SCNet` is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
#[allow(missing_docs, reason = "`declare` says what each is")]
pub enum Operation {
    Tokens,
    Center,
    ResourceGroups,
    Resources,
    Images,
    List,
    Detail,
    Url,
    Create,
    Start,
    Stop,
    Delete,
    Resize,
    ExecuteScript,
}

impl operation::Operation for Operation {
    fn declare(self) -> Declared {
        let (name, written, purposes): (_, _, &[_]) = match self {
            Self::Tokens => ("scnet.tokens", "tokens", &[Purpose::Identity, Purpose::Places]),
            Self::Center => ("scnet.center", "center", &[Purpose::Places]),
            Self::ResourceGroups => ("scnet.resource_groups", "resource-group", &[Purpose::Catalog]),
            Self::Resources => ("scnet.resources", "resources", &[Purpose::Catalog]),
            Self::Images => ("scnet.images", "image/images", &[Purpose::Image]),
            Self::List => ("scnet.list", "GET task/list", &[Purpose::List]),
            Self::Detail => ("scnet.detail", "{id}/detail", &[Purpose::Detail]),
            Self::Url => ("scnet.url", "{id}/url", &[Purpose::Detail]),
            Self::Create => ("scnet.create", "POST task", &[Purpose::Rent]),
            Self::Start => (
                "scnet.start",
                "task/actions/restart",
                &[Purpose::Start, Purpose::Restart, Purpose::Resize],
            ),
            Self::Stop => (
                "scnet.stop",
                "task/actions/stop",
                &[Purpose::Stop, Purpose::Restart, Purpose::Resize],
            ),
            Self::Delete => ("scnet.delete", "DELETE task", &[Purpose::Delete]),
            Self::Resize => ("scnet.resize", "resource-spec/actions/update", &[Purpose::Resize]),
            Self::ExecuteScript => (
                "scnet.execute_script",
                "task/actions/execute-script",
                &[Purpose::RunScript],
            ),
        };
        Declared::new(name, written, purposes)
    }
}

/// What `SCNet` is not asked.
pub const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        written: "allowed-mount-dir",
        reason: "nobody says what its answer looks like; the cloud refuses a directory that may not be mounted",
    },
    LeftOut {
        written: "tokens/next, tokens/state",
        reason: "logging in anew renews the tokens of all regions, and a token that is refused says so itself",
    },
    LeftOut {
        written: "tokens (old)",
        reason: "needs the password, and an `orgId` that the vendor hands out by hand; an access key needs neither",
    },
    LeftOut {
        written: "notebook/…, resources/accelerators",
        reason: "another product, with ids of its own",
    },
];
