//! The origins to which forms may lead, in the content security policy.

use url::{Host, Url};

use super::BaseUrl;

/// The text is not an origin to which forms may lead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin such as https://app.example.com")]
pub struct InvalidFormOrigin(String);

/// Parses an origin to which forms may lead: `http` or `https`, a host and optionally a port, as a
/// host source of a content security policy (CSP Level 3 section 2.3.1). It cannot be an IPv6
/// address, which no host source can express.
pub fn parse_form_origin(text: &str) -> Result<String, InvalidFormOrigin> {
    let origin = BaseUrl::danger_parse_insecure(text).ok().filter(|BaseUrl(url)| is_source(url));
    let origin = origin.ok_or_else(|| InvalidFormOrigin(text.to_owned()))?;
    Ok(origin.as_str().to_owned())
}

/// Whether a host source can express the host. A URL may contain `;` and `,`, which end directives
/// and policies.
fn is_source(url: &Url) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    match url.host() {
        Some(Host::Domain(name)) => name.bytes().all(allowed),
        Some(Host::Ipv4(_)) => true,
        Some(Host::Ipv6(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_origin_is_scheme_host_and_port() {
        for (text, origin) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://APP.example.com/", "https://app.example.com"),
            ("https://app.example.com:8443", "https://app.example.com:8443"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(parse_form_origin(text).as_deref(), Ok(origin));
        }
    }

    #[test]
    fn form_origin_cannot_add_a_directive_or_a_source() {
        for text in [
            "",
            "*",
            "app.example.com",
            "https://*.example.com",
            "https://app.example.com/path",
            "https://app.example.com https://evil.example",
            "https://app.example.com;script-src",
            "https://a;b",
            "https://a,b",
            "https://a'b",
            "https://[::1]:3000",
            "https://user@app.example.com",
            "javascript:alert(1)",
            "'unsafe-inline'",
        ] {
            assert!(parse_form_origin(text).is_err(), "{text}");
        }
    }
}
