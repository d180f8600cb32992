//! The Host header (RFC 9112 section 3.2): exactly one, with a valid host.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::HOST;
use http::uri::Authority;
use http::{Request, Version};

/// Whether the request has exactly one valid host; before HTTP/1.1 it may have none. The host is
/// not trusted: links use the configured base URL.
pub(super) fn is_valid<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        (None, None) => return request.version() <= Version::HTTP_10,
        _ => return false,
    };
    let Ok(named) = host.to_str() else { return false };
    is_authority(named) && request.uri().authority().is_none_or(|target| is_same(named, target))
}

fn is_same(named: &str, target: &Authority) -> bool {
    is_authority(target.as_str()) && named.parse::<Authority>().is_ok_and(|named| named == *target)
}

/// A host, and a port if there is one (RFC 3986 section 3.2, without user information). The port
/// may be empty.
fn is_authority(text: &str) -> bool {
    // The colons of an IPv6 address are inside its brackets.
    let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    match text[end..].find(':').map(|colon| text.split_at(end + colon)) {
        Some((host, port)) => is_host(host) && is_port(&port[1..]),
        None => is_host(text),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit())
        && (port.is_empty() || port.parse::<u16>().is_ok())
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    // A final dot marks a fully qualified name.
    let labels = host.strip_suffix('.').unwrap_or(host).as_bytes();
    let last = labels.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    // Browsers parse a host that ends in a number as an IPv4 address.
    if last.iter().all(u8::is_ascii_digit) {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    labels.split(|byte| *byte == b'.').all(is_label)
}

fn is_label(label: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn request(hosts: &[&str], target: &str) -> Request<()> {
        let mut request = Request::get(target).body(()).unwrap();
        for host in hosts {
            let host = HeaderValue::from_bytes(host.as_bytes()).unwrap();
            request.headers_mut().append(HOST, host);
        }
        request
    }

    fn valid(hosts: &[&str], target: &str) -> bool {
        is_valid(&request(hosts, target))
    }

    #[test]
    fn one_host_is_valid() {
        for host in [
            "localhost",
            "auth.example.com:8443",
            "auth.example.com.",
            "127.0.0.1:3000",
            "[::1]:3000",
            "[::1]",
            "a_b",
            "a:",
            "xn--bcher-kva.example",
            "3com.example",
        ] {
            assert!(valid(&[host], "/"), "{host}");
        }
        assert!(valid(&["a.example"], "http://a.example/login"));
    }

    #[test]
    fn missing_duplicate_and_invalid_hosts_are_rejected() {
        assert!(!valid(&[], "/"));
        assert!(!valid(&["a", "b"], "/"));
        assert!(!valid(&["a", "a"], "/"));
        for host in [
            "",
            "a b",
            "a/b",
            "user@a",
            "a:http",
            "a:99999",
            "a:+6",
            "a:-1",
            "a,b",
            "[::1",
            "<a>",
            "é",
            "a'b",
            ".2",
            ".",
            "..",
            "a..b",
            ".a",
            "127.0.0",
            "127.1",
            "1",
            "1.2.3.4.5",
            "[]",
            "a]:80",
            ":80",
        ] {
            assert!(!valid(&[host], "/"), "{host}");
        }
        assert!(!valid(&["a.example"], "http://b.example/"));
    }

    #[test]
    fn requests_before_http_1_1_need_no_host() {
        let mut old = request(&[], "/");
        *old.version_mut() = Version::HTTP_10;
        assert!(is_valid(&old));
        let mut old = request(&["a", "b"], "/");
        *old.version_mut() = Version::HTTP_10;
        assert!(!is_valid(&old));
    }
}
