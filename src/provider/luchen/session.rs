//! Who is logged in: a token that a login gives for about a day, shared by all calls of the account.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::answer::{Answer, Failure};
use super::operation::Operation;
use crate::provider::endpoint::join;
use crate::provider::http::{Client, Method, Request};
use crate::provider::{Error, Kind, Result, loose};

/// How long a token is used where the cloud does not say how long it is good for.
const UNSAID_LIFE: Duration = Duration::from_hours(1);
/// How long before its end a token is no longer used, at most: no call may begin within its life and end after it.
const LONGEST_MARGIN: Duration = Duration::from_mins(5);

/// The user, and who is logged in now.
pub(super) struct Session {
    username: SecretString,
    password: SecretString,
    /// Held while a login is under way, so that calls that wait for one share it.
    login: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Login>,
    /// Whose token the first login gave; another one's is never used.
    account: Option<String>,
    logins: u64,
}

/// A login that holds.
#[derive(Clone)]
pub(super) struct Login {
    /// Tells it from others.
    pub(super) number: u64,
    pub(super) token: SecretString,
    /// Who the token says that we are.
    pub(super) account: String,
    renew_at: Instant,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(username: SecretString, password: SecretString) -> Self {
        Self {
            username,
            password,
            login: Mutex::default(),
        }
    }

    /// The login to use: the one there is, unless it is over or is the `refused` one; else a new one.
    pub(super) async fn login(&self, client: &Client, base: &Url, refused: Option<u64>) -> Result<Login> {
        let mut state = self.login.lock().await;
        let usable = |login: &&Login| refused != Some(login.number) && Instant::now() < login.renew_at;
        if let Some(login) = state.current.as_ref().filter(usable) {
            return Ok(login.clone());
        }
        state.current = None;
        let number = state.logins + 1;
        let login = self.log_in(client, base, number).await?;
        if state.account.get_or_insert_with(|| login.account.clone()) != &login.account {
            return Err(Error::new(
                Kind::Unauthorized,
                format!(
                    "luchen.login: the user was account {} and is now {}: nothing is asked under another name",
                    state.account.as_deref().unwrap_or_default(),
                    login.account
                ),
            ));
        }
        state.logins = number;
        state.current = Some(login.clone());
        Ok(login)
    }

    async fn log_in(&self, client: &Client, base: &Url, number: u64) -> Result<Login> {
        let begun = Instant::now();
        let body = json!({
            "username": self.username.expose_secret(),
            "password": self.password.expose_secret(),
        });
        let request = Request::new(
            Operation::Login,
            Operation::Login.effect(),
            Method::POST,
            join(base, &Operation::Login.path()),
        );
        let answer = match Answer::read(
            client.send(request.json(&body)?).await?,
            Some(Operation::Login.member()),
        ) {
            Ok(answer) => answer,
            Err(Failure::NotLoggedIn(error) | Failure::Refused(error)) => return Err(refused(error)),
            Err(failure) => return Err(failure.into()),
        };
        let token = loose::word(answer.body(), "accessToken")
            .filter(|token| is_cookie(token))
            .map(SecretString::from)
            .ok_or_else(|| answer.unreadable("no accessToken"))?;
        client.keep_secret(token.clone());
        let life = loose::integer(answer.body(), "accessExpire")
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(UNSAID_LIFE, Duration::from_secs);
        Ok(Login {
            number,
            account: subject(token.expose_secret()).unwrap_or_else(|| digest(self.username.expose_secret())),
            token,
            renew_at: begun + life.saturating_sub((life / 10).min(LONGEST_MARGIN)),
        })
    }
}

/// A login that is refused in a sentence is one with a wrong name or password, unless the sentence means "not now".
fn refused(error: Error) -> Error {
    const NOT_NOW: [&str; 6] = ["繁忙", "稍后", "频繁", "busy", "later", "too many"];
    let lower = error.message.to_lowercase();
    if NOT_NOW.iter().any(|words| lower.contains(words)) {
        return error;
    }
    Error::new(
        Kind::Unauthorized,
        format!("{}; are username and password right?", error.message),
    )
    .retry_after(error.retry_after)
}

/// Fit to be the value of a cookie as it is.
fn is_cookie(token: &str) -> bool {
    token
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b',' | b'"' | b'\\'))
}

/// The `sub` of a JWT. Its signature is not checked: the cloud gave the token to us over its own connection.
fn subject(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    loose::id(&claims, "sub")
}

/// Stands for the account where the token does not say who it is for.
fn digest(username: &str) -> String {
    let mut account = String::from("user-");
    for byte in Sha256::digest(username.as_bytes()).iter().take(8) {
        // Writing to a String never fails.
        let _ = write!(account, "{byte:02x}");
    }
    account
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> String {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("eyJhbGciOiJSUzI1NiJ9.{payload}.c2lnbmF0dXJl")
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let sub = "3f0e2d1c-0000-4000-8000-000000000001";
        assert_eq!(subject(&token(&json!({"sub": sub, "exp": 1}))).as_deref(), Some(sub));
        assert_eq!(
            subject(&token(&json!({"sub": sub, "exp": 2}))).as_deref(),
            Some(sub),
            "a later token of the same user"
        );
        for token in [
            String::new(),
            "opaque".to_owned(),
            "a.b.c".to_owned(),
            token(&json!({"sub": "a/b"})),
            token(&json!({"sub": null})),
            token(&json!([1])),
        ] {
            assert_eq!(subject(&token), None, "{token}");
        }
    }

    #[test]
    fn a_user_is_told_from_others_without_being_named() {
        let alice = digest("alice");
        assert_eq!(alice, digest("alice"));
        assert_ne!(alice, digest("bob"));
        assert!(alice.starts_with("user-") && alice.len() == 21 && !alice.contains("alice"));
    }

    #[test]
    fn what_would_break_out_of_a_cookie_is_no_token() {
        assert!(is_cookie("eyJ.a-b_c.d="));
        for token in ["a;b", "a b", "a\nb", "a,b", "a\"b", "中"] {
            assert!(!is_cookie(token), "{token}");
        }
    }
}
