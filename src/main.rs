//! Parses the command line, runs what it says, and ends with an exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use gpu_instance_operator::api::crds;
use gpu_instance_operator::cli::{Command, CommandLine, Rebuild, Run};
use gpu_instance_operator::{operator, rebuild as rebuilding, telemetry};

fn main() -> ExitCode {
    // Both HTTP clients here take whatever is installed. It fails only where one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = match CommandLine::parse().command {
        Command::Run(arguments) => run(*arguments),
        Command::Rebuild(arguments) => rebuild(*arguments),
        Command::Crds => crds::yaml().map_err(Into::into).and_then(|yaml| print(&yaml)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Run) -> Result<(), Box<dyn std::error::Error>> {
    telemetry::start(arguments.telemetry.log_format)?;
    let runtime = operator::runtime()?;
    Ok(runtime.block_on(operator::run(arguments))?)
}

fn rebuild(arguments: Rebuild) -> Result<(), Box<dyn std::error::Error>> {
    let printed = operator::runtime()?.block_on(rebuilding::run(arguments))?;
    print(&printed.yaml)?;
    if printed.gaps.is_empty() {
        return Ok(());
    }
    Err(format!(
        "there may be more machines than these:\n  {}",
        printed.gaps.join("\n  ")
    )
    .into())
}

fn print(text: &str) -> Result<(), Box<dyn std::error::Error>> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
