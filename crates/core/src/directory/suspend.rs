//! Disables accounts whose entries are gone or may not log in.

use super::{DirectoryAccounts, DirectoryLink, Entry, EntryRefusal};
use crate::account::LINKS;
use crate::audit::Act;
use crate::storage::{Change, Changed, Effects, EndSessions, Guard, StorageError, StoredUser};
use crate::user::{Patch, SecretsUpdate, StateEvent, UserState};

/// The outcome of disabling an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspended {
    Done,
    /// The account is the last administrator, and stays.
    LastAdmin,
    /// The account was changed in this moment.
    Changed,
}

impl DirectoryAccounts {
    /// Disables an account, like the next comparison would, whose entry has authenticated and is
    /// disabled or in no group that may log in.
    pub(crate) async fn apply_refusal(
        &self,
        found: &StoredUser,
        reason: EntryRefusal,
    ) -> Result<(), StorageError> {
        let (user, secrets) = found.parts();
        let link = DirectoryLink::parse(secrets.password.as_deref());
        let is_lasting = matches!(reason, EntryRefusal::Disabled | EntryRefusal::NotInGroup);
        // Without the id, nothing says afterwards that the directory disabled the account.
        let is_linked = link.is_some_and(|link| link.id().is_some());
        if is_lasting && is_linked && user.state != UserState::Disabled {
            match self.suspend(found, None).await? {
                Suspended::Done => {
                    tracing::info!(user = %user.id, "the directory disabled an account");
                }
                Suspended::LastAdmin | Suspended::Changed => {}
            }
        }
        Ok(())
    }

    /// Disables an account because its entry is gone or may not log in, and ends its sessions.
    pub(super) async fn suspend(
        &self,
        found: &StoredUser,
        entry: Option<&Entry>,
    ) -> Result<Suspended, StorageError> {
        let credentials = found.credentials();
        let mut key = None;
        let id = match (DirectoryLink::parse(found.parts().1.password.as_deref()), entry) {
            (Some(DirectoryLink::Entry { id, .. }), _) => Some(id),
            (Some(DirectoryLink::Name), Some(entry)) if found.epoch().is_some() => {
                let unlinked = self.unlinked(found, entry).await?;
                unlinked.map(|new| {
                    key = new;
                    entry.id.clone()
                })
            }
            (Some(DirectoryLink::Name) | None, _) => None,
        };
        // Of a link by name nothing says afterwards that the directory disabled the account: an
        // administrator enables it, as the entry that then has the name may be that of another person.
        let link = id.map(|id| DirectoryLink::Entry { id, is_suspended: true }.stored());
        let password = link.map_or(Patch::Keep, Patch::Set);
        let audit = [self.audit.event(Act::DirectoryDisabled).about_stored(found)];
        let change = Change {
            secrets: SecretsUpdate { password, ..SecretsUpdate::default() },
            event: Some(StateEvent::Disabled),
            guard: Guard::CredentialsAndNotTheLastAdmin(&credentials),
            effects: Effects {
                sessions: EndSessions::All,
                revoke: LINKS,
                issue: key.as_slice(),
                audit: &audit,
                ..Effects::default()
            },
            ..Change::default()
        };
        Ok(match self.users.change(found.id(), &change).await? {
            Changed::Done(_) | Changed::DoneUnreadable => Suspended::Done,
            Changed::LastAdmin => Suspended::LastAdmin,
            Changed::GuardFailed
            | Changed::NoSuchUser
            | Changed::NotAllowed
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::SessionGone
            | Changed::UsernameTaken
            | Changed::EmailTaken => Suspended::Changed,
        })
    }
}
