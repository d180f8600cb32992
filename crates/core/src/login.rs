//! Logging in with a username or e-mail address and a password.

use std::sync::Arc;

use crate::deps::Deps;
use crate::key::{KeyPrefix, Owner};
use crate::password::{HashError, Hasher, Lane, Verification};
use crate::secret::Password;
use crate::session::{Beginning, Begun, NewSession, Persistence, Replaced, Sessions};
use crate::storage::{
    Change, Changed, CredentialVersion, Guard, StorageError, StorageErrorKind, StoredUser,
    UserStore,
};
use crate::user::{Patch, Refusal, SecretsUpdate, StateChecks};

/// One attempt to log in.
#[derive(Debug)]
pub struct LoginAttempt<'a> {
    /// The username or e-mail address.
    pub username: &'a str,
    /// The password.
    pub password: Password,
    /// Whether the session outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The session that the browser has now; it ends when the new one begins.
    pub replaces: Option<Replaced<'a>>,
}

/// What came of an attempt to log in.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The password is right and a session has begun.
    LoggedIn(Box<NewSession>),
    /// There is no such user, or the password is wrong. The answer must not tell which.
    WrongCredentials,
    /// The password is right, but the account's state does not let its user in.
    Refused(Refusal),
    /// The account's row cannot be decoded, so that no password can be checked.
    Unreadable,
}

/// Login failed for a technical reason.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No capacity for hashing right now.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Logs users in.
pub struct Login {
    users: Arc<dyn UserStore>,
    hasher: Arc<Hasher>,
    sessions: Arc<Sessions>,
}

impl Login {
    pub(crate) fn new(deps: &Deps, sessions: Arc<Sessions>) -> Self {
        Self { users: deps.storage.users.clone(), hasher: deps.hasher.clone(), sessions }
    }

    /// Checks the password and, if the account allows it, begins a session.
    ///
    /// Takes the same work whether or not there is such a user. The state of an account is
    /// told only to those who know its password.
    pub async fn attempt(&self, attempt: LoginAttempt<'_>) -> Result<LoginOutcome, LoginError> {
        // Another login may upgrade the hash in between, where databases without a credential
        // epoch cannot tell that from a new password: a second look does.
        for _ in 0..2 {
            if let Some(outcome) = self.try_once(&attempt).await? {
                return Ok(outcome);
            }
        }
        Ok(LoginOutcome::WrongCredentials)
    }

    /// `None` if the credentials changed between the check and the session's beginning.
    async fn try_once(
        &self,
        attempt: &LoginAttempt<'_>,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let found = match self.find(attempt.username).await {
            Ok(found) => found,
            Err(error) if error.kind == StorageErrorKind::BadRow => {
                tracing::error!(%error, "an account cannot be read; its user cannot log in");
                return Ok(Some(LoginOutcome::Unreadable));
            }
            Err(error) => return Err(error.into()),
        };
        let hash = found.as_ref().and_then(StoredUser::password_hash);
        let verification = self.hasher.verify(attempt.password.clone(), hash, Lane::Public).await?;
        let (Verification::Match { upgrade }, Some(found)) = (verification, &found) else {
            // Not the name: people type passwords there. An account that exists has an id.
            let user = found.as_ref().map(|found| tracing::field::display(found.id()));
            tracing::info!(user, "login failed");
            return Ok(Some(LoginOutcome::WrongCredentials));
        };
        if let Some(refusal) = refusal(found) {
            return Ok(Some(LoginOutcome::Refused(refusal)));
        }
        let credentials = match upgrade {
            None => found.credentials(),
            Some(hash) => self.upgrade(found, hash).await?,
        };
        self.begin(found, &credentials, attempt).await
    }

    /// The user with this name or, where no name is spelled so, with this address.
    async fn find(&self, name: &str) -> Result<Option<StoredUser>, StorageError> {
        match self.users.find_by_username(name).await? {
            None if name.contains('@') => self.users.find_by_email(name).await,
            found => Ok(found),
        }
    }

    async fn begin(
        &self,
        user: &StoredUser,
        credentials: &CredentialVersion,
        attempt: &LoginAttempt<'_>,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let beginning = Beginning {
            replaces: attempt.replaces,
            credentials: Some(credentials),
            revoke: &[KeyPrefix::PasswordReset],
            persist: attempt.persist,
            ..Beginning::default()
        };
        Ok(match self.sessions.begin(Owner::User(user.id()), beginning).await? {
            Begun::Session(session) => {
                tracing::info!(user = %user.id(), session = %session.id.digest(), "logged in");
                Some(LoginOutcome::LoggedIn(session))
            }
            Begun::NoSuchUser | Begun::CredentialsChanged => None,
            Begun::Refused(refusal) => Some(LoginOutcome::Refused(refusal)),
        })
    }

    /// Replaces an outdated hash of the same password. Returns the credentials that then hold.
    async fn upgrade(
        &self,
        found: &StoredUser,
        new: String,
    ) -> Result<CredentialVersion, LoginError> {
        let secrets = SecretsUpdate { password: Patch::Set(new), ..SecretsUpdate::default() };
        let guard = found.password_hash().map_or(Guard::None, Guard::PasswordIs);
        let change = Change { secrets, guard, ..Change::default() };
        let changed = self.users.change(found.id(), &change).await?;
        tracing::info!(user = %found.id(), "password hash upgraded");
        Ok(match changed {
            Changed::Done(stored) => stored.credentials(),
            // Another login was faster, or the account was changed: beginning the session
            // finds out which.
            Changed::NoSuchUser
            | Changed::NotAllowed
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::UsernameTaken
            | Changed::EmailTaken => found.credentials(),
        })
    }
}

/// Why a user who knows the password is not let in.
fn refusal(found: &StoredUser) -> Option<Refusal> {
    // No second factor can be checked yet, and one that is set must not be skipped.
    let second_factor = found.has_second_factor().then_some(Refusal::Factor2ResetNeeded);
    found.refusal(StateChecks::ALL).or(second_factor)
}
