//! The envelope, `{"code", "msg", "data"}`, and what its codes mean.

use reqwest::StatusCode;
use serde_json::Value;

use crate::provider::http::Reply;
use crate::provider::{Error, Kind, loose};

/// What a code means.
#[derive(Clone, Copy)]
enum Meaning {
    /// Refused, and nothing was done.
    Refused(Kind),
    /// The token is not good here (any more).
    Token,
    /// It failed, and nobody says how far it had come.
    Unclear,
}

use Meaning::{Refused, Token, Unclear};

/// The vendor's codes, and the same for readers of English.
const CODES: [(i64, Meaning, &str); 14] = [
    (10001, Unclear, "an internal error"),
    (10003, Refused(Kind::Invalid), "a parameter is missing"),
    (10004, Refused(Kind::Invalid), "a parameter is invalid"),
    (
        10007,
        Refused(Kind::InsufficientBalance),
        "the user is frozen, usually for arrears",
    ),
    (10008, Token, "the token is refused, or its rights do not suffice"),
    (10009, Token, "the cloud does not allow it"),
    (10010, Refused(Kind::Invalid), "a file could not be checked"),
    (10011, Refused(Kind::Invalid), "a file is too large"),
    (10012, Unclear, "the connection inside the cloud broke"),
    (716_020, Unclear, "the cloud's database failed"),
    (716_864, Unclear, "the script failed"),
    (716_865, Unclear, "the machine could not be made"),
    (716_866, Unclear, "the machine could not be deleted"),
    (716_870, Refused(Kind::Invalid), "the number of machines is wrong"),
];

/// A success.
#[derive(Debug)]
pub(super) struct Answer {
    reply: Reply,
    envelope: Value,
}

/// Why there is no success.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether the token was refused: with another one it may go better.
    pub(super) token: bool,
    /// Whether the cloud does not know, or not take, such a request; nothing else is wrong with it.
    pub(super) unknown: bool,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            token: false,
            unknown: false,
        }
    }
}

impl Answer {
    /// Reads the envelope. A code that is not known is not trusted to mean that nothing was done: it is
    /// [`Kind::Ambiguous`] or [`Kind::Transient`], by the request's effect. `also` is a further code of success.
    pub(super) fn read(reply: Reply, also: Option<i64>) -> Result<Self, Failure> {
        let status = reply.status();
        let envelope: Value = reply.json().map_err(|error| unreadable(error, status))?;
        if !envelope.is_object() || status.is_server_error() || status.is_redirection() {
            let error = reply.unclear(&format!("the cloud answered {}", reply.describe()));
            return Err(unreadable(error, status));
        }
        let code = loose::integer(&envelope, "code");
        if status.is_success() && (code == Some(0) || (code.is_some() && code == also)) {
            return Ok(Self { reply, envelope });
        }
        Err(failure(&reply, &envelope, code))
    }

    /// The payload; null where there is none.
    pub(super) fn data(&self) -> &Value {
        &self.envelope["data"]
    }

    /// The id that is the whole payload.
    pub(super) fn id(&self) -> Option<String> {
        loose::id(&self.envelope, "data")
    }

    /// The text that is the whole payload.
    pub(super) fn text(&self) -> Option<String> {
        loose::word(&self.envelope, "data")
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

fn unreadable(error: Error, status: StatusCode) -> Failure {
    let harmless = error.kind == Kind::Transient;
    Failure {
        token: harmless && status == StatusCode::UNAUTHORIZED,
        unknown: matches!(
            status,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        ),
        error,
    }
}

fn failure(reply: &Reply, envelope: &Value, code: Option<i64>) -> Failure {
    let said = said(reply, envelope);
    let known = CODES.iter().find(|(known, ..)| Some(*known) == code);
    let (meaning, said) = match known {
        Some((_, meaning, english)) => (*meaning, format!("{english}: {said}")),
        None if reply.status() == StatusCode::UNAUTHORIZED => (Token, format!("the token is refused: {said}")),
        None => (Unclear, format!("the cloud refused: {said}")),
    };
    match meaning {
        Refused(kind) => Failure {
            error: reply.error(kind, &said),
            token: false,
            unknown: kind == Kind::Invalid,
        },
        Token => Failure {
            error: reply.error(Kind::Unauthorized, &said),
            token: true,
            unknown: false,
        },
        Unclear => Failure {
            error: reply.unclear(&said),
            token: false,
            unknown: matches!(reply.status().as_u16(), 400 | 404 | 405),
        },
    }
}

/// What the cloud says, with its code.
fn said(reply: &Reply, envelope: &Value) -> String {
    let message = loose::word(envelope, "msg").unwrap_or_else(|| "without giving a reason".to_owned());
    let code = loose::word(envelope, "code").unwrap_or_else(|| "none".to_owned());
    match reply.status().as_u16() {
        200 => format!("{message} (code {code})"),
        status => format!("{message} (code {code}, HTTP {status})"),
    }
}
