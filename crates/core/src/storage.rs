//! The ports: what the use cases ask of a store.
//!
//! Every method is one atomic step, with everything that must happen in it: a [`Change`] of an
//! account carries its guard and its [`Effects`]. Users come out as [`StoredUser`], from which a
//! use case gets the [`User`] only by naming the state checks to make.

mod change;
mod key;
pub mod memory;
mod session;
mod user;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

pub use change::{
    Change, Changed, Created, CredentialVersion, Deleted, Effects, EndSessions, Guard,
};
pub use key::{KeyStore, UpdateDataError};
pub use session::{Inadmissible, SessionStart, SessionStore, Started, StoredSession};
pub use user::{StoredUser, UserStore};

#[expect(unused_imports, reason = "named in the documentation above")]
use crate::user::User;

/// The stores that the use cases work on.
#[derive(Clone)]
pub struct Storage {
    /// Users and their secrets.
    pub users: Arc<dyn UserStore>,
    /// Keys of every kind.
    pub keys: Arc<dyn KeyStore>,
    /// Sessions with their users, over the same rows as the other two.
    pub sessions: Arc<dyn SessionStore>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Storage")
    }
}

/// A store could not do what it was asked.
///
/// Shown with what the driver said, which is therefore no [`Error::source`] of it.
#[derive(Debug)]
pub struct StorageError {
    /// What the caller can conclude.
    pub kind: StorageErrorKind,
    /// What the driver said; for the log, never for the user.
    pub source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.source)
    }
}

impl Error for StorageError {}

/// What a caller can conclude from a [`StorageError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// The store does not answer, is full or is busy; nothing was changed as far as is known.
    Unavailable,
    /// The change would break a uniqueness rule; nothing was changed.
    Conflict,
    /// What is stored, or what was to be stored, does not fit the schema.
    Corrupt,
    /// One row cannot be decoded; the source names it. Other rows are not affected.
    BadRow,
    /// The program breaks the contract of the store. Trying again does not help.
    Bug,
}

impl fmt::Display for StorageErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "storage is unavailable",
            Self::Conflict => "storage already holds such an entry",
            Self::Corrupt => "storage holds or was given data that does not fit",
            Self::BadRow => "storage holds a row that cannot be used",
            Self::Bug => "storage was used wrongly",
        })
    }
}

impl StorageError {
    /// The store does not answer.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::Unavailable, source: source.into() }
    }

    /// The change would break a uniqueness rule.
    pub fn conflict(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::Conflict, source: source.into() }
    }

    /// What is stored does not fit.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::Corrupt, source: source.into() }
    }

    /// One row cannot be decoded.
    pub fn bad_row(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::BadRow, source: source.into() }
    }

    /// The program breaks the contract of the store.
    pub fn bug(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StorageErrorKind::Bug, source: source.into() }
    }

    /// Whether the entry existed already.
    pub fn is_conflict(&self) -> bool {
        self.kind == StorageErrorKind::Conflict
    }
}
