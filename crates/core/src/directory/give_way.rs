//! Accounts that give a username or an e-mail address up to the account of an entry: those of entries
//! that have got others, and those whose user has not proved to own the address.

use super::apply::{Difference, OF_ADDRESS};
use super::verify::is_linked;
use super::{DirectoryAccounts, DirectoryLink, Entry, EntryRef, Found, PasswordSource};
use crate::account::AccountUpdate;
use crate::audit::Act;
use crate::storage::{Change, Changed, Effects, Guard, StorageError, StoredUser};
use crate::user::{Normalization, Patch, UserState, UserUpdate, Username};

/// How many accounts move in a row, such as those of entries that change usernames in a circle.
const MAX_MOVED: usize = 50;

/// An account that gave something up, and what it gets from its entry instead.
pub(super) struct Moved {
    stored: StoredUser,
    instead: UserUpdate,
}

/// What two accounts cannot both have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unique<'a> {
    Username(&'a str),
    Email(&'a str),
}

impl DirectoryAccounts {
    /// Lets another account give up what stands in the way of an update; `false` if none does.
    pub(super) async fn make_way(
        &self,
        update: &UserUpdate,
        found: &StoredUser,
        moved: &mut Vec<Moved>,
    ) -> Result<bool, StorageError> {
        let email = if let Patch::Set(email) = &update.email { Some(email.as_str()) } else { None };
        let wanted = [update.username.as_deref(), email].into_iter().flatten();
        for text in wanted.collect::<Vec<_>>() {
            for holder in self.holders(text).await? {
                if holder.0.id() != found.id() && self.give_up(holder, moved).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Lets the local accounts give up a username and an address whose users have not proved to own it;
    /// `false` if there is none.
    pub(super) async fn release_unproved(
        &self,
        username: &str,
        email: Option<&str>,
    ) -> Result<bool, StorageError> {
        for text in std::iter::once(username).chain(email) {
            for (holder, unique) in self.holders(text).await? {
                if self.is_released(&holder, unique) && self.clear(&holder, unique).await?.is_some()
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The accounts that have a text as username or address.
    async fn holders<'a>(
        &self,
        text: &'a str,
    ) -> Result<Vec<(StoredUser, Unique<'a>)>, StorageError> {
        let by_name = self.users.find_by_username(text).await?;
        let by_name = by_name.map(|holder| (holder, Unique::Username(text)));
        let by_email =
            if text.contains('@') { self.users.find_by_email(text).await? } else { None };
        Ok(by_name
            .into_iter()
            .chain(by_email.map(|holder| (holder, Unique::Email(text))))
            .collect())
    }

    /// Whether an account is local, and its user has not proved to own the address, where that must be.
    pub(crate) fn is_unproved(&self, account: &StoredUser) -> bool {
        let user = account.parts().0;
        let awaits = matches!(
            user.state,
            UserState::AwaitingEmailVerification
                | UserState::AwaitingTwoFactorSetupAndEmailVerification
        );
        awaits && !self.passwords.is_of_directory(user)
    }

    /// Whether an account must give an address up that its user has not proved to own.
    fn is_released(&self, holder: &StoredUser, unique: Unique<'_>) -> bool {
        let is_address = match unique {
            Unique::Username(name) => name.contains('@'),
            Unique::Email(_) => true,
        };
        is_address && self.is_unproved(holder)
    }

    async fn give_up(
        &self,
        (holder, unique): (StoredUser, Unique<'_>),
        moved: &mut Vec<Moved>,
    ) -> Result<bool, StorageError> {
        if self.is_released(&holder, unique) {
            return Ok(self.clear(&holder, unique).await?.is_some());
        }
        if moved.len() >= MAX_MOVED {
            return Ok(false);
        }
        let Some(instead) = self.instead(&holder, unique).await? else { return Ok(false) };
        let Some(stored) = self.clear(&holder, unique).await? else { return Ok(false) };
        moved.push(Moved { stored, instead });
        Ok(true)
    }

    /// What an account of the directory gets instead of this; `None` if its entry has it still.
    async fn instead(
        &self,
        holder: &StoredUser,
        unique: Unique<'_>,
    ) -> Result<Option<UserUpdate>, StorageError> {
        let user = holder.parts().0;
        let Some(entry) = self.linked_entry(holder).await else { return Ok(None) };
        let folded = |text: &str| Normalization::Nfkc.apply(text);
        let mut update = AccountUpdate::default();
        match unique {
            Unique::Username(name) if folded(name) != folded(&entry.username) => {
                update.username = Some(entry.username);
            }
            Unique::Email(email) if self.factors.bound_field(user) != Some("email") => {
                update.email = match entry.email {
                    Some(other) if folded(&other) != folded(email) => Patch::Set(other),
                    Some(_) | None => return Ok(None),
                };
            }
            Unique::Username(_) | Unique::Email(_) => return Ok(None),
        }
        let update = self.checked(&user.id, update).await?;
        Ok((update != UserUpdate::default()).then_some(update))
    }

    /// The entry to which an account is linked by its id.
    async fn linked_entry(&self, holder: &StoredUser) -> Option<Entry> {
        let PasswordSource::Entry { username, link } = self.passwords.source_of(holder) else {
            return None;
        };
        let DirectoryLink::Entry { id, .. } = &link else { return None };
        let asked = EntryRef { name: username, id: Some(id) };
        match self.directory.find(&[asked]).await {
            Ok(mut found) => {
                let entry = found.pop().and_then(Found::entry);
                entry.filter(|entry| is_linked(entry, username, &link))
            }
            Err(error) => {
                tracing::warn!(user = %holder.id(), %error, "the entry of an account cannot be read");
                None
            }
        }
    }

    /// Takes a username or an address from an account; `None` if that is not possible. The account gets
    /// a username that tells its id.
    async fn clear(
        &self,
        holder: &StoredUser,
        unique: Unique<'_>,
    ) -> Result<Option<StoredUser>, StorageError> {
        let (user, field) = match unique {
            Unique::Username(_) => {
                let Ok(name) = Username::parse(&format!("renamed-{}", holder.id())) else {
                    return Ok(None);
                };
                let username = Some(name.into_string());
                (UserUpdate { username, ..UserUpdate::default() }, "username")
            }
            Unique::Email(_) => {
                (UserUpdate { email: Patch::Clear, ..UserUpdate::default() }, "email")
            }
        };
        let credentials = holder.credentials();
        let event = self.audit.event(Act::DirectoryChanged).detail("fields", field);
        let audit = [event.about_stored(holder)];
        let effects = Effects { revoke: OF_ADDRESS, audit: &audit, ..Effects::default() };
        let guard = Guard::CredentialsAre(&credentials);
        let change = Change { user, guard, effects, ..Change::default() };
        Ok(match self.users.change(holder.id(), &change).await? {
            Changed::Done(stored) => {
                tracing::warn!(
                    user = %holder.id(),
                    field,
                    "an account gives way to an entry of the directory"
                );
                Some(*stored)
            }
            Changed::DoneUnreadable
            | Changed::NoSuchUser
            | Changed::GuardFailed
            | Changed::NotAllowed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::SessionGone
            | Changed::UsernameTaken
            | Changed::EmailTaken => None,
        })
    }

    /// Gives accounts that gave something up what their entries have instead.
    pub(super) async fn move_on(&self, mut moved: Vec<Moved>) -> Result<(), StorageError> {
        let mut next = 0;
        while let Some(Moved { stored, instead }) = moved.get(next) {
            let (stored, user) = (stored.clone(), instead.clone());
            self.write_over(&stored, Difference::of(user), &mut moved).await?;
            next += 1;
        }
        Ok(())
    }
}
