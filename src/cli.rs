//! The command line. Each flag has an environment variable, so that a manifest can set it either way.

use std::net::SocketAddr;

use clap::{ArgAction, Args, Parser, Subcommand};
use url::Url;

use crate::telemetry::LogFormat;

/// GPU machines rented by the hour, as Kubernetes objects.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator, in the cluster that KUBECONFIG or the Pod's service account names.
    Run(Box<Run>),
    /// Print a manifest for every machine of this installation that no object knows: after the loss of a cluster.
    ///
    /// Reads the providers and their Secrets from the cluster that KUBECONFIG or the Pod's service account names, and
    /// lists their accounts. Changes nothing. Ends with an error where there may be more machines than it could see.
    Rebuild(Box<Rebuild>),
    /// Print the custom resource definitions as YAML.
    Crds,
}

/// Which machines to print a manifest for.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// Which providers are looked at.
    #[command(flatten)]
    pub scope: Scope,
    /// Only providers of this name (repeatable). All where left out.
    #[arg(long = "provider", value_name = "NAME")]
    pub providers: Vec<String>,
    /// Where it may call.
    #[command(flatten)]
    pub endpoints: Endpoints,
    /// What its machines are called.
    #[command(flatten)]
    pub installation: Installation,
}

/// How to run the operator.
#[derive(Debug, Args)]
pub struct Run {
    /// What it looks after.
    #[command(flatten)]
    pub scope: Scope,
    /// Where it may call.
    #[command(flatten)]
    pub endpoints: Endpoints,
    /// How replicas agree on who acts.
    #[command(flatten)]
    pub election: Election,
    /// What its machines are called.
    #[command(flatten)]
    pub installation: Installation,
    /// How much it does at once.
    #[command(flatten)]
    pub work: Work,
    /// What it tells of itself.
    #[command(flatten)]
    pub telemetry: Telemetry,
}

/// What the operator looks after.
#[derive(Debug, Args)]
pub struct Scope {
    /// Look after this namespace only (repeatable). All namespaces where left out; with it, `ClusterGpuProviders` are
    /// not used.
    #[arg(
        long = "namespace",
        value_name = "NS",
        env = "GPU_INSTANCE_OPERATOR_NAMESPACE",
        value_delimiter = ',',
        value_parser = namespace
    )]
    pub namespaces: Vec<String>,
}

/// Where the operator may call.
#[derive(Debug, Args)]
pub struct Endpoints {
    /// Let providers use a base URL at or below this one instead of the vendor's (repeatable), such as
    /// `https://gpu.example.com` or `http://twin.dev.svc:8080/xgc`.
    #[arg(
        long = "allow-endpoint",
        value_name = "URL",
        env = "GPU_INSTANCE_OPERATOR_ALLOW_ENDPOINT",
        value_delimiter = ',',
        value_parser = endpoint
    )]
    pub allowed: Vec<Url>,
}

/// How replicas agree on who acts.
#[derive(Debug, Args)]
pub struct Election {
    /// Act only while holding the Lease `gpu-instance-operator`.
    #[arg(
        long = "leader-elect",
        value_name = "BOOL",
        env = "GPU_INSTANCE_OPERATOR_LEADER_ELECT",
        action = ArgAction::Set,
        default_value_t = true,
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    pub enabled: bool,
    /// Namespace of the Lease; the Pod's own where left out, else `default`.
    #[arg(
        long = "lease-namespace",
        value_name = "NS",
        env = "GPU_INSTANCE_OPERATOR_LEASE_NAMESPACE",
        value_parser = namespace
    )]
    pub namespace: Option<String>,
}

/// What this installation's machines are called.
#[derive(Debug, Args)]
pub struct Installation {
    /// Part of the name of every machine that is rented: up to 8 of a-z and 0-9. From the UID of the namespace
    /// kube-system where left out. Set it to find the machines again after the loss of the cluster, or where that
    /// namespace may not be read; never change it while machines exist.
    #[arg(
        long = "installation-id",
        value_name = "ID",
        env = "GPU_INSTANCE_OPERATOR_INSTALLATION_ID",
        value_parser = installation_id
    )]
    pub id: Option<String>,
}

/// How much the operator does at once.
#[derive(Debug, Args)]
pub struct Work {
    /// How many objects are worked on at once.
    #[arg(
        long,
        value_name = "N",
        env = "GPU_INSTANCE_OPERATOR_CONCURRENCY",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub concurrency: u16,
}

/// What the operator tells of itself.
#[derive(Debug, Args)]
pub struct Telemetry {
    /// Address of /healthz, /readyz and /metrics.
    #[arg(
        long,
        value_name = "ADDR",
        env = "GPU_INSTANCE_OPERATOR_LISTEN",
        default_value = "0.0.0.0:8080"
    )]
    pub listen: SocketAddr,
    /// How log lines are written; `RUST_LOG` says which.
    #[arg(
        long,
        value_name = "FORMAT",
        env = "GPU_INSTANCE_OPERATOR_LOG_FORMAT",
        value_enum,
        default_value_t
    )]
    pub log_format: LogFormat,
}

