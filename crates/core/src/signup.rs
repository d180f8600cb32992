//! Signing up: creating an account on the request of its user, and its first session.

use std::sync::Arc;

use crate::account::{AccountError, AccountForm, Accounts};
use crate::form::{Field, Rule};
use crate::key::Owner;
use crate::login::{Login, LoginAttempt, LoginError, LoginOutcome};
use crate::password::Lane;
use crate::session::{Beginning, Begun, NewSession, Persistence, Replaced, Sessions};
use crate::storage::StorageError;
use crate::user::{NewUser, ReservedNames, is_reserved_field};

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

    /// Creates an account and begins its first session.
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
        let secrets = self.accounts.secrets(request.form.password.clone(), Lane::Public).await?;
        match self.accounts.insert(&user, &secrets, None).await {
            Ok(stored) => {
                tracing::info!(user = %stored.id(), "signed up");
                let credentials = stored.credentials();
                let beginning = Beginning {
                    replaces: request.replaces,
                    credentials: Some(&credentials),
                    persist: request.persist,
                    ..Beginning::default()
                };
                first_session(&self.sessions, Owner::User(stored.id()), beginning).await
            }
            Err(error) if self.is_repeated(&user, &error).await? => {
                self.log_in(request, error).await
            }
            Err(error) => Err(error),
        }
        .map(SignupOutcome::LoggedIn)
    }

    /// Whether the form asks for exactly the account that exists.
    async fn is_repeated(
        &self,
        user: &NewUser,
        error: &AccountError,
    ) -> Result<bool, StorageError> {
        if !is_username_taken(error) {
            return Ok(false);
        }
        let existing = self.accounts.find(&user.username).await?;
        Ok(existing.is_some_and(|existing| {
            existing.username == user.username && existing.email == user.email
        }))
    }

    /// Logs in if the password is that of the account that exists; otherwise the answer is
    /// `error`.
    async fn log_in(
        &self,
        request: SignupRequest<'_>,
        error: AccountError,
    ) -> Result<Box<NewSession>, AccountError> {
        let attempt = LoginAttempt {
            username: &request.form.username,
            password: request.form.password,
            persist: request.persist,
            replaces: request.replaces,
        };
        match self.login.attempt(attempt).await {
            Ok(LoginOutcome::LoggedIn(session)) => Ok(session),
            Ok(
                LoginOutcome::WrongCredentials
                | LoginOutcome::Refused(_)
                | LoginOutcome::Unreadable,
            ) => Err(error),
            Err(LoginError::Hash(error)) => Err(error.into()),
            Err(LoginError::Storage(error)) => Err(error.into()),
        }
    }

    fn is_editable(&self, field: &str) -> bool {
        self.config.editable_fields.iter().any(|name| name == field)
            && (field == "email" || !is_reserved_field(field))
    }
}

/// The session of an account that has just been created.
pub(crate) async fn first_session(
    sessions: &Sessions,
    owner: Owner<'_>,
    beginning: Beginning<'_>,
) -> Result<Box<NewSession>, AccountError> {
    match sessions.begin(owner, beginning).await? {
        Begun::Session(session) => Ok(session),
        // The account was deleted, disabled or given another password in this moment.
        Begun::NoSuchUser | Begun::CredentialsChanged => Err(AccountError::NoSuchUser),
        Begun::Refused(_) => Err(AccountError::NotAllowed),
    }
}

fn is_username_taken(error: &AccountError) -> bool {
    let AccountError::Form(errors) = error else { return false };
    errors.iter().any(|error| error.field == Field::Username && error.rule == Rule::Taken)
}
