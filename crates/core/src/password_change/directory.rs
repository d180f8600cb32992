//! Passwords that are changed in the directory.

use super::{ENDS, PasswordChanges};
use crate::account::AccountError;
use crate::audit::Act;
use crate::directory::{Confirmation, PasswordSet, PasswordSource};
use crate::form::{Field, FieldError, Rule};
use crate::message::MessageKind;
use crate::password::Lane;
use crate::reauthentication::PasswordRejection;
use crate::secret::Password;
use crate::storage::{Change, Changed, Effects, StorageError, StoredUser};
use crate::user::Patch;

impl PasswordChanges {
    /// Changes the password of an entry. The storage gets nothing, because the directory has the new
    /// one then.
    pub(super) async fn set_in_directory(
        &self,
        found: &StoredUser,
        source: &PasswordSource<'_>,
        (old, new): (&Password, &Password),
    ) -> Result<Result<Patch<String>, PasswordRejection>, AccountError> {
        match self.reauthentication.passwords.change(source, old, new).await? {
            PasswordSet::Done => {
                tracing::info!(user = %found.id(), "password changed in the directory");
                Ok(Ok(Patch::Keep))
            }
            PasswordSet::WrongPassword => Ok(Err(PasswordRejection::Wrong)),
            PasswordSet::Refused(text) => {
                let text = text.unwrap_or_else(|| "is not accepted by the directory".to_owned());
                let error = FieldError::new(Field::NewPassword, Rule::Custom(text));
                Err(AccountError::Form(vec![error]))
            }
            PasswordSet::NotSupported => Err(AccountError::DirectoryPassword),
        }
    }

    /// Whether the entry whose password was just changed, which could not be read before, is that of
    /// the account. If not, its user may be another person of the same name: the account stays as it
    /// is, and the login that continues is refused.
    pub(super) async fn is_of_account(&self, found: &StoredUser, new: Password) -> bool {
        let passwords = &self.reauthentication.passwords;
        let source = passwords.source_of(found);
        let confirmed = passwords.verify::<AccountError>(&source, new, Lane::Trusted).await;
        let is_of_account = matches!(confirmed, Ok(Confirmation::Correct));
        if !is_of_account {
            tracing::warn!(
                user = %found.id(),
                ?confirmed,
                "a password was changed in the directory, of an entry that is not seen to be that of \
                 the account; the account and its sessions stay as they are"
            );
        }
        is_of_account
    }

    /// Stores a change of the password. If the directory has the new one already, and the account was
    /// changed here at the same time or the storage fails, ends what the old one gave nevertheless.
    pub(super) async fn store_change(
        &self,
        found: &StoredUser,
        change: &Change<'_>,
    ) -> Result<Changed, AccountError> {
        let user = found.id();
        let changed = self.users.change(user, change).await;
        if change.secrets.password != Patch::Keep
            || matches!(changed, Ok(Changed::Done(_) | Changed::NoSuchUser))
        {
            return Ok(changed?);
        }
        tracing::warn!(
            %user,
            ?changed,
            "the password was changed in the directory, but not the account; all its sessions end"
        );
        match self.end_access(found).await {
            Ok(()) => Err(AccountError::ChangedInDirectory(None)),
            Err(error) => {
                tracing::error!(
                    %user,
                    %error,
                    "the password was changed in the directory, but the sessions of the account have \
                     not ended: crossauth user revoke-all ends them"
                );
                Err(AccountError::ChangedInDirectory(Some(error)))
            }
        }
    }

    /// Ends what a former password gave, whatever the account is now.
    async fn end_access(&self, found: &StoredUser) -> Result<(), StorageError> {
        let user = found.clone().regardless_of_state().0;
        let notice = self.notices.compose(MessageKind::PasswordChanged, &user, &[])?;
        let audit = [self.audit.event(Act::PasswordChanged).about(&user)];
        let effects = Effects { send: notice.as_slice(), audit: &audit, ..ENDS };
        self.users.change(&user.id, &Change { effects, ..Change::default() }).await.map(drop)
    }
}
