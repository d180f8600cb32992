//! The port for counters of attempts, which limit the guessing of codes.

use std::time::Duration;

use async_trait::async_trait;

use super::StorageError;
use crate::clock::Timestamp;

/// One counter to charge with an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What is limited, such as `factor:` and a user id. Contains no secret.
    pub subject: String,
    /// How many attempts are allowed until the counter expires.
    pub limit: u32,
    /// How long after its first attempt the counter expires.
    pub window: Duration,
}

/// The outcome of charging counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charged {
    /// Every counter was charged: the attempt may be made.
    Ok,
    /// A counter has reached its limit; none was charged.
    Exhausted {
        /// When all counters that have reached their limit have expired.
        retry_at: Timestamp,
    },
}

/// Counters of attempts.
///
/// An attempt is charged and committed before it is made, so that neither parallel attempts nor a
/// crash avoid the count. A success gives the attempt back.
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// Charges every counter, or none if one has reached its limit. Of concurrent calls, at most
    /// `limit` succeed.
    ///
    /// A counter that has expired at `now` starts again. One that expires later than its window
    /// allows, because a clock was wrong, expires at the end of the window instead.
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, StorageError>;

    /// Takes one attempt back from each counter that has any.
    async fn refund(&self, subjects: &[&str]) -> Result<(), StorageError>;

    /// Deletes up to `limit` counters that expired before `now`. Returns their number.
    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError>;
}
