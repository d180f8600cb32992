//! The base URL, and the `Origin` and `Host` of requests.

use axum::body::Body;
use crossauth::BaseUrl;
use http::{HeaderValue, Request, StatusCode};
use url::{Host, Url};

use crate::site::ask;

/// A line with the origin, then one with the host.
pub(crate) fn any(input: &[u8]) {
    let (origin, host) = input.split_at(input.iter().position(|b| *b == b'\n').unwrap_or(0));
    if let Ok(Ok(base)) = std::str::from_utf8(origin).map(BaseUrl::parse) {
        assert_eq!(BaseUrl::parse(base.as_str()).unwrap(), base);
    }
    let headers = (HeaderValue::from_bytes(origin), HeaderValue::from_bytes(host.trim_ascii()));
    let (Ok(origin), Ok(host)) = headers else { return };
    let response = ask(|site| {
        Request::post("/api/logout")
            .header("host", host)
            .header("origin", &origin)
            .header("cookie", &site.csrf_cookie)
            .header("x-crossauth-csrf", &site.csrf_token)
            .header("content-type", "application/json")
            .body(Body::from("{}"))
            .ok()
    });
    let status = response.unwrap().status;
    if !is_own(origin.as_bytes()) {
        assert_ne!(status, StatusCode::OK, "a request from {origin:?} is served");
    }
}

/// Whether the site under test, which is on this machine, may accept the origin as its own.
fn is_own(origin: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(origin) else { return false };
    // The origin is unknown, so the CSRF token decides.
    if text == "null" {
        return true;
    }
    let Ok(url) = Url::parse(text) else { return false };
    let on_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    on_this_machine
        && url.port() == Some(3000)
        && url.origin().ascii_serialization() == text
        && !text.contains("/.")
        && !text.contains("..")
}
