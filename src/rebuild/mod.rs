//! After the loss of a cluster's state: a manifest for every machine of this installation that the clouds still have.
//!
//! Reads only: providers and Secrets from the API server, lists from the clouds. Whoever applies the manifests, once
//! completed, has the machines back; nothing is rented, started or stopped by that.

mod account;
mod manifest;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use kube::Client;
use kube::core::DeserializeGuard;

use crate::account::{AccountKey, Knowers, ProviderView};
use crate::api::remote_name::Installation;
use crate::api::{ClusterGpuProvider, GpuProvider};
use crate::cli::Rebuild;
use crate::environment::System;
use crate::kubernetes::{CallError, ConnectError, Namespaces, call, connect};
use crate::operator;
use crate::provider::Connector;
use crate::provider::endpoint::{EndpointPolicy, EndpointRefused};
use account::Found;

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no API server to talk to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The installation's id is not known.
    #[error(transparent)]
    Installation(#[from] operator::Error),
    /// The installation's id cannot be part of a name.
    #[error("the installation id {0:?} must be one to eight of a-z and 0-9")]
    NoId(String),
    /// Providers cannot be read.
    #[error("the providers could not be read: {0}")]
    Providers(CallError),
    /// An allowed endpoint is not one.
    #[error("--allow-endpoint: {0}")]
    Endpoint(#[from] EndpointRefused),
    /// There is no HTTP client to be had.
    #[error("no HTTP client for the clouds: {0}")]
    Http(#[from] crate::provider::Error),
}

/// What is to be printed, and what is missing from it.
#[derive(Debug, Default)]
pub struct Printed {
    /// Manifests as YAML, with comments.
    pub yaml: String,
    /// Why there may be more machines than these.
    pub gaps: Vec<String>,
}

/// Looks into every account, and writes down what is there.
pub async fn run(arguments: Rebuild) -> Result<Printed, Error> {
    let client = connect().await?;
    let id = operator::installation_id(&client, arguments.installation.id).await?;
    let installation = Installation::new(&id).ok_or(Error::NoId(id))?;
    let policy = EndpointPolicy::new(arguments.endpoints.allowed)?;
    let connector = Connector::new(policy, Arc::new(System))?;
    let namespaces = Namespaces::new(arguments.scope.namespaces);
    let wanted: BTreeSet<String> = arguments.providers.into_iter().collect();
    let mut printed = Printed::default();
    let known = Knowers::gather(&client).await;
    if let Err(why) = &known {
        printed
            .gaps
            .push(format!("which of them have an object already is not known: {why}"));
    }
    let mut seen = BTreeSet::new();
    let providers = providers(&client, &namespaces).await.map_err(Error::Providers)?;
    let mut chosen = providers
        .iter()
        .filter(|provider| wanted.is_empty() || wanted.contains(&provider.key.name))
        .peekable();
    if chosen.peek().is_none() {
        printed
            .gaps
            .push("there is no such provider: apply the providers and their Secrets first".to_owned());
    }
    for provider in chosen {
        match account::look(&client, &connector, provider, &installation).await {
            Ok(found) => {
                if let Some(why) = &found.incomplete {
                    printed
                        .gaps
                        .push(format!("{}: the cloud's list is not complete: {why}", provider.key));
                }
                print(
                    &mut printed.yaml,
                    &found,
                    provider,
                    &installation,
                    &mut seen,
                    known.as_ref().ok(),
                );
            }
            Err(why) => printed.gaps.push(why),
        }
    }
    Ok(printed)
}

async fn providers(client: &Client, namespaces: &Namespaces) -> Result<Vec<ProviderView>, CallError> {
    let mut views = Vec::new();
    for api in namespaces.apis::<DeserializeGuard<GpuProvider>>(client) {
        let list = call(api.list(&kube::api::ListParams::default())).await?;
        let readable = list.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        views.extend(readable.map(ProviderView::of_namespace));
    }
    if namespaces.cluster_wide() {
        let api = kube::Api::<DeserializeGuard<ClusterGpuProvider>>::all(client.clone());
        let list = call(api.list(&kube::api::ListParams::default())).await?;
        let readable = list.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        views.extend(readable.map(ProviderView::of_cluster));
    }
    Ok(views)
}

/// Writes down the machines of one account; those that another provider of the same account has shown only once.
fn print(
    yaml: &mut String,
    found: &Found,
    provider: &ProviderView,
    installation: &Installation,
    seen: &mut BTreeSet<(AccountKey, String)>,
    known: Option<&Knowers>,
) {
    yaml.push_str(&manifest::heading(found, provider, installation));
    for machine in &found.machines {
        if !seen.insert((found.account.clone(), machine.id.clone())) {
            let _ = writeln!(yaml, "# machine {} is printed above already", machine.id);
            continue;
        }
        match known.and_then(|known| known.knower(machine, &found.account, installation)) {
            Some(object) => {
                let _ = writeln!(
                    yaml,
                    "# machine {}: {object}, so that nothing is to be done",
                    machine.id
                );
            }
            None => yaml.push_str(&manifest::of(machine, provider, found)),
        }
    }
}
