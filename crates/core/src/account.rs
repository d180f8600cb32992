//! Accounts: making one, giving it a new password, shutting and opening it, listing them.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::form::{Field, FieldError, Rule, Unit};
use crate::password::{HashError, Hasher, Lane, PasswordPolicy};
use crate::secret::Password;
use crate::session::Sessions;
use crate::storage::{Storage, StorageError, UserStore};
use crate::user::{
    EmailAddress, NewUser, Patch, ReservedNames, SecretsUpdate, StateEvent, User, UserSecrets,
    UserState, UserUpdate, Username, is_reserved_field,
};

/// Longest value of one application field, in characters.
const MAX_FIELD_LEN: usize = 1000;

/// What a person enters to get an account.
#[derive(Debug)]
pub struct AccountForm {
    /// The username.
    pub username: String,
    /// The password.
    pub password: Password,
    /// The repeated password, where the form asks for it.
    pub repeat: Option<Password>,
    /// Application fields, and `email`.
    pub fields: Map<String, Value>,
}

/// Why an account was not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Fields break the rules: every broken rule at once, in the order of the form.
    #[error("{}", messages(.0))]
    Form(Vec<FieldError>),
    /// Sign-up is disabled.
    #[error("sign-up is closed")]
    SignupClosed,
    /// There is no such user, or their state does not allow the change.
    #[error("there is no such user in a state that allows this")]
    NoSuchUser,
    /// No capacity for hashing right now.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Makes and changes accounts.
pub struct Accounts {
    users: Arc<dyn UserStore>,
    hasher: Arc<Hasher>,
    sessions: Arc<Sessions>,
    policy: PasswordPolicy,
}

impl Accounts {
    pub(crate) fn new(
        storage: &Storage,
        hasher: Arc<Hasher>,
        sessions: Arc<Sessions>,
        policy: PasswordPolicy,
    ) -> Self {
        Self { users: storage.users.clone(), hasher, sessions, policy }
    }

    /// The rules for new passwords.
    pub fn password_policy(&self) -> &PasswordPolicy {
        &self.policy
    }

    /// Checks a form without storing anything; reports every broken rule.
    ///
    /// `reserved` names are refused: those of the configuration at sign-up, none for
    /// administrators.
    pub fn check(
        &self,
        form: &AccountForm,
        reserved: &ReservedNames,
    ) -> Result<NewUser, AccountError> {
        let mut errors = Vec::new();
        let mut user = NewUser::named(match Username::parse(&form.username) {
            Ok(name) => {
                if reserved.contains(name.as_str()) {
                    errors.push(FieldError::new(Field::Username, Rule::Reserved));
                }
                name.into_string()
            }
            Err(error) => {
                errors.push(FieldError::new(Field::Username, error.0));
                String::new()
            }
        });
        for (name, value) in &form.fields {
            if value.as_str() == Some("") {
                continue;
            }
            if name == "email" {
                match EmailAddress::parse(value.as_str().unwrap_or_default()) {
                    Ok(email) => user.email = Some(email.into_string()),
                    Err(_) => errors.push(FieldError::new(Field::Email, Rule::Format)),
                }
            } else if let Err(rule) = check_field(name, value) {
                errors.push(FieldError::new(Field::Extra(name.clone()), rule));
            } else {
                user.extra.insert(name.clone(), value.clone());
            }
        }
        errors.extend(self.check_password(&form.password, &form.username, user.email.as_deref()));
        if form.repeat.as_ref().is_some_and(|repeat| *repeat != form.password) {
            errors.push(FieldError::new(Field::RepeatPassword, Rule::Mismatch));
        }
        if errors.is_empty() { Ok(user) } else { Err(AccountError::Form(errors)) }
    }

    fn check_password(
        &self,
        password: &Password,
        username: &str,
        email: Option<&str>,
    ) -> Vec<FieldError> {
        let rules = self.policy.check(password, username, email);
        rules.into_iter().map(|rule| FieldError::new(Field::Password, rule)).collect()
    }

    /// The secrets of an account with this password.
    pub(crate) async fn secrets(
        &self,
        password: Password,
        lane: Lane,
    ) -> Result<UserSecrets, AccountError> {
        let hash = self.hasher.hash(password, lane).await?;
        Ok(UserSecrets { password: Some(hash), ..UserSecrets::default() })
    }

