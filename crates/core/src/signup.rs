//! Signing up: an account for whoever asks, and a first session.

use std::sync::Arc;

use crate::account::{AccountError, AccountForm, Accounts};
use crate::password::Lane;
use crate::session::{Beginning, NewSession, Persistence, SessionId, Sessions};
use crate::user::{ReservedNames, is_reserved_field};

/// Who may sign up, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignupConfig {
    /// Whether strangers may make accounts.
    pub open: Door,
    /// The fields that users may set about themselves, such as `email` or `phone`.
    pub editable_fields: Vec<String>,
    /// Usernames that cannot be taken.
    pub reserved_names: ReservedNames,
}

impl Default for SignupConfig {
    fn default() -> Self {
        Self {
            open: Door::Open,
            editable_fields: Vec::new(),
            reserved_names: ReservedNames::default(),
        }
    }
}

/// Whether something is offered to strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// It is.
    Open,
    /// It is not.
    Shut,
}

/// Somebody wants an account.
#[derive(Debug)]
pub struct SignupRequest<'a> {
    /// What they entered. Fields that are not editable are left out of the account.
    pub form: AccountForm,
    /// Whether the session outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The session they have now; it ends when the new one begins.
    pub replaces: Option<&'a SessionId>,
}

/// Makes accounts for strangers.
pub struct Signup {
    accounts: Arc<Accounts>,
    sessions: Arc<Sessions>,
    config: SignupConfig,
}

impl Signup {
    pub(crate) fn new(
        accounts: Arc<Accounts>,
        sessions: Arc<Sessions>,
        config: SignupConfig,
    ) -> Self {
        Self { accounts, sessions, config }
    }

    /// Who may sign up, and with what.
    pub fn config(&self) -> &SignupConfig {
        &self.config
    }

    /// Makes an account and begins its first session.
    pub async fn sign_up(
        &self,
        mut request: SignupRequest<'_>,
    ) -> Result<NewSession, AccountError> {
        if self.config.open == Door::Shut {
            return Err(AccountError::SignupClosed);
        }
        request.form.fields.retain(|name, _| self.is_editable(name));
        let user = self.accounts.check(&request.form, &self.config.reserved_names)?;
        let secrets = self.accounts.secrets(request.form.password, Lane::Public).await?;
        let user = self.accounts.insert(&user, &secrets).await?;
        tracing::info!(user = %user.id, "signed up");
        let beginning = Beginning {
            replaces: request.replaces,
            password: secrets.password.as_deref(),
            persist: request.persist,
            ..Beginning::default()
        };
        self.sessions.begin(user, beginning).await?.ok_or(AccountError::NoSuchUser)
    }

    fn is_editable(&self, field: &str) -> bool {
        self.config.editable_fields.iter().any(|name| name == field)
            && (field == "email" || !is_reserved_field(field))
    }
}
