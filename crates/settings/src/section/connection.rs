//! Limits of the server's connections.

use std::time::Duration;

use super::section;
use crate::kind::{Count, Span};

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
    /// Connections held open at once; more wait to be accepted.
    "limits.connections": Count<usize> => limit;
    /// How long a client may take to send the head of a request.
    "limits.header_timeout": Span => header_timeout;
    /// How long a connection stays open between two requests. Longer than the proxy in front keeps
    /// it, or the proxy will now and then send a request into a connection that is closing.
    "limits.keep_alive": Span => keep_alive;
} }
