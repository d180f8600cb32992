//! The port for keys.

use async_trait::async_trait;

use super::StorageError;
use crate::clock::Timestamp;
use crate::key::{DataChange, DataError, Key, KeyPrefix};
use crate::user::UserId;

/// Why a key's data was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateDataError {
    /// There is no such key.
    #[error("there is no such key")]
    NotFound,
    /// The data or the path does not allow it.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Keys of every kind. Ignores expiry except in [`purge`](KeyStore::purge).
///
/// Values are compared byte by byte. A key's owner must exist when the key is stored; the store
/// sets [`Key::epoch`] to the owner's. An application field that is null is the same as one that
/// is absent, and comes back absent. A key that cannot be decoded is
/// [`BadRow`](super::StorageErrorKind::BadRow) where it is asked for, and left out of
/// lists.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The key with exactly this value.
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError>;

    /// Stores a key. [`Conflict`](super::StorageErrorKind::Conflict) if the value is taken.
    async fn insert(&self, key: &Key) -> Result<(), StorageError>;

    /// Removes a key and returns it. Of concurrent calls, exactly one gets it.
    async fn take(&self, value: &str) -> Result<Option<Key>, StorageError>;

    /// Removes a key; says whether there was one.
    async fn delete(&self, value: &str) -> Result<bool, StorageError>;

    /// Up to `limit` keys of one kind and one owner (`None`: without owner) in the order of
    /// their values, those after `after` if given (usually the last value of the page before).
    async fn list_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: KeyPrefix,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Key>, StorageError>;

    /// Makes all `changes` to a key's data, or none.
    async fn update_data(&self, value: &str, changes: &[DataChange])
    -> Result<(), UpdateDataError>;

    /// Records that a key was used at `at`. A later use that is recorded already stays, unless it
    /// lies ahead of `at` by more than [`CLOCK_SKEW`](crate::key::CLOCK_SKEW): then a clock was wrong.
    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError>;

    /// Removes up to `limit` keys that expired before `now`. Returns how many.
    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError>;
}
