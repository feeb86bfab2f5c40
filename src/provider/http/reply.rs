//! What a cloud answers.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use serde::de::DeserializeOwned;

use super::call::Call;
use crate::provider::{Error, Kind, Result};

/// Longest pause that a cloud can ask for: a wrong clock must not switch an account off for days.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// How much of a text that is not JSON is quoted.
const QUOTED_CHARS: usize = 200;

/// An answer, whatever its status. Its `Debug` does not show the body.
pub struct Reply {
    call: Call,
    status: StatusCode,
    retry_after: Option<Duration>,
    date: Option<Timestamp>,
    is_html: bool,
    body: Vec<u8>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("operation", &self.call.operation())
            .field("status", &self.status.as_u16())
            .field("retry_after", &self.retry_after)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Reply {
    pub(super) fn new(call: Call, status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let is_html = text_of(headers, &CONTENT_TYPE).is_some_and(|kind| kind.contains("html"))
            || body.trim_ascii_start().starts_with(b"<");
        Self {
            call,
            status,
            retry_after: pause(headers),
            date: date(headers),
            is_html,
            body,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The pause that the cloud asks for, an hour at most.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The cloud's clock when it answered, to the second.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        self.date
    }

    /// The body as JSON of this shape. Anything else, an HTML page of a gateway above all, says nothing about the
    /// request: [`Kind::Ambiguous`] or [`Kind::Transient`], by its effect.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|_| self.unclear(&format!("the cloud answered {}", self.describe())))
    }

    /// The body as text, without blanks around it; `None` for a web page, or for what is no text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.body).ok()?;
        (!self.is_html).then(|| text.trim())
    }

    /// A refusal whose meaning is known. `said` may quote the cloud.
    #[must_use]
    pub fn error(&self, kind: Kind, said: &str) -> Error {
        self.call.error(kind, said).retry_after(self.retry_after)
    }

    /// An answer from which it cannot be told whether the request was carried out: [`Kind::Ambiguous`] or
    /// [`Kind::Transient`], by its effect. `said` may quote the cloud.
    #[must_use]
    pub fn unclear(&self, said: &str) -> Error {
        self.call.unclear(said).retry_after(self.retry_after)
    }

    /// A text out of the answer without the secrets that it could repeat.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.call.redact(text)
    }

    /// The answer in a few words: its status, and what it says where that is not JSON. JSON is never quoted, for it
    /// may hold what opens a machine.
    #[must_use]
    pub fn describe(&self) -> String {
        let status = self.status.as_u16();
        if self.status.is_redirection() {
            return format!("{status}, a redirect, which is never followed: is the endpoint right?");
        }
        let text = self.call.redact(&String::from_utf8_lossy(&self.body));
        let text = text.trim();
        if text.is_empty() {
            return format!("{status} with an empty body");
        }
        if self.is_html {
            return match title(text) {
                Some(title) => format!("{status} with a web page: {}", cut(title)),
                None => format!("{status} with a web page"),
            };
        }
        if text.starts_with(['{', '[', '"']) {
            return format!("{status} with {} bytes of JSON that cannot be read", self.body.len());
        }
        format!("{status}: {}", cut(text))
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `Retry-After`, in seconds or as a time; a time counts from the server's own `Date`, so that no clock of ours takes
/// part.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let wanted = text_of(headers, &RETRY_AFTER)?.trim();
    let pause = if let Ok(seconds) = wanted.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = rfc2822::DateTimeParser::new().parse_timestamp(wanted).ok()?;
        let from = date(headers)?;
        Duration::try_from(until.duration_since(from)).unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = text_of(headers, &DATE)?.trim();
    rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

fn title(page: &str) -> Option<&str> {
    // ASCII only, so that positions stay the same.
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(page[start..end].trim()).filter(|title| !title.is_empty())
}

fn cut(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED_CHARS).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}
