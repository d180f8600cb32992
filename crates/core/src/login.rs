//! Login with a username or e-mail address and a password, and with the second factor of the
//! account.
//!
//! ```
//! use crossauth_core::Auth;
//! use crossauth_core::login::{LoginAttempt, LoginError, LoginOutcome, SecondFactorNeeded};
//! use crossauth_core::secret::Password;
//! use crossauth_core::session::NewSession;
//!
//! enum Next {
//!     Welcome(Box<NewSession>),
//!     AskForCode(Box<SecondFactorNeeded>),
//!     TryAgain,
//! }
//!
//! async fn log_in(auth: &Auth, name: &str, typed: &str) -> Result<Next, LoginError> {
//!     let attempt = LoginAttempt::new(name, Password::new(typed));
//!     Ok(match auth.login.attempt(attempt).await? {
//!         LoginOutcome::LoggedIn(session) => Next::Welcome(session),
//!         LoginOutcome::SecondFactor(needed) => Next::AskForCode(needed),
//!         LoginOutcome::WrongCredentials
//!         | LoginOutcome::Refused(_)
//!         | LoginOutcome::PasswordChange(_)
//!         | LoginOutcome::FactorReset(_)
//!         | LoginOutcome::TooMany { .. } => Next::TryAgain,
//!     })
//! }
//! ```

mod attempt;
mod directory;
mod required;
mod second_factor;
mod upgrade;

use std::slice;
use std::sync::Arc;

use crate::audit::{Act, Audit};
use crate::challenge::Challenges;
use crate::clock::Timestamp;
use crate::deps::Deps;
use crate::device::Devices;
use crate::directory::{DirectoryAccounts, DirectoryError, PasswordSource, Passwords};
use crate::factor::{Demand, FactorError};
use crate::key::{KeyPrefix, Owner};
use crate::limit::{Limits, LoginDoor, TooMany};
use crate::password::{HashError, Hasher, Lane, Verification};
use crate::session::{BeginOptions, Begun, LoginKind, NewSession, Sessions};
use crate::storage::{CredentialVersion, StorageError, StorageErrorKind, StoredUser, UserStore};
use crate::user::{Refusal, StateChecks, UserId};

pub use crate::challenge::Resent;
pub use attempt::{Door, LoginAttempt};
pub use required::RequiredChange;
pub use second_factor::{
    PendingLogin, SecondFactorAttempt, SecondFactorNeeded, SecondFactorOutcome,
};

/// The outcome of a login attempt.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The password is correct and a session has begun.
    LoggedIn(Box<NewSession>),
    /// The password is correct, and the second factor is awaited.
    SecondFactor(Box<SecondFactorNeeded>),
    /// The password is correct, and must be changed first. The session is anonymous, and permits
    /// that.
    PasswordChange(Box<NewSession>),
    /// The password is correct, and a second factor must be set up first. The session is anonymous,
    /// and permits that.
    FactorReset(Box<NewSession>),
    /// There is no such user, the password is wrong, or the row of the account cannot be decoded.
    /// Responses must not reveal which.
    WrongCredentials,
    /// The password is correct, but the account's state does not allow login.
    Refused(Refusal),
    /// There were too many attempts, and the password was not checked; or it is correct, and too
    /// many codes were sent. Responses must not reveal which.
    TooMany {
        /// When the next attempt is allowed.
        retry_at: Timestamp,
    },
}

/// Login failed for a technical reason.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No capacity for hashing at the moment.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The directory, which verifies the password of the account, cannot be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The second factor failed.
    #[error(transparent)]
    Factor(FactorError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<FactorError> for LoginError {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::Storage(error) => Self::Storage(error),
            other @ (FactorError::NotEnrolled
            | FactorError::InvalidEmail
            | FactorError::InvalidPhone
            | FactorError::Failed(_)) => Self::Factor(other),
        }
    }
}

/// Logs users in.
pub struct Login {
    users: Arc<dyn UserStore>,
    hasher: Arc<Hasher>,
    passwords: Arc<Passwords>,
    directory: Option<Arc<DirectoryAccounts>>,
    sessions: Arc<Sessions>,
    challenges: Arc<Challenges>,
    devices: Arc<Devices>,
    limits: Arc<Limits>,
    verifies_addresses: bool,
}

/// Which accounts an address identifies, where first logins of entries create accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claims {
    /// Also those whose users have not proved to own it.
    All,
    /// None whose user has not proved to own it: it may be the address of an entry.
    Proved,
}

impl Login {
    pub(crate) fn new(
        deps: &Deps,
        directory: Option<Arc<DirectoryAccounts>>,
        sessions: Arc<Sessions>,
        challenges: Arc<Challenges>,
        devices: Arc<Devices>,
        verifies_addresses: bool,
    ) -> Self {
        Self {
            users: deps.storage.users.clone(),
            hasher: deps.hasher.clone(),
            passwords: deps.passwords.clone(),
            directory,
            sessions,
            challenges,
            devices,
            limits: deps.limits.clone(),
            verifies_addresses,
        }
    }

