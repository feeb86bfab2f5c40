//! Which URLs the operator may call.
//!
//! Whoever may write a provider could otherwise make the operator call addresses inside its network and read the
//! answer in a message. URLs are compared parsed, never as text.

use url::{Host, Url};

/// Where a vendor's API is.
#[derive(Clone, Copy, Debug)]
pub struct VendorUrl {
    /// Its base URL, used where the provider names none.
    pub default: &'static str,
    /// Further base URLs of the same API that the vendor publishes.
    pub also: &'static [&'static str],
}

/// A URL that cannot be called: why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EndpointRefused(String);

/// Which URLs may be called beside the vendors' own.
#[derive(Clone, Debug, Default)]
pub struct EndpointPolicy {
    allowed: Vec<Url>,
}

impl EndpointPolicy {
    /// The vendors' own URLs, these and what is below them. Fails where one of these has a user, a query or a fragment.
    pub fn new(allowed: impl IntoIterator<Item = Url>) -> Result<Self, EndpointRefused> {
        let checked = |url: Url| check("--allow-endpoint", &url).map(|()| url);
        let allowed = allowed.into_iter().map(checked).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// The base URL to use: what the field says, if it may be called, else the vendor's.
    pub fn base(&self, vendor: VendorUrl, field: &str, said: Option<&str>) -> Result<Url, EndpointRefused> {
        let url = parse(field, said.unwrap_or(vendor.default))?;
        let own = std::iter::once(&vendor.default)
            .chain(vendor.also)
            .filter_map(|base| Url::parse(base).ok());
        if own.chain(self.allowed.iter().cloned()).any(|base| covers(&base, &url)) {
            Ok(url)
        } else {
            Err(not_allowed(field, &url, "not the vendor's own"))
        }
    }

    /// A URL that the cloud has handed out to be called: on a host of the vendor's domain over https, or allowed.
    /// `what` is how the cloud calls it.
    pub fn handed_out(&self, domain: &str, what: &str, text: &str) -> Result<Url, EndpointRefused> {
        let url = parse(what, text)?;
        let on_domain =
            url.scheme() == "https" && matches!(url.host(), Some(Host::Domain(host)) if is_within(host, domain));
        if on_domain || self.allowed.iter().any(|base| covers(base, &url)) {
            Ok(url)
        } else {
            Err(not_allowed(what, &url, &format!("not an https URL of {domain}")))
        }
    }
}

/// The URL of an operation: the base's path, then these parts, each of them one part whatever is in it.
#[must_use]
pub fn join(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}

fn parse(field: &str, text: &str) -> Result<Url, EndpointRefused> {
    let Ok(url) = Url::parse(text.trim()) else {
        return Err(malformed(field, "write it as https://host/path"));
    };
    // An empty user (`https://@host`) does not survive parsing, but nobody writes one by honest mistake.
    if text.contains('@') {
        return Err(malformed(field, "it must not contain a user or a password"));
    }
    check(field, &url)?;
    Ok(url)
}

fn check(field: &str, url: &Url) -> Result<(), EndpointRefused> {
    let why = if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        "write it as https://host/path"
    } else if !url.username().is_empty() || url.password().is_some() {
        "it must not contain a user or a password"
    } else if url.query().is_some() || url.fragment().is_some() {
        "it must not contain '?' or '#'"
    } else if url.path().contains('%') {
        // A server may decode `%2F` and walk out of an allowed path; no API has such a base.
        "its path must not contain '%' or anything that needs it"
    } else {
        return Ok(());
    };
    Err(malformed(field, why))
}

fn malformed(field: &str, why: &str) -> EndpointRefused {
    EndpointRefused(format!("{field} is not a URL that can be called: {why}"))
}

/// Same scheme, host and port, and a path that is equal or below, part by part.
fn covers(base: &Url, url: &Url) -> bool {
    let mut parts = segments(url);
    base.scheme() == url.scheme()
        && base.host() == url.host()
        && base.port_or_known_default() == url.port_or_known_default()
        && segments(base).all(|wanted| parts.next() == Some(wanted))
}

