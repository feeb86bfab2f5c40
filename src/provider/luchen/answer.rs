//! What Luchen answers. A success is a bare object; a failure is `{"message"}` or `{"code", "message"}`, under a status
//! that is not documented.

use reqwest::StatusCode;
use serde_json::Value;

use crate::provider::http::Reply;
use crate::provider::{Error, Kind, loose};

/// What failure texts contain, in lower case; what that means, and the same for readers of English. All of these mean
/// that nothing was done. The first three are documented or seen, the others are what the field usually says.
const REFUSALS: [(&str, Kind, &str); 18] = [
    ("instance not found", Kind::NotFound, "it knows no such machine"),
    ("未设置", Kind::Invalid, "its validator misses a member"),
    ("volume not found", Kind::Invalid, "it knows no such volume"),
    ("image not found", Kind::Invalid, "it knows no such image"),
    ("region not found", Kind::Invalid, "it knows no such region"),
    (
        "instance type not found",
        Kind::Invalid,
        "it knows no such instance type",
    ),
    ("参数错误", Kind::Invalid, "a parameter is wrong"),
    ("库存不足", Kind::NoCapacity, "none is in stock"),
    ("资源不足", Kind::NoCapacity, "none is free now"),
    ("售罄", Kind::NoCapacity, "it is sold out"),
    ("out of stock", Kind::NoCapacity, "none is in stock"),
    ("insufficient resource", Kind::NoCapacity, "none is free now"),
    ("余额不足", Kind::InsufficientBalance, "the balance is too low"),
    ("欠费", Kind::InsufficientBalance, "the account is in arrears"),
    (
        "insufficient balance",
        Kind::InsufficientBalance,
        "the balance is too low",
    ),
    ("配额", Kind::Quota, "a quota is used up"),
    ("quota", Kind::Quota, "a quota is used up"),
    ("无权限", Kind::Unauthorized, "the user may not do this"),
];

/// How it says that the session is over or was none.
const LOGIN_WORDS: [&str; 3] = ["未登录", "登录已过期", "重新登录"];

/// A success.
#[derive(Debug)]
pub(super) struct Answer {
    reply: Reply,
    body: Value,
}

/// Why there is no success.
#[derive(Debug)]
pub(super) enum Failure {
    /// It does not know the session, and so has done nothing.
    NotLoggedIn(Error),
    /// A well-formed refusal, whether its meaning is known or not.
    Refused(Error),
    /// The host seems not to have this operation at all.
    NoSuchOperation(Error),
    /// Anything else: nobody can tell what became of the request.
    Unclear(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotLoggedIn(error)
            | Failure::Refused(error)
            | Failure::NoSuchOperation(error)
            | Failure::Unclear(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Unclear(error)
    }
}

impl Answer {
    /// Reads an answer. `member` is what only a success has; with it, a `message` beside it is no failure.
    ///
    /// A refusal whose words are not known is not trusted to mean that nothing was done: it is [`Kind::Ambiguous`] or
    /// [`Kind::Transient`], by the request's effect.
    pub(super) fn read(reply: Reply, member: Option<&str>) -> Result<Self, Failure> {
        let status = reply.status();
        let body: Value = match reply.json() {
            Ok(body) => body,
            Err(error) if is_elsewhere(status) => return Err(Failure::NoSuchOperation(error)),
            Err(error) => return Err(Failure::Unclear(error)),
        };
        let message = loose::word(&body, "message");
        let has_member = member.is_some_and(|member| loose::member(&body, member).is_some());
        if status.is_success() && body.is_object() && (has_member || message.is_none()) {
            return Ok(Self { reply, body });
        }
        let Some(message) = message.filter(|_| !is_of_a_gateway(status)) else {
            let error = reply.unclear(&format!("the cloud answered {}", reply.describe()));
            return Err(if status.is_client_error() && is_elsewhere(status) {
                Failure::NoSuchOperation(error)
            } else {
                Failure::Unclear(error)
            });
        };
        Err(refusal(&reply, &message, loose::word(&body, "code").as_deref()))
    }

    /// The object that it is.
    pub(super) fn body(&self) -> &Value {
        &self.body
    }

    /// A vendor's text without the secrets that it could repeat.
    pub(super) fn redact(&self, text: &str) -> String {
        self.reply.redact(text)
    }

    /// A success that lacks what it was asked for.
    pub(super) fn unreadable(&self, lacking: &str) -> Error {
        self.reply.unclear(&format!("the cloud's answer has {lacking}"))
    }
}

/// Statuses with which a host says, in whatever form, that it has nothing there; a page under 200 is what a web
/// console answers to every address.
fn is_elsewhere(status: StatusCode) -> bool {
    status.is_success() || matches!(status.as_u16(), 404 | 405)
}

/// Statuses of the machines in front of the API, whose word about the request is worth nothing.
fn is_of_a_gateway(status: StatusCode) -> bool {
    status.is_redirection() || matches!(status.as_u16(), 502..=504)
}

fn refusal(reply: &Reply, message: &str, code: Option<&str>) -> Failure {
    let status = reply.status().as_u16();
    let code = code.map_or_else(String::new, |code| format!("code {code}, "));
    let said = format!("{message} ({code}HTTP {status})");
    if LOGIN_WORDS.iter().any(|word| message.contains(word)) || status == 401 {
        return Failure::NotLoggedIn(reply.error(Kind::Unauthorized, &format!("the session is refused: {said}")));
    }
    let lower = message.to_lowercase();
    if let Some((_, kind, english)) = REFUSALS.iter().find(|(text, ..)| lower.contains(text)) {
        return Failure::Refused(reply.error(*kind, &format!("{english}: {said}")));
    }
    Failure::Refused(match status {
        403 => reply.error(Kind::Unauthorized, &format!("the user may not do this: {said}")),
        _ => reply.unclear(&format!("the cloud refused: {said}")),
    })
}
