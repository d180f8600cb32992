//! Set-up: creating the first administrator with a one-time link.

use std::sync::Arc;
use std::time::Duration;

use crate::account::{AccountError, Accounts};
use crate::audit::{Act, Audit};
use crate::clock::Clock;
use crate::crypto::{random_token, stored_value};
use crate::deps::Deps;
use crate::enrolment::EnrolmentError;
use crate::factor::Factors;
use crate::key::{Key, KeyPrefix};
use crate::limit::{Limits, TooMany};
use crate::login::{Door, Login, LoginError, LoginOutcome};
use crate::password::Lane;
use crate::random::Random;
use crate::session::{BeginOptions, NewAccount, Sessions};
use crate::signup::SignupRequest;
use crate::storage::{Effects, Guard, KeyStore, StorageError, UserStore};
use crate::user::ReservedNames;
use crate::visitor::Visitor;

/// Lifetime of a link.
const LINK_LIFETIME: Duration = Duration::from_hours(24);

/// Why the first administrator could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The link was used, has expired or was never issued, or an administrator exists.
    #[error("the link is not valid any more")]
    InvalidLink,
    /// Too many tokens from this network did not exist. The token was not looked for.
    #[error("too many links were not valid")]
    TooMany {
        /// How long to wait.
        wait: Duration,
    },
    /// The account cannot be created.
    #[error(transparent)]
    Account(AccountError),
}

impl From<AccountError> for SetupError {
    fn from(error: AccountError) -> Self {
        if matches!(error, AccountError::TokenGone) {
            Self::InvalidLink
        } else {
            Self::Account(error)
        }
    }
}

impl From<LoginError> for SetupError {
    fn from(error: LoginError) -> Self {
        Self::Account(EnrolmentError::from(error).into())
    }
}

impl From<StorageError> for SetupError {
    fn from(error: StorageError) -> Self {
        Self::Account(error.into())
    }
}

/// Creates the first administrator.
pub struct Setup {
    users: Arc<dyn UserStore>,
    keys: Arc<dyn KeyStore>,
    accounts: Arc<Accounts>,
    sessions: Arc<Sessions>,
    login: Arc<Login>,
    factors: Arc<Factors>,
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    limits: Arc<Limits>,
}

impl Setup {
    pub(crate) fn new(
        deps: &Deps,
        accounts: Arc<Accounts>,
        sessions: Arc<Sessions>,
        login: Arc<Login>,
    ) -> Self {
        Self {
            users: deps.storage.users.clone(),
            keys: deps.storage.keys.clone(),
            accounts,
            sessions,
            login,
            factors: deps.factors.clone(),
            audit: deps.audit.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
            limits: deps.limits.clone(),
        }
    }

    /// Issues a token for a link, valid for 24 hours; `None` if an administrator exists. Links that
    /// were issued before, also by other servers with the same storage, stay valid.
    pub async fn issue_token(&self) -> Result<Option<String>, StorageError> {
        if self.users.has_admin().await? {
            return Ok(None);
        }
        let token = random_token(&*self.random);
        let now = self.clock.now();
        let mut key = Key::new(&*stored_value(KeyPrefix::Setup, &token), None, now);
        key.expires = Some(now + LINK_LIFETIME);
        self.keys.insert(&key).await?;
        Ok(Some(token))
    }

    /// Checks that a token is valid. Does not consume it.
    pub async fn check(&self, token: &str, visitor: Visitor<'_>) -> Result<(), SetupError> {
        let admitted = match self.limits.charge(self.limits.link(visitor), None).await? {
            Ok(admitted) => admitted,
            Err(TooMany { retry_at }) => {
                return Err(SetupError::TooMany { wait: retry_at.since(self.clock.now()) });
            }
        };
        let key = self.keys.find(&stored_value(KeyPrefix::Setup, token)).await?;
        let key = key.ok_or(SetupError::InvalidLink)?;
        self.limits.give_back(&admitted.into_charges()).await;
        if key.is_expired(self.clock.now()) || self.users.has_admin().await? {
            return Err(SetupError::InvalidLink);
        }
        Ok(())
    }

    /// Creates the first administrator and logs them in. Using up the token, checking that there is
    /// no administrator, storing the account and its session are one step, which makes all other
    /// links invalid too; a form with mistakes does not use the token up.
    ///
    /// Where every account needs a second factor, no session of the user begins: the outcome is that
    /// of a login, which demands to set one up.
    pub async fn create_admin(
        &self,
        token: &str,
        request: SignupRequest<'_>,
    ) -> Result<LoginOutcome, SetupError> {
        self.check(token, request.visitor).await?;
        let door = request.door();
        let form = request.form;
        let mut user = self.accounts.check(&form, &ReservedNames::none())?;
        user.admin = true;
        let secrets = self.accounts.secrets(form.password, Lane::Trusted).await?;
        let value = stored_value(KeyPrefix::Setup, token);
        let guard = Guard::NoAdmin;
        let audit = [self.audit.event(Act::FirstAdministrator).naming(&user.username)];
        if !self.factors.allows_none() {
            let effects = Effects { consume: Some(&value), audit: &audit, ..Effects::default() };
            let stored = self.accounts.insert(&user, &secrets, guard, effects).await?;
            tracing::warn!(user = %stored.id(), username = ?user.username, "first administrator created");
            return Ok(self.login.admit(stored.id(), door).await?);
        }
        let Door { persist, replaces, visitor, .. } = door;
        let account = NewAccount {
            user: &user,
            secrets: &secrets,
            token: Some(&value),
            guard,
            audit: &audit,
        };
        let beginning = BeginOptions { replaces, persist, visitor, ..BeginOptions::default() };
        let session = self.sessions.begin_with_account(&self.accounts, account, &beginning).await?;
        let id = session.user.as_ref().map(|user| user.id.to_string());
        tracing::warn!(user = id, username = ?user.username, "first administrator created");
        Ok(LoginOutcome::LoggedIn(session))
    }
}
