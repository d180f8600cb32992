//! The storage ports, which every store implements.
//!
//! Every method is atomic and includes everything that must happen in one transaction: a [`Change`]
//! of an account has a guard and [`Effects`]. Users are returned as [`StoredUser`], from which a
//! use case gets the [`User`] only by specifying the state checks to make.
//!
//! To add one more store, implement the ports, over the same rows, and run the conformance
//! suites of `crossauth-testkit` on it.

mod attempt;
mod audit;
mod change;
mod key;
pub mod memory;
mod outbox;
mod session;
mod user;
mod user_query;
mod uses;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

pub use attempt::{AttemptStore, Charge, Charged, Exhausted};
pub use audit::{
    AuditFilter, AuditStore, AuditWriteError, Chained, Link, Mark, Marks, UnreadableEvent,
};
pub use change::{
    Change, Changed, Created, CredentialVersion, Deleted, Effects, EndSessions, Guard,
};
pub use key::{Inserted, KeyPosition, KeyStore, NamedKey, UpdateDataError};
pub use outbox::{ListedMessage, MessagePosition, MessageState, OutboxStore, Queued, Settlement};
pub use session::{
    AdmitError, KeyPlace, SessionStart, SessionStore, SessionUpdate, Started, StoredSession,
    Updated,
};
pub use user::{StoredUser, UserStore};
pub use user_query::{MAX_MATCHED_ADDRESSES, UserPage, UserPosition, UserQuery};
pub use uses::{TotpStep, Uses};

#[expect(unused_imports, reason = "named in the documentation above")]
use crate::user::User;

/// The stores that the use cases use.
#[derive(Clone)]
pub struct Storage {
    /// Users and their secrets.
    pub users: Arc<dyn UserStore>,
    /// Keys of every kind.
    pub keys: Arc<dyn KeyStore>,
    /// Sessions with their users, over the same rows as the other two.
    pub sessions: Arc<dyn SessionStore>,
    /// Messages that wait to be sent, which operations of users and sessions add to.
    pub outbox: Arc<dyn OutboxStore>,
    /// Counters of attempts.
    pub attempts: Arc<dyn AttemptStore>,
    /// The audit log, which operations of users, keys and sessions add to.
    pub audit: Arc<dyn AuditStore>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Storage")
    }
}

/// An operation of a store failed.
///
/// `Display` includes the error of the driver, which is therefore not its [`Error::source`].
#[derive(Debug)]
pub struct StorageError {
    /// The kind of the failure.
    pub kind: StorageErrorKind,
    /// The error of the driver; for the log, never for users.
    pub source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.source)
    }
}

impl Error for StorageError {}

/// The kind of a [`StorageError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// The store does not respond, is full or is busy. Nothing was changed, as far as is known.
    Unavailable,
    /// The change would break a uniqueness rule; nothing was changed.
    Conflict,
    /// Stored data, or data to be stored, does not fit the schema.
    Corrupt,
    /// One row cannot be decoded; the source names it. Other rows are not affected.
    BadRow,
    /// The program violates the contract of the store. A retry does not help.
    Bug,
}

impl fmt::Display for StorageErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "storage is unavailable",
            Self::Conflict => "the entry already exists in storage",
            Self::Corrupt => "the data does not fit the schema of the storage",
            Self::BadRow => "a row in storage is invalid",
            Self::Bug => "bug in the use of the storage",
        })
    }
}

impl StorageError {
    /// The store does not respond.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::Unavailable, source: source.into() }
    }

    /// The change would break a uniqueness rule.
    pub fn conflict(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::Conflict, source: source.into() }
    }

    /// Data does not fit the schema.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::Corrupt, source: source.into() }
    }

    /// One row cannot be decoded.
    pub fn bad_row(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::BadRow, source: source.into() }
    }

    /// The program violates the contract of the store.
    pub fn bug(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::Bug, source: source.into() }
    }

    /// Whether the change would break a uniqueness rule.
    pub fn is_conflict(&self) -> bool {
        self.kind == StorageErrorKind::Conflict
    }
}
