//! Callbacks of the application for accounts. What they return is checked like input.

use super::{AccountError, AccountRef, AccountUpdate, Accounts, check_field};
use crate::form::{Field, FieldError, Rule};
use crate::hooks::Submission;
use crate::user::{EmailAddress, NewUser, Patch, ReservedNames, User, UserId, Username};

/// Who changes an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Editor {
    /// An administrator or the application.
    Administrator,
    /// The owner of the account. Hooks may change the fields of the application only.
    Owner,
}

impl Editor {
    /// An update as returned by a hook, without changes that hooks may not make for this editor.
    fn restrict(self, made: AccountUpdate, requested: AccountUpdate) -> AccountUpdate {
        match self {
            Self::Administrator => made,
            Self::Owner => AccountUpdate { fields: made.fields, ..requested },
        }
    }
}

impl Accounts {
    /// Lets the application complete and validate a new account.
    pub(super) fn complete(
        &self,
        user: NewUser,
        submission: &Submission,
        reserved: &ReservedNames,
    ) -> Result<NewUser, Vec<FieldError>> {
        let user = match &self.hooks.create_user {
            Some(create) => {
                let made = create(user.clone(), submission)?;
                recheck(made, user, reserved)?
            }
            None => user,
        };
        self.validate(&user)?;
        Ok(user)
    }

    fn validate(&self, user: &NewUser) -> Result<(), Vec<FieldError>> {
        let errors = self.hooks.validate_user.as_ref().map(|validate| validate(user));
        errors.filter(|errors| !errors.is_empty()).map_or(Ok(()), Err)
    }

    /// Lets the application complete and validate an update. Returns the account's id.
    ///
    /// Without these callbacks, the account is not read, so that one whose row cannot be decoded
    /// is still found.
    pub(super) async fn complete_update(
        &self,
        account: AccountRef<'_>,
        update: AccountUpdate,
        submission: &Submission,
        editor: Editor,
    ) -> Result<(UserId, AccountUpdate), AccountError> {
        if self.hooks.update_user.is_none() && self.hooks.validate_user.is_none() {
            return Ok((self.resolve(account).await?, update));
        }
        let user = self.find(account).await?.ok_or(AccountError::NoSuchUser)?;
        let update = match &self.hooks.update_user {
            Some(complete) => {
                let made = complete(&user, update.clone(), submission);
                editor.restrict(made.map_err(AccountError::Form)?, update)
            }
            None => update,
        };
        self.validate(&updated(&user, &update)).map_err(AccountError::Form)?;
        Ok((user.id, update))
    }
}

/// Checks what the application made of `draft`, like input.
fn recheck(
    made: NewUser,
    draft: NewUser,
    reserved: &ReservedNames,
) -> Result<NewUser, Vec<FieldError>> {
    let mut errors = Vec::new();
    let username = match Username::parse(&made.username) {
        Ok(name) if reserved.contains(name.as_str()) => {
            errors.push(FieldError::new(Field::Username, Rule::Reserved));
            String::new()
        }
        Ok(name) => name.into_string(),
        Err(error) => {
            errors.push(FieldError::new(Field::Username, error.0));
            String::new()
        }
    };
    let email = match made.email.as_deref().map(EmailAddress::parse) {
        None => None,
        Some(Ok(email)) => Some(email.into_string()),
        Some(Err(_)) => {
            errors.push(FieldError::new(Field::Email, Rule::Format));
            None
        }
    };
    for (name, value) in &made.extra {
        if let Err(rule) = check_field(name, value) {
            errors.push(FieldError::new(Field::Extra(name.clone()), rule));
        }
    }
    let user = NewUser { username, email, extra: made.extra, ..draft };
    if errors.is_empty() { Ok(user) } else { Err(errors) }
}

/// The account as it would be after an update.
fn updated(user: &User, update: &AccountUpdate) -> NewUser {
    let mut extra = user.extra.clone();
    extra.extend(update.fields.clone());
    extra.retain(|_, value| !value.is_null());
    NewUser {
        username: update.username.clone().unwrap_or_else(|| user.username.clone()),
        email: match &update.email {
            Patch::Keep => user.email.clone(),
            Patch::Clear => None,
            Patch::Set(email) => Some(email.clone()),
        },
        state: user.state.clone(),
        factor1: user.factor1.clone(),
        factor2: user.factor2.clone(),
        admin: update.role.map_or(user.admin, |role| role == super::Role::Administrator),
        created: user.created,
        extra,
    }
}
