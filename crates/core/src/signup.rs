//! Sign-up: creates an account at the request of its user, and begins its first session.

use std::sync::Arc;

use crate::account::{AccountError, AccountForm, Accounts, taken};
use crate::form::{Field, Rule};
use crate::login::{Login, LoginAttempt, LoginError, LoginOutcome};
use crate::password::Lane;
use crate::session::{BeginOptions, NewAccount, NewSession, Persistence, Replaced, Sessions};
use crate::storage::{Guard, StorageError, StorageErrorKind};
use crate::user::{NewUser, ReservedNames, User, is_reserved_field};

/// Configuration of sign-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignupConfig {
    /// Whether visitors may create accounts.
    pub registration: Registration,
    /// The account fields that users may set, such as `email` or `phone`.
    pub editable_fields: Vec<String>,
    /// Usernames that cannot be taken.
    pub reserved_names: ReservedNames,
}

impl Default for SignupConfig {
    fn default() -> Self {
        Self {
            registration: Registration::Open,
            editable_fields: Vec::new(),
            reserved_names: ReservedNames::default(),
        }
    }
}

/// Whether visitors may create accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Visitors may create accounts.
    Open,
    /// Only administrators may create accounts.
    Closed,
}

/// A sign-up request.
#[derive(Debug)]
pub struct SignupRequest<'a> {
    /// The form. Fields that are not editable are ignored.
    pub form: AccountForm,
    /// Whether the cookie outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The current session of the browser, which ends when the new one begins.
    pub replaces: Option<Replaced<'a>>,
}

impl SignupRequest<'_> {
    /// A request from a browser without a session, with the configured persistence.
    pub fn new(form: AccountForm) -> Self {
        Self { form, persist: None, replaces: None }
    }
}

/// The outcome of a sign-up.
#[derive(Debug)]
pub enum SignupOutcome {
    /// The account was created and a session has begun.
    LoggedIn(Box<NewSession>),
}

/// Creates accounts at the request of their users.
pub struct Signup {
    accounts: Arc<Accounts>,
    sessions: Arc<Sessions>,
    login: Arc<Login>,
    config: SignupConfig,
}

impl Signup {
    pub(crate) fn new(
        accounts: Arc<Accounts>,
        sessions: Arc<Sessions>,
        login: Arc<Login>,
        config: SignupConfig,
    ) -> Self {
        Self { accounts, sessions, login, config }
    }

    /// Configuration of sign-up.
    pub fn config(&self) -> &SignupConfig {
        &self.config
    }

    /// Creates an account and begins its first session, in one transaction.
    ///
    /// If a form is submitted twice, for example by a double click, the second request logs in: its
    /// username, address and password are those of the existing account.
    pub async fn sign_up(
        &self,
        mut request: SignupRequest<'_>,
    ) -> Result<SignupOutcome, AccountError> {
        if self.config.registration == Registration::Closed {
            return Err(AccountError::SignupClosed);
        }
        request.form.fields.retain(|name, _| self.is_editable(name));
        let user = self.accounts.check(&request.form, &self.config.reserved_names)?;
        // Looked for before anything is hashed: whatever the form says, it costs one hash.
        match self.accounts.find(&user.username).await {
            Ok(Some(existing)) => return self.repeat(request, &user, &existing).await,
            Ok(None) => {}
            Err(error) => return self.refuse_unreadable(request, error).await,
        }
        let secrets = self.accounts.secrets(request.form.password.clone(), Lane::Public).await?;
        let (persist, replaces) = (request.persist, request.replaces);
        let beginning = BeginOptions { replaces, persist, ..BeginOptions::default() };
        let guard = Guard::None;
        let account = NewAccount { user: &user, secrets: &secrets, token: None, guard };
        match self.sessions.begin_with_account(&self.accounts, account, &beginning).await {
            Ok(session) => {
                tracing::info!(session = %session.id.digest(), "signed up");
                Ok(SignupOutcome::LoggedIn(session))
            }
            Err(error) if is_username_taken(&error) => {
                // By another request in this moment, perhaps by the same form.
                let existing = self.accounts.find(&user.username).await?.ok_or(error)?;
                self.repeat(request, &user, &existing).await
            }
            Err(error) => Err(error),
        }
    }

    /// Logs in if the form asks for exactly the account that exists and has its password. Otherwise
    /// the name is taken. Which of both is wrong takes the same work, so that the time does not
    /// tell whether name and address belong together.
    async fn repeat(
        &self,
        request: SignupRequest<'_>,
        user: &NewUser,
        existing: &User,
    ) -> Result<SignupOutcome, AccountError> {
        let password = request.form.password;
        if existing.username != user.username || existing.email != user.email {
            self.accounts.verify_dummy(password, Lane::Public).await?;
            return Err(taken(Field::Username));
        }
        let (persist, replaces) = (request.persist, request.replaces);
        let attempt = LoginAttempt { username: &user.username, password, persist, replaces };
        match self.login.attempt(attempt).await {
            Ok(LoginOutcome::LoggedIn(session)) => Ok(SignupOutcome::LoggedIn(session)),
            Ok(LoginOutcome::WrongCredentials | LoginOutcome::Refused(_)) => {
                Err(taken(Field::Username))
            }
            Err(LoginError::Hash(error)) => Err(error.into()),
            Err(LoginError::Storage(error)) => Err(error.into()),
        }
    }

    /// The name of an account whose row cannot be decoded is taken like that of any other.
    async fn refuse_unreadable(
        &self,
        request: SignupRequest<'_>,
        error: StorageError,
    ) -> Result<SignupOutcome, AccountError> {
        if error.kind != StorageErrorKind::BadRow {
            return Err(error.into());
        }
        tracing::error!(%error, "sign-up for the name of an account that cannot be decoded");
        self.accounts.verify_dummy(request.form.password, Lane::Public).await?;
        Err(taken(Field::Username))
    }

    fn is_editable(&self, field: &str) -> bool {
        self.config.editable_fields.iter().any(|name| name == field)
            && (field == "email" || !is_reserved_field(field))
    }
}

fn is_username_taken(error: &AccountError) -> bool {
    let AccountError::Form(errors) = error else { return false };
    errors.iter().any(|error| error.field == Field::Username && error.rule == Rule::Taken)
}
