//! Accounts of entries of the directory, checked like input. Unlike a form, an entry may have lists
//! of texts, such as the roles of its user; callbacks of the application do not see these.

use serde_json::{Map, Value};

use super::{AccountError, AccountRef, AccountUpdate, Accounts, Draft, Editor, check_field};
use crate::directory::{DirectoryLink, Entry, PasswordSource};
use crate::hooks::Submission;
use crate::storage::{CredentialVersion, StorageError, StorageErrorKind};
use crate::user::{EmailAddress, FactorName, NewUser, ReservedNames, UserId, UserUpdate};

/// Maximum number of texts in a list.
const MAX_TEXTS: usize = 1000;

impl Accounts {
    /// A new account for an entry, completed and validated by the application.
    pub(crate) fn draft_of_entry(
        &self,
        entry: &Entry,
        factor1: FactorName,
    ) -> Result<NewUser, AccountError> {
        let mut fields = usable_fields(entry);
        fields.retain(|_, value| !value.is_null());
        let lists = take_lists(&mut fields);
        match entry.email.as_deref().map(EmailAddress::parse) {
            Some(Ok(email)) => {
                fields.insert("email".to_owned(), email.into_string().into());
            }
            Some(Err(error)) => {
                tracing::warn!(dn = entry.dn, %error, "the e-mail address of an entry is left out");
            }
            None => {}
        }
        let submission = Submission::default();
        let (username, passwords) = (entry.username.as_str(), None);
        let draft = Draft { username, passwords, fields: &fields, submission: &submission };
        let mut user = self.check_draft(&draft, &ReservedNames::none())?;
        user.extra.extend(lists);
        Ok(NewUser { factor1, admin: entry.admin.unwrap_or(false), ..user })
    }

    /// The link with which it is an administrator who decided whether an account of the directory is
    /// enabled, also if the directory had disabled it before or does in this moment: it does not enable
    /// the account again. With what guards it: the account may be linked to another entry in this
    /// moment. `None` if the account is not linked to an entry, or its row cannot be decoded.
    pub(super) async fn decided_link(
        &self,
        id: &UserId,
    ) -> Result<Option<(DirectoryLink, CredentialVersion)>, StorageError> {
        let linked = self.entry_link(id).await?;
        Ok(linked.and_then(|(link, credentials)| {
            Some((DirectoryLink::to_entry(link.id()?), credentials))
        }))
    }

    /// Whether an account is disabled because the directory disabled it: it is enabled again with its
    /// entry, unless an administrator [disables](Self::disable) it, too.
    pub async fn is_disabled_by_directory(&self, id: &UserId) -> Result<bool, StorageError> {
        let link = self.entry_link(id).await?.map(|(link, _)| link);
        Ok(matches!(link, Some(DirectoryLink::Entry { is_suspended: true, .. })))
    }

    /// The link of an account of the directory; `None` for other accounts, and for one whose row
    /// cannot be decoded.
    async fn entry_link(
        &self,
        id: &UserId,
    ) -> Result<Option<(DirectoryLink, CredentialVersion)>, StorageError> {
        let found = match self.users.find_by_id(id).await {
            Err(error) if error.kind == StorageErrorKind::BadRow => None,
            found => found?,
        };
        Ok(found.and_then(|found| match self.passwords.source_of(&found) {
            PasswordSource::Entry { link, .. } => Some((link, found.credentials())),
            PasswordSource::Hash(_) | PasswordSource::None => None,
        }))
    }

    /// What an entry changes in its account, completed and validated by the application.
    pub(crate) async fn draft_update_of_entry(
        &self,
        id: &UserId,
        mut update: AccountUpdate,
    ) -> Result<UserUpdate, AccountError> {
        let lists = take_lists(&mut update.fields);
        let (account, submission) = (AccountRef::Id(id), Submission::default());
        let drafted = self.draft(account, update, &submission, Editor::Administrator).await?;
        let mut update = drafted.1;
        update.extra.extend(lists);
        Ok(update)
    }
}

/// Removes the lists from fields.
fn take_lists(fields: &mut Map<String, Value>) -> Map<String, Value> {
    let (lists, others) =
        std::mem::take(fields).into_iter().partition(|(_, value)| value.is_array());
    *fields = others;
    lists
}

fn is_usable(name: &str, value: &Value) -> bool {
    match value {
        Value::Array(texts) => {
            let is_text = |text: &Value| text.is_string() && check_field(name, text).is_ok();
            texts.len() <= MAX_TEXTS
                && check_field(name, &Value::Null).is_ok()
                && texts.iter().all(is_text)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            check_field(name, value).is_ok()
        }
    }
}

/// The application fields of an entry, without those that no account can have; empty ones are null.
pub(crate) fn usable_fields(entry: &Entry) -> Map<String, Value> {
    let mut fields = entry.fields.clone();
    fields.retain(|name, value| {
        let is_usable = is_usable(name, value);
        if !is_usable {
            tracing::warn!(
                dn = entry.dn,
                field = name,
                "a field of an entry is not a valid value for an account, and left out"
            );
        }
        is_usable
    });
    for value in fields.values_mut().filter(|value| value.as_str() == Some("")) {
        *value = Value::Null;
    }
    fields
}
