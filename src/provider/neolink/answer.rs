//! Neolink's answers. There is no envelope: the status and the shape decide.

use serde_json::Value;

use crate::provider::http::Reply;
use crate::provider::{Error, Kind, Result, loose};

/// Words that say why a request was refused. None of them is documented; the vendor writes Chinese and English.
const WORDS: [(&str, Kind); 12] = [
    ("余额不足", Kind::InsufficientBalance),
    ("欠费", Kind::InsufficientBalance),
    ("insufficient balance", Kind::InsufficientBalance),
    ("balance is insufficient", Kind::InsufficientBalance),
    ("库存不足", Kind::NoCapacity),
    ("资源不足", Kind::NoCapacity),
    ("out of stock", Kind::NoCapacity),
    ("sold out", Kind::NoCapacity),
    ("insufficient resource", Kind::NoCapacity),
    ("insufficient gpu", Kind::NoCapacity),
    ("配额", Kind::Quota),
    ("quota", Kind::Quota),
];

/// What a command that was taken is answered with.
const TAKEN: [&str; 3] = ["ok", "success", "succeeded"];

/// A success, as far as the status tells.
#[derive(Debug)]
pub(super) struct Answer(Reply);

impl Answer {
    /// Sorts an answer by its status. What cannot be told from it is [`Kind::Ambiguous`] or [`Kind::Transient`], by
    /// the request's effect.
    pub(super) fn read(reply: Reply) -> Result<Self> {
        if reply.status().is_success() {
            Ok(Self(reply))
        } else {
            Err(failure(&reply))
        }
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value> {
        self.0.json()
    }

    /// Whether a command was taken: `"ok"`, nothing at all, or the instance that it was for.
    pub(super) fn taken(&self) -> Result<()> {
        let text = self.0.text();
        let is_taken = match text.map(serde_json::from_str) {
            Some(Ok(Value::String(word))) => is_taken(&word),
            Some(Ok(Value::Null)) => true,
            Some(Ok(body @ Value::Object(_))) => loose::id(&body, "name").is_some(),
            Some(Ok(_)) | None => false,
            Some(Err(_)) => text.is_some_and(|text| text.is_empty() || is_taken(text)),
        };
        if is_taken {
            Ok(())
        } else {
            Err(self.unreadable("not the word ok"))
        }
    }

    /// A refusal that follows from the body.
    pub(super) fn refusal(&self, kind: Kind, why: &str) -> Error {
        self.0.error(kind, why)
    }

    /// A success that lacks what it was asked for.
    pub(super) fn unreadable(&self, lacking: &str) -> Error {
        self.0.unclear(&format!("the cloud's answer has {lacking}"))
    }
}

fn is_taken(word: &str) -> bool {
    TAKEN.iter().any(|taken| word.trim().eq_ignore_ascii_case(taken))
}

/// What a status that is no success means. Only a status by which the API itself says that it did nothing is a
/// refusal; the rest, and every web page of a gateway, leaves open what became of the request.
fn failure(reply: &Reply) -> Error {
    let status = reply.status().as_u16();
    let said = said(reply).filter(|_| !reply.status().is_redirection());
    let Some(Said { reason, is_json }) = said else {
        return unexplained(reply);
    };
    let by_words = || {
        let reason = reason.to_lowercase();
        WORDS
            .iter()
            .find(|(word, _)| reason.contains(word))
            .map(|(_, kind)| *kind)
    };
    let kind = match status {
        401 => Some(Kind::Unauthorized),
        402 => Some(Kind::InsufficientBalance),
        400 | 422 => Some(by_words().unwrap_or(Kind::Invalid)),
        403 => Some(by_words().unwrap_or(Kind::Unauthorized)),
        // A router that does not know the path says 404 in plain text: that is no word on a machine.
        404 => is_json.then_some(Kind::NotFound),
        // A conflict may mean that the thing exists already.
        409 | 412 | 423 => by_words(),
        _ => None,
    };
    let shown = format!("{reason} (HTTP {status})");
    match kind {
        Some(Kind::Unauthorized) => reply.error(Kind::Unauthorized, &format!("the token is refused: {shown}")),
        Some(kind) => reply.error(kind, &format!("the cloud refused: {shown}")),
        None => reply.unclear(&format!("the cloud answered: {shown}")),
    }
}

fn unexplained(reply: &Reply) -> Error {
    if reply.status().as_u16() == 401 && reply.text() == Some("") {
        return reply.error(Kind::Unauthorized, "the token is refused (HTTP 401)");
    }
    reply.unclear(&format!("the cloud answered {}", reply.describe()))
}

/// Why, in the cloud's words.
struct Said {
    reason: String,
    is_json: bool,
}

/// What a refusal says; `None` where it says nothing, or a gateway does. Error bodies are not documented, so every
/// usual name for the reason is looked for, and nothing else of the body is shown.
fn said(reply: &Reply) -> Option<Said> {
    let text = reply.text().filter(|text| !text.is_empty())?;
    let (reason, is_json) = match serde_json::from_str(text) {
        Ok(Value::String(reason)) => (reason, true),
        Ok(body @ Value::Object(_)) => (reason(&body), true),
        Ok(_) => return None,
        Err(_) if text.starts_with(['{', '[']) => return None,
        Err(_) => (text.to_owned(), false),
    };
    Some(Said { reason, is_json })
}

fn reason(body: &Value) -> String {
    let names = ["message", "msg", "error", "reason", "detail"];
    let direct = names.iter().find_map(|name| loose::word(body, name));
    let nested = || names.iter().find_map(|name| loose::word(&body["error"], name));
    direct
        .or_else(nested)
        .unwrap_or_else(|| "without giving a reason".to_owned())
}
