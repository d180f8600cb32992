//! The port for keys.

use async_trait::async_trait;

use super::{CredentialVersion, StorageError};
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::key::{DataChange, DataError, Key, KeyPrefix};
use crate::message::Message;
use crate::user::{Refusal, StateChecks, UserId};

/// Why a key's data was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateDataError {
    /// There is no such key.
    #[error("there is no such key")]
    NotFound,
    /// The data or the path is invalid.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The position of a key in a list: the newest key is first; keys created at the same time are in
/// descending order of their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPosition<'a> {
    /// When the key was created.
    pub created: Timestamp,
    /// Its value.
    pub value: &'a str,
}

impl<'a> From<&'a Key> for KeyPosition<'a> {
    fn from(key: &'a Key) -> Self {
        Self { created: key.created, value: &key.value }
    }
}

/// A key that its owner finds by a name, and the condition of storing it.
#[derive(Debug, Clone, Copy)]
pub struct NamedKey<'a> {
    /// The key. Its name is the application field [`NAME_FIELD`](crate::key::NAME_FIELD).
    pub key: &'a Key,
    /// The kind of the key.
    pub kind: KeyPrefix,
    /// How many keys of this kind its owner may have, with this one.
    pub max: u32,
    /// The verified credentials of the owner; the key is not stored if they have changed.
    pub credentials: Option<&'a CredentialVersion>,
    /// The checks of the owner's state to make.
    pub checks: StateChecks,
    /// Messages to send. One about no account is about the owner.
    pub send: &'a [Message],
    /// Events to record. One on no account is on the owner.
    pub audit: &'a [AuditEvent],
}

/// The outcome of storing a named key. Nothing was stored unless it is [`Done`](Self::Done).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The key was stored.
    Done,
    /// Another key of the owner has the name.
    NameTaken,
    /// The owner has as many keys as allowed.
    TooMany,
    /// There is no such owner.
    NoSuchUser,
    /// The owner's credentials have changed since they were verified.
    CredentialsChanged,
    /// The owner's state does not allow it.
    Refused(Refusal),
}

/// Keys of every kind. Ignores expiry except in [`purge`](KeyStore::purge)
/// and [`insert_named`](KeyStore::insert_named).
///
/// Values are compared byte by byte. A key's owner must exist when the key is stored; the store
/// sets [`Key::epoch`] to the owner's. An application field that is null is the same as one that is
/// absent, and is returned as absent. A key that cannot be decoded is
/// [`BadRow`](super::StorageErrorKind::BadRow) where it is asked for, and left out of lists.
///
/// A session that was deleted or replaced does not come back, and its value is not used again. A
/// server of sessions that deletes expired ones by itself keeps no list of those without owner, and
/// they count neither for [`any_created`](KeyStore::any_created) nor for
/// [`purge`](KeyStore::purge).
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Finds the key with exactly this value.
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError>;

    /// Stores a key. [`Conflict`](super::StorageErrorKind::Conflict) if the value is taken.
    async fn insert(&self, key: &Key) -> Result<(), StorageError> {
        self.insert_recorded(key, &[]).await
    }

    /// Same as [`insert`](Self::insert), and records events in the same transaction.
    async fn insert_recorded(&self, key: &Key, audit: &[AuditEvent]) -> Result<(), StorageError>;

    /// Stores a key that has a name, which every store keeps, also in tables without a column for it.
    /// No two keys of one kind and one owner have the same name. Keys of the owner that have expired
    /// when the new one is created do not count, and are deleted. For a key without owner, nothing is
    /// checked. Of concurrent calls with one name, exactly one succeeds.
    ///
    /// [`Conflict`](super::StorageErrorKind::Conflict) if the value or the id of a message is taken.
    async fn insert_named(&self, named: NamedKey<'_>) -> Result<Inserted, StorageError>;

    /// Deletes a key; returns whether it existed. Of concurrent calls, exactly one finds it.
    async fn delete(&self, value: &str) -> Result<bool, StorageError> {
        self.delete_recorded(value, &[]).await
    }

    /// Same as [`delete`](Self::delete), and records events in the same transaction, if the key
    /// existed.
    async fn delete_recorded(
        &self,
        value: &str,
        audit: &[AuditEvent],
    ) -> Result<bool, StorageError>;

    /// Lists up to `limit` keys of one kind and one owner (`None`: without owner), the newest first,
    /// starting after `after`, the last key of the previous page.
    async fn list_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: KeyPrefix,
        after: Option<KeyPosition<'_>>,
        limit: u32,
    ) -> Result<Vec<Key>, StorageError>;

    /// Applies all `changes` to a key's data, or none.
    async fn update_data(&self, value: &str, changes: &[DataChange])
    -> Result<(), UpdateDataError>;

    /// Records that a key was used at `at`. A later recorded use is kept, unless it is more than
    /// [`CLOCK_SKEW`](crate::key::CLOCK_SKEW) later: a clock was wrong then.
    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError>;

    /// Whether a key was created at or after `from` and before `until`.
    async fn any_created(&self, from: Timestamp, until: Timestamp) -> Result<bool, StorageError>;

    /// Deletes up to `limit` keys that expired before `now`. Returns their number; 0 while another
    /// process is deleting some, for which it does not wait.
    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError>;
}
