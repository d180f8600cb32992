//! Listening address and data directory of the server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::{Site, section};
use crate::kind::{FilePath, Listen};
use crate::rule::Rules;

/// Listening address and data directory of the server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Server {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The directory for the database and the generated secret.
    pub data: PathBuf,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000),
            data: PathBuf::from("crossauth-data"),
        }
    }
}

section! { Server {
    /// The address to listen on; port 0 selects a free port.
    "listen": Listen => listen;
    /// The directory for the database and the generated secret; created when first needed.
    "data": FilePath => data;
} }

impl Server {
    pub(crate) fn check(&self, site: &Site, rules: &mut Rules<'_>) {
        rules.require(
            site.config.base_url.is_some() || self.listen.ip().is_loopback(),
            &["base_url", "listen"],
            "required unless `listen` is a loopback address: it is used in links and redirects, \
             and to detect cross-site requests",
        );
    }
}
