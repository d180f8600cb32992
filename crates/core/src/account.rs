//! Accounts: create, find, change, disable, delete and list.
//!
//! ```
//! use crossauth_core::account::{AccountError, Accounts, AccountUpdate};
//! use crossauth_core::user::Patch;
//!
//! async fn set_email(accounts: &Accounts, name: &str, email: &str) -> Result<(), AccountError> {
//!     let update = AccountUpdate { email: Patch::Set(email.into()), ..AccountUpdate::default() };
//!     accounts.update(name, update).await?;
//!     Ok(())
//! }
//! ```

mod access;
mod change;
mod create;
mod entry;
mod hook;
mod list;
mod password;
mod plan;
mod state;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::deps::Deps;
use crate::directory::{DirectoryError, EntryNames, Passwords};
use crate::email_link::EmailLinks;
use crate::enrolment::EnrolmentError;
use crate::factor::{FactorError, Factors};
use crate::form::{Field, FieldError, Rule, Unit};
use crate::hooks::{Hooks, PasswordOwner, Submission};
use crate::limit::Limits;
use crate::notice::Notices;
use crate::password::{HashError, Hasher, PasswordPolicy};
use crate::secret::Password;
use crate::storage::{StorageError, UserStore};
use crate::user::{
    EmailAddress, NewUser, ReservedNames, Username, is_confusable, is_reserved_field,
};

pub(crate) use change::taken;
pub use change::{AccountRef, AccountUpdate};
pub use create::{NamesOfEntries, NewAccount};
pub(crate) use entry::usable_fields;
pub(crate) use hook::Editor;
pub use list::{AccountDetails, ListError, MAX_SKIPPED};
pub(crate) use password::ResetLinks;
pub use password::ResetMail;
pub(crate) use plan::LINKS;
pub use state::{FactorReset, SelectedState, StateRequest};

/// Maximum length of an application field, in characters.
const MAX_FIELD_LEN: usize = 1000;

/// The input for a new account.
#[derive(Debug)]
pub struct AccountForm {
    /// The username.
    pub username: String,
    /// The password.
    pub password: Password,
    /// The repeated password, if the form has it.
    pub repeat: Option<Password>,
    /// Application fields, and `email`.
    pub fields: Map<String, Value>,
    /// The request, for the [hooks](crate::hooks).
    pub submission: Submission,
}

impl AccountForm {
    /// A form with only a username and a password.
    pub fn new(username: impl Into<String>, password: Password) -> Self {
        Self {
            username: username.into(),
            password,
            repeat: None,
            fields: Map::new(),
            submission: Submission::default(),
        }
    }
}

/// A new account that is not validated yet.
struct Draft<'a> {
    username: &'a str,
    /// The password, and how it was repeated, if it was.
    passwords: Option<(&'a Password, Option<&'a Password>)>,
    fields: &'a Map<String, Value>,
    submission: &'a Submission,
}

