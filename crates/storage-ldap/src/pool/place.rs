//! How many logins of one entry there are at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::dn::Key;

/// The places of each entry. They are fewer than there are connections, so that an entry to which the
/// directory answers slowly leaves some for others.
pub(super) struct Places {
    limit: usize,
    /// Those of entries that are in use, or waited for.
    used: Mutex<HashMap<Key, Arc<Semaphore>>>,
}

/// A place of an entry, or a wait for one, until it is dropped.
pub(crate) struct Place<'p> {
    places: &'p Places,
    key: Key,
    semaphore: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// For so many connections.
    pub(super) fn new(connections: usize) -> Self {
        Self { limit: (connections / 4).max(1), used: Mutex::default() }
    }

    /// Takes a place if one is free.
    pub(super) fn queue(&self, key: Key) -> Place<'_> {
        let new = || Arc::new(Semaphore::new(self.limit));
        let semaphore = Arc::clone(self.used.lock().entry(key.clone()).or_insert_with(new));
        let permit = Arc::clone(&semaphore).try_acquire_owned().ok();
        Place { places: self, key, semaphore: Some(semaphore), permit }
    }
}

impl Place<'_> {
    pub(super) const fn is_taken(&self) -> bool {
        self.permit.is_some()
    }

    /// Waits for a place.
    pub(super) async fn wait(&mut self, limit: Duration) -> Result<(), DirectoryError> {
        let Some(semaphore) = self.semaphore.clone() else { return Ok(()) };
        if let Ok(Ok(permit)) = timeout(limit, semaphore.acquire_owned()).await {
            self.permit = Some(permit);
            return Ok(());
        }
        let message = format!("other logins of the same entry did not end within {limit:?}");
        Err(DirectoryError::new(DirectoryErrorKind::Busy, message))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut used = self.places.used.lock();
        drop(self.semaphore.take());
        if used.get(&self.key).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            used.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn entry_has_a_quarter_of_the_places_and_leaves_nothing_behind() {
        let places = Places::new(8);
        let of = |name| places.queue(Key::of(name));
        let (first, second, third) = (of("uid=a,dc=x"), of("UID=A, dc=x"), of("uid=a,dc=x"));
        assert!(first.is_taken() && second.is_taken() && !third.is_taken());
        assert!(of("uid=b,dc=x").is_taken());
        drop(third);
        let mut waiting = of("uid=a,dc=x");
        let error = waiting.wait(Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(error.kind, DirectoryErrorKind::Busy);
        drop(first);
        waiting.wait(Duration::from_secs(30)).await.unwrap();
        drop((second, waiting));
        assert!(places.used.lock().is_empty());
        assert!(Places::new(1).queue(Key::of("uid=a")).is_taken());
    }
}
