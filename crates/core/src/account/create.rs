//! New accounts, on behalf of an administrator.

use std::slice;

use serde_json::{Map, Value};

use super::password::ResetMail;
use super::{AccountError, AccountForm, Accounts, Draft, Role};
use crate::audit::Act;
use crate::hooks::Submission;
use crate::password::Lane;
use crate::secret::Password;
use crate::storage::{Effects, Guard};
use crate::user::{FactorName, ReservedNames, User, UserSecrets, UserState};

/// Whether a local account may have the username or the e-mail address of an entry of the directory,
/// whose first login would create its account. That login then fails, or the account has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamesOfEntries {
    /// It may not, as far as the directory can be asked.
    Refused,
    /// It may: for example if the account is linked to the entry later.
    Allowed,
}

/// A new account, on behalf of an administrator.
#[derive(Debug)]
pub struct NewAccount {
    /// The username.
    pub username: String,
    /// The password. Without one, the user chooses it by a link that is mailed to the address of the
    /// account.
    pub password: Option<Password>,
    /// The repeated password, if the form has it.
    pub repeat: Option<Password>,
    /// Application fields, and `email`.
    pub fields: Map<String, Value>,
    /// The role.
    pub role: Role,
    /// The second factor that the user must set up at the first login; `None` if the user need not.
    pub factor2: Option<FactorName>,
    /// Whether it may have the name or the address of an entry of the directory.
    pub names_of_entries: NamesOfEntries,
    /// The request, for the [hooks](crate::hooks).
    pub submission: Submission,
}

impl NewAccount {
    /// An ordinary user of this name, who chooses a password by a link that is mailed. Names of entries
    /// are refused.
    pub fn named(username: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: None,
            repeat: None,
            fields: Map::new(),
            role: Role::User,
            factor2: None,
            names_of_entries: NamesOfEntries::Refused,
            submission: Submission::default(),
        }
    }
}

impl Accounts {
    /// Creates an active account with a password, on behalf of an administrator. It may have the name of
    /// an entry of the directory.
    pub async fn create(&self, form: AccountForm, role: Role) -> Result<User, AccountError> {
        let AccountForm { username, password, repeat, fields, submission } = form;
        let password = Some(password);
        let new = NewAccount {
            password,
            repeat,
            fields,
            role,
            names_of_entries: NamesOfEntries::Allowed,
            submission,
            ..NewAccount::named(username)
        };
        Ok(self.create_account(new).await?.0)
    }

    /// Creates an account, on behalf of an administrator: active, or in the state that demands what
    /// its user still has to do. Its address counts as verified.
    ///
    /// Without a password, a link to choose one is mailed; an error if none can be.
    pub async fn create_account(&self, new: NewAccount) -> Result<(User, ResetMail), AccountError> {
        let NewAccount {
            username,
            password,
            repeat,
            fields,
            role,
            factor2,
            names_of_entries,
            submission,
        } = new;
        let passwords = password.as_ref().map(|password| (password, repeat.as_ref()));
        let draft =
            Draft { username: &username, passwords, fields: &fields, submission: &submission };
        let mut user = self.check_draft(&draft, &ReservedNames::none())?;
        if factor2.as_ref().is_some_and(|factor| self.factors.find(factor).is_none()) {
            return Err(AccountError::FactorUnavailable);
        }
        if names_of_entries == NamesOfEntries::Refused {
            self.refuse_names_of_entries(Some(&user.username), user.email.as_deref()).await?;
        }
        user.admin = role == Role::Administrator;
        user.state = match (password.is_some(), factor2.is_some()) {
            (true, false) => UserState::Active,
            (true, true) => UserState::Factor2ResetNeeded,
            (false, false) => UserState::PasswordResetNeeded,
            (false, true) => UserState::PasswordAndFactor2ResetNeeded,
        };
        user.factor2 = factor2;
        let audit = [self.created(Act::UserCreated, &user)];
        let Some(password) = password else {
            let link = self.invitation(&user)?;
            let (issue, send) = (slice::from_ref(&link.key), slice::from_ref(&link.message));
            let effects = Effects { issue, send, audit: &audit, ..Effects::default() };
            let secrets = UserSecrets::default();
            let created = self.insert(&user, &secrets, Guard::None, effects).await?;
            return Ok((created.regardless_of_state().0, ResetMail::Sent));
        };
        let secrets = self.secrets(password, Lane::Trusted).await?;
        let effects = Effects { audit: &audit, ..Effects::default() };
        let created = self.insert(&user, &secrets, Guard::None, effects).await?;
        Ok((created.regardless_of_state().0, ResetMail::NotNeeded))
    }
}
