//! The origin of requests, as protection against cross-site request forgery.
//!
//! Checked for every unsafe request before its CSRF token:
//!
//! - `Sec-Fetch-Site` must be `same-origin` or `none`.
//! - Without it, `Origin` must be that of the base URL.
//! - Clients other than browsers send neither. Then the CSRF token decides.
//! - The `Host` of a request without our `Origin` must be ours, against DNS rebinding.

mod form;
mod host;

use http::header::{ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderName, Uri};
use url::{Host, Url};

pub use form::{InvalidFormOrigin, parse_form_origin};
pub(crate) use host::is_allowed_host;

/// The URL under which users reach the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// The text is not a valid base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// Not an http or https URL with a host and without query, fragment, user, path or wildcard.
    #[error("must be https://host or http://host, with no path, query or user")]
    Form,
    /// Plain http is for loopback addresses only.
    #[error("must be https: plain http is for localhost and loopback addresses only")]
    Insecure,
}

/// Whether traffic to the base URL is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// https.
    Encrypted,
    /// http on the loopback interface.
    Loopback,
    /// http across a network.
    Plain,
}

impl BaseUrl {
    /// Parses a base URL such as `https://id.example.com`.
    pub fn parse(url: &str) -> Result<Self, InvalidBaseUrl> {
        let base = Self::danger_parse_insecure(url)?;
        if base.transport() == Transport::Plain { Err(InvalidBaseUrl::Insecure) } else { Ok(base) }
    }

    /// Same as [`BaseUrl::parse`], but accepts plain http across a network, where passwords and
    /// sessions can be intercepted.
    pub fn danger_parse_insecure(url: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(url).map_err(|_| InvalidBaseUrl::Form)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && is_named(&url)
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if plain { Ok(Self(url)) } else { Err(InvalidBaseUrl::Form) }
    }

    /// The URL without a trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether traffic is encrypted.
    pub fn transport(&self) -> Transport {
        match self.0.scheme() {
            "https" => Transport::Encrypted,
            _ if is_loopback(&self.0) => Transport::Loopback,
            _ => Transport::Plain,
        }
    }

    /// The domains whose cookies are sent to this host: its name and its parent domains. Empty for
    /// IP addresses and names without a dot.
    pub(crate) fn domains(&self) -> Vec<&str> {
        let Some(Host::Domain(_)) = self.0.host() else { return Vec::new() };
        let name = self.0.host_str().unwrap_or_default();
        let above = name.match_indices('.').filter_map(|(index, _)| name.get(index + 1..));
        std::iter::once(name).chain(above).filter(|name| name.contains('.')).collect()
    }

    /// Whether an `Origin` header is this origin. Loopback names are equivalent.
    pub(crate) fn is_origin(&self, origin: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(origin) else { return false };
        if text == self.as_str() {
            return true;
        }
        self.transport() == Transport::Loopback
            && Url::parse(text).is_ok_and(|origin| {
                // A URL parser accepts forms that browsers never send: `http://127.0` is 127.0.0.0.
                origin.origin().ascii_serialization() == text
                    && origin.scheme() == "http"
                    && is_loopback(&origin)
                    && origin.port_or_known_default() == self.0.port_or_known_default()
            })
    }
}

