//! Login with a username or e-mail address and a password.
//!
//! ```
//! use crossauth_core::Auth;
//! use crossauth_core::login::{LoginAttempt, LoginError, LoginOutcome};
//! use crossauth_core::secret::Password;
//! use crossauth_core::session::NewSession;
//!
//! async fn log_in(auth: &Auth, name: &str, typed: &str) -> Result<Option<NewSession>, LoginError> {
//!     let attempt = LoginAttempt::new(name, Password::new(typed));
//!     Ok(match auth.login.attempt(attempt).await? {
//!         LoginOutcome::LoggedIn(session) => Some(*session),
//!         LoginOutcome::WrongCredentials | LoginOutcome::Refused(_) => None,
//!     })
//! }
//! ```

use std::sync::Arc;

use crate::deps::Deps;
use crate::key::{KeyPrefix, Owner};
use crate::password::{HashError, Hasher, Lane, Verification};
use crate::secret::Password;
use crate::session::{BeginOptions, Begun, NewSession, Persistence, Replaced, Sessions};
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
    /// Whether the cookie outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The current session of the browser, which ends when the new one begins.
    pub replaces: Option<Replaced<'a>>,
}

impl<'a> LoginAttempt<'a> {
    /// An attempt from a browser without a session, with the configured persistence.
    pub fn new(username: &'a str, password: Password) -> Self {
        Self { username, password, persist: None, replaces: None }
    }
}

/// The outcome of a login attempt.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The password is correct and a session has begun.
    LoggedIn(Box<NewSession>),
    /// There is no such user, the password is wrong, or the row of the account cannot be decoded.
    /// Responses must not reveal which.
    WrongCredentials,
    /// The password is correct, but the account's state does not allow login.
    Refused(Refusal),
}

/// Login failed for a technical reason.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No capacity for hashing at the moment.
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

    /// Verifies the password and, if the account's state allows it, begins a session.
    ///
    /// Takes the same time whether or not the user exists and can be decoded. The state of an account is revealed only
    /// to those who know its password.
    pub async fn attempt(&self, attempt: LoginAttempt<'_>) -> Result<LoginOutcome, LoginError> {
        // A concurrent login may upgrade the hash, which databases without a credential epoch
        // cannot distinguish from a new password. A retry can.
        for _ in 0..2 {
            if let Some(outcome) = self.try_once(&attempt).await? {
                return Ok(outcome);
            }
        }
        Ok(LoginOutcome::WrongCredentials)
    }

    /// One attempt; `None` if the credentials changed before the session began.
    async fn try_once(
        &self,
        attempt: &LoginAttempt<'_>,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let found = match self.find(attempt.username).await {
            Ok(found) => found,
            Err(error) if error.kind == StorageErrorKind::BadRow => {
                tracing::error!(%error, "cannot decode an account; its user cannot log in");
                None
            }
            Err(error) => return Err(error.into()),
        };
        let hash = found.as_ref().and_then(StoredUser::password_hash);
        let verification = self.hasher.verify(attempt.password.clone(), hash, Lane::Public).await?;
        let (Verification::Match { upgrade }, Some(found)) = (verification, &found) else {
            // Not the username: people type passwords there. An existing account is logged by its
            // id.
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

    /// Finds the user with this username or, if there is none, with this e-mail address.
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
        let beginning = BeginOptions {
            replaces: attempt.replaces,
            credentials: Some(credentials),
            revoke: &[KeyPrefix::PasswordReset],
            persist: attempt.persist,
            ..BeginOptions::default()
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

    /// Replaces an outdated hash of the same password. Returns the credentials afterwards.
    async fn upgrade(
        &self,
        found: &StoredUser,
        new: String,
    ) -> Result<CredentialVersion, LoginError> {
        let secrets = SecretsUpdate { password: Patch::Set(new), ..SecretsUpdate::default() };
        let guard = found.password_hash().map_or(Guard::None, Guard::PasswordIs);
        let change = Change { secrets, guard, ..Change::default() };
        let changed = self.users.change(found.id(), &change).await?;
        Ok(match changed {
            Changed::Done(stored) => {
                tracing::info!(user = %found.id(), "password hash upgraded");
                stored.credentials()
            }
            // A concurrent login has upgraded it, or the account was changed: beginning the session
            // detects which.
            Changed::NoSuchUser
            | Changed::NotAllowed
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::UsernameTaken
            | Changed::EmailTaken
            | Changed::DoneUnreadable => found.credentials(),
        })
    }
}

/// Why a user who knows the password may not log in.
fn refusal(found: &StoredUser) -> Option<Refusal> {
    // Second factors are not supported yet, and one that is set must not be skipped.
    let second_factor = found.has_second_factor().then_some(Refusal::Factor2ResetNeeded);
    found.refusal(StateChecks::ALL).or(second_factor)
}
