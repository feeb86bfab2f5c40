//! Places where a test stops the process, and kills it there or lets it go on late: what happens to a process at any
//! moment happens in a test at this one.
//!
//! A release has none of them: they are compiled only where debug assertions are on. Even there they do nothing unless
//! the environment names one.

use std::fmt;

/// Names the place where the process is to stand still, the first time that it comes by.
#[cfg(debug_assertions)]
pub const VARIABLE: &str = "GPU_INSTANCE_OPERATOR_CRASH_POINT";

/// A process that was told to stand still here does so, as a whole (SIGSTOP), until somebody continues or kills it.
#[cfg(debug_assertions)]
pub fn reached(point: fmt::Arguments<'_>) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    static CHOSEN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(VARIABLE).ok());
    static STOOD: AtomicBool = AtomicBool::new(false);
    let Some(chosen) = CHOSEN.as_deref() else { return };
    if point.to_string() != chosen || STOOD.swap(true, Ordering::SeqCst) {
        return;
    }
    tracing::warn!(crash_point = chosen, "standing still");
    let stopped = std::process::Command::new("sh")
        .args(["-c", STOP, "stop", &std::process::id().to_string()])
        .status();
    if let Err(error) = stopped {
        tracing::error!(%error, "a crash point needs a shell");
    }
}

/// The signal reaches one thread after the other: this ends only when all stand still (or were continued meanwhile), so
/// that the thread which waits for it does not run on before.
#[cfg(debug_assertions)]
const STOP: &str = r#"
kill -STOP "$1"
for _ in $(seq 200); do
    [ -n "$(grep -L ') T' /proc/"$1"/task/*/stat)" ] || exit 0
    sleep 0.01
done
"#;

/// Nothing: this is a release.
#[cfg(not(debug_assertions))]
#[inline]
pub fn reached(_: fmt::Arguments<'_>) {}