    /// Stores a checked user.
    pub(crate) async fn insert(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
    ) -> Result<User, AccountError> {
        match self.users.insert(user, secrets).await {
            Ok(user) => Ok(user),
            Err(error) if error.is_conflict() => {
                let taken = self.users.find_by_username(&user.username).await?.is_some();
                let field = if taken { Field::Username } else { Field::Email };
                Err(AccountError::Form(vec![FieldError::new(field, Rule::Taken)]))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes an account, as an administrator does: it is active at once.
    pub async fn create(&self, form: AccountForm, role: Role) -> Result<User, AccountError> {
        let mut user = self.check(&form, &ReservedNames::none())?;
        user.admin = role == Role::Administrator;
        let secrets = self.secrets(form.password, Lane::Trusted).await?;
        self.insert(&user, &secrets).await
    }

    /// Gives a user a new password and ends their sessions, as an administrator does.
    pub async fn set_password(
        &self,
        username: &str,
        password: Password,
    ) -> Result<User, AccountError> {
        let user = self.find(username).await?;
        let errors = self.check_password(&password, &user.username, user.email.as_deref());
        if !errors.is_empty() {
            return Err(AccountError::Form(errors));
        }
        let hash = self.hasher.hash(password, Lane::Trusted).await?;
        let secrets = SecretsUpdate { password: Patch::Set(hash), ..SecretsUpdate::default() };
        let user = self
            .users
            .update(&user.id, &UserUpdate::default(), &secrets)
            .await?
            .ok_or(AccountError::NoSuchUser)?;
        self.sessions.end_all_for_user(&user.id, None).await?;
        Ok(user)
    }

    /// Shuts an account. Its sessions are void from now on.
    pub async fn disable(&self, username: &str) -> Result<User, AccountError> {
        let user = self.happen(username, StateEvent::Disabled).await?;
        self.sessions.end_all_for_user(&user.id, None).await?;
        Ok(user)
    }

    /// Opens a shut account: it is active then, whatever it was before it was shut. Its user must
    /// log in anew.
    pub async fn enable(&self, username: &str) -> Result<User, AccountError> {
        // A login under way when the account was shut may have left a session behind.
        let user = self.find(username).await?;
        self.sessions.end_all_for_user(&user.id, None).await?;
        self.happen(username, StateEvent::Enabled).await
    }

    async fn happen(&self, username: &str, event: StateEvent) -> Result<User, AccountError> {
        let user = self.find(username).await?;
        let state: UserState = user.state.after(event).ok_or(AccountError::NoSuchUser)?;
        let change = UserUpdate { state: Some(state), ..UserUpdate::default() };
        let changed = self.users.update(&user.id, &change, &SecretsUpdate::default()).await?;
        changed.ok_or(AccountError::NoSuchUser)
    }

    async fn find(&self, username: &str) -> Result<User, AccountError> {
        let found = self.users.find_by_username(username).await?;
        Ok(found.ok_or(AccountError::NoSuchUser)?.regardless_of_state().0)
    }

    /// Up to `limit` users by name, those after `after` (a normalised name) if given.
    pub async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StorageError> {
        self.users.list(after, limit).await
    }
}

/// What an administrator makes of a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An ordinary user.
    User,
    /// One who may administer others.
    Administrator,
}

fn messages(errors: &[FieldError]) -> String {
    errors.iter().map(FieldError::message).collect::<Vec<_>>().join(". ")
}

/// Whether text with this character can pass for other text: controls, marks that change the
/// direction of writing, and zero-width spaces. Joiners stay: some scripts need them.
fn is_confusable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}')
        || matches!(c, '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn check_field(name: &str, value: &Value) -> Result<(), Rule> {
    match value {
        _ if is_reserved_field(name) => Err(Rule::Reserved),
        Value::String(text) if text.chars().count() > MAX_FIELD_LEN => {
            Err(Rule::TooLong { max: MAX_FIELD_LEN, unit: Unit::Characters })
        }
        Value::String(text) if text.chars().any(is_confusable) => Err(Rule::Character),
        Value::Array(_) | Value::Object(_) => {
            Err(Rule::Custom("must be a single value".to_owned()))
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}
