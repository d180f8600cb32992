//! The port behind the session check: a key and its user, found and replaced together.

use async_trait::async_trait;

use super::StorageError;
use crate::key::Key;
use crate::user::{Refusal, StateChecks, User};

/// A session as found in storage, whose user's state nobody has looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The session's key.
    pub key: Key,
    user: Option<User>,
}

impl StoredSession {
    /// For stores: wraps what was found. `user` is `None` for an anonymous session; a session
    /// whose user is gone is not to be found at all.
    pub fn new(key: Key, user: Option<User>) -> Self {
        Self { key, user }
    }

    /// The key and its user, unless the user's state turns them away.
    pub fn admit(self, checks: StateChecks) -> Result<(Key, Option<User>), Refusal> {
        match self.user.as_ref().and_then(|user| user.state.refusal(checks)) {
            Some(refusal) => Err(refusal),
            None => Ok((self.key, self.user)),
        }
    }
}

/// A session about to begin.
#[derive(Clone, Copy)]
pub struct SessionStart<'a> {
    /// The new session's key.
    pub key: &'a Key,
    /// The value of the key that it replaces.
    pub replaces: Option<&'a str>,
    /// The password hash that was checked to get here: if it is no longer the stored one, the
    /// password was changed meanwhile and the session must not begin.
    pub password: Option<&'a str>,
}

/// Whether a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It did, and the one it replaces is gone.
    Yes,
    /// It did not, and nothing was changed: the user is gone or their password is another now.
    CredentialsChanged,
}

/// Sessions with their users.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The key with exactly this value together with its user, in one round trip.
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError>;

    /// Inserts the new session's key, removes the one it replaces and the user's password-reset
    /// keys, in one step.
    ///
    /// [`Conflict`](super::StorageErrorKind::Conflict) if the value is taken.
    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError>;
}
