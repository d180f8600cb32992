//! Outdated hashes of passwords.

use super::{Login, LoginError};
use crate::storage::{Change, Changed, CredentialVersion, Guard, StoredUser};
use crate::user::{Patch, SecretsUpdate};

impl Login {
    /// Replaces an outdated hash of the same password. Returns the credentials afterwards.
    pub(super) async fn upgrade(
        &self,
        found: &StoredUser,
        new: String,
    ) -> Result<CredentialVersion, LoginError> {
        let secrets = SecretsUpdate { password: Patch::Set(new), ..SecretsUpdate::default() };
        let guard = found.password_hash().map_or(Guard::None, Guard::PasswordIs);
        let change = Change { secrets, guard, ..Change::default() };
        let changed = self.users.change(found.id(), &change).await?;
        Ok(match changed {
            Changed::Done(stored) => {
                tracing::info!(user = %found.id(), "password hash upgraded");
                stored.credentials()
            }
            // A concurrent login has upgraded it, or the account was changed: beginning the session
            // detects which.
            Changed::NoSuchUser
            | Changed::NotAllowed
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::SessionGone
            | Changed::UsernameTaken
            | Changed::EmailTaken
            | Changed::DoneUnreadable => found.credentials(),
        })
    }
}
