//! The account of an entry that has authenticated.

use super::account::entry_key;
use super::by_name::FoundBy;
use super::{DirectoryAccounts, DirectoryError, DirectoryLink, Entry, FirstLogin, PasswordSource};
use crate::account::AccountError;
use crate::audit::Act;
use crate::key::KeyPrefix;
use crate::storage::{Created, Effects, Guard, StorageError, StoredUser};
use crate::user::{NewUser, UserSecrets};

/// The outcome of a correct password of an entry.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// The account, which is now as the entry says.
    Account(Box<StoredUser>),
    /// The account was changed in this moment: try again.
    Changed,
    /// The entry has no account, and none is created for it.
    Refused,
}

/// The outcome of creating an account.
pub(super) enum Creation {
    Done(Box<StoredUser>),
    /// Another account has the name or the entry.
    Taken,
    /// The entry makes no account that is allowed.
    Invalid(AccountError),
}

impl DirectoryAccounts {
    /// The account of an entry that has authenticated, brought up to date; `found` is the account
    /// that has the name that was typed.
    pub(crate) async fn admit<E>(
        &self,
        found: Option<StoredUser>,
        entry: &Entry,
    ) -> Result<Admitted, E>
    where
        E: From<StorageError> + From<DirectoryError>,
    {
        let found = match found {
            Some(found) => match self.accepted::<E>(found, entry, FoundBy::Username).await? {
                Some(found) => found,
                None => return Ok(Admitted::Refused),
            },
            None => match self.account_of::<E>(entry).await? {
                Some(found) => found,
                None => return Ok(Admitted::Refused),
            },
        };
        let applied = self.apply(&found, entry).await?;
        Ok(applied.map_or(Admitted::Changed, |stored| Admitted::Account(Box::new(stored))))
    }

    /// The account of an entry, which is created if it may be. Of two first logins at once, one
    /// creates it, and the other finds it.
    async fn account_of<E>(&self, entry: &Entry) -> Result<Option<StoredUser>, E>
    where
        E: From<StorageError> + From<DirectoryError>,
    {
        if let Some(found) = self.find_account(entry).await? {
            return self.accepted(found, entry, FoundBy::OtherName).await;
        }
        if self.first_login == FirstLogin::NeedsAccount {
            return Ok(None);
        }
        match self.create_for(entry, Act::AccountCreated).await? {
            Creation::Done(stored) => {
                tracing::info!(user = %stored.id(), dn = entry.dn, "account created at first login");
                return Ok(Some(*stored));
            }
            Creation::Invalid(error) => {
                tracing::warn!(dn = entry.dn, %error, "no account can be created for an entry");
                return Ok(None);
            }
            Creation::Taken => {}
        }
        if let Some(found) = self.find_account(entry).await? {
            return self.accepted(found, entry, FoundBy::OtherName).await;
        }
        tracing::warn!(
            dn = entry.dn,
            "no account can be created for an entry: its username is the e-mail address of another \
             account"
        );
        Ok(None)
    }

    /// The account that is linked to an entry or, if there is none, the one with its username, unless
    /// that is an address which its user has not proved to own.
    pub(super) async fn find_account(
        &self,
        entry: &Entry,
    ) -> Result<Option<StoredUser>, StorageError> {
        if let Some(found) = self.linked_account(entry).await? {
            return Ok(Some(found));
        }
        let found = self.users.find_by_username(&entry.username).await?;
        let is_address = entry.username.contains('@');
        Ok(found.filter(|found| !(is_address && self.is_unproved(found))))
    }

