//! Limits of the server's connections.

use std::time::Duration;

use super::section;
use crate::kind::{Count, Optional, Span};

/// Limits of the server's connections.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Connections {
    /// Maximum number of open connections.
    pub limit: usize,
    /// Maximum number of open connections of one IPv4 address or one /64 network of IPv6.
    pub per_address: Option<usize>,
    /// Maximum time for a client to send the head of a request.
    pub header_timeout: Duration,
    /// Maximum idle time of a connection between two requests.
    pub keep_alive: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            limit: 10_000,
            per_address: None,
            header_timeout: Duration::from_secs(15),
            keep_alive: Duration::from_secs(75),
        }
    }
}

section! { Connections {
    /// Maximum number of open connections. For a further one, connections that wait for their
    /// client are closed; it waits if there are none.
    "limits.connections": Count<usize> => limit;
    /// Maximum number of open connections of one IPv4 address or one /64 network of IPv6. If not
    /// set, half of `limits.connections`, and no limit for loopback addresses.
    "limits.connections_per_address": Optional<Count<usize>> => per_address;
    /// Maximum time for a client to send the head of a request.
    "limits.header_timeout": Span => header_timeout;
    /// Maximum idle time of a connection between two requests. Must be longer than the idle time of
    /// a reverse proxy, or the proxy may use a connection that is being closed.
    "limits.keep_alive": Span => keep_alive;
} }
