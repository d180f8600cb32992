//! Counters of the use cases, for monitoring.
//!
//! Counters begin at zero with the [`Auth`] and only grow. Counting takes one relaxed
//! atomic addition, and never delays a request.
//!
//! ```
//! # fn example(auth: &crossauth_core::Auth) {
//! let metrics = auth.metrics();
//! println!("{} passwords wait to be hashed", metrics.hashing.public_waiting);
//! # }
//! ```

use std::time::Duration;

use crate::Auth;

/// The counters of all use cases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// What users, administrators and programs did and were refused: the [counts] of the audit log.
    ///
    /// [counts]: crate::audit::Audit::counts
    pub acts: Vec<(&'static str, u64)>,
    /// Hashing of passwords.
    pub hashing: HashingMetrics,
    /// The directory; `None` without one.
    pub directory: Option<DirectoryMetrics>,
    /// Messages to users.
    pub messages: MessageMetrics,
    /// How often a background task was started again after a panic.
    pub task_restarts: u64,
}

/// Counters of the threads that hash passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HashingMetrics {
    /// Jobs that wait in the lane of trusted requests.
    pub trusted_waiting: usize,
    /// Jobs that wait in the lane of all other requests.
    pub public_waiting: usize,
    /// Maximum number of waiting jobs in each lane.
    pub queue: usize,
    /// Jobs that were run.
    pub done: u64,
    /// Jobs that were refused because their lane was full.
    pub refused: u64,
    /// The sum of the times that the threads have worked.
    pub busy: Duration,
}

/// Counters of the calls of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DirectoryMetrics {
    /// Calls with an answer that can be used, whatever it says about a password.
    pub answered: u64,
    /// Calls that failed, by the name of [what failed](crate::directory::DirectoryErrorKind), such as
    /// `unreachable`.
    pub failures: Vec<(&'static str, u64)>,
}

/// Outcomes of attempts of this process to send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MessageMetrics {
    /// Messages that were sent.
    pub sent: u64,
    /// Attempts that failed and are repeated.
    pub retried: u64,
    /// Messages whose sending was given up.
    pub given_up: u64,
}

impl Auth {
    /// The counters at this moment.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            acts: self.audit.counts(),
            hashing: self.deps().hasher.metrics(),
            directory: self.deps().directory.as_ref().map(|directory| directory.metrics()),
            messages: self.outbox.metrics(),
            task_restarts: self.task_restarts(),
        }
    }
}
