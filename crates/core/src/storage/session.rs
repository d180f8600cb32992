//! The port for sessions: a key together with its user.

use async_trait::async_trait;

use super::{CredentialVersion, StorageError, UpdateDataError, Uses};
use crate::audit::AuditEvent;
use crate::key::{DataChange, Key, KeyPrefix};
use crate::message::Message;
use crate::user::{Refusal, StateChecks, User, UserId};

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

    /// Checks the state, and not the epoch: for API keys, which outlive a change of credentials.
    /// Returns the key and its user.
    pub fn admit_in_any_epoch(self, checks: StateChecks) -> Result<(Key, Option<User>), Refusal> {
        let user = self.user.map(|(user, _)| user);
        match user.as_ref().and_then(|user| user.state.refusal(checks)) {
            Some(refusal) => Err(refusal),
            None => Ok((self.key, user)),
        }
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
    /// Which store has the key.
    pub place: KeyPlace,
    /// The stored value of the replaced session, which is deleted.
    pub replaces: Option<&'a str>,
    /// Whether the session does not start if the replaced one does not exist.
    pub must_replace: bool,
    /// What is used up. If any of it is used up already, the session does not start. Ignored for
    /// anonymous sessions.
    pub uses: Option<&'a Uses>,
    /// The verified credentials; the session does not start if they have changed.
    pub credentials: Option<&'a CredentialVersion>,
    /// The state checks to make.
    pub checks: StateChecks,
    /// Kinds of keys of the user to delete.
    pub revoke: &'a [KeyPrefix],
    /// Other keys to store. Their owner becomes the user.
    pub issue: &'a [Key],
    /// Messages to send. One about no account is about the user.
    pub send: &'a [Message],
    /// Events to record. One about no account is about the user.
    pub audit: &'a [AuditEvent],
}

/// Which store has the key of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyPlace {
    /// This one.
    #[default]
    Here,
    /// Another one, in front of this one. The key is not stored here, and a session to replace is
    /// not looked for; everything else happens.
    Elsewhere,
}

/// A change of the data of a session, with everything that happens in the same transaction.
#[derive(Debug, Clone, Copy)]
pub struct SessionUpdate<'a> {
    /// The stored value of the session.
    pub session: &'a str,
    /// All changes are applied, or none.
    pub changes: &'a [DataChange],
    /// A path in the data and the text that must be there; otherwise nothing changes.
    pub expects: Option<(&'a str, &'a str)>,
    /// What a user uses up. If any of it is used up already, nothing changes.
    pub uses: Option<(&'a UserId, &'a Uses)>,
    /// Messages to send.
    pub send: &'a [Message],
    /// Events to record.
    pub audit: &'a [AuditEvent],
}

/// The outcome of changing the data of a session. Nothing was changed unless it is
/// [`Done`](Self::Done).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// The data was changed.
    Done,
    /// The data is not the expected.
    Unexpected,
    /// A code was used before.
    AlreadyUsed,
    /// There is no such user.
    NoSuchUser,
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
    /// A code was used before.
    AlreadyUsed,
    /// The session that must be replaced does not exist.
    SessionGone,
}

/// Sessions with their users.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Finds the key with exactly this value together with its user, in one round trip.
    ///
    /// [`BadRow`](super::StorageErrorKind::BadRow) if either cannot be decoded.
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError>;

    /// Finds the user of a session whose key another store has, with their credential epoch, in one
    /// round trip. `None` if there is no such user, or a key with the value `end`, which records
    /// that the session has ended.
    ///
    /// [`BadRow`](super::StorageErrorKind::BadRow) if the user cannot be decoded.
    async fn find_user(
        &self,
        id: &UserId,
        end: &str,
    ) -> Result<Option<(User, Option<u64>)>, StorageError>;

    /// Checks the user, uses up what works once, stores the new session's key, deletes the replaced
    /// session and the keys to revoke, and stores the issued keys, in one transaction.
    ///
    /// [`Conflict`](super::StorageErrorKind::Conflict) if the value is taken.
    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError>;

    /// Changes the data of a session, in one transaction.
    async fn update(&self, update: SessionUpdate<'_>) -> Result<Updated, UpdateDataError>;
}
