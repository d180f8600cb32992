//! The visitor of a request: the client's address, resolved through trusted proxies, and its
//! `User-Agent`.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use crossauth_core::visitor;
use http::header::{FORWARDED, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use crate::rejection::Rejection;
use crate::request::RequestInfo;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Maximum number of evaluated entries of a forwarding header.
const MAX_HOPS: usize = 32;

/// The network address and the device of the client of a request.
///
/// The address is that of the connection, or the one reported by trusted proxies (see
/// [`Builder::trusted_proxies`](crate::Builder::trusted_proxies)). The server must provide it:
/// `into_make_service_with_connect_info::<SocketAddr>()` with
/// `axum::serve`.
///
/// ```
/// use crossauth_axum::Visitor;
///
/// async fn address(visitor: Visitor) -> String {
///     visitor.address().map_or("unknown".into(), |address| address.to_string())
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(address));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visitor {
    address: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
}

impl Visitor {
    /// The address, if the server provides it.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The `User-Agent` header, if it is visible ASCII.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_ref()?.to_str().ok()
    }

    /// The visitor for the use cases.
    pub fn to_core(&self) -> visitor::Visitor<'_> {
        visitor::Visitor { address: self.address, user_agent: self.user_agent() }
    }

    pub(crate) fn read(peer: Option<SocketAddr>, headers: &HeaderMap, proxies: &Proxies) -> Self {
        Self {
            address: peer.map(|peer| proxies.client(peer.ip(), headers)),
            user_agent: headers.get(USER_AGENT).cloned(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        Ok(RequestInfo::from_request_parts(parts, state).await?.visitor.clone())
    }
}

/// The header in which trusted proxies send the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The trusted proxies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// Their networks; none by default.
    pub networks: Vec<IpNet>,
    /// The header that they set. The other one is ignored, because it may come from the client.
    pub header: ForwardedHeader,
}

impl Proxies {
    fn is_trusted(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address of the client behind `peer`.
    ///
    /// Each proxy appends the address of its peer, so the list is read from its end up to the first
    /// address that is not a trusted proxy.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if self.networks.is_empty() || !self.is_trusted(client) {
            return client;
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => &X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => &FORWARDED,
        };
        let values: Vec<&str> =
            headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
        let hops = values.iter().rev().flat_map(|value| value.rsplit(','));
        for hop in hops.take(MAX_HOPS) {
            let hop = match self.header {
                ForwardedHeader::XForwardedFor => Some(hop),
                ForwardedHeader::Forwarded => forwarded_for(hop),
            };
            match hop.and_then(parse_address) {
                Some(address) => client = address,
                None => break,
            }
            if !self.is_trusted(client) {
                break;
            }
        }
        client
    }
}

/// The `for` parameter of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    })
}

/// Parses an address as written by proxies: with or without port, brackets and quotes.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let address = text
        .parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse());
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ForwardedHeader, peer: &str, values: &[(&'static str, &str)]) -> String {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let proxies = Proxies { networks, header };
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn forwarded_addresses_are_read_from_the_right_up_to_the_first_untrusted_hop() {
        let xff = |peer, value| {
            client(ForwardedHeader::XForwardedFor, peer, &[("x-forwarded-for", value)])
        };
        for (peer, value, address) in [
            ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
            ("10.0.0.1", "[2001:db8::1]:80", "2001:db8::1"),
            ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
            ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
            ("fd00::1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ] {
            assert_eq!(xff(peer, value), address, "{peer} {value}");
        }
        let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client(ForwardedHeader::XForwardedFor, "10.0.0.1", &two), "198.51.100.1");
    }

    #[test]
    fn other_forwarding_header_is_ignored() {
        let both = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client(ForwardedHeader::XForwardedFor, "10.0.0.1", &both), "198.51.100.1");
        let both = [("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=198.51.100.1;proto=https")];
        assert_eq!(client(ForwardedHeader::Forwarded, "10.0.0.1", &both), "198.51.100.1");
        for (value, address) in [
            ("for=6.6.6.6, by=10.0.0.2; For=\"[2001:db8::1]:80\"", "2001:db8::1"),
            ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            let header = [("forwarded", value)];
            assert_eq!(client(ForwardedHeader::Forwarded, "10.0.0.1", &header), address);
        }
    }

    #[test]
    fn only_the_last_hops_of_a_long_list_are_read() {
        let long = format!("6.6.6.6{}", ", 10.0.0.2".repeat(10_000));
        let header = [("x-forwarded-for", long.as_str())];
        assert_eq!(client(ForwardedHeader::XForwardedFor, "10.0.0.1", &header), "10.0.0.2");
    }
}
