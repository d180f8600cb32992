//! Changes of an account by its owner: fields of the profile, and deletion.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::account::{AccountError, AccountUpdate, Accounts, Editor};
use crate::deps::Deps;
use crate::form::{Field, FieldError, Rule};
use crate::hooks::Submission;
use crate::message::MessageKind;
use crate::notice::Notices;
use crate::reauthentication::{PasswordRejection, Reauthentication};
use crate::secret::Password;
use crate::storage::{Effects, Guard, UserStore};
use crate::user::{User, is_reserved_field};

/// The outcome of deleting an account at the request of its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The account was deleted with its sessions and all other keys.
    Deleted,
    /// The password is not accepted.
    Rejected(PasswordRejection),
}

/// Changes accounts at the request of their owners.
pub struct Profile {
    users: Arc<dyn UserStore>,
    reauthentication: Reauthentication,
    accounts: Arc<Accounts>,
    notices: Notices,
    editable_fields: Vec<String>,
}

impl Profile {
    pub(crate) fn new(deps: &Deps, accounts: Arc<Accounts>, editable_fields: Vec<String>) -> Self {
        Self {
            users: deps.storage.users.clone(),
            reauthentication: Reauthentication::new(deps),
            accounts,
            notices: Notices::new(deps.messages.clone()),
            editable_fields,
        }
    }

    /// Whether the owner of an account may change this field here. The e-mail address is not among
    /// these fields: a new one must be verified first.
    pub fn is_editable(&self, field: &str) -> bool {
        self.editable_fields.iter().any(|name| name == field) && !is_reserved_field(field)
    }

    /// Writes those of `fields` that the owner may change; others are ignored, and an empty text
    /// deletes a field. Another e-mail address than the present one is an error.
    pub async fn update(
        &self,
        user: &User,
        mut fields: Map<String, Value>,
        submission: &Submission,
    ) -> Result<User, AccountError> {
        let email = fields.remove("email").filter(|value| !value.is_null());
        let present = user.email.as_deref().unwrap_or_default();
        if email.is_some_and(|email| email.as_str() != Some(present)) {
            let rule = Rule::Custom("cannot be changed here".into());
            return Err(AccountError::Form(vec![FieldError::new(Field::Email, rule)]));
        }
        fields.retain(|name, _| self.is_editable(name));
        for value in fields.values_mut().filter(|value| value.as_str() == Some("")) {
            *value = Value::Null;
        }
        let update = AccountUpdate { fields, ..AccountUpdate::default() };
        let user = self.accounts.update_as(user, update, submission, Editor::Owner).await?;
        tracing::info!(user = %user.id, "profile changed");
        Ok(user)
    }

    /// Deletes an account and notifies its owner, who must give the password. The last administrator
    /// cannot be deleted.
    pub async fn delete(&self, user: &User, password: Password) -> Result<Deletion, AccountError> {
        let found = self.users.find_by_id(&user.id).await?.ok_or(AccountError::NoSuchUser)?;
        let hash = found.password_hash();
        let checked = self.reauthentication.check::<AccountError>(&user.id, hash, password);
        if let Some(rejection) = checked.await? {
            return Ok(Deletion::Rejected(rejection));
        }
        let credentials = found.credentials();
        let user = found.regardless_of_state().0;
        let notice = self.notices.compose(MessageKind::AccountDeleted, &user, &[])?;
        let effects = Effects { send: notice.as_slice(), ..Effects::default() };
        let guard = Guard::CredentialsAndNotTheLastAdmin(&credentials);
        if !self.accounts.delete_guarded(&user.id, guard, &effects).await? {
            return Ok(Deletion::Rejected(PasswordRejection::Wrong));
        }
        tracing::info!(user = %user.id, "account deleted by its owner");
        Ok(Deletion::Deleted)
    }
}
