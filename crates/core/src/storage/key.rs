//! The port for keys.

use async_trait::async_trait;

use super::StorageError;
use crate::clock::Timestamp;
use crate::key::{DataChange, DataError, Key, KeyFilter, KeyUpdate};
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

/// Keys of every kind. Knows nothing of expiry but for [`purge`](KeyStore::purge).
///
/// Values are compared byte by byte. A key's owner must exist when the key is stored. An
/// application field that is null is the same as one that is absent, and comes back absent.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The key with exactly this value.
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError>;

    /// Stores a key. [`Conflict`](super::StorageErrorKind::Conflict) if the value is taken.
    async fn insert(&self, key: &Key) -> Result<(), StorageError>;

    /// Changes a key; says whether there was one.
    async fn update(&self, value: &str, change: &KeyUpdate) -> Result<bool, StorageError>;

    /// Removes a key and returns it: of any number of callers, one gets it.
    async fn take(&self, value: &str) -> Result<Option<Key>, StorageError>;

    /// Removes a key; says whether there was one.
    async fn delete(&self, value: &str) -> Result<bool, StorageError>;

    /// Removes the keys of exactly this owner (`None`: the anonymous ones) whose value starts
    /// with `prefix`, but not the one with the value `except`. Returns how many.
    async fn delete_all_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: &str,
        except: Option<&str>,
    ) -> Result<u64, StorageError>;

    /// Removes the keys that match; a filter without any field matches none. Returns how many.
    async fn delete_matching(&self, filter: &KeyFilter) -> Result<u64, StorageError>;

    /// The keys of exactly this owner (`None`: the anonymous ones), at most 1000, newest first.
    async fn list_for_user(&self, userid: Option<&UserId>) -> Result<Vec<Key>, StorageError>;

    /// Makes all `changes` to a key's data, or none.
    async fn update_data(&self, value: &str, changes: &[DataChange])
    -> Result<(), UpdateDataError>;

    /// Notes that a key was used at `at`, unless a later use is noted already.
    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError>;

    /// Removes up to `limit` keys that expired before `now`. Returns how many.
    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError>;
}
