//! Capital Online's envelope, its words for failure, and who is asking.

use serde_json::{Map, Value, json};

use crate::{
    cloud::Cloud,
    exchange::{Machines, Refusal, Reply, Request},
    world::{Key, World},
};

use super::signature::{self, Query};

/// A refusal: its code, its text, its HTTP status.
#[derive(Debug)]
pub(super) struct Refused {
    code: String,
    message: String,
    status: u16,
}

impl Refused {
    pub(super) fn new(code: &str, message: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_owned(),
            status: 400,
        }
    }

    pub(super) fn parameter(name: &str) -> Self {
        Self::new("ParameterInvalid", &format!("{name} invalid"))
    }

    fn unauthorized(code: &str, message: &str) -> Self {
        Self {
            status: 401,
            ..Self::new(code, message)
        }
    }

    pub(super) fn no_machine() -> Self {
        Self::new("InstanceNotFound", "实例不存在")
    }

    pub(super) fn wrong_state() -> Self {
        Self::new("InstanceError", "实例状态不允许此操作")
    }
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Self {
        Self {
            status: refused.status,
            code: Some(refused.code.clone()),
            ..Self::json(json!({"Code": refused.code, "Message": refused.message, "Data": {}}))
        }
    }
}

/// Success with something to say.
pub(super) fn data(data: &Value) -> Reply {
    Reply::json(json!({"Code": "Success", "Message": "Success.", "Data": data}))
}

/// Something was changed. Two actions say `Msg`.
pub(super) fn changed(data: &Value, text: &'static str, machine: Option<&str>) -> Reply {
    Reply {
        committed: true,
        touched: machine.map(str::to_owned),
        ..Reply::json(json!({"Code": "Success", text: "Success.", "Data": data}))
    }
}

/// Marks where the machines are, for faults.
pub(super) fn showing(mut reply: Reply, pointer: &'static str, names: Vec<String>) -> Reply {
    reply.machines = Some(Machines {
        pointer,
        total: pointer.ends_with("/Records").then_some("/Data/TotalCount"),
        name: "/Name",
        names,
    });
    reply
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::NoCapacity => Refused::new("NotSufficient", "库存不足").into(),
        Refusal::LowBalance => Refused::new("OrderCheckFailed", "账户余额不足").into(),
        Refusal::Unauthorized => Refused::unauthorized("InvalidAccessKeyId", "AccessKey不存在").into(),
        Refusal::Other {
            message, success: true, ..
        } => Reply::json(json!({"Code": "Success", "Message": message.unwrap_or_default()})),
        Refusal::Other { code, message, .. } => Refused::new(&code.to_string(), &message.unwrap_or_default()).into(),
    }
}

/// What its gateway says about an action that it does not have.
pub(super) fn missed() -> Reply {
    Refused::new("UnsupportedAction", "action not found").into()
}

/// Whose signature the query carries.
pub(super) fn authenticate(world: &World, request: &Request, query: &Query) -> Result<Key, Refused> {
    let part = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let fixed = [
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("Version", "2019-08-08"),
    ];
    if let Some((name, _)) = fixed.iter().find(|(name, value)| part(name) != *value) {
        return Err(Refused::parameter(name));
    }
    if part("SignatureNonce").is_empty() {
        return Err(Refused::parameter("SignatureNonce"));
    }
    let key = part("AccessKeyId");
    let (account, secret) = world
        .accounts
        .iter()
        .filter(|((cloud, _), account)| *cloud == Cloud::CapitalOnline && account.accepts(key))
        .find_map(|(id, account)| {
            let known = account
                .credentials
                .iter()
                .find(|known| known.key == key && !known.revoked)?;
            Some((id.clone(), known.secret.clone()))
        })
        .ok_or_else(|| Refused::unauthorized("InvalidAccessKeyId", "AccessKey不存在"))?;
    if !signature::is_signed(request.method.as_str(), query, &secret) {
        return Err(Refused::unauthorized("SignatureDoesNotMatch", "签名不匹配"));
    }
    let settings = &world.capital_online.settings;
    let skew = signature::skew(query, settings.clock_ahead_seconds);
    if skew.is_none_or(|skew| skew > settings.allowed_skew_seconds) {
        return Err(Refused::unauthorized("InvalidTimestamp.Expired", "Timestamp已过期"));
    }
    if world.capital_online.nonces.contains(part("SignatureNonce")) {
        return Err(Refused::unauthorized("SignatureNonceUsed", "SignatureNonce已使用"));
    }
    Ok(account)
}

/// A body's members.
#[derive(Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refused> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(Refused::new("ParamParseError", "body invalid")),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text that must be there.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refused> {
        self.get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refused::parameter(name))
    }

    /// A whole number that must be there, as a number.
    pub(super) fn integer(&self, name: &str) -> Result<i64, Refused> {
        self.get(name)
            .and_then(Value::as_i64)
            .ok_or_else(|| Refused::parameter(name))
    }

    /// Ids, at least one.
    pub(super) fn ids(&self, name: &str) -> Result<Vec<&str>, Refused> {
        let items = self
            .get(name)
            .and_then(Value::as_array)
            .ok_or_else(|| Refused::parameter(name))?;
        let ids: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        ids.filter(|ids| !ids.is_empty())
            .ok_or_else(|| Refused::parameter(name))
    }
}