/// A name that a namespace can have.
fn namespace(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = (1..=63).contains(&text.len())
        && text.chars().all(|c| inner(c) || c == '-')
        && text.starts_with(inner)
        && text.ends_with(inner);
    if fits {
        Ok(text.to_owned())
    } else {
        Err("not the name of a namespace: 1 to 63 of a-z, 0-9 and -, with no - at either end".to_owned())
    }
}

fn endpoint(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("not a URL: {error}; write it as https://host[:port][/path]"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "the scheme is {}; only https and http can be called",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or password does not belong here; credentials are in a provider's Secret".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a query (?...) or fragment (#...) does not belong in a base URL".to_owned());
    }
    Ok(url)
}

fn installation_id(text: &str) -> Result<String, String> {
    let fits = (1..=8).contains(&text.len()) && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 8 of a-z and 0-9".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<Run, String> {
        let line = ["gpu-instance-operator", "run"].iter().chain(arguments);
        match CommandLine::try_parse_from(line)
            .map_err(|error| error.to_string())?
            .command
        {
            Command::Run(run) => Ok(*run),
            Command::Rebuild(_) | Command::Crds => unreachable!("the line says run"),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        <CommandLine as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_environment_variable() {
        let command = <CommandLine as clap::CommandFactory>::command();
        let run = command.find_subcommand("run").unwrap();
        let flags: Vec<_> = run
            .get_arguments()
            .filter_map(|flag| Some((flag.get_long()?, flag.get_env())))
            .collect();
        assert_eq!(flags.len(), 8, "{flags:?}");
        for (flag, variable) in flags {
            let expected = format!("GPU_INSTANCE_OPERATOR_{}", flag.replace('-', "_").to_uppercase());
            assert_eq!(variable.and_then(std::ffi::OsStr::to_str), Some(expected.as_str()));
        }
    }

    #[test]
    fn without_flags_it_does_what_most_want() {
        let run = run(&[]).unwrap();
        assert!(run.scope.namespaces.is_empty() && run.endpoints.allowed.is_empty());
        assert!(run.election.enabled && run.election.namespace.is_none() && run.installation.id.is_none());
        assert_eq!(run.work.concurrency, 16);
        assert_eq!(run.telemetry.listen, SocketAddr::from(([0, 0, 0, 0], 8080)));
        assert_eq!(run.telemetry.log_format, LogFormat::Text);
    }

    #[test]
    fn flags_are_read() {
        let run = run(&[
            "--namespace=ml,dev",
            "--namespace=test",
            "--allow-endpoint=http://twin:8080/xgc",
            "--leader-elect=false",
            "--lease-namespace=gpu",
            "--installation-id=prod1",
            "--concurrency=4",
            "--listen=127.0.0.1:0",
            "--log-format=json",
        ])
        .unwrap();
        assert_eq!(run.scope.namespaces, ["ml", "dev", "test"]);
        assert_eq!(run.endpoints.allowed[0].as_str(), "http://twin:8080/xgc");
        assert!(!run.election.enabled);
        assert_eq!(run.election.namespace.as_deref(), Some("gpu"));
        assert_eq!(run.installation.id.as_deref(), Some("prod1"));
        assert_eq!(run.work.concurrency, 4);
        assert_eq!(run.telemetry.log_format, LogFormat::Json);
    }

    #[test]
    fn leader_election_can_be_said_without_a_value() {
        assert!(run(&["--leader-elect"]).unwrap().election.enabled);
    }

    #[test]
    fn a_wrong_value_is_refused_with_a_reason() {
        for (argument, reason) in [
            ("--namespace=Ml", "not the name of a namespace"),
            ("--namespace=", "not the name of a namespace"),
            ("--allow-endpoint=gpu.example.com", "write it as https://host"),
            ("--allow-endpoint=ftp://gpu.example.com", "the scheme is ftp"),
            (
                "--allow-endpoint=https://me:secret@gpu.example.com",
                "credentials are in a provider's Secret",
            ),
            (
                "--allow-endpoint=https://gpu.example.com?a=b",
                "does not belong in a base URL",
            ),
            ("--installation-id=too-long-by-far", "1 to 8 of a-z and 0-9"),
            ("--installation-id=", "1 to 8 of a-z and 0-9"),
            ("--concurrency=0", "0 is not in 1.."),
            ("--listen=8080", "invalid socket address"),
            ("--log-format=xml", "[possible values: text, json]"),
            ("--leader-elect=maybe", "[possible values: true, false]"),
        ] {
            let error = run(&[argument]).unwrap_err();
            assert!(error.contains(reason), "{argument}: {error}");
        }
    }
}
