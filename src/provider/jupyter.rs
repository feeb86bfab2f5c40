//! A notebook's address as clouds hand it out: with what opens it inside.

use reqwest::Url;
use secrecy::SecretString;

/// The address without what opens it, and the token that was in it; `None` for what no browser should be sent to.
#[must_use]
pub fn split(text: &str) -> Option<(String, Option<SecretString>)> {
    let mut url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "https" | "http") {
        return None;
    }
    let token = url
        .query_pairs()
        .find(|(name, value)| name == "token" && !value.is_empty())
        .map(|(_, token)| token.into_owned().into());
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let is_bare = url.path() == "/";
    let plain = String::from(url);
    // Without a path, as vendors write it.
    let plain = if is_bare {
        plain.trim_end_matches('/').to_owned()
    } else {
        plain
    };
    Some((plain, token))
}
