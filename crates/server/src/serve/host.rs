//! The Host header (RFC 9112 section 3.2): exactly one, and a host.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// Whether the request names one host. It is not trusted beyond that: links are made from the
/// configured base URL.
pub(super) fn is_sound(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let named = host.to_str().ok().and_then(authority);
    let targeted = uri.authority().map(|target| authority(target.as_str()));
    match (named, targeted) {
        (None, _) | (_, Some(None)) => false,
        (Some(_), None) => true,
        (Some(named), Some(Some(target))) => named == target,
    }
}

fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let port = text.strip_prefix(authority.host())?;
    let port_is_sound = match port.strip_prefix(':') {
        Some(number) => number.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    (port_is_sound && is_host(authority.host())).then_some(authority)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn sound(hosts: &[&str], target: &str) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        is_sound(&headers, &target.parse().unwrap())
    }

    #[test]
    fn one_host_is_sound() {
        for host in ["localhost", "auth.example.com:8443", "127.0.0.1:3000", "[::1]:3000", "a_b"] {
            assert!(sound(&[host], "/"), "{host}");
        }
        assert!(sound(&["a.example"], "http://a.example/login"));
    }

    #[test]
    fn no_host_two_hosts_and_garbage_are_not() {
        assert!(!sound(&[], "/"));
        assert!(!sound(&["a", "b"], "/"));
        assert!(!sound(&["a", "a"], "/"));
        for host in [
            "", "a b", "a/b", "user@a", "a:", "a:http", "a:99999", "a,b", "[::1", "<a>", "é", "a'b",
        ] {
            assert!(!sound(&[host], "/"), "{host}");
        }
        assert!(!sound(&["a.example"], "http://b.example/"));
    }
}
