//! The files of this repository, by their paths in it.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::panic, reason = "a test ends where a file is missing")]

use std::path::Path;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
