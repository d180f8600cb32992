//! Deletes expired keys, idle counters, messages that were given up long ago, and old events of the
//! audit log, in small steps that leave capacity for requests.
//!
//! A clock that is wrong must not delete keys that are valid. Two facts speak for a clock: it has
//! run as evenly as the monotonic one since the process started; and when the process started, the
//! store had a key created shortly before. Without the second, the clock may have been set far
//! ahead while no process ran, or no one may have used the site for long; keys are then deleted
//! only after days, because an expired key that is kept is harmless.

mod counter;

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::audit::Audit;
use crate::clock::{Clock, Timestamp};
use crate::key::CLOCK_SKEW;
use crate::outbox;
use crate::storage::{KeyStore, OutboxStore, Storage, StorageError};

pub(crate) use counter::PurgeCounters;

/// Time between two rounds, and how long the clock must have been steady before a round deletes all
/// expired keys.
const INTERVAL: Duration = Duration::from_mins(10);

/// How long ago a key must have expired to be deleted while the clock is not known to be steady: a
/// wrong clock at the start must not delete valid sessions.
const LONG_EXPIRED: Duration = Duration::from_hours(365 * 24);

/// How long before the start the newest key may have been created for the clock to be plausible.
const PAUSE: Duration = Duration::from_hours(30 * 24);

/// How long a clock that is not plausible must have been steady before keys are deleted.
const PROBATION: Duration = Duration::from_hours(7 * 24);

/// Number of rows deleted per step.
const STEP: u32 = 500;

/// Deletes expired rows while the stores are in use, which it does not keep alive.
#[derive(Clone)]
pub(crate) struct Purge {
    keys: Weak<dyn KeyStore>,
    outbox: Weak<dyn OutboxStore>,
    audit: Weak<Audit>,
    clock: Arc<dyn Clock>,
}

impl Purge {
    pub(crate) fn new(storage: &Storage, audit: &Arc<Audit>, clock: Arc<dyn Clock>) -> Self {
        let Storage { keys, outbox, .. } = storage;
        Self {
            keys: Arc::downgrade(keys),
            outbox: Arc::downgrade(outbox),
            audit: Arc::downgrade(audit),
            clock,
        }
    }

    /// Deletes now and every ten minutes.
    pub(crate) async fn run(self) {
        let Self { keys, outbox, audit, clock } = self;
        let mut trust = Trust::new(&*clock);
        while let (Some(keys), Some(outbox), Some(audit)) =
            (keys.upgrade(), outbox.upgrade(), audit.upgrade())
        {
            match round(&*keys, &*outbox, &mut trust, &*clock).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "expired keys and old messages removed"),
                Err(error) => {
                    tracing::warn!(%error, "cannot remove expired keys; trying again later");
                }
            }
            remove_events(&audit, &trust, &*clock).await;
            drop((keys, outbox, audit));
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// Deletes old events of the audit log.
async fn remove_events(audit: &Audit, trust: &Trust, clock: &dyn Clock) {
    let Some(horizon) = trust.horizon(clock) else { return };
    match audit.purge(horizon).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "old events of the audit log removed"),
        Err(error) => tracing::warn!(%error, "cannot remove old events; trying again later"),
    }
}

async fn round(
    keys: &dyn KeyStore,
    outbox: &dyn OutboxStore,
    trust: &mut Trust,
    clock: &dyn Clock,
) -> Result<u64, StorageError> {
    trust.follow(clock);
    if trust.plausible.is_none() {
        let plausible = keys.any_created(trust.wall - PAUSE, trust.wall).await?;
        trust.plausible = Some(plausible);
        if !plausible {
            tracing::debug!(
                days = PAUSE.as_secs() / 86_400,
                "no key was created in the days before the start; expired keys are deleted once \
                 the clock has been steady for a week"
            );
        }
    }
    match trust.horizon(clock) {
        Some(horizon) => {
            let expired = purge(|limit| keys.purge(horizon, limit)).await?;
            Ok(expired + purge(|limit| outbox.purge(horizon - outbox::KEPT, limit)).await?)
        }
        None => Ok(0),
    }
}

/// How far the wall clock is trusted.
struct Trust {
    /// The wall clock when it began to be steady.
    wall: Timestamp,
    /// The monotonic clock at the same moment.
    monotonic: Instant,
    /// Whether the keys in the store speak for the clock; `None` if not yet known.
    plausible: Option<bool>,
}

impl Trust {
    fn new(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: Instant::now(), plausible: None }
    }

    /// Compares the wall clock with the monotonic one, and starts again if it was set.
    fn follow(&mut self, clock: &dyn Clock) {
        let (now, expected) = (clock.now(), self.wall + self.monotonic.elapsed());
        if now > expected + CLOCK_SKEW || now < expected - CLOCK_SKEW {
            tracing::warn!(
                "the system clock was changed; expired keys are deleted once it has been steady"
            );
            *self = Self::new(clock);
        }
    }

    /// Keys that expired before this time may be deleted; `None` if none may be.
    fn horizon(&self, clock: &dyn Clock) -> Option<Timestamp> {
        let (now, steady) = (clock.now(), self.monotonic.elapsed());
        match self.plausible {
            Some(true) if steady >= INTERVAL => Some(now),
            Some(true) => Some(now - LONG_EXPIRED),
            Some(false) | None => (steady >= PROBATION).then_some(now),
        }
    }
}

/// Deletes rows in steps, until there are no more.
async fn purge<F>(delete: impl Fn(u32) -> F) -> Result<u64, StorageError>
where
    F: Future<Output = Result<u64, StorageError>>,
{
    let mut removed = 0;
    loop {
        let step = delete(STEP).await?;
        removed += step;
        if step < u64::from(STEP) {
            return Ok(removed);
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests;
