//! Where a region's container interface is.

use reqwest::Url;
use serde_json::Value;

use super::envelope::Answer;
use crate::provider::endpoint::{EndpointPolicy, EndpointRefused};
use crate::provider::{Error, Kind, Result, loose};

/// The vendor's domain: what it hands out on it may be called.
const DOMAIN: &str = "scnet.cn";
/// The last part of a base URL that is also the first of every path.
const PREFIX: &str = "ai";

/// The base URL out of a region's information: the first that is enabled and may be called, without the `/ai` that
/// every path begins with.
pub(super) fn base(answer: &Answer, region: &str, policy: &EndpointPolicy) -> Result<Url> {
    let urls = answer.data().get("aiUrls").and_then(Value::as_array);
    let Some(urls) = urls else {
        return Err(answer.unreadable("no aiUrls"));
    };
    let mut enabled = urls
        .iter()
        // The text "true", not a truth.
        .filter(|entry| loose::boolean(entry, "enable") == Some(true))
        .filter_map(|entry| loose::word(entry, "url"))
        .peekable();
    if enabled.peek().is_none() {
        let why = format!("region {region} has no container service enabled (aiUrls)");
        return Err(answer.refusal(Kind::Invalid, &why));
    }
    let mut refused = None;
    for url in enabled {
        match policy.handed_out(DOMAIN, &format!("the address of region {region}"), &url) {
            Ok(url) => return Ok(without_prefix(url)),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    let why = refused.as_ref().map(EndpointRefused::to_string).unwrap_or_default();
    Err(Error::new(Kind::EndpointNotAllowed, why))
}

fn without_prefix(mut url: Url) -> Url {
    let ends = url
        .path_segments()
        .is_some_and(|mut parts| parts.rfind(|part| !part.is_empty()) == Some(PREFIX));
    if ends && let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().pop();
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_there_once() {
        for (url, expected) in [
            ("https://h:65106/ai", "https://h:65106/"),
            ("https://h:65106/ai/", "https://h:65106/"),
            ("https://h:65106/hpc/ai", "https://h:65106/hpc"),
            ("https://h:65106/", "https://h:65106/"),
            ("https://h:65106/fair", "https://h:65106/fair"),
        ] {
            assert_eq!(without_prefix(Url::parse(url).unwrap()).as_str(), expected);
        }
    }
}
