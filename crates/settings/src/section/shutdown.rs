//! Graceful shutdown.

use std::time::Duration;

use super::section;
use crate::kind::{Optional, Span};

/// Graceful shutdown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Shutdown {
    /// Maximum time for requests in progress to finish.
    pub grace: Duration,
    /// How long to continue to accept connections after `/ready` returns 503.
    pub drain_delay: Option<Duration>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: Duration::from_secs(20), drain_delay: None }
    }
}

section! { Shutdown {
    /// Maximum time for requests in progress to finish at shutdown.
    "shutdown.grace": Span => grace;
    /// How long to continue to accept connections after `/ready` returns 503, so that load
    /// balancers can react. If not set, 5s, but 0 on a loopback address or in development.
    "shutdown.drain_delay": Optional<Span> => drain_delay;
} }
