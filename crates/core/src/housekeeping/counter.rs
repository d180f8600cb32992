//! Deletes counters of attempts that are idle, and of too many those that are idle first.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::purge;
use crate::clock::Clock;
use crate::storage::{AttemptStore, Storage};

/// Time between two rounds. A counter of one attempt is idle after minutes.
const INTERVAL: Duration = Duration::from_mins(1);

/// Maximum number of counters that a round leaves.
const MAX_COUNTERS: u32 = 1_000_000;

/// Deletes counters while their store is in use, which it does not keep alive.
#[derive(Clone)]
pub(crate) struct PurgeCounters {
    attempts: Weak<dyn AttemptStore>,
    clock: Arc<dyn Clock>,
}

impl PurgeCounters {
    pub(crate) fn new(storage: &Storage, clock: Arc<dyn Clock>) -> Self {
        Self { attempts: Arc::downgrade(&storage.attempts), clock }
    }

    /// Deletes now and every minute. By the present time, even if the clock is not known to be
    /// right: a counter that is idle limits nothing by this clock.
    pub(crate) async fn run(self) {
        while let Some(attempts) = self.attempts.upgrade() {
            let now = self.clock.now();
            if let Err(error) = purge(|limit| attempts.purge(now, MAX_COUNTERS, limit)).await {
                tracing::warn!(%error, "cannot remove idle counters; trying again later");
            }
            drop(attempts);
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::storage::Charge;
    use crate::storage::memory::MemoryStorage;
    use crate::user::Normalization;

    #[tokio::test(start_paused = true)]
    async fn idle_counters_are_deleted_within_a_minute_and_others_are_kept() {
        let storage = MemoryStorage::new(Normalization::default()).storage();
        let now = SystemClock.now();
        for (subject, at) in [("idle", now - Duration::from_hours(2)), ("charged", now)] {
            let window = Duration::from_hours(1);
            let charge = Charge { subject: subject.to_owned(), limit: 1, window };
            storage.attempts.charge(&[charge], at).await.unwrap();
        }
        let task = tokio::spawn(PurgeCounters::new(&storage, Arc::new(SystemClock)).run());
        tokio::time::sleep(INTERVAL / 2).await;
        task.abort();
        let everything = storage.attempts.purge(now + Duration::from_hours(2), 0, 10).await;
        assert_eq!(everything.unwrap(), 1);
    }
}
