//! The log.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged where `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,kube=warn,hyper=warn,hyper_util=warn,tower=warn,reqwest=warn,rustls=warn";

/// kube's client logs answers that it cannot read in full, whatever they are: a Secret too. So it is kept silent at
/// every level below error, and `RUST_LOG` cannot undo that for the module that does it.
const SILENCED: &str = "kube_client::client=error";

/// `RUST_LOG` is not understood.
#[derive(Debug, thiserror::Error)]
#[error("RUST_LOG is not a log filter: {0}")]
pub struct BadFilter(String);

/// Starts logging to standard error, filtered by `RUST_LOG`. To be called once.
pub fn start(format: LogFormat) -> Result<(), BadFilter> {
    let written = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&written)?)
        .with_writer(std::io::stderr)
        // Colours are for who looks on, not for a file or a collector.
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match format {
        LogFormat::Text => builder.finish().init(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).finish().init(),
    }
    Ok(())
}

fn filter(written: &str) -> Result<EnvFilter, BadFilter> {
    let filter = if written.trim().is_empty() {
        DEFAULT_FILTER
    } else {
        written
    };
    let silenced: Directive = SILENCED.parse().map_err(|error| BadFilter(format!("{error}")))?;
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| BadFilter(format!("{error}")))?;
    Ok(filter.add_directive(silenced))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged with this filter.
    fn log(rust_log: &str) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter(rust_log).unwrap())
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "gpu_instance_operator::operator", "ours");
            tracing::debug!(target: "gpu_instance_operator::operator", "ours in detail");
            tracing::info!(target: "kube_runtime::controller", "of kube");
            tracing::warn!(target: "kube_client::client", "the content of a Secret");
            tracing::trace!(target: "kube_client::client", "the content of a Secret");
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn by_default_our_own_words_are_logged() {
        let log = log("");
        assert!(log.contains("ours"), "{log}");
        assert!(!log.contains("in detail"), "{log}");
    }

    #[test]
    fn no_filter_lets_the_content_of_answers_out() {
        for rust_log in [
            "",
            "trace",
            "kube_client=trace",
            "kube_client::client=trace",
            "debug,kube=debug",
        ] {
            let log = log(rust_log);
            assert!(!log.contains("Secret"), "RUST_LOG={rust_log}: {log}");
        }
        assert!(log("trace").contains("in detail"));
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let error = filter("info,=what=").unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG is not a log filter"), "{error}");
    }
}