    /// Verifies the password and, if the account's state allows it and it has no second factor,
    /// begins a session.
    ///
    /// Takes the same time whether or not the user exists and can be decoded. The state of an account
    /// is revealed only to those who know its password.
    ///
    /// Where addresses must be verified, one that is not verified identifies no account: the outcome
    /// is [`WrongCredentials`](LoginOutcome::WrongCredentials). Otherwise a sign-up and a login would
    /// reveal whether another account has an address.
    pub async fn attempt(&self, attempt: LoginAttempt<'_>) -> Result<LoginOutcome, LoginError> {
        let conceals = self.verifies_addresses && attempt.username.contains('@');
        let outcome = self.attempt_as(attempt, Claims::Proved).await?;
        let is_incomplete = matches!(
            outcome,
            LoginOutcome::Refused(Refusal::EmailNotVerified | Refusal::TwoFactorIncomplete)
        );
        Ok(if conceals && is_incomplete { LoginOutcome::WrongCredentials } else { outcome })
    }

    /// As [`attempt`](Self::attempt), but reveals that an account is not complete, whatever
    /// identifies it.
    pub(crate) async fn attempt_revealing(
        &self,
        attempt: LoginAttempt<'_>,
    ) -> Result<LoginOutcome, LoginError> {
        self.attempt_as(attempt, Claims::All).await
    }

    async fn attempt_as(
        &self,
        attempt: LoginAttempt<'_>,
        claims: Claims,
    ) -> Result<LoginOutcome, LoginError> {
        let LoginAttempt { username, browser, visitor, .. } = attempt;
        let found = self.find_readable(username, claims).await?;
        let account = found.as_ref().map(StoredUser::id).ok_or(username);
        let browser = account.ok().and_then(|id| self.limits.browsers.find(browser, id));
        let lane = if browser.is_some() { Lane::Trusted } else { Lane::Public };
        // Before the charge, so that a flood of logins writes nothing.
        self.hasher.check_capacity(lane)?;
        let charges = self.limits.login(LoginDoor { account, browser, visitor });
        let admitted = match self.limits.charge(charges, account.ok()).await? {
            Ok(admitted) => admitted,
            Err(TooMany { retry_at }) => return Ok(LoginOutcome::TooMany { retry_at }),
        };
        let outcome = self.try_twice(&attempt, (found, claims), lane).await;
        self.limits.give_back(&directory::unused(&outcome, admitted.into_charges())).await;
        outcome
    }

    /// A concurrent login may upgrade the hash, which databases without a credential epoch cannot
    /// distinguish from a new password. A retry can.
    async fn try_twice(
        &self,
        attempt: &LoginAttempt<'_>,
        (found, claims): (Option<StoredUser>, Claims),
        lane: Lane,
    ) -> Result<LoginOutcome, LoginError> {
        if let Some(outcome) = self.try_once(attempt, found, lane).await? {
            return Ok(outcome);
        }
        let found = self.find_readable(attempt.username, claims).await?;
        let outcome = self.try_once(attempt, found, lane).await?;
        Ok(outcome.unwrap_or(LoginOutcome::WrongCredentials))
    }

    /// One attempt; `None` if the credentials changed before the session began.
    async fn try_once(
        &self,
        attempt: &LoginAttempt<'_>,
        found: Option<StoredUser>,
        lane: Lane,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        if let Some(directory) = self.directory_for(found.as_ref()) {
            return self.try_directory(directory, attempt, found, lane).await;
        }
        let source = found.as_ref().map(|found| self.passwords.source_of(found));
        let hash = match source {
            Some(PasswordSource::Hash(hash)) => Some(hash),
            Some(PasswordSource::None | PasswordSource::Entry { .. }) | None => None,
        };
        let verification = self.hasher.verify(attempt.password.clone(), hash, lane).await?;
        let (Verification::Match { upgrade }, Some(found)) = (verification, &found) else {
            return self.fail(found.as_ref()).await;
        };
        if let Some(refusal) = found.refusal(StateChecks::ALL) {
            return self.refuse(found, refusal, attempt.door()).await;
        }
        let credentials = match upgrade {
            None => found.credentials(),
            Some(hash) => self.upgrade(found, hash).await?,
        };
        self.proceed(found, &credentials, attempt.door()).await
    }

    /// The outcome of a wrong password, or of a name without an account.
    async fn fail(&self, found: Option<&StoredUser>) -> Result<Option<LoginOutcome>, LoginError> {
        // Not the username: people type passwords there. An existing account is logged by its id.
        let user = found.map(|found| tracing::field::display(found.id()));
        tracing::info!(user, "login failed");
        let event = self.audit().event(Act::LoginFailed);
        let event = match found {
            Some(found) => event.about_stored(found),
            None => event,
        };
        self.audit().record(event).await?;
        Ok(Some(LoginOutcome::WrongCredentials))
    }

