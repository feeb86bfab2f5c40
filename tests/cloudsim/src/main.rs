//! The simulator as a program.

use std::{fs, io, io::IsTerminal as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Parser;
use cloudsim::{Cloudsim, Config, Pace, StartError};
use tokio::signal::unix::{SignalKind, signal};

const DEFAULT_PORT: u16 = 4100;

/// The clouds' APIs as one server, with faults and a meter.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where to listen [default: what the file says, else 127.0.0.1:4100]; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// JSON with accounts and settings; everything in it may be left out.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// From which ids and passwords are derived.
    #[arg(long)]
    seed: Option<u64>,
    /// Every state in passing lasts so many milliseconds; those below win over it.
    #[arg(long, value_name = "MS")]
    pace_ms: Option<u64>,
    /// From the create call to running.
    #[arg(long, value_name = "MS")]
    creating_ms: Option<u64>,
    /// From the start call to running.
    #[arg(long, value_name = "MS")]
    starting_ms: Option<u64>,
    /// From the stop call to stopped.
    #[arg(long, value_name = "MS")]
    stopping_ms: Option<u64>,
    /// Saving an image.
    #[arg(long, value_name = "MS")]
    saving_image_ms: Option<u64>,
    /// From the destroy call to gone.
    #[arg(long, value_name = "MS")]
    destroying_ms: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("cloudsim: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Failure> {
    let config = configure(&options)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
    let sim = Cloudsim::start(config).await?;
    println!("admin {}", sim.admin_url());
    for account in sim.accounts() {
        for credential in account.credentials {
            println!(
                "{} {} account={} key={} secret={}",
                account.cloud,
                sim.cloud(account.cloud).url(),
                account.id,
                credential.key,
                if credential.secret.is_empty() {
                    "-"
                } else {
                    &credential.secret
                },
            );
        }
    }
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

fn configure(options: &Options) -> Result<Config, Failure> {
    let mut config = match &options.config {
        None => Config::default(),
        Some(path) => {
            let text = fs::read(path).map_err(|source| Failure::Unreadable {
                path: path.clone(),
                source,
            })?;
            serde_json::from_slice(&text).map_err(|source| Failure::Malformed {
                path: path.clone(),
                source,
            })?
        }
    };
    match options.listen {
        Some(listen) => config.listen = listen,
        // A program is called by people, who want to find it again.
        None if config.listen.port() == 0 => config.listen.set_port(DEFAULT_PORT),
        None => {}
    }
    if let Some(seed) = options.seed {
        config.seed = seed;
    }
    for pace in [
        &mut config.xgc.settings.pace,
        &mut config.luchen.settings.pace,
        &mut config.scnet.settings.pace,
        &mut config.capital_online.settings.pace,
        &mut config.neolink.settings.pace,
    ] {
        set_pace(pace, options);
    }
    Ok(config)
}

fn set_pace(pace: &mut Pace, options: &Options) {
    let asked = [
        (&mut pace.creating_ms, options.creating_ms),
        (&mut pace.starting_ms, options.starting_ms),
        (&mut pace.stopping_ms, options.stopping_ms),
        (&mut pace.saving_image_ms, options.saving_image_ms),
        (&mut pace.destroying_ms, options.destroying_ms),
    ];
    for (length, asked) in asked {
        if let Some(asked) = asked.or(options.pace_ms) {
            *length = asked;
        }
    }
}
