//! How a request for tokens is signed.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

/// What is signed: exactly these members in this order, as JSON without blanks, each of them a text.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "accessKey")]
    access_key: &'a str,
    timestamp: &'a str,
    user: &'a str,
}

/// HMAC-SHA256 of the message with the secret key, in lower-case hexadecimal. `timestamp` is in seconds since 1970.
pub(super) fn sign(user: &str, access_key: &str, timestamp: &str, secret_key: &str) -> String {
    let message = Message {
        access_key,
        timestamp,
        user,
    };
    let message = serde_json::to_vec(&message).expect("three texts are JSON");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()).expect("a key of any length will do");
    mac.update(&message);
    hex(&mac.finalize().into_bytes())
}

/// In lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn the_signature_is_that_of_another_implementation() {
        // Made with openssl.
        assert_eq!(
            sign(
                "bob",
                "85f96a42b13f4d2c8b760d2775bbcca8",
                "1764597591",
                "SKtestExample0001"
            ),
            "1a81d1b19b2111051dbf793fb4cb835fa8f1cfaeb251b37d5edb663a6836f5ec"
        );
    }

    #[test]
    fn what_json_must_escape_is_escaped_before_it_is_signed() {
        assert_ne!(sign("a\"b", "k", "1", "s"), sign("a\\\"b", "k", "1", "s"));
    }
}