/// Why an account was not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Fields are invalid: all violated rules, in the order of the form.
    #[error("{}", messages(.0))]
    Form(Vec<FieldError>),
    /// Sign-up is disabled.
    #[error("sign-up is closed")]
    SignupClosed,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The user's state does not allow the change.
    #[error("the user's state does not allow this")]
    NotAllowed,
    /// The change would leave no enabled administrator.
    #[error("this is the last administrator")]
    LastAdmin,
    /// The second factor is not offered.
    #[error("this second factor is not available")]
    FactorUnavailable,
    /// An interrupted sign-up with a second factor is continued without one.
    #[error("a second factor must be chosen to finish the sign-up")]
    FactorNeeded,
    /// A second factor would have to be set up, and none is offered.
    #[error("no second factor is offered: the user could not set one up and would be locked out")]
    NoFactorOffered,
    /// The second factor failed.
    #[error(transparent)]
    Factor(FactorError),
    /// No link to choose a password can be mailed to this account.
    #[error(
        "passwords cannot be reset by e-mail: that is disabled, or the account has no password"
    )]
    ResetUnavailable,
    /// The account belongs to the directory, where its password is changed.
    #[error("the password of this account is that of the directory, and is changed there")]
    DirectoryPassword,
    /// The user logs in with something else than a password, or with the password of a directory that
    /// is not part of these settings.
    #[error("this account has no password: its first factor is another one")]
    NoPassword,
    /// The directory has the new password, but the account was changed at the same time: all its
    /// sessions have ended. With an error of the store they have not.
    #[error("the password was changed in the directory, but not the account")]
    ChangedInDirectory(#[source] Option<StorageError>),
    /// The directory, which verifies the password of the account, cannot be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The required one-time token is no longer valid.
    #[error("the link is not valid any more")]
    TokenGone,
    /// No capacity for hashing at the moment.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<EnrolmentError> for AccountError {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Hash(error) => Self::Hash(error),
            EnrolmentError::Directory(error) => Self::Directory(error),
            EnrolmentError::Factor(error) => Self::Factor(error),
            EnrolmentError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Creates, changes and deletes accounts on behalf of an administrator or the application.
pub struct Accounts {
    users: Arc<dyn UserStore>,
    hasher: Arc<Hasher>,
    passwords: Arc<Passwords>,
    entry_names: EntryNames,
    clock: Arc<dyn Clock>,
    limits: Arc<Limits>,
    factors: Arc<Factors>,
    links: EmailLinks,
    notices: Notices,
    hooks: Hooks,
    policy: PasswordPolicy,
    reset_links: ResetLinks,
}

impl Accounts {
    pub(crate) fn new(deps: &Deps, policy: PasswordPolicy, reset_links: ResetLinks) -> Self {
        Self {
            users: deps.storage.users.clone(),
            limits: deps.limits.clone(),
            factors: deps.factors.clone(),
            links: EmailLinks::new(deps),
            notices: Notices::new(deps.messages.clone()),
            reset_links,
            hasher: deps.hasher.clone(),
            passwords: deps.passwords.clone(),
            entry_names: deps.entry_names.clone(),
            clock: deps.clock.clone(),
            hooks: deps.hooks.clone(),
            policy,
        }
    }

    /// The rules for new passwords.
    pub fn password_policy(&self) -> &PasswordPolicy {
        &self.policy
    }

    /// Validates a form without storing anything; reports all violated rules.
    ///
    /// `reserved` names are refused: those of the configuration at sign-up, none for
    /// administrators.
    pub fn check(
        &self,
        form: &AccountForm,
        reserved: &ReservedNames,
    ) -> Result<NewUser, AccountError> {
        let AccountForm { username, password, repeat, fields, submission } = form;
        let passwords = Some((password, repeat.as_ref()));
        self.check_draft(&Draft { username, passwords, fields, submission }, reserved)
    }

    fn check_draft(
        &self,
        draft: &Draft<'_>,
        reserved: &ReservedNames,
    ) -> Result<NewUser, AccountError> {
        let mut errors = Vec::new();
        let mut user = NewUser::named(match Username::parse(draft.username) {
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
        user.created = Some(self.clock.now());
        for (name, value) in draft.fields {
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
        if errors.is_empty() {
            match self.complete(user.clone(), draft.submission, reserved) {
                Ok(completed) => user = completed,
                Err(found) => errors.extend(found),
            }
        }
        let username = if user.username.is_empty() { draft.username } else { &user.username };
        if let Some((password, repeat)) = draft.passwords {
            errors.extend(self.check_password(password, username, user.email.as_deref()));
            if repeat.is_some_and(|repeat| repeat != password) {
                errors.push(FieldError::new(Field::RepeatPassword, Rule::Mismatch));
            }
        }
        if errors.is_empty() { Ok(user) } else { Err(AccountError::Form(errors)) }
    }

    /// The rules that a new password of this user, by name and address, violates.
    pub(crate) fn check_new_password(
        &self,
        password: &Password,
        (username, email): (&str, Option<&str>),
    ) -> Vec<FieldError> {
        let rules = self.violated_rules(password, username, email);
        rules.into_iter().map(|rule| FieldError::new(Field::NewPassword, rule)).collect()
    }

    fn check_password(
        &self,
        password: &Password,
        username: &str,
        email: Option<&str>,
    ) -> Vec<FieldError> {
        let rules = self.violated_rules(password, username, email);
        rules.into_iter().map(|rule| FieldError::new(Field::Password, rule)).collect()
    }

    /// The rules of the policy and of the application.
    fn violated_rules(
        &self,
        password: &Password,
        username: &str,
        email: Option<&str>,
    ) -> Vec<Rule> {
        let mut rules = self.policy.check(password, username, email);
        if let Some(validate) = &self.hooks.validate_password {
            let messages = validate(password, PasswordOwner { username, email });
            rules.extend(messages.into_iter().map(Rule::Custom));
        }
        rules
    }
}

/// The role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An ordinary user.
    User,
    /// An administrator.
    Administrator,
}

fn messages(errors: &[FieldError]) -> String {
    errors.iter().map(FieldError::message).collect::<Vec<_>>().join(". ")
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
