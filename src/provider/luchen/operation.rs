//! All that Luchen is asked, but for the login.

use crate::provider::http::Effect;

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) effect: Effect,
    pub(super) path: &'static [&'static str],
    /// What only a success has.
    pub(super) member: Option<&'static str>,
}

impl Operation {
    /// What an error of this operation says, to be quoted where the operation is named already.
    pub(super) fn without_name(self, message: &str) -> String {
        let said = message.strip_prefix(self.name).and_then(|rest| rest.strip_prefix(": "));
        said.unwrap_or(message).to_owned()
    }
}

pub(super) const LIST: Operation = Operation {
    name: "luchen.list",
    effect: Effect::Read,
    path: &["instance", "list"],
    member: Some("instances"),
};
pub(super) const TYPES: Operation = Operation {
    name: "luchen.types",
    effect: Effect::Read,
    path: &["resource", "user", "instance", "list"],
    member: Some("instanceInfos"),
};
pub(super) const VOLUMES: Operation = Operation {
    name: "luchen.volumes",
    effect: Effect::Read,
    path: &["storage", "volume", "list"],
    member: Some("volumeList"),
};
pub(super) const BALANCE: Operation = Operation {
    name: "luchen.balance",
    effect: Effect::Read,
    path: &["balance"],
    member: Some("balance"),
};
pub(super) const CREATE: Operation = Operation {
    name: "luchen.create",
    effect: Effect::Once,
    path: &["instance", "create"],
    member: Some("instanceId"),
};
pub(super) const START: Operation = Operation {
    name: "luchen.start",
    effect: Effect::Repeatable,
    path: &["instance", "start"],
    member: Some("instanceId"),
};
pub(super) const STOP: Operation = Operation {
    name: "luchen.stop",
    effect: Effect::Repeatable,
    path: &["instance", "stop"],
    member: Some("instanceId"),
};
// The vendor's page is called "delete", and so is its heading's path; the call in it is this one.
pub(super) const TERMINATE: Operation = Operation {
    name: "luchen.terminate",
    effect: Effect::Repeatable,
    path: &["instance", "terminate"],
    member: Some("instanceId"),
};
