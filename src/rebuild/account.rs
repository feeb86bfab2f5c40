//! One look into an account.

use kube::Client;

use crate::account::{AccountKey, ProviderView, credentials_secret, given_name};
use crate::api::remote_name::Installation;
use crate::provider::{Capabilities, Connector, Credentials, Detail, Machine, Scope};

/// What an account has of this installation.
pub(super) struct Found {
    pub(super) account: AccountKey,
    pub(super) capabilities: &'static Capabilities,
    /// Its machines, oldest first.
    pub(super) machines: Vec<Machine>,
    /// Why there may be more.
    pub(super) incomplete: Option<String>,
}

/// Lists the account that a provider speaks for; why that was not possible, for the reader.
pub(super) async fn look(
    client: &Client,
    connector: &Connector,
    provider: &ProviderView,
    installation: &Installation,
) -> Result<Found, String> {
    let secret = credentials_secret(client, provider).await;
    let secret = secret.map_err(|obstacle| obstacle.message)?;
    let credentials = Credentials::from_secret(&secret);
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", provider.key);
    let driver = connector
        .connect(&provider.spec, &credentials)
        .map_err(|error| said(&error))?;
    let identity = driver.identify().await.map_err(|error| said(&error))?;
    // No object says where its machine is: every region there is.
    let listing = driver.list(&Scope::default()).await.map_err(|error| said(&error))?;
    let capabilities = driver.capabilities();
    let mut incomplete = listing.proof.gap(None);
    let ours = listing.machines.into_iter();
    let ours = ours.filter(|machine| given_name(machine, installation).is_some());
    let mut machines = Vec::new();
    for row in ours {
        let described = match capabilities.detail {
            Detail::InList => Ok(row.clone()),
            Detail::OnChange => driver.describe(&row).await,
        };
        machines.push(described.unwrap_or_else(|error| {
            incomplete.get_or_insert_with(|| format!("machine {} could not be described: {error}", row.id));
            row
        }));
    }
    machines.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(Found {
        account: provider.account(capabilities.cloud, identity),
        capabilities,
        machines,
        incomplete,
    })
}
