//! Options of requests.

use crossauth_core::api_key::ApiKeyConfig;
use http::{HeaderMap, Uri};
use ipnet::IpNet;

use super::Crossauth;
use super::builder::Builder;
use super::config::{CrossSite, RequestConfig};
use crate::body::BodyLimits;
use crate::origin::is_allowed_host;

impl Builder {
    /// Accepted proxies, hosts and origins of requests.
    pub fn requests(mut self, config: RequestConfig) -> Self {
        self.requests = config;
        self
    }

    /// Networks whose `X-Forwarded-For` header is trusted, such as that of a load balancer.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.requests.proxies.networks = networks.into_iter().collect();
        self
    }

    /// Host names, besides that of the base URL, under which browsers reach the application.
    pub fn allowed_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.requests.allowed_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Allows unsafe cross-site requests and WebSocket handshakes with our cookies to the
    /// application's routes. Each handler must then check the origin of a request.
    pub fn danger_allow_cross_site_requests(mut self) -> Self {
        self.requests.cross_site = CrossSite::DangerAllowed;
        self
    }

    /// Whether users can have API keys, and what these may do.
    pub fn api_keys(mut self, config: ApiKeyConfig) -> Self {
        self.api_keys = config;
        self
    }

    /// Limits of request bodies.
    pub fn body_limits(mut self, limits: BodyLimits) -> Self {
        self.body_limits = limits;
        self
    }
}

impl Crossauth {
    /// Whether a request names a host under which browsers may reach us: that of the base URL or of
    /// [`allowed_hosts`](Builder::allowed_hosts), a loopback name, an IP address, a name without a
    /// dot, or none. Handlers that show something without a login check it, since a page of another
    /// site can read them under a name that resolves to our address (DNS rebinding).
    pub fn is_allowed_host(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let config = self.config();
        is_allowed_host(headers, uri, &config.base_url, &config.requests.allowed_hosts)
    }
}
