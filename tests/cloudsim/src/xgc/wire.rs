//! XGC's envelope, its words for failure, and who is asking.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use crate::{
    cloud::Cloud,
    exchange::{Machines, Refusal, Reply},
    world::{Key, World},
};

use super::routes::Miss;

/// The only code of failure that is known; the vendor's clients see it for everything.
const FAILURE: i64 = 1000;

pub(super) const NO_TOKEN: &str = "访问令牌为空";
pub(super) const BAD_TOKEN: &str = "未找到访问令牌";
pub(super) const NO_GPU: &str = "可用GPU不足";
pub(super) const LOW_BALANCE: &str = "余额不足";
pub(super) const NO_INSTANCE: &str = "未找到实例";
pub(super) const NO_IMAGE: &str = "未找到镜像";
pub(super) const NO_ORDER: &str = "未找到订单";
pub(super) const WRONG_STATE: &str = "当前实例状态不允许此操作";

/// A refusal under HTTP status 200.
#[derive(Debug)]
pub(super) struct Refused(String);

impl Refused {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    pub(super) fn parameter(name: &str) -> Self {
        Self(format!("参数错误: {name}"))
    }
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Self {
        failure(FAILURE, Some(refused.0), false)
    }
}

fn failure(code: i64, message: Option<String>, success: bool) -> Reply {
    let mut envelope = Map::new();
    envelope.insert("code".to_owned(), json!(code));
    if let Some(message) = message {
        envelope.insert("msg".to_owned(), json!(message));
    }
    envelope.insert("success".to_owned(), json!(success));
    Reply {
        code: Some(code.to_string()),
        ..Reply::json(Value::Object(envelope))
    }
}

/// Success with something to say.
pub(super) fn data(data: &Value) -> Reply {
    Reply::json(json!({"code": 200, "msg": "success", "success": true, "data": data}))
}

/// A command that was taken, with nothing to say.
pub(super) fn taken(instance: Option<&str>) -> Reply {
    Reply {
        committed: true,
        touched: instance.map(str::to_owned),
        ..Reply::json(json!({"code": 200, "msg": "success", "success": true}))
    }
}

/// Marks where the instances are, for faults.
pub(super) fn showing(mut reply: Reply, pointer: &'static str, names: Vec<String>) -> Reply {
    let is_list = pointer.ends_with("/list");
    reply.machines = Some(Machines {
        pointer,
        total: is_list.then_some("/data/total"),
        name: "/name",
        names,
    });
    reply
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::NoCapacity => Refused::new(NO_GPU).into(),
        Refusal::LowBalance => Refused::new(LOW_BALANCE).into(),
        Refusal::Unauthorized => Refused::new(BAD_TOKEN).into(),
        Refusal::Other { code, message, success } => failure(code, message, success),
    }
}

/// What its HTTP framework says about a path or a method that it does not have.
pub(super) fn missed(miss: Miss) -> Reply {
    match miss {
        Miss::Path => Reply::page_not_found(),
        Miss::Method => Reply {
            code: Some("405".to_owned()),
            ..Reply::text(405, "text/plain", "405 method not allowed".to_owned())
        },
    }
}

/// Who is asking: `Bearer` and a token, or the bare token.
pub(super) fn authenticate(world: &World, headers: &HeaderMap) -> Result<Key, Refused> {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .trim();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        None if header.eq_ignore_ascii_case("bearer") => "",
        _ => header,
    };
    if token.is_empty() {
        return Err(Refused::new(NO_TOKEN));
    }
    world
        .accounts
        .iter()
        .find(|((cloud, _), account)| *cloud == Cloud::Xgc && account.accepts(token))
        .map(|(key, _)| key.clone())
        .ok_or_else(|| Refused::new(BAD_TOKEN))
}

/// A request's members, of which none may be null: it is not said that the API takes it, and a client shouldn't
/// rely on it.
#[derive(Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refused> {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Err(Refused::new("参数错误"));
        };
        match members.iter().find(|(_, value)| value.is_null()) {
            Some((name, _)) => Err(Refused::parameter(name)),
            None => Ok(Self(members)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&str>, Refused> {
        self.optional(name, Value::as_str)
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refused> {
        self.optional(name, Value::as_i64)
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Refused> {
        self.optional(name, Value::as_bool)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Refused> {
        self.optional(name, Value::as_f64)
    }

    pub(super) fn required_string(&self, name: &str) -> Result<&str, Refused> {
        self.string(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refused::parameter(name))
    }

    pub(super) fn required_integer(&self, name: &str) -> Result<i64, Refused> {
        self.integer(name)?.ok_or_else(|| Refused::parameter(name))
    }

    fn optional<'a, T>(&'a self, name: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>, Refused> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| Refused::parameter(name)),
        }
    }
}