/// Whether it has a host that a name or an address can be: a URL may also have `*` and `;` there.
fn is_named(url: &Url) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match url.host() {
        Some(Host::Domain(name)) => name.bytes().all(allowed),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let mut labels = name.rsplit('.');
            labels.next() == Some("localhost") && labels.all(|label| !label.is_empty())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Where an unsafe request comes from, according to its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOrigin {
    /// Our own origin.
    SameOrigin,
    /// Unknown: not a browser, an old one, or one that withholds it (`Origin: null`). The CSRF
    /// token decides.
    Unknown,
    /// Another origin, or a host name that is not allowed.
    CrossOrigin,
}

impl RequestOrigin {
    /// Evaluates `Sec-Fetch-Site`, `Origin`, and `Host` or the authority of the URI.
    ///
    /// For the browser, a page under a foreign name that resolves to our address (DNS rebinding) is
    /// same-origin. So if `Origin` is absent or not ours, `Host` must be ours.
    pub(crate) fn of(
        headers: &HeaderMap,
        uri: &Uri,
        base: &BaseUrl,
        allowed_hosts: &[String],
    ) -> Self {
        let site = match single_value(headers, &SEC_FETCH_SITE) {
            Ok(Some(b"same-origin" | b"none")) => Self::SameOrigin,
            Ok(Some(_)) | Err(Duplicate) => return Self::CrossOrigin,
            Ok(None) => Self::Unknown,
        };
        let origin = match single_value(headers, &ORIGIN) {
            Ok(Some(b"null") | None) => site,
            Ok(Some(origin)) if base.is_origin(origin) => return Self::SameOrigin,
            // With another allowed host name, `Sec-Fetch-Site` is decisive.
            Ok(Some(_)) if site == Self::SameOrigin => site,
            Ok(Some(_)) | Err(Duplicate) => return Self::CrossOrigin,
        };
        if is_allowed_host(headers, uri, base, allowed_hosts) { origin } else { Self::CrossOrigin }
    }
}

/// Whether a GET request is an upgrade, for example to WebSocket, whose messages can be unsafe.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A header is duplicated, so its value is ambiguous.
struct Duplicate;

fn single_value<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a [u8]>, Duplicate> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Duplicate),
        (value, None) => Ok(value.map(http::HeaderValue::as_bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_origin(base: &str, headers: &[(&'static str, &str)]) -> RequestOrigin {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let base = BaseUrl::parse(base).unwrap();
        RequestOrigin::of(&headers, &Uri::from_static("/"), &base, &["also.example".to_owned()])
    }

    const BASE: &str = "https://good.example";

    #[test]
    fn other_origins_are_cross_origin() {
        for origin in [
            "https://good.example.evil.example",
            "https://evilgood.example",
            "https://good.example:8443",
            "http://good.example",
            "https://good.example/",
            "",
            "https://sub.good.example",
        ] {
            assert_eq!(
                request_origin(BASE, &[("origin", origin)]),
                RequestOrigin::CrossOrigin,
                "{origin:?}"
            );
        }
        assert_eq!(request_origin(BASE, &[("origin", BASE)]), RequestOrigin::SameOrigin);
    }

    #[test]
    fn without_fetch_metadata_and_origin_the_request_origin_is_unknown() {
        assert_eq!(request_origin(BASE, &[]), RequestOrigin::Unknown);
        assert_eq!(request_origin(BASE, &[("origin", "null")]), RequestOrigin::Unknown);
        let host = [("origin", "null"), ("host", "good.example")];
        assert_eq!(request_origin(BASE, &host), RequestOrigin::Unknown);
    }

    #[test]
    fn fetch_metadata_takes_precedence_over_the_origin() {
        for site in ["cross-site", "same-site", "", "Same-Origin", "x"] {
            let headers = [("sec-fetch-site", site), ("origin", BASE)];
            assert_eq!(request_origin(BASE, &headers), RequestOrigin::CrossOrigin, "{site:?}");
        }
        // With `Referrer-Policy: no-referrer` a form of our own page sends `Origin: null`.
        let own_form = [("sec-fetch-site", "same-origin"), ("origin", "null")];
        assert_eq!(request_origin(BASE, &own_form), RequestOrigin::SameOrigin);
    }

    #[test]
    fn dns_rebinding_is_cross_origin() {
        for origin in ["https://evil.example", "null"] {
            for site in ["same-origin", "none"] {
                let rebound =
                    [("sec-fetch-site", site), ("origin", origin), ("host", "evil.example:3000")];
                assert_eq!(request_origin(BASE, &rebound), RequestOrigin::CrossOrigin, "{origin}");
            }
            let old = [("origin", origin), ("host", "evil.example:3000")];
            assert_eq!(request_origin(BASE, &old), RequestOrigin::CrossOrigin, "{origin}");
        }
        let also = [
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://also.example"),
            ("host", "also.example"),
        ];
        assert_eq!(request_origin(BASE, &also), RequestOrigin::SameOrigin);
        // A proxy that does not forward the host: the origin is sufficient.
        let behind = [("origin", BASE), ("host", "upstream.internal.example:3000")];
        assert_eq!(request_origin(BASE, &behind), RequestOrigin::SameOrigin);
    }

    #[test]
    fn loopback_names_are_the_same_origin() {
        let base = "http://127.0.0.1:3000";
        for origin in ["http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000"] {
            assert_eq!(
                request_origin(base, &[("origin", origin)]),
                RequestOrigin::SameOrigin,
                "{origin}"
            );
        }
        for origin in [
            "http://localhost:3001",
            "https://localhost:3000",
            "http://localhost.evil.example:3000",
            "http://127.0:3000",
            "http://.localhost:3000",
            "http://a..localhost:3000",
            "HTTP://LOCALHOST:3000",
        ] {
            assert_eq!(
                request_origin(base, &[("origin", origin)]),
                RequestOrigin::CrossOrigin,
                "{origin}"
            );
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert_eq!(BaseUrl::parse("http://id.example.com"), Err(InvalidBaseUrl::Insecure));
        assert!(BaseUrl::parse("http://127.0.0.1:3000").is_ok());
        for bad in ["id.example.com", "ftp://x", "https://x/path", "https://u:p@x", "https://x?y"]
            .into_iter()
            .chain(["https://*.example.com", "https://*", "https://a;b", "https://a,b"])
        {
            assert_eq!(BaseUrl::parse(bad), Err(InvalidBaseUrl::Form), "{bad}");
        }
    }
}
