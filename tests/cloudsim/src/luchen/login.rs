//! Logging in, and who is asking.

use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    clock::later,
    cloud::Cloud,
    exchange::Reply,
    world::{Key, World},
};

use super::wire::{self, BAD_LOGIN, Members, Refused};

/// A token that was given.
#[derive(Debug, Clone)]
pub(super) struct Session {
    token: String,
    account: String,
    username: String,
    ends: Timestamp,
}

/// Gives a token for a name and its password.
pub(super) fn login(world: &mut World, body: &Value) -> Result<Reply, Refused> {
    let members = Members::of(body);
    let (username, password) = (members.word("username")?, members.word("password")?);
    let account = world
        .accounts
        .iter()
        .find(|((cloud, _), account)| {
            *cloud == Cloud::Luchen
                && account.credentials.iter().any(|credential| {
                    credential.key == username && credential.secret == password && !credential.revoked
                })
        })
        .map(|((_, id), _)| id.clone())
        .ok_or_else(|| Refused::new(BAD_LOGIN))?;
    let life = world.luchen.settings.token_life_seconds;
    let now = world.now();
    let ends = later(now, life.saturating_mul(1000));
    let token = token(world, &account, now, ends);
    world.luchen.sessions.retain(|session| session.ends > now);
    world.luchen.sessions.push(Session {
        token: token.clone(),
        account,
        username: username.to_owned(),
        ends,
    });
    Ok(wire::success(json!({"accessToken": token, "accessExpire": life})))
}

fn token(world: &mut World, account: &str, issued: Timestamp, ends: Timestamp) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signature: Vec<u8> = (0..32).map(|_| world.random.u8(..)).collect();
    let claims = json!({
        "aud": ["platform.colossalai.com"],
        "exp": ends.as_second(),
        "group": ["user"],
        "iat": issued.as_second(),
        "iss": "cloud.luchentech.com",
        "sub": account,
    });
    format!(
        "{}.{}.{}",
        part(json!({"alg": "RS256", "typ": "JWT"})),
        part(claims),
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    )
}

/// Whose token is in the cookie, if it is good. A password that is revoked takes its sessions with it.
pub(super) fn account(world: &World, headers: &HeaderMap) -> Option<Key> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let token = cookies
        .split(';')
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == "AccessToken")
        .map(|(_, token)| token)?;
    let now = world.now();
    let session = world
        .luchen
        .sessions
        .iter()
        .find(|session| session.token == token && now < session.ends)?;
    let key = (Cloud::Luchen, session.account.clone());
    let is_good = world.accounts.get(&key)?.accepts(&session.username);
    is_good.then_some(key)
}
