//! The port behind the session check: a key and its user, found and replaced together.

use async_trait::async_trait;

use super::{CredentialVersion, StorageError};
use crate::key::{Key, KeyPrefix};
use crate::user::{Refusal, StateChecks, User};

/// A session as found in storage, whose epoch and user's state have not been checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    key: Key,
    user: Option<(User, Option<u64>)>,
}

/// Why a stored session may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inadmissible {
    /// The user's credentials changed, or their sessions were ended, after it began.
    Outdated,
    /// The user's state turns it away.
    State(Refusal),
}

impl StoredSession {
    /// For stores: a session without a user.
    pub fn anonymous(key: Key) -> Self {
        Self { key, user: None }
    }

    /// For stores: a session with its user as they are now and their credential epoch, `None` in
    /// databases that keep none. A session whose user is gone is absent.
    pub fn of(key: Key, user: User, epoch: Option<u64>) -> Self {
        Self { key, user: Some((user, epoch)) }
    }

    /// The key and its user, unless the session is outdated or the user's state turns it away.
    pub fn admit(self, checks: StateChecks) -> Result<(Key, Option<User>), Inadmissible> {
        let Some((user, epoch)) = self.user else { return Ok((self.key, None)) };
        if epoch.is_some() && self.key.epoch != epoch {
            return Err(Inadmissible::Outdated);
        }
        match user.state.refusal(checks) {
            Some(refusal) => Err(Inadmissible::State(refusal)),
            None => Ok((self.key, Some(user))),
        }
    }
}

/// A session about to begin, with all that happens in the same step.
#[derive(Debug, Clone, Copy)]
pub struct SessionStart<'a> {
    /// The new session's key. Its owner is who is logged in; without one the session is
    /// anonymous.
    pub key: &'a Key,
    /// The value of the key of the session that it replaces, which is removed.
    pub replaces: Option<&'a str>,
    /// The credentials that were checked to get here; the session does not begin if the user has
    /// others by now.
    pub credentials: Option<&'a CredentialVersion>,
    /// The states that turn the user away.
    pub checks: StateChecks,
    /// Kinds of keys of the user that are removed.
    pub revoke: &'a [KeyPrefix],
}

/// Whether a session began. Nothing was changed unless it is [`Begun`](Self::Begun).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The session exists; its user as they are now.
    Begun(Option<Box<User>>),
    /// There is no such user.
    NoSuchUser,
    /// The user's credentials are not the ones that were checked.
    CredentialsChanged,
    /// The user's state turns them away.
    Refused(Refusal),
}

/// Sessions with their users.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The key with exactly this value together with its user, in one round trip.
    ///
    /// [`BadRow`](super::StorageErrorKind::BadRow) if either cannot be decoded.
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError>;

    /// Checks the user, stores the new session's key, removes the one it replaces and the keys to
    /// revoke, in one step.
    ///
    /// [`Conflict`](super::StorageErrorKind::Conflict) if the value is taken.
    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError>;
}
