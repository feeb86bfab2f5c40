//! Tokens: one a region, for whoever signs with an access key.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    clock::later,
    cloud::Cloud,
    exchange::{Reply, Request},
    money::Money,
    world::{Key, World},
};

use super::{
    routes,
    wire::{self, BAD_SIGNATURE, FROZEN, NO_RIGHTS, Refused},
};

/// The id and the name of the platform among the regions.
const PLATFORM: (&str, &str) = ("0", "ac");
/// How far a caller's clock may be off. The vendor does not say.
const SKEW_SECONDS: i64 = 600;

/// A token that was granted.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    token: String,
    account: String,
    /// The key that it was granted for: a token dies with its key.
    key: String,
    region: String,
    expires: Timestamp,
}

/// Who signs a request for tokens, if the signature fits.
pub(super) fn signer(world: &World, request: &Request) -> Result<(Key, String), Refused> {
    let (user, access_key) = (wire::header(request, "user"), wire::header(request, "accessKey"));
    let (timestamp, signature) = (wire::header(request, "timestamp"), wire::header(request, "signature"));
    for (name, value) in [
        ("user", user),
        ("accessKey", access_key),
        ("timestamp", timestamp),
        ("signature", signature),
    ] {
        if value.is_empty() {
            return Err(Refused::missing(name));
        }
    }
    let refused = || Refused::new(BAD_SIGNATURE);
    let sent: i64 = timestamp.parse().map_err(|_| refused())?;
    if (Timestamp::now().as_second() - sent).abs() > SKEW_SECONDS {
        return Err(refused());
    }
    let key = (Cloud::Scnet, user.to_owned());
    let account = world.accounts.get(&key).ok_or_else(refused)?;
    let credential = account
        .credentials
        .iter()
        .find(|credential| credential.key == access_key && !credential.revoked)
        .ok_or_else(refused)?;
    let message = format!(
        r#"{{"accessKey":{},"timestamp":{},"user":{}}}"#,
        json!(access_key),
        json!(timestamp),
        json!(user)
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(credential.secret.as_bytes()).map_err(|_| refused())?;
    mac.update(message.as_bytes());
    let digest = mac.finalize().into_bytes();
    let expected: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if signature == expected {
        Ok((key, access_key.to_owned()))
    } else {
        Err(refused())
    }
}

/// Grants a token for every region in which the account is enabled.
pub(super) fn grant(world: &mut World, account: &Key, access_key: &str) -> Result<Reply, Refused> {
    let balance = world.accounts.get(account).map(|account| account.balance);
    if balance.is_some_and(|balance| balance < Money::ZERO) {
        return Err(Refused::new(FROZEN));
    }
    let expires = later(world.now(), world.scnet.settings.token_lifetime_ms);
    let mut rows = Vec::new();
    for region in world.scnet.settings.regions.clone() {
        let token = region
            .enabled
            .then(|| new_token(world, account, access_key, &region.id, expires));
        rows.push(json!({"clusterName": region.name, "clusterId": region.id, "token": token}));
    }
    let token = new_token(world, account, access_key, PLATFORM.0, expires);
    rows.push(json!({"clusterName": PLATFORM.1, "clusterId": PLATFORM.0, "token": token}));
    Ok(wire::data(&Value::Array(rows)))
}

fn new_token(world: &mut World, account: &Key, access_key: &str, region: &str, expires: Timestamp) -> String {
    let claims = json!({
        "computeUser": account.1,
        "accountStatus": "Trial",
        "creator": "ac",
        "role": "1",
        "expireTime": expires.as_millisecond().to_string(),
        "clusterId": region,
        "invoker": "sim",
        "user": account.1,
        "userId": "11655048541",
    });
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let token = format!(
        "{header}.{}.sim{:016x}",
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        world.random.u64(..)
    );
    world.scnet.grants.push(Grant {
        token: token.clone(),
        account: account.1.clone(),
        key: access_key.to_owned(),
        region: region.to_owned(),
        expires,
    });
    token
}

/// Whose token a request carries, and for which region it is.
pub(super) fn bearer(world: &World, request: &Request) -> Result<(Key, String), Refused> {
    let token = wire::header(request, "token");
    let grant = world
        .scnet
        .grants
        .iter()
        .find(|grant| grant.token == token && world.now() < grant.expires)
        .ok_or_else(|| Refused::new(NO_RIGHTS))?;
    let key = (Cloud::Scnet, grant.account.clone());
    let good = world
        .accounts
        .get(&key)
        .is_some_and(|account| account.accepts(&grant.key));
    if good {
        Ok((key, grant.region.clone()))
    } else {
        Err(Refused::new(NO_RIGHTS))
    }
}

/// Where a region is.
pub(super) fn center(world: &World, region: &str, request: &Request) -> Result<Reply, Refused> {
    let known = world.scnet.settings.regions.iter().find(|known| known.id == region);
    let name = known.map_or(PLATFORM.1, |known| known.name.as_str());
    let url = match &world.scnet.settings.ai_url {
        Some(url) => url.replace("{region}", region),
        None => format!(
            "http://{}/{}{}",
            wire::header(request, "host"),
            Cloud::Scnet.prefix(),
            routes::region_path(region)
        ),
    };
    let id: i64 = region.parse().map_err(|_| Refused::invalid("token"))?;
    Ok(wire::data(&json!({
        "id": id,
        "name": name,
        "description": "sim",
        "clusterUserInfo": {"userName": "sim", "homePath": "/public/home/sim"},
        "ingressUrls": [{"enable": "true", "isManagerNode": "true", "version": "5.2.2", "url": "https://www.scnet.invalid"}],
        "efileUrls": [],
        "eshellUrls": [],
        "hpcUrls": [],
        "aiUrls": [
            {"enable": "false", "version": "2.4.3", "url": "https://old.scnet.invalid/ai"},
            {"enable": "true", "version": "2.4.3", "url": url},
        ],
    })))
}
