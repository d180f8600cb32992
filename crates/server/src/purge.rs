//! Removing what has expired, in small steps that leave room for requests.

use std::time::Duration;

use crossauth_core::clock::{Clock, SystemClock};
use crossauth_core::storage::{Storage, StorageError};
use tokio::time::sleep;

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_mins(10);

/// Keys removed in one step.
const STEP: u32 = 500;

/// Purges for as long as it is polled.
pub(crate) async fn forever(storage: Storage) -> ! {
    loop {
        if let Err(error) = round(&storage, &SystemClock).await {
            tracing::warn!(%error, "cannot remove expired keys; trying again later");
        }
        sleep(INTERVAL).await;
    }
}

async fn round(storage: &Storage, clock: &dyn Clock) -> Result<(), StorageError> {
    while storage.keys.purge(clock.now(), STEP).await? >= u64::from(STEP) {
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crossauth_core::clock::Timestamp;
    use crossauth_core::key::Key;
    use crossauth_core::storage::memory::MemoryStorage;
    use crossauth_core::user::Normalization;

    use super::*;

    #[tokio::test]
    async fn a_round_removes_everything_expired_and_nothing_else() {
        let storage = MemoryStorage::new(Normalization::default()).storage();
        let now = SystemClock.now();
        for index in 0..STEP * 2 + 3 {
            let mut key = Key::new(format!("s:{index}"), None, Timestamp::from_secs(0));
            key.expires = Some(now - Duration::from_mins(1));
            storage.keys.insert(&key).await.unwrap();
        }
        storage.keys.insert(&Key::new("s:lasting", None, now)).await.unwrap();
        round(&storage, &SystemClock).await.unwrap();
        let left = storage.keys.list_for_user(None).await.unwrap();
        assert_eq!(left.iter().map(|key| &*key.value).collect::<Vec<_>>(), ["s:lasting"]);
    }
}
