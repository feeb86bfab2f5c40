//! What is shipped cannot be told to stand still.

use gpu_instance_operator::crash_point::VARIABLE;

use crate::operator::BUILT;

/// How a crash point is chosen, and the names of some that are not put together from a step's.
const NAMES: [&str; 4] = [
    VARIABLE,
    "create: about to be sent",
    "protect the provider: its Secret not yet",
    "let go: Secret disowned",
];

/// `make test` says where the program is that it has built for release.
pub fn has_no_crash_points() {
    let built = std::fs::read(BUILT).unwrap();
    let release = std::env::var_os("GPU_INSTANCE_OPERATOR_BIN").map(|path| std::fs::read(path).unwrap());
    for name in NAMES {
        let is_in = |program: &[u8]| program.windows(name.len()).any(|bytes| bytes == name.as_bytes());
        assert!(is_in(&built), "{name:?} would not be found anywhere");
        assert!(!release.as_deref().is_some_and(is_in), "{name:?} is in what is shipped");
    }
}
