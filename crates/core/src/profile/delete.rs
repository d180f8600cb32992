//! The end of an account at the request of its owner.

use super::{Deletion, Profile};
use crate::account::AccountError;
use crate::audit::Act;
use crate::message::MessageKind;
use crate::reauthentication::PasswordRejection;
use crate::secret::Password;
use crate::storage::{Effects, Guard};
use crate::user::User;

impl Profile {
    /// Deletes an account and notifies its owner, who must give the password. The last administrator
    /// cannot be deleted.
    pub async fn delete(&self, user: &User, password: Password) -> Result<Deletion, AccountError> {
        let found = self.users.find_by_id(&user.id).await?.ok_or(AccountError::NoSuchUser)?;
        let reauthentication = &self.parts.reauthentication;
        let source = reauthentication.passwords.source_of(&found);
        let checked = reauthentication.check::<AccountError>(&user.id, &source, password);
        if let Some(rejection) = checked.await? {
            return Ok(Deletion::Rejected(rejection));
        }
        let credentials = found.credentials();
        let user = found.regardless_of_state().0;
        let notice = self.notices.compose(MessageKind::AccountDeleted, &user, &[])?;
        let audit = [self.audit.event(Act::AccountDeleted).about(&user)];
        let effects = Effects { send: notice.as_slice(), audit: &audit, ..Effects::default() };
        let guard = Guard::CredentialsAndNotTheLastAdmin(&credentials);
        if !self.parts.accounts.delete_guarded(&user.id, guard, &effects).await? {
            return Ok(Deletion::Rejected(PasswordRejection::Wrong));
        }
        tracing::info!(user = %user.id, "account deleted by its owner");
        Ok(Deletion::Deleted)
    }
}
