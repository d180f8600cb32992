//! Accepted proxies, hosts and origins of requests.

use crossauth_axum::{CrossSite, ForwardedHeader, RequestConfig};

use super::section;
use crate::kind::{Choice, Hosts, Networks, flag, words};

words! { ForwardedHeader, "`x-forwarded-for` or `forwarded`" {
    "x-forwarded-for" = ForwardedHeader::XForwardedFor;
    "forwarded" = ForwardedHeader::Forwarded;
} }

flag! { CrossSite, CrossSite::DangerAllowed, CrossSite::Refused }

section! { RequestConfig {
    /// Host names, besides that of `base_url`, under which browsers reach the site, and Prometheus the
    /// metrics. Loopback names, IP addresses and names without a dot are always allowed.
    "allowed_hosts": Hosts => allowed_hosts;
    /// Danger: allows unsafe cross-site requests with our cookies to the application's routes. Each
    /// of its handlers must then check the origin of a request.
    "danger_cross_site_requests": Choice<CrossSite> => cross_site;
    /// Addresses and networks of the proxies whose forwarding header is trusted, such as
    /// `127.0.0.1` or `10.0.0.0/8`. If not set, the address of the connection is used.
    "limits.trusted_proxies": Networks => proxies.networks;
    /// The header in which trusted proxies send the address of the client.
    "limits.forwarded_header": Choice<ForwardedHeader> => proxies.header;
} }
