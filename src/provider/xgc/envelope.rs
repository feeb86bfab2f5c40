//! XGC's envelope, `{"code", "msg", "success", "data"}`, and its words for failure.

use serde_json::Value;

use crate::provider::http::Reply;
use crate::provider::{Error, Kind, loose};

/// What failure texts contain, what that means, and the same for readers of English. All codes of failure that are
/// known are 1000, so the text decides.
const REFUSALS: [(&str, Kind, &str); 6] = [
    ("访问令牌为空", Kind::Unauthorized, "the request carried no token"),
    ("未找到访问令牌", Kind::Unauthorized, "the token is not known"),
    ("可用GPU不足", Kind::NoCapacity, "no such GPU is free now"),
    (
        "GPU型号暂时不可用",
        Kind::NoCapacity,
        "this GPU model cannot be had now",
    ),
    ("余额不足", Kind::InsufficientBalance, "the balance is too low"),
    ("参数错误", Kind::Invalid, "a parameter is wrong"),
];

/// A success.
#[derive(Debug)]
pub(super) struct Answer {
    reply: Reply,
    envelope: Value,
}

/// Why there is no success.
#[derive(Debug)]
pub(super) enum Failure {
    /// A well-formed refusal, whether its meaning is known or not.
    Refused(Error),
    /// Anything else: nobody can tell what became of the request.
    Unclear(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) | Failure::Unclear(error) => error,
        }
    }
}

impl Answer {
    /// Reads the envelope. A refusal whose words are not known is not trusted to mean that nothing was done: it is
    /// [`Kind::Ambiguous`] or [`Kind::Transient`], by the request's effect.
    pub(super) fn read(reply: Reply) -> std::result::Result<Self, Failure> {
        let envelope: Value = reply.json().map_err(Failure::Unclear)?;
        let status = reply.status();
        if !envelope.is_object() || status.is_server_error() || status.is_redirection() {
            let said = format!("the cloud answered {}", reply.describe());
            return Err(Failure::Unclear(reply.unclear(&said)));
        }
        if status.is_success() && succeeded(&envelope) {
            return Ok(Self { reply, envelope });
        }
        let said = said(&envelope, status.as_u16());
        Err(Failure::Refused(refusal(&reply, &said)))
    }

    /// The payload; null where there is none.
    pub(super) fn data(&self) -> &Value {
        &self.envelope["data"]
    }

    /// A refusal that follows from the payload.
    pub(super) fn refusal(&self, kind: Kind, why: &str) -> Error {
        self.reply.error(kind, why)
    }

    /// A success that lacks what it was asked for.
    pub(super) fn unreadable(&self, lacking: &str) -> Error {
        self.reply.unclear(&format!("the cloud's answer has {lacking}"))
    }
}

fn refusal(reply: &Reply, said: &str) -> Error {
    if let Some((_, kind, english)) = REFUSALS.iter().find(|(text, ..)| said.contains(text)) {
        return reply.error(*kind, &format!("{english}: {said}"));
    }
    match reply.status().as_u16() {
        401 | 403 => reply.error(Kind::Unauthorized, &format!("the token is refused: {said}")),
        _ => reply.unclear(&format!("the cloud refused: {said}")),
    }
}

/// `success` decides; only where it is missing, the code: 200, or 0 as some clients have it.
fn succeeded(envelope: &Value) -> bool {
    loose::boolean(envelope, "success").unwrap_or_else(|| matches!(loose::integer(envelope, "code"), Some(0 | 200)))
}

/// What the cloud says, with its code.
fn said(envelope: &Value, status: u16) -> String {
    let message = loose::word(envelope, "msg").unwrap_or_else(|| "without giving a reason".to_owned());
    let code = loose::word(envelope, "code").unwrap_or_else(|| "none".to_owned());
    if status == 200 {
        format!("{message} (code {code})")
    } else {
        format!("{message} (code {code}, HTTP {status})")
    }
}
