//! The tokens of an account: one a region, all granted at once.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::provider::{Error, Kind, Result, loose};

/// The region whose token opens the platform's own calls; containers are not to be had there.
pub(super) const PLATFORM: &str = "0";
/// Tokens are renewed so long before they end, so that none ends on its way.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// Tokens are kept so long at least, whatever they say: a wrong clock must not make every call sign in anew.
const LEAST: SignedDuration = SignedDuration::from_mins(1);
/// Tokens that do not say when they end are kept so long.
const UNSAID: SignedDuration = SignedDuration::from_mins(30);

/// A region, and the token for it.
#[derive(Clone, Debug)]
pub(super) struct RegionToken {
    /// `clusterId`.
    pub(super) id: String,
    /// `clusterName`.
    pub(super) name: String,
    /// `None` where the account is disabled.
    pub(super) token: Option<SecretString>,
}

/// What one sign-in has granted.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    regions: Vec<RegionToken>,
    until: Timestamp,
}

impl Tokens {
    /// Reads the list of tokens; `None` where it is no list, or one of its regions cannot be read.
    pub(super) fn read(data: &Value, now: Timestamp) -> Option<Self> {
        let rows = data.as_array()?;
        let regions = rows.iter().map(region_token).collect::<Option<Vec<_>>>()?;
        let ends = regions
            .iter()
            .filter_map(|region| expiry(region.token.as_ref()?.expose_secret()))
            .min();
        let until = match ends {
            Some(end) => later(end, -MARGIN).max(later(now, LEAST)),
            None => later(now, UNSAID),
        };
        Some(Self { regions, until })
    }

    /// Whether they may still be used.
    pub(super) fn are_good(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Whether this is one of them.
    pub(super) fn contain(&self, token: &SecretString) -> bool {
        let tokens = self.regions.iter().filter_map(|region| region.token.as_ref());
        tokens
            .into_iter()
            .any(|known| known.expose_secret() == token.expose_secret())
    }

    /// All tokens, to be kept out of what is said.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.regions.iter().filter_map(|region| region.token.as_ref())
    }

    /// The regions that containers can be had in.
    pub(super) fn usable(&self) -> impl Iterator<Item = &RegionToken> {
        self.regions
            .iter()
            .filter(|region| region.id != PLATFORM && region.token.is_some())
    }

    /// The region that a spec names, by its id or its name, with a token for it.
    pub(super) fn find(&self, said: &str) -> Result<(&RegionToken, &SecretString)> {
        let invalid = |why: String| Error::new(Kind::Invalid, format!("spec.region {said:?} {why}"));
        let real = || self.regions.iter().filter(|region| region.id != PLATFORM);
        let mut named = real().filter(|region| region.name == said);
        let region = real().find(|region| region.id == said).or_else(|| named.next());
        let Some(region) = region else {
            if self
                .regions
                .iter()
                .any(|region| region.id == said || region.name == said)
            {
                return Err(invalid(format!(
                    "is the platform itself, which runs no machines; there is: {}",
                    self.names()
                )));
            }
            return Err(invalid(format!("is not among the account's regions: {}", self.names())));
        };
        if region.id != said && named.next().is_some() {
            return Err(invalid(format!(
                "is the name of several regions; use the id: {}",
                self.names()
            )));
        }
        match &region.token {
            Some(token) => Ok((region, token)),
            None => Err(invalid(
                "is disabled for this account: SCNet grants no token for it; enable it in the console, or choose \
                 another region"
                    .to_owned(),
            )),
        }
    }

    fn names(&self) -> String {
        let mut names: Vec<String> = self
            .regions
            .iter()
            .filter(|region| region.id != PLATFORM)
            .map(|region| match &region.token {
                Some(_) => format!("{} ({})", region.id, region.name),
                None => format!("{} ({}, disabled)", region.id, region.name),
            })
            .collect();
        if names.is_empty() {
            names.push("none".to_owned());
        }
        names.join(", ")
    }
}

fn region_token(row: &Value) -> Option<RegionToken> {
    let id = loose::word(row, "clusterId")?;
    Some(RegionToken {
        name: loose::word(row, "clusterName").unwrap_or_else(|| id.clone()),
        id,
        token: loose::word(row, "token").map(Into::into),
    })
}

/// When a token ends, as it says itself: `expireTime` of its claims, in milliseconds.
fn expiry(token: &str) -> Option<Timestamp> {
    let claims = claims(token)?;
    Timestamp::from_millisecond(loose::integer(&claims, "expireTime")?).ok()
}

/// The claims of a JSON Web Token. Its signature is the cloud's own affair.
fn claims(token: &str) -> Option<Value> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let claims = GeneralPurpose::new(&URL_SAFE, config)
        .decode(token.split('.').nth(1)?)
        .ok()?;
    serde_json::from_slice(&claims).ok()
}

fn later(moment: Timestamp, span: SignedDuration) -> Timestamp {
    moment.saturating_add(span).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn token(claims: &Value) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn granted(expiry: &Value) -> Tokens {
        let data = json!([
            {"clusterName": "OpenAPI计算中心", "clusterId": "11112", "token": token(&json!({"expireTime": expiry}))},
            {"clusterName": "closed", "clusterId": 111_131, "token": null},
            {"clusterName": "twice", "clusterId": "7", "token": "t7"},
            {"clusterName": "twice", "clusterId": "8", "token": "t8"},
            {"clusterName": "ac", "clusterId": "0", "token": "eyJ..."},
        ]);
        Tokens::read(&data, at(1_000)).unwrap()
    }

    #[test]
    fn tokens_are_kept_until_shortly_before_they_end() {
        for (expiry, until) in [
            (json!("2000000"), 1_970),
            (json!(2_000_000), 1_970),
            // Ended already by our clock: used for a while all the same.
            (json!("900000"), 1_060),
            (json!(null), 2_800),
        ] {
            let tokens = granted(&expiry);
            assert!(tokens.are_good(at(until - 1)), "{expiry}");
            assert!(!tokens.are_good(at(until)), "{expiry}");
        }
    }

    #[test]
    fn a_region_is_found_by_id_or_name_and_the_platform_is_none() {
        let tokens = granted(&json!(null));
        for said in ["11112", "OpenAPI计算中心"] {
            assert_eq!(tokens.find(said).unwrap().0.id, "11112");
        }
        assert_eq!(tokens.find("7").unwrap().0.id, "7");
        for (said, why) in [
            ("0", "the platform itself"),
            ("ac", "the platform itself"),
            ("111131", "disabled for this account"),
            ("closed", "disabled for this account"),
            ("twice", "several regions"),
            (
                "nonesuch",
                "not among the account's regions: 11112 (OpenAPI计算中心), 111131 (closed, disabled)",
            ),
        ] {
            let error = tokens.find(said).unwrap_err();
            assert_eq!(error.kind, Kind::Invalid);
            assert!(error.message.contains(why), "{error}");
        }
        let usable: Vec<_> = tokens.usable().map(|region| region.id.as_str()).collect();
        assert_eq!(usable, ["11112", "7", "8"]);
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", granted(&json!(null))).contains("t7"));
    }
}