/// The parts of the path, without the empty one behind a `/` at its end.
fn segments(url: &Url) -> impl Iterator<Item = &str> {
    let path = url.path();
    path.strip_suffix('/').unwrap_or(path).split('/').skip(1)
}

fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
}

fn not_allowed(what: &str, url: &Url, why: &str) -> EndpointRefused {
    EndpointRefused(format!(
        "{what} is {url}, {why}: if the operator shall call it, start it with --allow-endpoint {url}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR: VendorUrl = VendorUrl {
        default: "https://api.xiangongyun.com",
        also: &["https://asia.xiangongyun.com/v1"],
    };

    fn policy(allowed: &[&str]) -> EndpointPolicy {
        EndpointPolicy::new(allowed.iter().map(|url| Url::parse(url).unwrap())).unwrap()
    }

    #[test]
    fn the_vendors_own_needs_no_leave() {
        let policy = EndpointPolicy::default();
        let base = |said| policy.base(VENDOR, "spec.xgc.endpoint", said).map(String::from);
        assert_eq!(base(None).unwrap(), "https://api.xiangongyun.com/");
        for said in [
            "https://api.xiangongyun.com",
            "https://api.xiangongyun.com/",
            "HTTPS://API.XianGongYun.COM",
            "https://api.xiangongyun.com:443",
            "https://api.xiangongyun.com/v2",
            "https://asia.xiangongyun.com/v1",
            " https://api.xiangongyun.com\n",
        ] {
            assert!(base(Some(said)).is_ok(), "{said}");
        }
    }

    #[test]
    fn nothing_else_passes_for_it() {
        let policy = EndpointPolicy::default();
        for said in [
            "http://api.xiangongyun.com",
            "https://api.xiangongyun.com:8443",
            "https://api.xiangongyun.com@evil.example",
            "https://api.xiangongyun.com:pw@evil.example",
            "https://user@api.xiangongyun.com",
            "https://@api.xiangongyun.com",
            "https://api.xiangongyun.com.evil.example",
            "https://api.xiangongyun.com.",
            "https://xiangongyun.com",
            "https://asia.xiangongyun.com",
            "https://asia.xiangongyun.com/v10",
            "https://asia.xiangongyun.com/v1/../v2",
            "https://asia.xiangongyun.com/v1/%2e%2e/v2",
            "https://asia.xiangongyun.com/v1/..%2Fv2",
            "https://asia.xiangongyun.com/v1%2Fx",
            "https://asia.xiangongyun.com/v1/..\\v2",
            "https://api.xiangongyun.com?x=1",
            "https://api.xiangongyun.com#x",
            "https://api.xiangongyun.com\\@evil.example/",
            "https://аpi.xiangongyun.com", // the first letter is Cyrillic
            "http://169.254.169.254",
            "http://169.254.169.254/latest/meta-data",
            "http://0xa9fea9fe",
            "http://[::ffff:169.254.169.254]",
            "http://localhost:6443",
            "https://kubernetes.default.svc",
            "file:///etc/passwd",
            "ftp://api.xiangongyun.com",
            "api.xiangongyun.com",
            "//api.xiangongyun.com",
            "",
        ] {
            assert!(policy.base(VENDOR, "endpoint", Some(said)).is_err(), "{said}");
        }
    }

    #[test]
    fn an_allowed_url_covers_what_is_below_it() {
        for (allowed, said, expected) in [
            ("http://127.0.0.1:9000/xgc", "http://127.0.0.1:9000/xgc", true),
            ("http://127.0.0.1:9000/xgc", "http://127.0.0.1:9000/xgc/", true),
            ("http://127.0.0.1:9000/xgc/", "http://127.0.0.1:9000/xgc", true),
            ("http://127.0.0.1:9000/xgc", "http://127.0.0.1:9000/xgc/open", true),
            ("http://127.0.0.1:9000/xgc", "http://127.0.0.1:9000/xgcx", false),
            ("http://127.0.0.1:9000/xgc", "http://127.0.0.1:9000/", false),
            ("http://127.0.0.1:9000/xgc", "http://127.0.0.1:9000/xgc/../other", false),
            ("http://127.0.0.1:9000/xgc", "http://127.0.0.1:9000//xgc", false),
            ("http://127.0.0.1:9000/xgc", "https://127.0.0.1:9000/xgc", false),
            ("http://127.0.0.1:9000/xgc", "http://127.0.0.1:9001/xgc", false),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/anything", true),
            ("http://127.0.0.1", "http://127.0.0.1:80", true),
            ("https://例子.example", "https://xn--fsqu00a.example", true),
            ("https://White.Label", "https://white.label:443/x", true),
            ("https://white.label", "https://white.label.evil", false),
            ("https://white.label", "https://sub.white.label", false),
        ] {
            assert_eq!(
                policy(&[allowed]).base(VENDOR, "endpoint", Some(said)).is_ok(),
                expected,
                "{said} with {allowed} allowed"
            );
        }
    }

    #[test]
    fn a_url_that_a_cloud_hands_out_is_on_its_domain_or_allowed() {
        let policy = policy(&["http://127.0.0.1:9000/scnet"]);
        for (url, expected) in [
            ("https://www.scnet.cn/ai", true),
            ("https://scnet.cn", true),
            ("https://h3.zz.SCNET.cn:65011/ai", true),
            ("http://127.0.0.1:9000/scnet/ai", true),
            ("http://www.scnet.cn/ai", false),
            ("https://evilscnet.cn/ai", false),
            ("https://scnet.cn.evil/ai", false),
            ("https://scnet.cn@evil/ai", false),
            ("https://www.scnet.cn./ai", false),
            ("https://10.0.35.26:7090/ai", false),
            ("https://www.scnet.cn/ai?x", false),
            ("not a url", false),
        ] {
            assert_eq!(policy.handed_out("scnet.cn", "aiUrls", url).is_ok(), expected, "{url}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_add_and_repeats_no_password() {
        let policy = EndpointPolicy::default();
        let refused = |said| {
            policy
                .base(VENDOR, "spec.xgc.endpoint", Some(said))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused("http://twin:9000/xgc"),
            "spec.xgc.endpoint is http://twin:9000/xgc, not the vendor's own: if the operator shall call it, start it \
             with --allow-endpoint http://twin:9000/xgc"
        );
        assert!(!refused("https://me:hunter2@twin/xgc").contains("hunter2"));
        assert!(!refused("https://twin/xgc?key=hunter2").contains("hunter2"));
        for flag in [
            "https://me:hunter2@twin",
            "https://twin?hunter2",
            "ftp://hunter2",
            "https://twin/a%2fhunter2",
        ] {
            let refused = EndpointPolicy::new([Url::parse(flag).unwrap()])
                .unwrap_err()
                .to_string();
            assert!(
                refused.starts_with("--allow-endpoint is not") && !refused.contains("hunter2"),
                "{refused}"
            );
        }
    }

    #[test]
    fn parts_of_a_path_stay_parts() {
        let base = Url::parse("http://twin:9000/xgc/").unwrap();
        for (parts, expected) in [
            (vec!["open", "instances"], "http://twin:9000/xgc/open/instances"),
            (vec!["open", "a/b?c#d"], "http://twin:9000/xgc/open/a%2Fb%3Fc%23d"),
            (vec!["open", "..", "x"], "http://twin:9000/xgc/open/x"),
        ] {
            assert_eq!(join(&base, &parts).as_str(), expected);
        }
        assert_eq!(
            join(&Url::parse("https://api.xiangongyun.com").unwrap(), &["open", "whoami"]).as_str(),
            "https://api.xiangongyun.com/open/whoami"
        );
    }
}
