//! The port for sessions: a key together with its user.

use async_trait::async_trait;

use super::{CredentialVersion, StorageError};
use crate::key::{Key, KeyPrefix};
use crate::message::Message;
use crate::user::{Refusal, StateChecks, User};

/// A session from storage, whose credential epoch and user state have not been checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    key: Key,
    user: Option<(User, Option<u64>)>,
}

/// Why a stored session is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdmitError {
    /// The user's credentials changed, or their sessions were ended, after it began.
    Outdated,
    /// The user's state does not allow it.
    State(Refusal),
}

impl StoredSession {
    /// For stores: an anonymous session.
    pub fn anonymous(key: Key) -> Self {
        Self { key, user: None }
    }

    /// For stores: a session with its current user and their credential epoch, `None` in databases
    /// without epochs. A session whose user was deleted must be treated as absent.
    pub fn of(key: Key, user: User, epoch: Option<u64>) -> Self {
        Self { key, user: Some((user, epoch)) }
    }

    /// Checks epoch and state. Returns the key and its user.
    pub fn admit(self, checks: StateChecks) -> Result<(Key, Option<User>), AdmitError> {
        let Some((user, epoch)) = self.user else { return Ok((self.key, None)) };
        if epoch.is_some() && self.key.epoch != epoch {
            return Err(AdmitError::Outdated);
        }
        match user.state.refusal(checks) {
            Some(refusal) => Err(AdmitError::State(refusal)),
            None => Ok((self.key, Some(user))),
        }
    }
}

/// A session to start, with everything that happens in the same transaction.
#[derive(Debug, Clone, Copy)]
pub struct SessionStart<'a> {
    /// The new session's key. Its owner is the user; without owner the session is anonymous.
    pub key: &'a Key,
    /// The stored value of the replaced session, which is deleted.
    pub replaces: Option<&'a str>,
    /// The verified credentials; the session does not start if they have changed.
    pub credentials: Option<&'a CredentialVersion>,
    /// The state checks to make.
    pub checks: StateChecks,
    /// Kinds of keys of the user to delete.
    pub revoke: &'a [KeyPrefix],
    /// Messages to send. One about no account is about the user.
    pub send: &'a [Message],
}

/// The outcome of starting a session. Nothing was changed unless it is [`Begun`](Self::Begun).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The session has started; its user, `None` if it is anonymous.
    Begun(Option<Box<User>>),
    /// There is no such user.
    NoSuchUser,
    /// The user's credentials have changed since they were verified.
    CredentialsChanged,
    /// The user's state does not allow it.
    Refused(Refusal),
}

/// Sessions with their users.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Finds the key with exactly this value together with its user, in one round trip.
    ///
    /// [`BadRow`](super::StorageErrorKind::BadRow) if either cannot be decoded.
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError>;

    /// Checks the user, stores the new session's key and the messages to send, and deletes the
    /// replaced session and the keys to revoke, in one transaction.
    ///
    /// [`Conflict`](super::StorageErrorKind::Conflict) if the value is taken.
    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError>;
}
