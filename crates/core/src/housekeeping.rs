//! Removes keys that have expired, in small steps that leave room for requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::clock::Clock;
use crate::storage::{KeyStore, StorageError};

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_mins(10);

/// Keys removed in one step.
const STEP: u32 = 500;

/// Keeps the key store from growing without end.
pub struct Housekeeping {
    keys: Weak<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    running: AtomicBool,
}

impl Housekeeping {
    pub(crate) fn new(keys: &Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Self {
        Self { keys: Arc::downgrade(keys), clock, running: AtomicBool::new(false) }
    }

    /// Starts a task that removes expired keys now and every ten minutes, for as long as the
    /// store is in use. Nothing happens if it runs already.
    ///
    /// The first session that begins starts it too; a server calls this at its own start.
    pub fn start(&self) {
        if !self.running.swap(true, Ordering::Relaxed) {
            tokio::spawn(keep_house(self.keys.clone(), self.clock.clone()));
        }
    }
}

async fn keep_house(keys: Weak<dyn KeyStore>, clock: Arc<dyn Clock>) {
    while let Some(keys) = keys.upgrade() {
        match purge(&*keys, &*clock).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "expired keys removed"),
            Err(error) => tracing::warn!(%error, "cannot remove expired keys; trying again later"),
        }
        drop(keys);
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn purge(keys: &dyn KeyStore, clock: &dyn Clock) -> Result<u64, StorageError> {
    let mut removed = 0;
    loop {
        let step = keys.purge(clock.now(), STEP).await?;
        removed += step;
        if step < u64::from(STEP) {
            return Ok(removed);
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{SystemClock, Timestamp};
    use crate::key::Key;
    use crate::storage::memory::MemoryStorage;
    use crate::user::Normalization;

    #[tokio::test]
    async fn a_round_removes_everything_expired_and_nothing_else() {
        let storage = MemoryStorage::new(Normalization::default()).storage();
        let now = SystemClock.now();
        let expired = STEP * 2 + 3;
        for index in 0..expired {
            let mut key = Key::new(format!("s:{index}"), None, Timestamp::from_secs(0));
            key.expires = Some(now - Duration::from_mins(1));
            storage.keys.insert(&key).await.unwrap();
        }
        storage.keys.insert(&Key::new("s:lasting", None, now)).await.unwrap();
        let removed = purge(&*storage.keys, &SystemClock).await.unwrap();
        assert_eq!(removed, u64::from(expired));
        let left = storage.keys.list_for_user(None).await.unwrap();
        assert_eq!(left.iter().map(|key| &*key.value).collect::<Vec<_>>(), ["s:lasting"]);
    }
}
