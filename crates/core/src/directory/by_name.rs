//! Accounts that are linked to the directory by their name: those of other programs, until their first
//! login, and in tables that another program reads always.
//!
//! The key by which the account of an entry is found records which entry the name was that of. When an
//! entry leaves its name to another one, the account does not go with the name.

use serde_json::{Map, Value};

use super::account::entry_key;
use super::{
    DirectoryAccounts, DirectoryError, DirectoryErrorKind, DirectoryLink, Entry, EntryRef, Found,
    LinkingError, PasswordSource, SyncError,
};
use crate::account::AccountRef;
use crate::key::{Key, KeyData, KeyPrefix};
use crate::storage::{StorageError, StoredUser};

const ENTRY: &str = "entry";
const USERNAME: &str = "username";

/// How the entry was found that may be that of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FoundBy {
    /// The directory was asked for the username of the account.
    Username,
    /// Something else was typed, such as an e-mail address of the entry.
    OtherName,
}

impl DirectoryAccounts {
    /// The key by which the account of an entry is found, with the username that it has now.
    pub(super) fn new_entry_key(&self, entry: &Entry, username: &str) -> Key {
        let data = [(ENTRY, entry.id.as_str()), (USERNAME, username)];
        let data = data.map(|(name, value)| (name.to_owned(), Value::from(value)));
        let data = KeyData::from_object(&Map::from_iter(data));
        Key { data, ..Key::permanent(entry_key(&entry.id).as_str(), self.clock.now()) }
    }

    /// The link of an account, or that to the recorded entry if it is linked by its name.
    pub(super) async fn present_link(
        &self,
        found: &StoredUser,
        link: DirectoryLink,
    ) -> Result<DirectoryLink, StorageError> {
        if link != DirectoryLink::Name {
            return Ok(link);
        }
        let recorded = self.recorded_entry(found).await?;
        Ok(recorded.map_or(DirectoryLink::Name, DirectoryLink::to_entry))
    }

    /// The accounts of the directory, with their usernames and links.
    pub(super) async fn linked(
        &self,
        accounts: Vec<StoredUser>,
    ) -> Result<Vec<(StoredUser, String, DirectoryLink)>, StorageError> {
        let mut linked = Vec::with_capacity(accounts.len());
        for found in accounts {
            let (username, link) = match self.passwords.source_of(&found) {
                PasswordSource::Entry { username, link } => (username.to_owned(), link),
                PasswordSource::Hash(_) | PasswordSource::None => continue,
            };
            let link = self.present_link(&found, link).await?;
            linked.push((found, username, link));
        }
        Ok(linked)
    }

    /// The id of the entry that an account which is linked by its name has had so far.
    async fn recorded_entry(&self, found: &StoredUser) -> Result<Option<String>, StorageError> {
        let prefix = KeyPrefix::DirectoryEntry;
        let keys = self.keys.list_for_user(Some(found.id()), prefix, None, 1).await?;
        Ok(keys.first().and_then(|key| recorded(key, found.username())))
    }

    /// Why the password of an entry does not log in to an account that is linked by its name and has the
    /// name of the entry; `None` if it does, or if the account is linked to an entry.
    pub async fn refusal_of_name(
        &self,
        account: impl Into<AccountRef<'_>>,
        entry: &Entry,
    ) -> Result<Option<&'static str>, LinkingError> {
        let found = self.accounts.stored(account).await?.ok_or(LinkingError::NoSuchUser)?;
        match self.passwords.source_of(&found) {
            PasswordSource::Entry { link: DirectoryLink::Name, .. } => {
                self.not_of_name(&found, entry, FoundBy::OtherName).await
            }
            PasswordSource::Entry { .. } | PasswordSource::Hash(_) | PasswordSource::None => {
                Ok(None)
            }
        }
    }

    /// Whether a key leads to an account that is linked by its name. It does not if another program
    /// has renamed the account, or deleted it and given its id to another one.
    pub(super) fn is_key_of(key: &Key, found: &StoredUser) -> bool {
        recorded(key, found.username()).is_some()
    }

    /// Why an entry is not that of an account that is linked by its name, although it has the name;
    /// `None` if it is.
    pub(super) async fn not_of_name<E>(
        &self,
        found: &StoredUser,
        entry: &Entry,
        found_by: FoundBy,
    ) -> Result<Option<&'static str>, E>
    where
        E: From<StorageError> + From<DirectoryError>,
    {
        if self.linked_account(entry).await?.is_some_and(|other| other.id() != found.id()) {
            return Ok(Some("another account is linked to the entry"));
        }
        if let Some(id) = self.recorded_entry(found).await? {
            let is_other = id != entry.id;
            return Ok(is_other.then_some("the account has been that of another entry"));
        }
        if entry.username != found.username() {
            let exact = self.users.find_by_username(&entry.username).await?;
            if exact.is_some_and(|other| other.id() != found.id()) {
                return Ok(Some("another account has exactly the username of the entry"));
            }
        }
        if found_by == FoundBy::Username || self.is_named(found.username(), entry).await? {
            return Ok(None);
        }
        Ok(Some("the directory does not show that the entry alone has the username"))
    }

    /// What was found, unless it is an entry that only has the name of the account.
    pub(super) async fn unless_of_another(
        &self,
        stored: &StoredUser,
        link: &DirectoryLink,
        found: Found,
    ) -> Result<Found, SyncError> {
        let (DirectoryLink::Name, Found::Entry(entry)) = (link, &found) else { return Ok(found) };
        let reason = self.not_of_name::<SyncError>(stored, entry, FoundBy::Username).await?;
        Ok(reason.map_or(found, |reason| Found::Unusable(reason.to_owned())))
    }

    /// Whether the directory finds an entry, and no other, by a username.
    async fn is_named(&self, username: &str, entry: &Entry) -> Result<bool, DirectoryError> {
        match self.directory.find(&[EntryRef::named(username)]).await {
            Ok(mut found) => {
                let named = found.pop().and_then(Found::entry);
                Ok(named.is_some_and(|named| named.id == entry.id))
            }
            // The directory shows no entry without its password.
            Err(error) if error.kind == DirectoryErrorKind::Configuration => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The id of the entry that a key records, if it was recorded for an account with this username.
fn recorded(key: &Key, username: &str) -> Option<String> {
    let mut data = key.data.object().ok()?;
    let is_same = data.get(USERNAME).and_then(Value::as_str) == Some(username);
    match data.remove(ENTRY) {
        Some(Value::String(id)) if is_same => Some(id),
        _ => None,
    }
}
