//! The port for the audit log.

use async_trait::async_trait;

use super::{StorageError, StorageErrorKind};
use crate::audit::AuditEntry;
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::user::UserId;

/// Which events to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Events that are about this account, or in which it acts.
    pub user: Option<UserId>,
    /// The name of an act, such as `login.failed`, or with a dot at its end the beginning of names:
    /// `login.`.
    pub act: Option<String>,
    /// Events at or after this time.
    pub from: Option<Timestamp>,
    /// Events before this time.
    pub until: Option<Timestamp>,
    /// Events of this request.
    pub request_id: Option<String>,
}

/// The end of the hash chain, or where it begins after older events were deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// The number of the event; 0 if there is none.
    pub number: u64,
    /// The hash of the event.
    pub hash: String,
    /// Identifies the key of the seal.
    pub key: String,
    /// A keyed hash of number and hash.
    pub seal: String,
}

/// The marks of the hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// The last event that was deleted.
    pub start: Mark,
    /// The last event of the chain.
    pub end: Mark,
}

/// A link of the hash chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The number of the event, which is one more than that of the event before.
    pub number: u64,
    /// Identifies the key of the hash.
    pub key: String,
    /// A keyed hash of the event and of the hash before.
    pub hash: String,
}

/// An event that belongs to the hash chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chained {
    /// Its place in the chain.
    pub link: Link,
    /// The event.
    pub entry: AuditEntry,
}

/// An event whose row cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableEvent {
    /// Its id, as far as that can be read.
    pub id: String,
    /// Its place in the chain, if it has one that can be read.
    pub link: Option<Link>,
    /// What is wrong with the row, for the log.
    pub reason: String,
}

/// An event could not be stored in the transaction of its act, which was rolled back. The source of
/// a [`StorageError`].
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot be written: {0}")]
pub struct AuditWriteError(StorageError);

impl StorageError {
    /// For stores: writing to the audit log failed.
    pub fn audit(error: Self) -> Self {
        Self { kind: StorageErrorKind::Unavailable, source: Box::new(AuditWriteError(error)) }
    }

    /// Whether writing to the audit log failed.
    pub fn is_audit(&self) -> bool {
        self.source.is::<AuditWriteError>()
    }
}

/// The audit log. Events are only added to it: by [`append`](Self::append) and by the operations of
/// the other ports, in the transaction of the act.
///
/// An operation whose event cannot be stored fails with an error that [is about the
/// log](StorageError::is_audit), and changes nothing, if one of its events is
/// [required](crate::audit::Recording::Required). Otherwise it is made without its events.
///
/// Events are not changed afterwards, except that personal data is erased. A row that cannot be
/// decoded hides no other: it is left out of lists, and an [`UnreadableEvent`] for the chain.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Stores all events, or none.
    async fn append(&self, events: &[AuditEvent]) -> Result<(), StorageError>;

    /// Lists up to `limit` events in descending order of their ids, the newest first, starting after
    /// the id `after`. Fewer are the last.
    async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StorageError>;

    /// Lists up to `limit` events that do not belong to the hash chain yet, in ascending order of
    /// their ids, starting after the id `after`. Fewer are the last.
    async fn unchained(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Result<AuditEntry, UnreadableEvent>>, StorageError>;

    /// Lists up to `limit` events of the hash chain with a greater number than `after`, in ascending
    /// order; with `None`, from the first, also with a number that no event of a chain has. Fewer
    /// are the last.
    async fn chained(
        &self,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Result<Chained, UnreadableEvent>>, StorageError>;

    /// The marks of the hash chain.
    async fn marks(&self) -> Result<Marks, StorageError>;

    /// Adds events, by their ids, to the chain and sets its end, if the end is `before`; returns
    /// whether it was. Of concurrent calls, one succeeds.
    async fn chain(
        &self,
        before: &Mark,
        links: &[(String, Link)],
        end: &Mark,
    ) -> Result<bool, StorageError>;

    /// Deletes the events of the chain up to the number of `start` and sets its start, if the start
    /// is `before`; returns whether it was.
    async fn purge(&self, before: &Mark, start: &Mark) -> Result<bool, StorageError>;

    /// Erases the personal data of a user in up to `limit` events: as the actor, and as the account
    /// that an event is about. Returns the number of events.
    async fn erase(&self, user: &UserId, limit: u32) -> Result<u64, StorageError>;
}
