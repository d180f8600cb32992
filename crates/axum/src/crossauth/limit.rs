//! Limits of attempts and messages.

use crossauth_core::cookie::CookieOptions;
use crossauth_core::limit::{LimitConfig, Loopback};

use super::builder::Builder;
use super::config::{CookieConfig, RequestConfig};

impl Builder {
    /// How often secrets may be tried and messages sent. Loopback addresses are limited where
    /// [trusted proxies](Builder::trusted_proxies) report the addresses of clients.
    pub fn limits(mut self, config: LimitConfig) -> Self {
        self.limits = config;
        self
    }
}

pub(super) fn limits(config: LimitConfig, requests: &RequestConfig) -> LimitConfig {
    if requests.proxies.networks.is_empty() {
        config
    } else {
        LimitConfig { loopback: Loopback::Limited, ..config }
    }
}

/// The cookie of a known browser, which goes where the session cookie does.
pub(super) fn browser_cookie(cookies: &CookieConfig) -> CookieOptions {
    CookieOptions { name: cookies.browser_name.clone(), http_only: true, ..cookies.session.clone() }
}
