//! How the server stops.

use std::time::Duration;

use super::section;
use crate::kind::{Optional, Span};

/// How the server stops.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// How long the requests under way may take to finish.
    pub grace: Duration,
    /// How long to go on accepting after `/ready` says 503.
    pub drain_delay: Option<Duration>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: Duration::from_secs(20), drain_delay: None }
    }
}

section! { Shutdown {
    /// How long the requests under way may take to finish at shutdown.
    "shutdown.grace": Span => grace;
    /// How long to go on accepting after `/ready` says 503, so that balancers notice. Without it,
    /// 5s, but nothing on a loopback address or in development.
    "shutdown.drain_delay": Optional<Span> => drain_delay;
} }
