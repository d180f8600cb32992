//! The port for users and their secrets.

use async_trait::async_trait;

use super::{Change, Changed, Created, CredentialVersion, Deleted, Effects, Guard, StorageError};
use crate::user::{NewUser, Refusal, StateChecks, User, UserId, UserSecrets};

/// A user as found in storage, whose state has not been checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUser {
    user: User,
    secrets: UserSecrets,
    epoch: Option<u64>,
}

impl StoredUser {
    /// For stores: wraps what was found. `epoch` is the credential epoch, `None` in databases
    /// that keep none.
    pub fn new(user: User, secrets: UserSecrets, epoch: Option<u64>) -> Self {
        Self { user, secrets, epoch }
    }

    /// Identifies the user; for logs.
    pub fn id(&self) -> &UserId {
        &self.user.id
    }

    /// The hash to check a password against; `None` if the user does not log in with one.
    pub fn password_hash(&self) -> Option<&str> {
        let hash = self.secrets.password.as_deref()?;
        self.user.factor1.is_password().then_some(hash)
    }

    /// Whether exactly this password hash is stored.
    pub fn has_password_hash(&self, hash: &str) -> bool {
        self.secrets.password.as_deref() == Some(hash)
    }

    /// The credential epoch; `None` in databases that keep none.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Whether logging in takes a second factor.
    pub fn has_second_factor(&self) -> bool {
        self.user.factor2.is_some()
    }

    /// Which credentials these are.
    pub fn credentials(&self) -> CredentialVersion {
        match self.epoch {
            Some(epoch) => CredentialVersion::Epoch(epoch),
            None => CredentialVersion::Password(self.secrets.password.clone()),
        }
    }

    /// Whether the user's state lets them in.
    pub fn refusal(&self, checks: StateChecks) -> Option<Refusal> {
        self.user.state.refusal(checks)
    }

    /// The user, unless their state turns them away.
    pub fn admit(self, checks: StateChecks) -> Result<(User, UserSecrets), Refusal> {
        match self.refusal(checks) {
            Some(refusal) => Err(refusal),
            None => Ok((self.user, self.secrets)),
        }
    }

    /// The user in any state, for administration and for checking a password before saying why
    /// it does not help.
    pub fn regardless_of_state(self) -> (User, UserSecrets) {
        (self.user, self.secrets)
    }
}

/// Users and their secrets.
///
/// Implementations normalise usernames and e-mail addresses on writing and on looking up, by
/// their own [`crate::user::Normalization`]. Two users never share a normalised name or address,
/// and the name of one is never the address of another: either is typed to log in.
/// An application field that is null is the same as one that is absent, and comes back absent.
///
/// A row that cannot be decoded is
/// [`BadRow`](super::StorageErrorKind::BadRow) where it is asked for, and left out of
/// lists.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// The user with this id.
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError>;

    /// The user with this name, in any spelling that normalises to the same.
    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError>;

    /// The user with this address, in any spelling that normalises to the same.
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError>;

    /// Stores a user together with their secrets, with all effects.
    async fn create(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
        effects: &Effects<'_>,
    ) -> Result<Created, StorageError>;

    /// Changes a user and their secrets, with all effects. Secrets are merged; the state moves
    /// from the one that is stored.
    async fn change(&self, id: &UserId, change: &Change<'_>) -> Result<Changed, StorageError>;

    /// Removes a user with their secrets and all their keys. Of the effects, `consume` and
    /// `revoke` mean something here.
    async fn delete(
        &self,
        id: &UserId,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Deleted, StorageError>;

    /// Up to `limit` users in the order of their normalised names, those after `after` if given
    /// (a normalised name, usually the last of the page before).
    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StorageError>;

    /// Whether any user is an administrator.
    async fn has_admin(&self) -> Result<bool, StorageError>;
}
