//! Luchen's bare objects, its words for failure, and its validator.

use serde_json::{Map, Value, json};

use crate::exchange::{Refusal, Reply};

pub(super) const NOT_LOGGED_IN: &str = "未登录或登录已过期,请重新登录";
pub(super) const BAD_LOGIN: &str = "用户名或密码错误";
pub(super) const NO_INSTANCE: &str = "ent: instance not found";
pub(super) const NO_IMAGE: &str = "ent: image not found";
pub(super) const NO_REGION: &str = "ent: region not found";
pub(super) const NO_TYPE: &str = "ent: instance type not found";
pub(super) const NO_VOLUME: &str = "Volume not found";
pub(super) const NO_STOCK: &str = "库存不足";
pub(super) const LOW_BALANCE: &str = "余额不足";
pub(super) const WRONG_STATE: &str = "当前实例状态不支持该操作";

/// A refusal: what it says, and the status that fits it.
#[derive(Debug)]
pub(super) struct Refused {
    status: u16,
    code: Option<i64>,
    message: String,
}

impl Refused {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: None,
            message: message.into(),
        }
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self {
            status: 404,
            ..Self::new(message)
        }
    }

    pub(super) fn not_logged_in() -> Self {
        Self {
            status: 401,
            code: Some(-1),
            ..Self::new(NOT_LOGGED_IN)
        }
    }

    /// What a member that nobody sent comes to where nobody expected that.
    pub(super) fn crashed() -> Self {
        Self {
            status: 500,
            ..Self::new("runtime error: invalid memory address or nil pointer dereference")
        }
    }

    fn missing(path: &str) -> Self {
        Self::new(format!("字段 \"{path}\" 未设置"))
    }

    pub(super) fn wrong(path: &str) -> Self {
        Self::new(format!("参数错误: {path}"))
    }

    pub(super) fn reply(self, status: Option<u16>) -> Reply {
        let mut body = Map::new();
        if let Some(code) = self.code {
            body.insert("code".to_owned(), json!(code));
        }
        body.insert("message".to_owned(), json!(self.message));
        let said = self.code.map_or(self.message, |code| code.to_string());
        Reply {
            status: status.unwrap_or(self.status),
            code: Some(said),
            ..success(Value::Object(body))
        }
    }
}

/// A success is the bare object.
pub(super) fn success(body: Value) -> Reply {
    Reply::json(body)
}

/// A command that was taken, or an order: both tell the id.
pub(super) fn taken(instance: &str) -> Reply {
    Reply {
        committed: true,
        touched: Some(instance.to_owned()),
        ..success(json!({ "instanceId": instance }))
    }
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::NoCapacity => Refused::new(NO_STOCK).reply(None),
        Refusal::LowBalance => Refused::new(LOW_BALANCE).reply(None),
        Refusal::Unauthorized => Refused::not_logged_in().reply(None),
        Refusal::Other { code, message, success } => {
            let refused = Refused {
                code: Some(code),
                ..Refused::new(message.unwrap_or_default())
            };
            refused.reply(success.then_some(200))
        }
    }
}

/// What its HTTP framework says about a path or a method that it does not have.
pub(super) fn missed() -> Reply {
    Reply::page_not_found()
}

/// A request's members. Nothing has a default: what is missing or null is "not set".
#[derive(Debug)]
pub(super) struct Members<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Members<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self {
            value,
            path: String::new(),
        }
    }

    fn path_to(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn required<T>(&self, name: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<T, Refused> {
        match self.value.get(name) {
            None | Some(Value::Null) => Err(Refused::missing(&self.path_to(name))),
            Some(value) => read(value).ok_or_else(|| Refused::wrong(&self.path_to(name))),
        }
    }

    pub(super) fn string(&self, name: &str) -> Result<&'a str, Refused> {
        self.required(name, Value::as_str)
    }

    /// A string that says something.
    pub(super) fn word(&self, name: &str) -> Result<&'a str, Refused> {
        self.required(name, |value| value.as_str().filter(|text| !text.is_empty()))
    }

    pub(super) fn integer(&self, name: &str) -> Result<i64, Refused> {
        self.required(name, Value::as_i64)
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, Refused> {
        self.required(name, Value::as_bool)
    }

    pub(super) fn list(&self, name: &str) -> Result<&'a Vec<Value>, Refused> {
        self.required(name, Value::as_array)
    }

    /// A number that may be left out.
    pub(super) fn size(&self, name: &str) -> Result<u64, Refused> {
        match self.value.get(name) {
            None => Ok(0),
            Some(value) => value.as_u64().ok_or_else(|| Refused::wrong(&self.path_to(name))),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Self, Refused> {
        let value = self.required(name, |value| value.is_object().then_some(value))?;
        Ok(Self {
            value,
            path: self.path_to(name),
        })
    }
}

/// A body, which every call has.
pub(super) fn body(bytes: &[u8]) -> Result<Value, Refused> {
    let body = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    if Value::is_object(&body) {
        Ok(body)
    } else {
        Err(Refused::wrong("body"))
    }
}

/// One page of a list, as the pager in the request asks, and what the answer says of it.
pub(super) fn page(request: &Value, items: Vec<Value>) -> Result<(Vec<Value>, Value), Refused> {
    let number = |name| {
        let number = request["pager"][name].as_u64().filter(|number| *number > 0)?;
        usize::try_from(number).ok()
    };
    let (Some(current), Some(size)) = (number("currentPage"), number("pageSize")) else {
        return Err(Refused::crashed());
    };
    let total = items.len();
    let shown = items
        .into_iter()
        .skip((current - 1).saturating_mul(size))
        .take(size)
        .collect();
    Ok((
        shown,
        json!({"currentPage": current, "pageSize": size, "totalEntries": total}),
    ))
}
