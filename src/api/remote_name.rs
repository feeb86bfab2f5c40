//! Names of machines at a cloud, `gi-<installation>-<uid>-<attempt>`, and the annotation that binds an object to one.
//!
//! No cloud has an idempotency key, so the name is all there is to tell whose a machine is: it is a function of the
//! installation, the object and the attempt, and short enough for every cloud.

use std::fmt;

/// The part of every remote name that tells this installation from another: up to eight of `a-z0-9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation(String);

impl Installation {
    /// An installation's id; `None` if it is empty, too long or has other characters.
    #[must_use]
    pub fn new(id: &str) -> Option<Self> {
        let fits = (1..=8).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        fits.then(|| Self(id.to_owned()))
    }

    /// The installation's id out of the UID of the `kube-system` namespace: the same on every replica.
    #[must_use]
    pub fn of_cluster(kube_system_uid: &str) -> Option<Self> {
        Self::new(&hex_digits(kube_system_uid, 8))
    }

    /// The name for an attempt of the object with this UID.
    #[must_use]
    pub fn name(&self, uid: &str, attempt: i64) -> RemoteName {
        RemoteName {
            installation: self.0.clone(),
            object: object_key(uid),
            attempt,
        }
    }

    /// Whether this installation gave that name.
    #[must_use]
    pub fn gave(&self, name: &RemoteName) -> bool {
        name.installation == self.0
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that some installation gave to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteName {
    installation: String,
    object: String,
    attempt: i64,
}

impl RemoteName {
    /// Reads a name that a cloud shows; `None` for every name that no installation gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("gi-")?.split('-');
        let (installation, object, attempt) = (parts.next()?, parts.next()?, parts.next()?);
        let attempt: i64 = attempt.parse().ok().filter(|attempt| *attempt > 0)?;
        let name = Self {
            installation: Installation::new(installation)?.0,
            object: object.to_owned(),
            attempt,
        };
        let whole = parts.next().is_none() && name.to_string() == text;
        (whole && object.len() == 12 && object.bytes().all(|b| b.is_ascii_hexdigit())).then_some(name)
    }

    /// What the name says of the object: see [`object_key`].
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Number of the attempt.
    #[must_use]
    pub fn attempt(&self) -> i64 {
        self.attempt
    }

    /// Whether the machine was made for the object with this UID.
    #[must_use]
    pub fn is_of(&self, uid: &str) -> bool {
        self.object == object_key(uid)
    }
}

impl fmt::Display for RemoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gi-{}-{}-{}", self.installation, self.object, self.attempt)
    }
}

/// The part of a name that stands for the object with this UID.
#[must_use]
pub fn object_key(uid: &str) -> String {
    hex_digits(uid, 12)
}

/// The first digits of a UID, hyphens left out; what is not a UUID is brought into the same shape.
fn hex_digits(uid: &str, count: usize) -> String {
    let digits: String = uid
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|c| c.to_ascii_lowercase())
        .take(count)
        .collect();
    format!("{digits:0<count$}")
}

/// The annotation that binds an object to its machine: `<uid>/<account>/<instanceId>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingAnnotation {
    /// UID of the object that the machine belongs to; another one in a copied or restored object.
    pub uid: String,
    /// The account whose machine it is.
    pub account: String,
    /// The machine's id.
    pub instance_id: String,
}

impl BindingAnnotation {
    /// Reads the annotation; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (uid, rest) = text.split_once('/')?;
        let (account, instance_id) = rest.rsplit_once('/')?;
        (!uid.is_empty() && !instance_id.is_empty()).then(|| Self {
            uid: uid.to_owned(),
            account: account.to_owned(),
            instance_id: instance_id.to_owned(),
        })
    }
}

impl fmt::Display for BindingAnnotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.uid, self.account, self.instance_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "9b1c7d2e-4f60-4a0b-8c0d-000000000001";

    #[test]
    fn a_name_says_whose_the_machine_is() {
        let installation = Installation::of_cluster("3f2a91c0-1111-2222-3333-444444444444").unwrap();
        let name = installation.name(UID, 1);
        assert_eq!(name.to_string(), "gi-3f2a91c0-9b1c7d2e4f60-1");
        let read = RemoteName::parse(&name.to_string()).unwrap();
        assert_eq!(read, name);
        assert!(installation.gave(&read) && read.is_of(UID));
        assert!(!Installation::new("other").unwrap().gave(&read));
        assert!(!read.is_of("9b1c7d2e-4f61-4a0b-8c0d-000000000001"));
    }

    #[test]
    fn other_peoples_names_are_not_ours() {
        for name in [
            "",
            "gi-",
            "train-1",
            "gi-a-b-c",
            "gi-3f2a91c0-9b1c7d2e4f60",
            "gi-3f2a91c0-9b1c7d2e4f60-1-2",
            "gi-3f2a91c0-9b1c7d2e4f60-01",
            "gi-3f2a91c0-9b1c7d2e4f60-0",
            "gi-3F2A-9b1c7d2e4f60-1",
            "gi-x-9b1c7d2e4f6-1",
        ] {
            assert_eq!(RemoteName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_binding_is_read_as_it_was_written() {
        let binding = BindingAnnotation {
            uid: UID.into(),
            account: "a/b".into(),
            instance_id: "x1".into(),
        };
        assert_eq!(BindingAnnotation::parse(&binding.to_string()), Some(binding));
        assert_eq!(BindingAnnotation::parse("nonsense"), None);
    }
}
