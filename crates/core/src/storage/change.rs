//! A change of an account, with its guard and its effects.

use super::{StoredUser, Uses};
use crate::audit::AuditEvent;
use crate::key::{Key, KeyPrefix};
use crate::message::Message;
use crate::user::{SecretsUpdate, StateEvent, User, UserUpdate};

/// A change of one account. The store applies it in one transaction.
#[derive(Debug, Clone, Default)]
pub struct Change<'a> {
    /// Fields to write.
    pub user: UserUpdate,
    /// Secrets to write.
    pub secrets: SecretsUpdate,
    /// An event that changes the stored state by
    /// [`UserState::after`](crate::user::UserState::after). A state in `user` takes precedence.
    pub event: Option<StateEvent>,
    /// The condition of the change.
    pub guard: Guard<'a>,
    /// What else happens in the same transaction.
    pub effects: Effects<'a>,
}

impl Change<'_> {
    /// Whether the change depends on the stored account, so that it cannot be made while the
    /// account's row cannot be decoded. Disabling an account and ending its sessions do not.
    pub fn needs_account(&self) -> bool {
        self.guard.needs_account()
            || self.event.is_some_and(|event| event.state_after_any().is_none())
            || self.user != UserUpdate::default()
            || self.secrets != SecretsUpdate::default()
    }
}

/// A condition that the store checks before a change, in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guard<'a> {
    /// No condition.
    #[default]
    None,
    /// The stored password hash is exactly this one.
    PasswordIs(&'a str),
    /// The credentials are the verified ones.
    CredentialsAre(&'a CredentialVersion),
    /// The account is not the last administrator: it is no enabled one, or there is another who can
    /// [log in](crate::user::UserState::lets_log_in). One whose row cannot be decoded cannot.
    NotTheLastAdmin,
    /// Both: the credentials are the verified ones, and the account is not the last administrator.
    CredentialsAndNotTheLastAdmin(&'a CredentialVersion),
    /// There is no administrator, in any state.
    NoAdmin,
}

impl Guard<'_> {
    /// Whether the condition depends on the stored account.
    pub fn needs_account(&self) -> bool {
        match self {
            Self::PasswordIs(_)
            | Self::CredentialsAre(_)
            | Self::CredentialsAndNotTheLastAdmin(_) => true,
            Self::None | Self::NotTheLastAdmin | Self::NoAdmin => false,
        }
    }
}

/// What happens in the same transaction as a change of an account.
#[derive(Debug, Clone, Copy, Default)]
pub struct Effects<'a> {
    /// The stored value of the one-time key that permits the change. It is deleted; if it does not
    /// exist, nothing changes. Its owner must be the account; when an account is created, it must
    /// have no owner.
    pub consume: Option<&'a str>,
    /// What is used up. If any of it is used up already, nothing changes. Ignored when an account
    /// is created.
    pub uses: Option<&'a Uses>,
    /// Which sessions of the user end.
    pub sessions: EndSessions<'a>,
    /// Kinds of keys that are deleted: the user's keys of these kinds. Of kinds without owner, such
    /// as [`KeyPrefix::Setup`], all keys.
    pub revoke: &'a [KeyPrefix],
    /// The stored value of the key of a session that one of the issued keys replaces. It is
    /// deleted, if it exists.
    pub replaces: Option<&'a str>,
    /// Whether nothing changes if the replaced session does not exist.
    pub must_replace: bool,
    /// Keys to store. Their owner becomes the user.
    pub issue: &'a [Key],
    /// Messages to send. One about no account is about this one.
    pub send: &'a [Message],
    /// Events to record. One about no account is about this one.
    pub audit: &'a [AuditEvent],
}

/// Which of a user's sessions end with a change.
///
/// Ending sessions increments the user's credential epoch, so that they are invalid from the commit
/// on, even if they are stored elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndSessions<'a> {
    /// None.
    #[default]
    Keep,
    /// All.
    All,
    /// All but the one with this stored value, if it has not ended before.
    AllBut(&'a str),
}

/// Identifies the credentials that a user had, to detect later that they have changed.
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

/// The outcome of creating an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The stored account.
    Done(Box<StoredUser>),
    /// Another account has this username.
    UsernameTaken,
    /// Another account has this e-mail address.
    EmailTaken,
    /// The required one-time key does not exist.
    TokenGone,
    /// The guard does not hold.
    GuardFailed,
}

/// The outcome of changing an account. Nothing was changed unless it is [`Done`](Self::Done) or
/// [`DoneUnreadable`](Self::DoneUnreadable).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The account after the change.
    Done(Box<StoredUser>),
    /// The account was changed, and its row still cannot be decoded.
    DoneUnreadable,
    /// There is no such account.
    NoSuchUser,
    /// The account's state does not allow the event.
    NotAllowed,
    /// The guard does not hold.
    GuardFailed,
    /// The account is the last administrator.
    LastAdmin,
    /// The required one-time key does not exist. Takes precedence over
    /// [`NotAllowed`](Self::NotAllowed): a concurrent use of the key may have changed the state.
    TokenGone,
    /// A code was used before.
    AlreadyUsed,
    /// The session that must be replaced does not exist.
    SessionGone,
    /// Another account has the new username.
    UsernameTaken,
    /// Another account has the new e-mail address.
    EmailTaken,
}

/// The outcome of deleting an account. Nothing was deleted unless it is [`Done`](Self::Done) or
/// [`DoneUnreadable`](Self::DoneUnreadable).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// The deleted account.
    Done(Box<User>),
    /// The account was deleted; its row could not be decoded.
    DoneUnreadable,
    /// There is no such account.
    NoSuchUser,
    /// The guard does not hold.
    GuardFailed,
    /// The account is the last administrator.
    LastAdmin,
    /// The required one-time key does not exist.
    TokenGone,
    /// A code was used before.
    AlreadyUsed,
}
