//! Which origin a request comes from, and whether that is ours.
//!
//! Every unsafe request is looked at before its CSRF token is. Browsers say in `Sec-Fetch-Site`
//! how the page that sends a request relates to us; where they do not, `Origin` must be ours.
//! Callers that are no browsers send neither and are left to the token.

use http::header::ORIGIN;
use http::{HeaderMap, HeaderName};
use url::{Host, Url};

/// The address under which users reach us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// The text is not a usable base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// Not an http or https URL with a host and without query, fragment, user or path.
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
    /// http to this very machine.
    Loopback,
    /// http across a network.
    Plain,
}

impl BaseUrl {
    /// Checks a base URL such as `https://id.example.com`.
    pub fn parse(url: &str) -> Result<Self, InvalidBaseUrl> {
        let base = Self::parse_insecure(url)?;
        if base.transport() == Transport::Plain { Err(InvalidBaseUrl::Insecure) } else { Ok(base) }
    }

    /// As [`BaseUrl::parse`], but lets plain http across a network pass: passwords and sessions
    /// can then be read and changed by anyone on the way.
    pub fn parse_insecure(url: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(url).map_err(|_| InvalidBaseUrl::Form)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if plain { Ok(Self(url)) } else { Err(InvalidBaseUrl::Form) }
    }

    /// The URL without a slash at its end.
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

    /// Whether an `Origin` header names this origin. The names of the loopback interface count
    /// as one.
    fn is_origin(&self, origin: &str) -> bool {
        if origin == self.as_str() {
            return true;
        }
        self.transport() == Transport::Loopback
            && Url::parse(origin).is_ok_and(|origin| {
                origin.scheme() == "http"
                    && is_loopback(&origin)
                    && origin.port_or_known_default() == self.0.port_or_known_default()
            })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a request may come from a page of another site.
pub(crate) fn is_cross_site(headers: &HeaderMap, base: &BaseUrl) -> bool {
    match the_one(headers, &SEC_FETCH_SITE) {
        Ok(Some(b"same-origin" | b"none")) => return false,
        Ok(Some(_)) | Err(Doubled) => return true,
        Ok(None) => {}
    }
    match the_one(headers, &ORIGIN) {
        Ok(Some(origin)) => !std::str::from_utf8(origin).is_ok_and(|text| base.is_origin(text)),
        Ok(None) => false,
        Err(Doubled) => true,
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A header came more than once, and nobody can tell which is meant.
struct Doubled;

fn the_one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Doubled> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Doubled),
        (value, None) => Ok(value.map(http::HeaderValue::as_bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cross_site(base: &str, headers: &[(&'static str, &str)]) -> bool {
        let headers =
            headers.iter().map(|(n, v)| (http::HeaderName::from_static(n), v.parse().unwrap()));
        is_cross_site(&headers.collect(), &BaseUrl::parse(base).unwrap())
    }

    #[test]
    fn foreign_origins_are_cross_site() {
        for origin in [
            "null",
            "https://good.example.evil.example",
            "https://evilgood.example",
            "https://good.example:8443",
            "http://good.example",
            "https://good.example/",
            "",
            "https://sub.good.example",
        ] {
            assert!(cross_site("https://good.example", &[("origin", origin)]), "{origin:?}");
        }
        assert!(!cross_site("https://good.example", &[("origin", "https://good.example")]));
        assert!(!cross_site("https://good.example", &[]));
    }

    #[test]
    fn what_the_browser_says_of_itself_decides() {
        for site in ["cross-site", "same-site", "", "Same-Origin", "x"] {
            let headers = [("sec-fetch-site", site), ("origin", "https://good.example")];
            assert!(cross_site("https://good.example", &headers), "{site:?}");
        }
        // With `Referrer-Policy: no-referrer` a form of our own page sends `Origin: null`.
        let own_form = [("sec-fetch-site", "same-origin"), ("origin", "null")];
        assert!(!cross_site("https://good.example", &own_form));
    }

    #[test]
    fn the_names_of_the_loopback_interface_are_one_origin() {
        for origin in ["http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000"] {
            assert!(!cross_site("http://127.0.0.1:3000", &[("origin", origin)]), "{origin}");
        }
        for origin in [
            "http://localhost:3001",
            "https://localhost:3000",
            "http://localhost.evil.example:3000",
        ] {
            assert!(cross_site("http://127.0.0.1:3000", &[("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert_eq!(BaseUrl::parse("http://id.example.com"), Err(InvalidBaseUrl::Insecure));
        assert!(BaseUrl::parse("http://127.0.0.1:3000").is_ok());
        for bad in ["id.example.com", "ftp://x", "https://x/path", "https://u:p@x", "https://x?y"] {
            assert_eq!(BaseUrl::parse(bad), Err(InvalidBaseUrl::Form), "{bad}");
        }
    }
}
