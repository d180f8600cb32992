//! One change of an account, with everything that must happen together with it.

use super::StoredUser;
use crate::key::{Key, KeyPrefix};
use crate::user::{SecretsUpdate, StateEvent, User, UserUpdate};

/// A change of one account. The store makes it whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Change<'a> {
    /// Fields to write.
    pub user: UserUpdate,
    /// Secrets to write.
    pub secrets: SecretsUpdate,
    /// Moves the state by [`UserState::after`](crate::user::UserState::after), from the state
    /// that the store finds. A state in `user` is written as it is, after that.
    pub event: Option<StateEvent>,
    /// What must be true of the account for the change to be made.
    pub guard: Guard<'a>,
    /// What else happens in the same step.
    pub effects: Effects<'a>,
}

/// A condition that the store checks on the row it is about to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guard<'a> {
    /// No condition.
    #[default]
    None,
    /// The stored password hash is exactly this one.
    PasswordIs(&'a str),
    /// The credentials are those that were checked.
    CredentialsAre(&'a CredentialVersion),
    /// The account is not the only administrator who is not disabled.
    NotTheLastAdmin,
}

/// What happens in the same step as a change of an account.
#[derive(Debug, Clone, Copy, Default)]
pub struct Effects<'a> {
    /// The stored value of a one-time key that permits the step. It is removed; if it is not
    /// there, nothing happens. It must belong to the account, or to no one where the account is
    /// only being created.
    pub consume: Option<&'a str>,
    /// Which of the user's sessions end.
    pub sessions: EndSessions<'a>,
    /// Kinds of keys that are removed: those of the user, and of [`KeyPrefix::Setup`], which have
    /// no owner, all.
    pub revoke: &'a [KeyPrefix],
    /// The stored value of the key of a session that one of the issued keys replaces. It is
    /// removed where it is there.
    pub replaces: Option<&'a str>,
    /// Keys to store. The store makes the user their owner.
    pub issue: &'a [Key],
}

/// Which of a user's sessions end with a change.
///
/// Ending sessions raises the user's credential epoch, so that they are invalid from the commit
/// on, wherever they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndSessions<'a> {
    /// None.
    #[default]
    Keep,
    /// All.
    All,
    /// All but the one with this stored value.
    AllBut(&'a str),
}

/// Which credentials a user had at some moment, to see later whether they still have them.
#[derive(Clone, PartialEq, Eq)]
pub enum CredentialVersion {
    /// The credential epoch.
    Epoch(u64),
    /// The password hash, in databases without an epoch; `None` for no password.
    Password(Option<String>),
}

impl std::fmt::Debug for CredentialVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Epoch(epoch) => f.debug_tuple("Epoch").field(epoch).finish(),
            Self::Password(_) => f.write_str("Password(…)"),
        }
    }
}

/// What came of creating an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The account as it is stored.
    Done(Box<StoredUser>),
    /// Another account has this username.
    UsernameTaken,
    /// Another account has this e-mail address.
    EmailTaken,
    /// The key that permits it is not there.
    TokenGone,
}

/// What came of changing an account. Nothing was changed unless it is [`Done`](Self::Done).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The account as it is stored now.
    Done(Box<StoredUser>),
    /// There is no such account.
    NoSuchUser,
    /// The event cannot happen in the account's state.
    NotAllowed,
    /// The guard does not hold.
    GuardFailed,
    /// The account is the last administrator.
    LastAdmin,
    /// The key that permits it is not there.
    TokenGone,
    /// Another account has the new username.
    UsernameTaken,
    /// Another account has the new e-mail address.
    EmailTaken,
}

/// What came of deleting an account. Nothing was deleted unless it is [`Done`](Self::Done).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// The account as it was.
    Done(Box<User>),
    /// There is no such account.
    NoSuchUser,
    /// The guard does not hold.
    GuardFailed,
    /// The account is the last administrator.
    LastAdmin,
    /// The key that permits it is not there.
    TokenGone,
}
