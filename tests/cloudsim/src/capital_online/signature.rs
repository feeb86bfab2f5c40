//! Checking a signed query, from the vendor's description and nothing else.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;

/// The parts of a query, decoded. `+` stays what it is: these queries are not forms.
pub(super) type Query = BTreeMap<String, String>;

pub(super) fn read(query: &str) -> Option<Query> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn encode(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Whether the query carries the signature that this secret makes.
pub(super) fn is_signed(method: &str, query: &Query, secret: &str) -> bool {
    let canonical: Vec<String> = query
        .iter()
        .filter(|(name, _)| *name != "Signature")
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let text = format!("{method}&%2F&{}", encode(&canonical.join("&")));
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(text.as_bytes());
    let made = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    query.get("Signature") == Some(&made)
}

/// Seconds between the request's time and that of the cloud's clock, which is this far ahead of the true one; the
/// simulated clock has no part in it.
pub(super) fn skew(query: &Query, clock_ahead_seconds: i64) -> Option<i64> {
    let text = query.get("Timestamp")?;
    let whole = text.len() == "2024-12-20T08:00:00Z".len() && text.ends_with('Z');
    let at: Timestamp = text.parse().ok().filter(|_| whole)?;
    let late = Timestamp::now().duration_since(at).as_secs();
    Some((late + clock_ahead_seconds).abs())
}
