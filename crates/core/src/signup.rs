//! Signing up: creating an account on the request of its user, and its first session.

use std::sync::Arc;

use crate::account::{AccountError, AccountForm, Accounts, taken};
use crate::form::{Field, Rule};
use crate::login::{Login, LoginAttempt, LoginError, LoginOutcome};
use crate::password::Lane;
use crate::session::{Beginning, NewAccount, NewSession, Persistence, Replaced, Sessions};
use crate::user::{NewUser, ReservedNames, User, is_reserved_field};

/// Who may sign up, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignupConfig {
    /// Whether people may create accounts themselves.
    pub registration: Registration,
    /// The fields that users may set about themselves, such as `email` or `phone`.
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

/// Whether people may create accounts themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Anyone may.
    Open,
    /// Only administrators create accounts.
    Closed,
}

/// A request for an account.
#[derive(Debug)]
pub struct SignupRequest<'a> {
    /// What was entered. Fields that are not editable are left out of the account.
    pub form: AccountForm,
    /// Whether the session outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The session that the browser has now; it ends when the new one begins.
    pub replaces: Option<Replaced<'a>>,
}

/// What came of signing up.
#[derive(Debug)]
pub enum SignupOutcome {
    /// The account exists and its user is logged in.
    LoggedIn(Box<NewSession>),
}

/// Creates accounts on the request of their users.
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

    /// Who may sign up, and with what.
    pub fn config(&self) -> &SignupConfig {
        &self.config
    }

    /// Creates an account and begins its first session, in one step: without an answer from the
    /// store there is neither.
    ///
    /// A form that is sent twice, by a double click, logs in the second time: name, address and
    /// password are those of the account that exists.
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
        if let Some(existing) = self.accounts.find(&user.username).await? {
            return self.repeat(request, &user, &existing).await;
        }
        let secrets = self.accounts.secrets(request.form.password.clone(), Lane::Public).await?;
        let (persist, replaces) = (request.persist, request.replaces);
        let beginning = Beginning { replaces, persist, ..Beginning::default() };
        let account = NewAccount { user: &user, secrets: &secrets, token: None };
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
    /// the name is taken. Which of both is wrong takes the same work, so that the time does not tell
    /// whether name and address belong together.
    async fn repeat(
        &self,
        request: SignupRequest<'_>,
        user: &NewUser,
        existing: &User,
    ) -> Result<SignupOutcome, AccountError> {
        let password = request.form.password;
        if existing.username != user.username || existing.email != user.email {
            self.accounts.check_nothing(password, Lane::Public).await?;
            return Err(taken(Field::Username));
        }
        let (persist, replaces) = (request.persist, request.replaces);
        let attempt = LoginAttempt { username: &user.username, password, persist, replaces };
        match self.login.attempt(attempt).await {
            Ok(LoginOutcome::LoggedIn(session)) => Ok(SignupOutcome::LoggedIn(session)),
            Ok(
                LoginOutcome::WrongCredentials
                | LoginOutcome::Refused(_)
                | LoginOutcome::Unreadable,
            ) => Err(taken(Field::Username)),
            Err(LoginError::Hash(error)) => Err(error.into()),
            Err(LoginError::Storage(error)) => Err(error.into()),
        }
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
