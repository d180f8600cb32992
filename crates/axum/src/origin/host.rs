//! Validation of the `Host` header, against DNS rebinding.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::HOST;
use http::{HeaderMap, Uri};

use super::BaseUrl;

/// Whether neither `Host` nor the authority of the URI (`:authority` in HTTP/2, RFC 9113 section
/// 8.3.1) is a name that an attacker registered for our address.
///
/// Browsers always send one of the two.
pub(crate) fn is_allowed_host(
    headers: &HeaderMap,
    uri: &Uri,
    base: &BaseUrl,
    allowed: &[String],
) -> bool {
    let host = headers.get(HOST).map(http::HeaderValue::to_str);
    host.is_none_or(|host| host.is_ok_and(|host| is_allowed_name(host, base, allowed)))
        && uri.host().is_none_or(|host| is_allowed_name(host, base, allowed))
}

/// Ports are not compared, because proxies change them. IP addresses and names without a dot cannot
/// be registered by an attacker.
fn is_allowed_name(host: &str, base: &BaseUrl, allowed: &[String]) -> bool {
    let name = without_port(host).trim_end_matches('.');
    let is = |known: &str| name.eq_ignore_ascii_case(known.trim_end_matches('.'));
    !name.contains('.') && !name.contains(':')
        || is_address(name)
        || ends_in_localhost(name)
        || base.0.host_str().is_some_and(is)
        || allowed.iter().any(|known| is(known))
}

fn without_port(host: &str) -> &str {
    match host.rfind(']') {
        Some(bracket) => &host[..=bracket],
        None => host.split(':').next().unwrap_or_default(),
    }
}

fn is_address(name: &str) -> bool {
    let v6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    name.parse::<Ipv4Addr>().is_ok() || v6.is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok())
}

fn ends_in_localhost(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_hosts_addresses_and_local_names_are_accepted() {
        let base = BaseUrl::parse("https://id.example.com").unwrap();
        let ours = |host: &str| {
            let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
            let allowed = ["Other.example".to_owned()];
            let by_header = is_allowed_host(&headers, &Uri::from_static("/"), &base, &allowed);
            let uri = format!("https://{host}/").parse().unwrap();
            assert_eq!(
                is_allowed_host(&HeaderMap::new(), &uri, &base, &allowed),
                by_header,
                "{host}"
            );
            by_header
        };
        for host in [
            "id.example.com",
            "ID.Example.com.",
            "id.example.com:8443",
            "other.example",
            "localhost:3000",
            "app.localhost",
            "127.0.0.1:3000",
            "192.168.1.7",
            "[::1]:3000",
            "crossauth:3000",
        ] {
            assert!(ours(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "id.example.com.evil.example",
            "sub.id.example.com",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
        ] {
            assert!(!ours(host), "{host}");
        }
    }
}