    /// The account that is linked to an entry, whatever its username.
    pub(super) async fn linked_account(
        &self,
        entry: &Entry,
    ) -> Result<Option<StoredUser>, StorageError> {
        let Some(key) = self.keys.find(&entry_key(&entry.id)).await? else { return Ok(None) };
        let Some(owner) = &key.userid else { return Ok(None) };
        let found = self.users.find_by_id(owner).await?;
        let Some(found) = found.filter(|found| self.passwords.is_of_directory(found.parts().0))
        else {
            return Ok(None);
        };
        let source = self.passwords.source_of(&found);
        let is_by_name = matches!(source, PasswordSource::Entry { link: DirectoryLink::Name, .. });
        if is_by_name && !Self::is_key_of(&key, &found) {
            tracing::warn!(
                user = %found.id(),
                dn = entry.dn,
                "the account of an entry was renamed or replaced by another program, and is not that of \
                 the entry any more"
            );
            self.keys.delete(&key.value).await?;
            return Ok(None);
        }
        Ok(Some(found))
    }

    /// The account, unless it is not that of the entry but only has its name.
    async fn accepted<E>(
        &self,
        found: StoredUser,
        entry: &Entry,
        found_by: FoundBy,
    ) -> Result<Option<StoredUser>, E>
    where
        E: From<StorageError> + From<DirectoryError>,
    {
        let linked = match self.passwords.source_of(&found) {
            PasswordSource::Entry { link, .. } => Some(link),
            PasswordSource::Hash(_) | PasswordSource::None => None,
        };
        let refusal = match linked.as_ref().map(DirectoryLink::id) {
            Some(None) => self.not_of_name::<E>(&found, entry, found_by).await?,
            Some(Some(id)) if id == entry.id => None,
            Some(Some(_)) => Some("the account of its username is linked to another entry"),
            None => {
                Some("its username is that of an account that does not belong to the directory")
            }
        };
        let Some(reason) = refusal else { return Ok(Some(found)) };
        tracing::warn!(
            dn = entry.dn,
            user = %found.id(),
            reason,
            "the login of an entry is refused; link the account to the entry if it is the same person"
        );
        Ok(None)
    }

    /// Creates an account for an entry. An e-mail address that another account has is left out.
    pub(super) async fn create_for(
        &self,
        entry: &Entry,
        act: Act,
    ) -> Result<Creation, StorageError> {
        let mut user = match self.accounts.draft_of_entry(entry, self.directory.factor()) {
            Ok(user) => user,
            Err(AccountError::Storage(error)) => return Err(error),
            Err(error) => return Ok(Creation::Invalid(error)),
        };
        loop {
            match self.insert(&user, entry, act.clone()).await? {
                Created::Done(stored) => return Ok(Creation::Done(stored)),
                Created::UsernameTaken | Created::EmailTaken
                    if Box::pin(self.release_unproved(&user.username, user.email.as_deref()))
                        .await? => {}
                Created::EmailTaken if user.email.is_some() => {
                    if self.users.find_id(&user.username).await?.is_some() {
                        return Ok(Creation::Taken);
                    }
                    tracing::warn!(
                        dn = entry.dn,
                        "the e-mail address of an entry is that of another account, and left out"
                    );
                    user.email = None;
                }
                Created::UsernameTaken
                | Created::EmailTaken
                | Created::TokenGone
                | Created::GuardFailed => return Ok(Creation::Taken),
            }
        }
    }

    /// Stores an account that is linked to the entry by its name, as upstream reads it. The first
    /// login, which follows, makes that a link to the entry where no other program reads it.
    async fn insert(
        &self,
        user: &NewUser,
        entry: &Entry,
        act: Act,
    ) -> Result<Created, StorageError> {
        let password = Some(DirectoryLink::Name.stored());
        let secrets = UserSecrets { password, ..UserSecrets::default() };
        let issue = [self.new_entry_key(entry, &user.username)];
        let created = self.accounts.created(act, user).detail("directory", true);
        let audit = [if user.admin { created.detail("admin", true) } else { created }];
        let revoke: &[KeyPrefix] = if user.admin { &[KeyPrefix::Setup] } else { &[] };
        let effects = Effects { revoke, issue: &issue, audit: &audit, ..Effects::default() };
        match self.users.create(user, &secrets, Guard::None, &effects).await {
            // Another account is linked to the entry.
            Err(error) if error.is_conflict() => Ok(Created::UsernameTaken),
            created => created,
        }
    }
}
