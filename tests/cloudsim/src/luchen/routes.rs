//! The table of operations.

use axum::http::Method;

use crate::world::World;

/// The log's name for a path or a method that Luchen does not have.
pub(super) const UNKNOWN: &str = "unknown";

/// What of Luchen is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Login,
    Create,
    List,
    Start,
    Stop,
    Terminate,
    Types,
    Balance,
    Volumes,
    CreateVolume,
    DeleteVolume,
}

use Operation as Op;

const TABLE: [(Operation, &str, &str); 11] = [
    (Op::Login, "login", "/user/login"),
    (Op::Create, "create", "/instance/create"),
    (Op::List, "list", "/instance/list"),
    (Op::Start, "start", "/instance/start"),
    (Op::Stop, "stop", "/instance/stop"),
    (Op::Terminate, "terminate", "/instance/terminate"),
    (Op::Types, "types", "/resource/user/instance/list"),
    (Op::Balance, "balance", "/balance"),
    (Op::Volumes, "volumes", "/storage/volume/list"),
    (Op::CreateVolume, "volume_create", "/storage/volume/create"),
    (Op::DeleteVolume, "volume_delete", "/storage/volume/delete"),
];

impl Operation {
    /// As faults and the log have it.
    pub(super) fn name(self) -> &'static str {
        TABLE
            .iter()
            .find(|(operation, ..)| *operation == self)
            .map_or(UNKNOWN, |(_, name, _)| name)
    }
}

/// Every name that the log may have for an operation.
pub(super) fn names() -> Vec<&'static str> {
    TABLE.iter().map(|(_, name, _)| *name).chain([UNKNOWN]).collect()
}

/// The operation of a path. All but the balance are asked with POST. Those that only the sister site is known to have
/// can be switched off.
pub(super) fn find(world: &World, method: &Method, path: &str) -> Option<Operation> {
    let settings = &world.luchen.settings;
    let (operation, ..) = TABLE.iter().find(|(.., known)| *known == path)?;
    let wanted = if *operation == Op::Balance {
        Method::GET
    } else {
        Method::POST
    };
    let has = match operation {
        Op::Types => settings.has_type_list,
        Op::Balance => settings.has_balance,
        Op::Start => settings.has_start,
        Op::Volumes | Op::CreateVolume | Op::DeleteVolume => settings.has_volumes,
        Op::Login | Op::Create | Op::List | Op::Stop | Op::Terminate => true,
    };
    (*method == wanted && has).then_some(*operation)
}