    /// Continues the login of a user whose first factor the caller has verified: the state of the
    /// account and its second factor decide as after a password. Without a persistence, it is that
    /// of the login that an anonymous session belongs to.
    pub async fn admit(&self, user: &UserId, door: Door<'_>) -> Result<LoginOutcome, LoginError> {
        let door = door.as_chosen();
        let Some(found) = self.users.find_by_id(user).await? else {
            return Ok(LoginOutcome::WrongCredentials);
        };
        let outcome = match found.refusal(StateChecks::ALL) {
            Some(refusal) => self.refuse(&found, refusal, door).await?,
            None => self.proceed(&found, &found.credentials(), door).await?,
        };
        Ok(outcome.unwrap_or(LoginOutcome::WrongCredentials))
    }

    /// Begins a session for a user who has just set a password, if a login takes no more than that:
    /// neither a second factor nor anything that the state of the account demands.
    pub(crate) async fn admit_with_password(
        &self,
        found: &StoredUser,
        door: Door<'_>,
    ) -> Result<Option<Box<NewSession>>, LoginError> {
        let account = self.challenges.open(found.clone())?;
        let demand = self.challenges.factors.demand(&account.user);
        if found.refusal(StateChecks::ALL).is_some() || !matches!(demand, Demand::Nothing) {
            return Ok(None);
        }
        match self.begin(found, &found.credentials(), (door, LoginKind::Complete)).await? {
            Some(LoginOutcome::LoggedIn(session)) => Ok(Some(session)),
            Some(_) | None => Ok(None),
        }
    }

    /// Decides what the account demands beyond the first factor; `None` if the credentials changed
    /// in this moment.
    async fn proceed(
        &self,
        found: &StoredUser,
        credentials: &CredentialVersion,
        door: Door<'_>,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let mut account = self.challenges.open(found.clone())?;
        account.credentials = credentials.clone();
        let mut login = LoginKind::Complete;
        match self.challenges.factors.demand(&account.user) {
            Demand::Nothing => {}
            Demand::Reset => return self.require_factor(&account, door).await,
            Demand::Factor(factor) => {
                let is_known = match door.device {
                    Some(cookie) => self.devices.is_known(cookie, found).await?,
                    None => false,
                };
                if !is_known {
                    return self.begin_second_factor(&account, factor, door).await;
                }
                login = LoginKind::KnownDevice;
            }
        }
        self.begin(found, credentials, (door, login)).await
    }

    fn audit(&self) -> &Audit {
        &self.challenges.audit
    }

    /// As [`find`](Self::find); `None` also for an account whose row cannot be decoded.
    async fn find_readable(
        &self,
        name: &str,
        claims: Claims,
    ) -> Result<Option<StoredUser>, StorageError> {
        match self.find(name, claims).await {
            Err(error) if error.kind == StorageErrorKind::BadRow => {
                tracing::error!(%error, "cannot decode an account; its user cannot log in");
                Ok(None)
            }
            found => found,
        }
    }

    /// Finds the user with this username or, if there is none, with this e-mail address.
    async fn find(&self, name: &str, claims: Claims) -> Result<Option<StoredUser>, StorageError> {
        let found = match self.users.find_by_username(name).await? {
            None if name.contains('@') => self.users.find_by_email(name).await?,
            found => found,
        };
        let directory = self.directory_for(None).filter(|_| claims == Claims::Proved);
        let is_left_out = |found: &StoredUser| {
            name.contains('@') && directory.is_some_and(|directory| directory.is_unproved(found))
        };
        Ok(found.filter(|found| !is_left_out(found)))
    }

    async fn begin(
        &self,
        found: &StoredUser,
        credentials: &CredentialVersion,
        (door, login): (Door<'_>, LoginKind),
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let (user, event) = (found.id(), self.audit().event(Act::LoginSucceeded));
        let event = event.about_stored(found);
        let beginning = BeginOptions {
            replaces: door.replaces,
            credentials: Some(credentials),
            revoke: &[KeyPrefix::PasswordReset],
            audit: slice::from_ref(&event),
            persist: door.persist,
            login,
            visitor: door.visitor,
            ..BeginOptions::default()
        };
        Ok(match self.sessions.begin(Owner::User(user), beginning).await? {
            Begun::Session(session) => {
                tracing::info!(%user, session = %session.id.digest(), "logged in");
                Some(LoginOutcome::LoggedIn(session))
            }
            Begun::NoSuchUser
            | Begun::CredentialsChanged
            | Begun::AlreadyUsed
            | Begun::SessionGone => None,
            Begun::Refused(refusal) => Some(LoginOutcome::Refused(refusal)),
        })
    }
}
