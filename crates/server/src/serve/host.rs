//! The Host header (RFC 9112 section 3.2): exactly one, and a host.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// Whether the request names one host. It is not trusted beyond that: links are made from the
/// configured base URL.
pub(super) fn is_sound(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(named) = host.to_str() else { return false };
    is_authority(named) && uri.authority().is_none_or(|target| is_same(named, target))
}

fn is_same(named: &str, target: &Authority) -> bool {
    is_authority(target.as_str()) && named.parse::<Authority>().is_ok_and(|named| named == *target)
}

/// A host, and a port if there is one. Nobody's name and password.
fn is_authority(text: &str) -> bool {
    // The colons of an IPv6 address stand before its bracket.
    let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    match text[end..].find(':').map(|colon| text.split_at(end + colon)) {
        Some((host, port)) => is_host(host) && port[1..].parse::<u16>().is_ok(),
        None => is_host(text),
    }
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
