//! Deletes expired keys, in small steps that leave capacity for requests.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, Timestamp};
use crate::key::CLOCK_SKEW;
use crate::storage::{KeyStore, StorageError};

/// Time between two rounds, and how long the clock must have been steady before a round deletes all
/// expired keys.
const INTERVAL: Duration = Duration::from_mins(10);

/// How long ago a key must have expired to be deleted while the clock is not known to be steady: a
/// wrong clock at the start must not delete valid sessions.
const LONG_EXPIRED: Duration = Duration::from_hours(365 * 24);

/// Number of keys deleted per step.
const STEP: u32 = 500;

/// Deletes expired keys now and every ten minutes, while the store is in use.
pub(crate) fn purge_loop(
    keys: &Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
) -> impl Future<Output = ()> + Send + 'static {
    run(Arc::downgrade(keys), clock)
}

async fn run(keys: Weak<dyn KeyStore>, clock: Arc<dyn Clock>) {
    let mut detector = ClockJumpDetector::new(&*clock);
    while let Some(keys) = keys.upgrade() {
        match purge(&*keys, detector.horizon(&*clock)).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "expired keys removed"),
            Err(error) => tracing::warn!(%error, "cannot remove expired keys; trying again later"),
        }
        drop(keys);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Compares the wall clock with the monotonic one, to detect that it was set.
struct ClockJumpDetector {
    wall: Timestamp,
    monotonic: Instant,
}

impl ClockJumpDetector {
    fn new(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: Instant::now() }
    }

    /// Keys that expired before this time may be deleted.
    fn horizon(&mut self, clock: &dyn Clock) -> Timestamp {
        let (now, elapsed) = (clock.now(), self.monotonic.elapsed());
        let expected = self.wall + elapsed;
        if now > expected + CLOCK_SKEW || now < expected - CLOCK_SKEW {
            tracing::warn!(
                "the system clock was changed; expired keys are deleted once it has been steady"
            );
            *self = Self::new(clock);
        }
        if self.monotonic.elapsed() >= INTERVAL { now } else { now - LONG_EXPIRED }
    }
}

async fn purge(keys: &dyn KeyStore, horizon: Timestamp) -> Result<u64, StorageError> {
    let mut removed = 0;
    loop {
        let step = keys.purge(horizon, STEP).await?;
        removed += step;
        if step < u64::from(STEP) {
            return Ok(removed);
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests;
