//! The port for users and their secrets.

use async_trait::async_trait;

use super::{
    Change, Changed, Created, CredentialVersion, Deleted, Effects, Guard, StorageError, UserPage,
    UserQuery,
};
use crate::user::{FactorName, NewUser, Refusal, StateChecks, User, UserId, UserSecrets};

/// A user from storage, whose state has not been checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUser {
    user: User,
    secrets: UserSecrets,
    epoch: Option<u64>,
}

impl StoredUser {
    /// For stores: wraps a user. `epoch` is the credential epoch, `None` in databases without
    /// epochs.
    pub fn new(user: User, secrets: UserSecrets, epoch: Option<u64>) -> Self {
        Self { user, secrets, epoch }
    }

    /// The id of the user, for logs.
    pub fn id(&self) -> &UserId {
        &self.user.id
    }

    /// The username, for logs.
    pub(crate) fn username(&self) -> &str {
        &self.user.username
    }

    /// The user in any state, and the secrets, to find out what verifies the password.
    pub(crate) fn parts(&self) -> (&User, &UserSecrets) {
        (&self.user, &self.secrets)
    }

    /// The password hash; `None` if the user does not log in with a password.
    pub fn password_hash(&self) -> Option<&str> {
        let hash = self.secrets.password.as_deref()?;
        self.user.factor1.is_password().then_some(hash)
    }

    /// Whether exactly this password hash is stored.
    pub fn has_password_hash(&self, hash: &str) -> bool {
        self.secrets.password.as_deref() == Some(hash)
    }

    /// The credential epoch; `None` in databases without epochs.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Whether login requires a second factor.
    pub fn has_second_factor(&self) -> bool {
        self.user.factor2.is_some()
    }

    /// The second factor.
    pub fn second_factor(&self) -> Option<&FactorName> {
        self.user.factor2.as_ref()
    }

    /// Identifies the current credentials.
    pub fn credentials(&self) -> CredentialVersion {
        match self.epoch {
            Some(epoch) => CredentialVersion::Epoch(epoch),
            None => CredentialVersion::Password(self.secrets.password.clone()),
        }
    }

    /// Why the user's state does not allow login, if it does not.
    pub fn refusal(&self, checks: StateChecks) -> Option<Refusal> {
        self.user.state.refusal(checks)
    }

    /// Checks the state. Returns the user.
    pub fn admit(self, checks: StateChecks) -> Result<(User, UserSecrets), Refusal> {
        match self.refusal(checks) {
            Some(refusal) => Err(refusal),
            None => Ok((self.user, self.secrets)),
        }
    }

    /// Returns the user in any state: for administration, and for a password check that precedes
    /// the state check.
    pub fn regardless_of_state(self) -> (User, UserSecrets) {
        (self.user, self.secrets)
    }
}

/// Users and their secrets.
///
/// Implementations normalise usernames and e-mail addresses on writing and on looking up, by their
/// own [`crate::user::Normalization`]. Two users never share a normalised name or address, and the
/// name of one is never the address of another: either is typed to log in. An application field
/// that is null is the same as one that is absent, and is returned as absent.
///
/// A row that cannot be decoded is an error of kind [`BadRow`](super::StorageErrorKind::BadRow)
/// when it is looked up, and left out of lists. The account can still be found by
/// [`find_id`](Self::find_id), deleted, and changed where the change does not [need the
/// account](Change::needs_account).
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Finds the user with this id.
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError>;

    /// Finds the user with this username, in any form that normalizes to the same.
    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError>;

    /// Finds the user with this e-mail address, in any form that normalizes to the same.
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError>;

    /// Finds the id of the user with this username or, if there is none, with this e-mail address.
    /// Does not decode the rest of the row.
    async fn find_id(&self, name: &str) -> Result<Option<UserId>, StorageError>;

    /// Stores a user and their secrets, and applies all effects. A guard that [needs the
    /// account](Guard::needs_account) does not hold.
    async fn create(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Created, StorageError>;

    /// Changes a user and their secrets, and applies all effects. Secrets that are not set are
    /// kept; an event is applied to the stored state.
    async fn change(&self, id: &UserId, change: &Change<'_>) -> Result<Changed, StorageError>;

    /// Deletes a user with their secrets and all keys. Of the effects, those on sessions and issued
    /// keys do not apply.
    async fn delete(
        &self,
        id: &UserId,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Deleted, StorageError>;

    /// Lists users in the order of their normalized usernames.
    async fn list(&self, query: &UserQuery<'_>) -> Result<UserPage, StorageError>;

    /// Whether any user is an administrator.
    async fn has_admin(&self) -> Result<bool, StorageError>;
}
