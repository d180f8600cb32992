//! Limits of the server's connections.

use std::time::Duration;

use super::section;
use crate::kind::{Count, Optional, Span};

/// Limits of the server's connections.
#[derive(Debug, Clone)]
pub struct Connections {
    /// Connections held open at once.
    pub limit: usize,
    /// Connections held open at once by one address, or by one /64 network of IPv6.
    pub per_address: Option<usize>,
    /// How long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long a connection may stay open between two requests.
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
    /// Connections held open at once. For one more, those that have been idle for longest are
    /// closed; it waits if none is idle.
    "limits.connections": Count<usize> => limit;
    /// Connections held open at once by one address, or by one /64 network of IPv6. Without it,
    /// half of `limits.connections`, and no limit for loopback addresses.
    "limits.connections_per_address": Optional<Count<usize>> => per_address;
    /// How long a client may take to send the head of a request.
    "limits.header_timeout": Span => header_timeout;
    /// How long a connection may be idle between two requests. Longer than a proxy in front keeps
    /// its connections, or the proxy uses one that is being closed.
    "limits.keep_alive": Span => keep_alive;
} }
