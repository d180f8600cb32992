//! The port for a directory, such as LDAP, which verifies passwords of accounts of its own.
//!
//! An account belongs to the directory if its [first factor](crate::user::User::factor1) is the name
//! of the directory, [`FactorName::LDAP`]. Its password is never stored here: in the place of a hash
//! there is the [link](DirectoryLink) to its entry. Accounts of the directory and local ones exist
//! beside each other, and neither becomes the other because of its name.
//!
//! An implementation answers what the directory says, and decides nothing: whether an account is
//! created, changed or refused is decided by the use cases.

mod account;
mod apply;
mod by_name;
mod config;
mod counted;
mod entry;
mod first_login;
mod give_way;
mod link;
mod linking;
mod name;
mod suspend;
mod sync;
mod task;
mod verify;

use async_trait::async_trait;

use crate::secret::Password;
use crate::user::FactorName;

pub use account::DirectoryAccounts;
pub use config::{DirectoryConfig, FirstLogin};
pub(crate) use counted::CountedDirectory;
pub use entry::{Entry, EntryRef, Found, Standing};
pub(crate) use first_login::Admitted;
pub use link::DirectoryLink;
pub use linking::LinkingError;
pub(crate) use name::EntryNames;
pub use sync::{AccountSync, SyncAction, SyncError, SyncMode, SyncReport};
pub(crate) use task::SyncTask;
pub(crate) use verify::{Confirmation, PasswordSource, Passwords};

/// A directory.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What its accounts have as first factor, such as [`FactorName::LDAP`].
    fn factor(&self) -> FactorName;

    /// Whether a field of its accounts is that of the entry, so that users do not change it here, and
    /// administrators are told that it is replaced at the next login: `username`, `email`, `admin`, or
    /// a field of the application. The first two if not implemented.
    fn provides(&self, field: &str) -> bool {
        matches!(field, "username" | "email")
    }

    /// Verifies a password by authenticating as the entry, and reads the entry.
    ///
    /// A password that is empty, blank or contains NUL must be [`Verified::Mismatch`] without a
    /// question to the directory: it would be an unauthenticated bind (RFC 4513 section 5.1.2), which
    /// succeeds.
    async fn verify(
        &self,
        entry: EntryRef<'_>,
        password: &Password,
    ) -> Result<Verified, DirectoryError>;

    /// Reads entries as they are now, in the order asked for. An answer that cannot be used about one
    /// of them is [`Found::Unusable`], not an error.
    async fn find(&self, entries: &[EntryRef<'_>]) -> Result<Vec<Found>, DirectoryError>;

    /// Whether an entry has a name, as login name, or as what becomes the username or the e-mail address
    /// of its account. Also if there are several, or if what is read of it cannot be used.
    async fn is_taken(&self, name: &str) -> Result<bool, DirectoryError>;

    /// The application field in which groups write roles, if they do: users must not be able to write
    /// into it.
    fn roles_field(&self) -> Option<String> {
        None
    }

    /// Whether passwords can be changed through this server. If not, pages do not offer it, and
    /// [`change_password`](Self::change_password) is [`PasswordSet::NotSupported`].
    fn changes_passwords(&self) -> bool {
        true
    }

    /// Changes the password of an entry, which must have the old one.
    async fn change_password(
        &self,
        entry: EntryRef<'_>,
        old: &Password,
        new: &Password,
    ) -> Result<PasswordSet, DirectoryError>;
}

/// The answer to a password.
#[derive(Debug, Clone, PartialEq)]
pub enum Verified {
    /// The password is correct, and the entry may log in.
    Match(Box<Entry>),
    /// The password is correct, and must be changed before anything else. The entry, if the directory
    /// lets it be read.
    MustChange(Option<Box<Entry>>),
    /// The password is correct, but the entry may not log in.
    Refused(EntryRefusal),
    /// The password is wrong, or there is no such entry, or more than one. Also for an entry that is
    /// [locked](EntryRefusal::Locked), of which the directory does not say whether the password is
    /// correct. The reason is for the log only.
    Mismatch(Option<EntryRefusal>),
}

/// Why an entry may not log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryRefusal {
    /// It is disabled, or expired.
    #[error("the entry is disabled in the directory, or expired")]
    Disabled,
    /// It is locked after wrong passwords.
    #[error("the entry is locked in the directory")]
    Locked,
    /// Its password has expired and can be reset by an administrator of the directory only.
    #[error("the password has expired in the directory")]
    PasswordExpired,
    /// It may not log in at this time, or from this machine.
    #[error("the directory does not allow a login now, or from this machine")]
    NotNow,
    /// It is in none of the groups that may log in.
    #[error("the entry is in none of the groups that may log in")]
    NotInGroup,
    /// Its attributes make no account: one that is needed is missing or invalid.
    #[error("the attributes of the entry make no account")]
    Unusable,
    /// More than one entry has the name.
    #[error("more than one entry has the name")]
    Ambiguous,
}

/// The outcome of a change of the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSet {
    /// The new password counts.
    Done,
    /// The old password is wrong, or the entry is gone.
    WrongPassword,
    /// The directory refuses the new password, for example because it is too short or was used
    /// before. The text, if there is one, is shown after the label of the field.
    Refused(Option<String>),
    /// Passwords cannot be changed through this server.
    NotSupported,
}

/// The directory gave no answer that can be used: whether a password is correct is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct DirectoryError {
    /// What failed.
    pub kind: DirectoryErrorKind,
    /// For the log: which server, and what it said. Contains no password.
    pub message: String,
}

/// What failed in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryErrorKind {
    /// No server can be reached.
    #[error("the directory cannot be reached")]
    Unreachable,
    /// A server was too slow.
    #[error("the directory is too slow")]
    TimedOut,
    /// The certificate of a server is not trusted or not of its host, or it offers no TLS.
    #[error("the directory is not trusted")]
    Certificate,
    /// The account of this server in the directory is refused.
    #[error("the directory refuses the service account")]
    ServiceAccount,
    /// A server answered what it must not.
    #[error("the directory gives an invalid answer")]
    Protocol,
    /// The answer about one entry is larger than is allowed, or the entry is in too many groups. This
    /// says nothing about other entries.
    #[error("the directory gives too large an answer about an entry")]
    TooLarge,
    /// The settings do not fit the directory, such as a search base that it does not have.
    #[error("the settings do not fit the directory")]
    Configuration,
    /// All connections are in use.
    #[error("all connections to the directory are in use")]
    Busy,
}

impl DirectoryErrorKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::Certificate,
        Self::ServiceAccount,
        Self::Protocol,
        Self::TooLarge,
        Self::Configuration,
        Self::Busy,
    ];

    /// The name in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Certificate => "certificate",
            Self::ServiceAccount => "service_account",
            Self::Protocol => "protocol",
            Self::TooLarge => "too_large",
            Self::Configuration => "configuration",
            Self::Busy => "busy",
        }
    }
}

impl DirectoryError {
    /// An error with a text for the log.
    pub fn new(kind: DirectoryErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
