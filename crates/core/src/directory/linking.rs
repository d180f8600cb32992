//! Links between accounts and entries, on behalf of an administrator.

use super::account::entry_key;
use super::first_login::Creation;
use super::verify::is_linked;
use super::{
    DirectoryAccounts, DirectoryError, DirectoryLink, Entry, EntryRef, Found, PasswordSource,
};
use crate::account::{AccountError, AccountRef};
use crate::audit::Act;
use crate::key::KeyPrefix;
use crate::storage::{
    Change, Changed, CredentialVersion, Effects, EndSessions, Guard, StorageError, StoredUser,
};
use crate::user::{FactorName, Patch, SecretsUpdate, StateEvent, User, UserId, UserUpdate};

/// What another way to authenticate makes invalid: what an old password may have given to others.
const REVOKED: &[KeyPrefix] = &[
    KeyPrefix::PasswordReset,
    KeyPrefix::EmailVerification,
    KeyPrefix::AddressRestore,
    KeyPrefix::KnownDevice,
    KeyPrefix::ApiKey,
];

/// Why an account was not linked to an entry, or not unlinked.
#[derive(Debug, thiserror::Error)]
pub enum LinkingError {
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchUser,
    /// The directory has no such entry, or more than one, or it may not log in.
    #[error("the directory has no such entry, or the entry is not one that may log in")]
    NoSuchEntry,
    /// Another account has the entry or its username.
    #[error("another account is linked to this entry, or has its username")]
    Taken,
    /// The entry of this name has another username, and was not given by its id: users can often
    /// change attributes of their entries, such as `mail`, by which these are found.
    #[error("the entry of this name has the username {username} and the id {id}")]
    OtherName {
        /// The username of the entry.
        username: String,
        /// Its id.
        id: String,
    },
    /// The account is linked to another entry, and the new one was not given by its id: it may be that
    /// of another person who has got the same name.
    #[error(
        "the account is linked to another entry, with the id {linked}; the one of its name has the id \
         {id}"
    )]
    OtherEntry {
        /// The id of the entry to which the account is linked.
        linked: String,
        /// The id of the entry that has the name.
        id: String,
    },
    /// The account does not belong to the directory.
    #[error("the account does not belong to the directory")]
    NotLinked,
    /// The account was changed in this moment.
    #[error("the account was changed in this moment; try again")]
    Changed,
    /// The entry makes no account that is allowed.
    #[error(transparent)]
    Account(AccountError),
    /// The directory cannot be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl DirectoryAccounts {
    /// Creates the account of an entry, so that its user can log in.
    pub async fn create(&self, entry: EntryRef<'_>) -> Result<User, LinkingError> {
        let entry = self.entry(entry).await?;
        if self.linked_account(&entry).await?.is_some() {
            return Err(LinkingError::Taken);
        }
        match self.create_for(&entry, Act::UserCreated).await? {
            Creation::Done(stored) => {
                tracing::info!(user = %stored.id(), dn = entry.dn, "account of an entry created");
                Ok(self.up_to_date(*stored, &entry).await?)
            }
            Creation::Taken => Err(LinkingError::Taken),
            Creation::Invalid(error) => Err(LinkingError::Account(error)),
        }
    }

    /// Links an account to the entry with this id or, without an id, to the one that has its username,
    /// unless the account is linked to another one. From then on, the directory verifies the password. Ends the sessions of the account, and
    /// deletes its API keys and known devices.
    pub async fn link(
        &self,
        account: impl Into<AccountRef<'_>>,
        id: Option<&str>,
    ) -> Result<User, LinkingError> {
        let found = self.accounts.stored(account).await?.ok_or(LinkingError::NoSuchUser)?;
        let entry = self.entry(EntryRef { name: found.username(), id }).await?;
        if id.is_none() {
            self.check_same_person(&found, &entry)?;
        }
        if self.linked_account(&entry).await?.is_some_and(|other| other.id() != found.id()) {
            return Err(LinkingError::Taken);
        }
        let key = self.keys.find(&entry_key(&entry.id)).await?;
        let is_own = key.is_some_and(|key| key.userid.as_ref() == Some(found.id()));
        // Upstream reads the tables where there are no epochs.
        let link = match found.epoch() {
            Some(_) => DirectoryLink::to_entry(entry.id.as_str()),
            None => DirectoryLink::Name,
        };
        let mut revoke = REVOKED.to_vec();
        let mut issue = Vec::new();
        if !is_own {
            revoke.push(KeyPrefix::DirectoryEntry);
            issue.push(self.new_entry_key(&entry, found.username()));
        }
        let credentials = found.credentials();
        let audit = [self.audit.event(Act::UserLinked).about_stored(&found)];
        let effects = Effects { issue: &issue, audit: &audit, ..ends(&revoke) };
        let change = authenticating(
            self.directory.factor(),
            Patch::Set(link.stored()),
            (&credentials, effects),
        );
        let stored = self.change(found.id(), &change).await?;
        tracing::info!(user = %stored.id(), dn = entry.dn, "account linked to an entry");
        self.up_to_date(stored, &entry).await
    }

    /// Ends the link of an account, which then has no password: an administrator sets one, or the user
    /// resets it by mail. Ends the sessions of the account, and deletes its API keys and known devices.
    pub async fn unlink(&self, account: impl Into<AccountRef<'_>>) -> Result<User, LinkingError> {
        let found = self.accounts.stored(account).await?.ok_or(LinkingError::NoSuchUser)?;
        if !self.passwords.is_of_directory(found.parts().0) {
            return Err(LinkingError::NotLinked);
        }
        let mut revoke = REVOKED.to_vec();
        revoke.push(KeyPrefix::DirectoryEntry);
        let credentials = found.credentials();
        let audit = [self.audit.event(Act::UserUnlinked).about_stored(&found)];
        let effects = Effects { audit: &audit, ..ends(&revoke) };
        let change = authenticating(FactorName::PASSWORD, Patch::Clear, (&credentials, effects));
        let stored = self.change(found.id(), &change).await?;
        tracing::info!(user = %stored.id(), "account does not belong to the directory any more");
        Ok(stored.regardless_of_state().0)
    }

    /// The id of the entry to which an account is linked; `None` for one that is linked by its name,
    /// and of which no entry has been seen.
    /// An error if the account does not belong to the directory.
    pub async fn entry_of(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<Option<String>, LinkingError> {
        let found = self.accounts.stored(account).await?.ok_or(LinkingError::NoSuchUser)?;
        match self.passwords.source_of(&found) {
            PasswordSource::Entry { link, .. } => {
                Ok(self.present_link(&found, link).await?.id().map(str::to_owned))
            }
            PasswordSource::Hash(_) | PasswordSource::None => Err(LinkingError::NotLinked),
        }
    }

    /// Whether the entry that was found by the name of an account is that of the same person, as far as
    /// can be seen.
    fn check_same_person(&self, found: &StoredUser, entry: &Entry) -> Result<(), LinkingError> {
        if !is_linked(entry, found.username(), &DirectoryLink::Name) {
            let (username, id) = (entry.username.clone(), entry.id.clone());
            return Err(LinkingError::OtherName { username, id });
        }
        match self.passwords.source_of(found) {
            PasswordSource::Entry { link: DirectoryLink::Entry { id: linked, .. }, .. }
                if linked != entry.id =>
            {
                Err(LinkingError::OtherEntry { linked, id: entry.id.clone() })
            }
            PasswordSource::Entry { .. } | PasswordSource::Hash(_) | PasswordSource::None => Ok(()),
        }
    }

    async fn entry(&self, entry: EntryRef<'_>) -> Result<Entry, LinkingError> {
        match self.directory.find(&[entry]).await?.pop() {
            Some(Found::Entry(entry)) => Ok(*entry),
            Some(Found::Unusable(problem)) => {
                tracing::warn!(name = entry.name, "no entry that can be used: {problem}");
                Err(LinkingError::NoSuchEntry)
            }
            Some(Found::Gone) | None => Err(LinkingError::NoSuchEntry),
        }
    }

    async fn change(&self, id: &UserId, change: &Change<'_>) -> Result<StoredUser, LinkingError> {
        match self.users.change(id, change).await {
            Ok(Changed::Done(stored)) => Ok(*stored),
            Ok(Changed::NoSuchUser) => Err(LinkingError::NoSuchUser),
            Ok(
                Changed::GuardFailed
                | Changed::NotAllowed
                | Changed::LastAdmin
                | Changed::TokenGone
                | Changed::AlreadyUsed
                | Changed::SessionGone
                | Changed::UsernameTaken
                | Changed::EmailTaken
                | Changed::DoneUnreadable,
            ) => Err(LinkingError::Changed),
            Err(error) if error.is_conflict() => Err(LinkingError::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// An account with the attributes of its entry, if that may log in.
    async fn up_to_date(&self, stored: StoredUser, entry: &Entry) -> Result<User, LinkingError> {
        let applied = self.apply(&stored, entry).await?;
        Ok(applied.unwrap_or(stored).regardless_of_state().0)
    }
}

fn ends(revoke: &[KeyPrefix]) -> Effects<'_> {
    Effects { sessions: EndSessions::All, revoke, ..Effects::default() }
}

/// Another way to authenticate. What was due about the old password is not due any more.
fn authenticating<'a>(
    factor1: FactorName,
    password: Patch<String>,
    (credentials, effects): (&'a CredentialVersion, Effects<'a>),
) -> Change<'a> {
    Change {
        user: UserUpdate { factor1: Some(factor1), ..UserUpdate::default() },
        secrets: SecretsUpdate { password, ..SecretsUpdate::default() },
        event: Some(StateEvent::PasswordSet),
        guard: Guard::CredentialsAre(credentials),
        effects,
    }
}
