//! Accounts of entries of the directory, checked like input. Unlike a form, an entry may have lists
//! of texts, such as the roles of its user; callbacks of the application do not see these.

use serde_json::{Map, Value};

use super::{AccountError, AccountRef, AccountUpdate, Accounts, Draft, Editor, check_field};
use crate::directory::{DirectoryLink, Entry, PasswordSource};
use crate::form::{Field, FieldError, Rule};
use crate::hooks::Submission;
use crate::storage::{CredentialVersion, StorageError, StorageErrorKind};
use crate::user::{
    EmailAddress, FactorName, NewUser, Normalization, Patch, ReservedNames, UserId, UserUpdate,
};

/// Maximum number of texts in a list.
const MAX_TEXTS: usize = 1000;

/// Why a local account does not get a username or an address.
const OF_ENTRY: &str = "belongs to a user of the directory, who gets an account at the first login";

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

    /// Refuses a username or an address that an entry of the directory has. An administrator can work
    /// while the directory cannot be asked: then they are allowed.
    pub(super) async fn refuse_names_of_entries(
        &self,
        username: Option<&str>,
        email: Option<&str>,
    ) -> Result<(), AccountError> {
        let mut errors = Vec::new();
        for (field, name) in [(Field::Username, username), (Field::Email, email)] {
            let Some(name) = name else { continue };
            match self.entry_names.have(name).await {
                Ok(true) => errors.push(FieldError::new(field, Rule::Custom(OF_ENTRY.to_owned()))),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "a username or address is not compared with the directory");
                    break;
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(AccountError::Form(errors)) }
    }

    /// As [`refuse_names_of_entries`](Self::refuse_names_of_entries), for what an update changes in a
    /// local account.
    pub(super) async fn refuse_new_names_of_entries(
        &self,
        id: &UserId,
        update: &UserUpdate,
    ) -> Result<(), AccountError> {
        let email = if let Patch::Set(email) = &update.email { Some(email) } else { None };
        if update.username.is_none() && email.is_none() {
            return Ok(());
        }
        let present = match self.find(id).await {
            Err(error) if error.kind == StorageErrorKind::BadRow => None,
            present => present?,
        };
        if present.as_ref().is_some_and(|user| self.passwords.is_of_directory(user)) {
            return Ok(());
        }
        let folded = |name: &str| Normalization::Nfkc.apply(name);
        let has = |name: &&String| {
            present.as_ref().is_some_and(|user| {
                let names = [Some(&user.username), user.email.as_ref()];
                names.into_iter().flatten().any(|present| folded(present) == folded(name))
            })
        };
        let username = update.username.as_ref().filter(|name| !has(name));
        let email = email.filter(|email| !has(email));
        self.refuse_names_of_entries(username.map(String::as_str), email.map(String::as_str)).await
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
