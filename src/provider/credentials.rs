//! What an account is opened with, as a Kubernetes Secret holds it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};

use super::connect::ConnectError;
use crate::api::Cloud;
use crate::api::condition::Reason;

/// The keys of a Secret. `Debug` shows their names only.
#[derive(Clone, Default)]
pub struct Credentials {
    values: BTreeMap<String, SecretSlice<u8>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Credentials")
            .field(&self.values.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl<K: Into<String>, V: Into<Vec<u8>>> FromIterator<(K, V)> for Credentials {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(data: T) -> Self {
        Self {
            values: data
                .into_iter()
                .map(|(key, value)| (key.into(), value.into().into()))
                .collect(),
        }
    }
}

/// Tells whether credentials have changed. Not to be shown to anyone: short secrets could be guessed from it.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialsDigest([u8; 32]);

impl std::fmt::Debug for CredentialsDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CredentialsDigest")
    }
}

/// Keys that the Secret of an account at this cloud must have.
#[must_use]
pub fn required_keys(cloud: Cloud) -> &'static [&'static str] {
    match cloud {
        Cloud::Xgc => &["token"],
        Cloud::Luchen => &["username", "password"],
        Cloud::Scnet => &["user", "accessKey", "secretKey"],
        Cloud::CapitalOnline => &["accessKeyId", "accessKeySecret"],
        Cloud::Neolink => &["token", "userId"],
    }
}

impl Credentials {
    /// All keys of a Secret.
    #[must_use]
    pub fn from_secret(secret: &Secret) -> Self {
        let data = secret.data.iter().flatten();
        data.map(|(key, value)| (key.as_str(), value.0.as_slice())).collect()
    }

    /// A digest of all keys and values.
    #[must_use]
    pub fn digest(&self) -> CredentialsDigest {
        let mut hash = Sha256::new();
        for (key, value) in &self.values {
            for part in [key.as_bytes(), value.expose_secret()] {
                // With its length, so that no two sets of keys run into the same bytes.
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
        CredentialsDigest(hash.finalize().into())
    }

    /// The value of a key, without the blanks and line ends around it that shells and editors leave there.
    pub fn get(&self, key: &str) -> Result<SecretString, ConnectError> {
        let refuse = |why: &str| {
            Err(ConnectError::new(
                Reason::CredentialsIncomplete,
                format!("key {key} of the credentials Secret {why}"),
            ))
        };
        let Some(value) = self.values.get(key) else {
            return refuse("is missing");
        };
        let Ok(text) = std::str::from_utf8(value.expose_secret()) else {
            return refuse("is not text: was it encoded twice, or not at all?");
        };
        let text = text.trim();
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.chars().any(char::is_control) {
            return refuse("has a line break or another control character inside");
        }
        Ok(text.into())
    }

    /// Checks every key that this cloud needs; the message names all that lack.
    pub fn check(&self, cloud: Cloud) -> Result<(), ConnectError> {
        let problems: Vec<_> = required_keys(cloud)
            .iter()
            .filter_map(|key| self.get(key).err())
            .map(|error| error.to_string())
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConnectError::new(
                Reason::CredentialsIncomplete,
                format!(
                    "{} (an account at {cloud} needs {})",
                    problems.join("; "),
                    required_keys(cloud).join(", ")
                ),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(data: &[(&str, &str)]) -> Credentials {
        data.iter().copied().collect()
    }

    #[test]
    fn blanks_around_a_value_are_nobodys_intent() {
        let token = credentials(&[("token", " tok-1\r\n")]).get("token").unwrap();
        assert_eq!(token.expose_secret(), "tok-1");
    }

    #[test]
    fn what_cannot_be_a_credential_is_said_without_showing_it() {
        for (data, expected) in [
            (credentials(&[]), "key token of the credentials Secret is missing"),
            (credentials(&[("token", "")]), "is empty"),
            (credentials(&[("token", " \n")]), "is empty"),
            (credentials(&[("token", "hunter\n2")]), "has a line break"),
            (Credentials::from_iter([("token", vec![0xff, 0xfe])]), "is not text"),
        ] {
            let error = data.check(Cloud::Xgc).unwrap_err();
            assert_eq!(error.reason(), Reason::CredentialsIncomplete);
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
    }

    #[test]
    fn all_that_lack_are_named_at_once() {
        let error = credentials(&[("user", "bob")])
            .check(Cloud::Scnet)
            .unwrap_err()
            .to_string();
        assert!(error.contains("accessKey ") && error.contains("secretKey "), "{error}");
    }

    #[test]
    fn a_digest_tells_every_change_and_debug_shows_names_only() {
        let one = credentials(&[("a", "bc"), ("d", "hunter2")]);
        assert_eq!(one.digest(), one.clone().digest());
        for other in [
            credentials(&[("ab", "c"), ("d", "hunter2")]),
            credentials(&[("a", "bc"), ("d", "hunter3")]),
            credentials(&[("a", "bc")]),
        ] {
            assert_ne!(one.digest(), other.digest());
        }
        assert_eq!(format!("{one:?}"), r#"Credentials(["a", "d"])"#);
    }
}
