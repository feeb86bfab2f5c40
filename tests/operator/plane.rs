//! The control plane that a test runs on.

use std::ops::Deref;
use std::path::Path;

use controlplane::{ControlPlane, Options};

/// A control plane with an audit log and the CRDs of this checkout.
pub enum Plane {
    /// The one of this test binary.
    Shared(&'static ControlPlane),
    /// One of the test's own, for what would disturb others.
    Own(Box<ControlPlane>),
}

impl Plane {
    pub fn shared() -> Self {
        Self::Shared(ControlPlane::shared(&with_kinds()).unwrap())
    }

    pub fn own() -> Self {
        Self::own_with(&with_kinds())
    }

    pub fn own_without_kinds() -> Self {
        Self::own_with(&Options::new().audit())
    }

    fn own_with(options: &Options) -> Self {
        Self::Own(Box::new(ControlPlane::start(options).unwrap()))
    }

    /// The generated CRDs.
    pub fn kinds() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/crds"))
    }
}

fn with_kinds() -> Options {
    Options::new().audit().crds(Plane::kinds())
}

impl Deref for Plane {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        match self {
            Self::Shared(plane) => plane,
            Self::Own(plane) => plane,
        }
    }
}
