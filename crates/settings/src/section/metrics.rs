//! Metrics for monitoring.

use std::net::SocketAddr;

use super::{Server, section};
use crate::kind::{Listen, Optional};
use crate::rule::Rules;

/// Metrics for monitoring.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// The address of their listener; without it, there are no metrics.
    pub listen: Option<SocketAddr>,
}

section! { Metrics {
    /// Serve `GET /metrics` in the text format of Prometheus on this address, apart from the site.
    /// Nothing protects the address: use one of this machine, or of a network for monitoring only.
    /// Prometheus may reach it under the host names of the site; see `allowed_hosts`. If not set,
    /// there are no metrics.
    "metrics.listen": Optional<Listen> => listen;
} }

impl Metrics {
    pub(crate) fn check(&self, server: &Server, rules: &mut Rules<'_>) {
        let is_same = self.listen.is_some_and(|address| {
            let ip_overlaps = address.ip() == server.listen.ip()
                || address.ip().is_unspecified()
                || server.listen.ip().is_unspecified();
            ip_overlaps && address.port() == server.listen.port() && address.port() != 0
        });
        rules.require(
            !is_same,
            &["metrics.listen", "listen"],
            "is the address of the site: metrics need one of their own, which is not public",
        );
    }
}
