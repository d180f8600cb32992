//! The port for users and their secrets.

use async_trait::async_trait;

use super::StorageError;
use crate::user::{
    NewUser, Refusal, SecretsUpdate, StateChecks, User, UserId, UserSecrets, UserUpdate,
};

/// A user as found in storage, whose state nobody has looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUser {
    user: User,
    secrets: UserSecrets,
}

impl StoredUser {
    /// For stores: wraps what was found.
    pub fn new(user: User, secrets: UserSecrets) -> Self {
        Self { user, secrets }
    }

    /// Whose it is; for logs.
    pub fn id(&self) -> &UserId {
        &self.user.id
    }

    /// The user, unless their state turns them away.
    pub fn admit(self, checks: StateChecks) -> Result<(User, UserSecrets), Refusal> {
        match self.user.state.refusal(checks) {
            Some(refusal) => Err(refusal),
            None => Ok((self.user, self.secrets)),
        }
    }

    /// The user whatever their state, for what must work on accounts that may not act: checking a
    /// password before saying why it does not help, and administration.
    pub fn regardless_of_state(self) -> (User, UserSecrets) {
        (self.user, self.secrets)
    }
}

/// Users and their secrets.
///
/// Implementations normalise usernames and e-mail addresses on writing and on looking up, by
/// their own [`crate::user::Normalization`]. Two users never share a normalised name or address.
/// An application field that is null is the same as one that is absent, and comes back absent.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// The user with this id.
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError>;

    /// The user with this name, in any spelling that normalises to the same.
    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError>;

    /// The user with this address, in any spelling that normalises to the same.
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError>;

    /// Stores a user together with their secrets and returns it with its id.
    ///
    /// [`Conflict`](super::StorageErrorKind::Conflict) if the name or address is taken.
    async fn insert(&self, user: &NewUser, secrets: &UserSecrets) -> Result<User, StorageError>;

    /// Changes a user and merges secrets in one step; returns the user as it then is, `None` if
    /// there is no such user.
    ///
    /// [`Conflict`](super::StorageErrorKind::Conflict) if the new name or address is taken.
    async fn update(
        &self,
        id: &UserId,
        user: &UserUpdate,
        secrets: &SecretsUpdate,
    ) -> Result<Option<User>, StorageError>;

    /// Replaces the password hash if it is still `old`; says whether it was.
    async fn replace_password(
        &self,
        id: &UserId,
        old: &str,
        new: &str,
    ) -> Result<bool, StorageError>;

    /// Removes a user with their secrets and all their keys; says whether there was one.
    async fn delete(&self, id: &UserId) -> Result<bool, StorageError>;

    /// Up to `limit` users in the order of their normalised names, those after `after` if given
    /// (a normalised name, usually the last of the page before).
    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StorageError>;

    /// Whether any user may administer others.
    async fn has_admin(&self) -> Result<bool, StorageError>;
}
