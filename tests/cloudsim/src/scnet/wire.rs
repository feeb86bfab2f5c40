//! `SCNet`'s envelope, its codes, and how requests are read.

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::exchange::{Machines, Refusal, Reply, Request};

pub(super) const FROZEN: (i64, &str) = (10007, "用户已被冻结");
pub(super) const NO_RIGHTS: (i64, &str) = (10008, "权限不足");
pub(super) const BAD_SIGNATURE: (i64, &str) = (10009, "校验失败");

/// A refusal under HTTP status 200.
#[derive(Debug)]
pub(super) struct Refused(i64, String);

impl Refused {
    pub(super) fn new((code, message): (i64, &str)) -> Self {
        Self(code, message.to_owned())
    }

    pub(super) fn missing(name: &str) -> Self {
        Self(10003, format!("参数不全: {name}"))
    }

    pub(super) fn invalid(name: &str) -> Self {
        Self(10004, format!("参数无效: {name}"))
    }
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Self {
        failure(refused.0, Some(refused.1), false)
    }
}

fn failure(code: i64, message: Option<String>, success: bool) -> Reply {
    let mut envelope = Map::new();
    envelope.insert("code".to_owned(), json!(code.to_string()));
    if let Some(message) = message {
        envelope.insert("msg".to_owned(), json!(message));
    }
    // An envelope that contradicts itself has a payload beside its code of failure.
    envelope.insert("data".to_owned(), if success { json!("") } else { Value::Null });
    Reply {
        code: Some(code.to_string()),
        ..Reply::json(Value::Object(envelope))
    }
}

/// Success with something to say.
pub(super) fn data(data: &Value) -> Reply {
    Reply::json(json!({"code": "0", "msg": "success", "data": data}))
}

/// A command that was taken.
pub(super) fn taken(id: &str, says: &Value) -> Reply {
    Reply {
        committed: true,
        touched: Some(id.to_owned()),
        ..data(says)
    }
}

/// Marks where the machines are, for faults.
pub(super) fn showing(
    mut reply: Reply,
    pointer: &'static str,
    total: Option<&'static str>,
    names: Vec<String>,
) -> Reply {
    reply.machines = Some(Machines {
        pointer,
        total,
        name: "/instanceServiceName",
        names,
    });
    reply
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        // No code says so: this cloud queues what it has no room for.
        Refusal::NoCapacity => Refused(10001, "资源不足".to_owned()).into(),
        Refusal::LowBalance => Refused::new(FROZEN).into(),
        Refusal::Unauthorized => Refused::new(NO_RIGHTS).into(),
        Refusal::Other { code, message, success } => failure(code, message, success),
    }
}

/// What its gateway says about a path or a method that it does not have.
pub(super) fn missed() -> Reply {
    Reply::page_not_found()
}

/// A header's text, empty where there is none.
pub(super) fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// All values of a name in the query.
pub(super) fn query(request: &Request, name: &str) -> Vec<String> {
    form_urlencoded::parse(request.query.as_bytes())
        .filter(|(known, value)| known == name && !value.is_empty())
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// The members of a body.
#[derive(Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn read(request: &Request) -> Result<Self, Refused> {
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(Refused::missing("body")),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that may be empty, but must be there.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refused> {
        let value = self.get(name).ok_or_else(|| Refused::missing(name))?;
        value.as_str().ok_or_else(|| Refused::invalid(name))
    }

    /// A text that must say something.
    pub(super) fn word(&self, name: &str) -> Result<&str, Refused> {
        let text = self.text(name)?;
        if text.is_empty() {
            Err(Refused::missing(name))
        } else {
            Ok(text)
        }
    }

    pub(super) fn one_of(&self, name: &str, words: &[&str]) -> Result<&str, Refused> {
        let word = self.word(name)?;
        if words.contains(&word) {
            Ok(word)
        } else {
            Err(Refused::invalid(name))
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<i64, Refused> {
        let value = self.get(name).ok_or_else(|| Refused::missing(name))?;
        value.as_i64().ok_or_else(|| Refused::invalid(name))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, Refused> {
        let value = self.get(name).ok_or_else(|| Refused::missing(name))?;
        value.as_bool().ok_or_else(|| Refused::invalid(name))
    }

    /// A list that may be left out.
    pub(super) fn list(&self, name: &str) -> Result<&[Value], Refused> {
        match self.get(name) {
            None => Ok(&[]),
            Some(value) => value
                .as_array()
                .map(Vec::as_slice)
                .ok_or_else(|| Refused::invalid(name)),
        }
    }
}
