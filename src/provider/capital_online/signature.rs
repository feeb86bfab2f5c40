//! Capital Online's signature: HMAC-SHA1 over the sorted query. Neither the path nor a `POST`'s body takes part in it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;

/// Version of the API, which is that of the signature too.
const VERSION: &str = "2019-08-08";
/// What stays as it is: letters, digits and these four.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What requests are signed with.
#[derive(Debug)]
pub(super) struct AccessKey {
    /// Its id, which is sent.
    pub(super) id: String,
    /// The secret, which is not.
    pub(super) secret: SecretString,
}

/// One request, as far as the signature covers it.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) method: &'a Method,
    pub(super) action: &'a str,
    /// The operation's own part of the query; empty ones are left out, for some clients sign what they do not send.
    pub(super) own: &'a [(&'a str, &'a str)],
    /// Never used before, nor again.
    pub(super) nonce: &'a str,
    pub(super) at: Timestamp,
}

/// A query with its signature.
pub(super) struct Signed {
    /// To be sent as it is.
    pub(super) query: String,
    pub(super) signature: SecretString,
}

/// Signs a request.
pub(super) fn sign(key: &AccessKey, subject: &Subject<'_>) -> Signed {
    let timestamp = subject.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut parameters = BTreeMap::from([
        ("Action", subject.action),
        ("AccessKeyId", &key.id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", subject.nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &timestamp),
        ("Version", VERSION),
    ]);
    parameters.extend(subject.own.iter().copied().filter(|(_, value)| !value.is_empty()));
    let canonical = joined(&parameters);
    // The canonical query is encoded once more, and the path is always `/`, whatever it is.
    let text = format!("{}&%2F&{}", subject.method, encode(&canonical));
    let signature = BASE64_STANDARD.encode(hmac_sha1(key.secret.expose_secret(), &text));
    parameters.insert("Signature", &signature);
    Signed {
        query: joined(&parameters),
        signature: signature.into(),
    }
}

/// In the order of the names' bytes.
fn joined(parameters: &BTreeMap<&str, &str>) -> String {
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The key is the bare secret: the `&` behind it that one page asks for is in none of the vendor's programs.
fn hmac_sha1(secret: &str, text: &str) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(method: &Method, action: &str, own: &[(&str, &str)], nonce: &str) -> Signed {
        let key = AccessKey {
            id: "AKTESTEXAMPLE0001".to_owned(),
            secret: "SKtest/Example+Secret=01".into(),
        };
        let at = "2024-12-20T08:00:00Z".parse().unwrap();
        sign(
            &key,
            &Subject {
                method,
                action,
                own,
                nonce,
                at,
            },
        )
    }

    #[test]
    fn signatures_are_those_that_the_vendors_routine_makes() {
        let awkward = [("Name", "测试 gpu*~+/&=01"), ("PageNumber", "1"), ("PageSize", "10")];
        for (method, action, own, digit, expected) in [
            (
                Method::GET,
                "DescribeGpuRegions",
                &[][..],
                '1',
                "ta7r/Kyp83Gt4oegGGrStbBT9qs=",
            ),
            (
                Method::GET,
                "DescribeGpu",
                &awkward,
                '2',
                "42SNQmDMA6GVN6C/zsIsY2cqNsE=",
            ),
            (
                Method::POST,
                "CreateGpuInstance",
                &[],
                '3',
                "kf3aW5vybjkxazYNR9x1n/DxPFg=",
            ),
        ] {
            let nonce: String = "11111111-1111-1111-1111-111111111111"
                .chars()
                .map(|c| if c == '1' { digit } else { c })
                .collect();
            let signed = signed(&method, action, own, &nonce);
            assert_eq!(signed.signature.expose_secret(), expected, "{action}");
        }
    }

    #[test]
    fn the_query_is_sorted_and_strictly_encoded_and_nothing_in_it_is_empty() {
        let own = [("Name", "a b*/"), ("AppId", "")];
        let query = signed(&Method::GET, "DescribeGpu", &own, "n").query;
        assert!(
            query.starts_with("AccessKeyId=AKTESTEXAMPLE0001&Action=DescribeGpu&Name=a%20b%2A%2F&Signature="),
            "{query}"
        );
        assert!(query.contains("&Timestamp=2024-12-20T08%3A00%3A00Z&"), "{query}");
        assert!(!query.contains("AppId"), "{query}");
    }
}
