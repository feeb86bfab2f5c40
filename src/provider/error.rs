//! Errors by meaning, not by transport.

use std::time::Duration;

/// What a call to a cloud can end with besides its answer.
pub type Result<T> = std::result::Result<T, Error>;

/// A call to a cloud that failed: what it means, and what the cloud said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What it means.
    pub kind: Kind,
    /// What failed and what the cloud said: one line, cleaned of control characters and secrets, of bounded length.
    pub message: String,
    /// How long the cloud asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// What an error means for whoever called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// The credentials are refused.
    Unauthorized,
    /// The cloud refuses the request as wrong; the same request will be refused again.
    Invalid,
    /// The cloud hands out an address to be called that the operator may not call; the message says how to allow it.
    EndpointNotAllowed,
    /// The cloud does not have this operation.
    Unsupported,
    /// None is free just now.
    NoCapacity,
    /// The account has not enough money.
    InsufficientBalance,
    /// A quota of the account at the cloud is used up.
    Quota,
    /// The cloud asks to be called less often.
    RateLimited,
    /// The cloud says, in a well-formed answer, that there is no such machine. Proves nothing by itself.
    NotFound,
    /// No answer, or not a sensible one, to a request that changed nothing or may be repeated.
    Transient,
    /// A request that must not be repeated may have been carried out.
    Ambiguous,
}

impl Kind {
    /// Whether the cloud has understood what was asked, and says no.
    #[must_use]
    pub fn is_an_answer(self) -> bool {
        matches!(
            self,
            Self::NoCapacity | Self::InsufficientBalance | Self::Quota | Self::Invalid | Self::Unsupported
        )
    }

    /// The word for metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// Longest message kept: a condition stays readable, an event is accepted.
const MESSAGE_LIMIT: usize = 400;

impl Error {
    /// An error of this meaning. The message is cleaned here, so that no vendor's text gets past.
    #[must_use]
    pub fn new(kind: Kind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            message: clean(message.as_ref()),
            retry_after: None,
        }
    }

    /// An operation that the cloud does not have.
    #[must_use]
    pub fn unsupported(message: &str) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    /// The same, with the pause that the cloud asks for.
    #[must_use]
    pub fn retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause;
        self
    }
}

/// One line without control characters, cut at a character's boundary.
fn clean(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MESSAGE_LIMIT));
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if line.len() + word.len() > MESSAGE_LIMIT {
            let room = MESSAGE_LIMIT.saturating_sub(line.len() + 4);
            let cut = (0..=room.min(word.len()))
                .rev()
                .find(|end| word.is_char_boundary(*end))
                .unwrap_or(0);
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(&word[..cut]);
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_text_becomes_one_clean_line() {
        let error = Error::new(Kind::Transient, "bad\n\tgateway\u{0}\u{1b}[31m  now");
        assert_eq!(error.message, "bad gateway [31m now");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let error = Error::new(Kind::Transient, "余额不足".repeat(200));
        assert!(error.message.len() <= MESSAGE_LIMIT + 4, "{}", error.message.len());
        assert!(error.message.ends_with('…'));
        let error = Error::new(Kind::Transient, "word ".repeat(200));
        assert!(error.message.len() <= MESSAGE_LIMIT + 4, "{}", error.message.len());
    }
}
