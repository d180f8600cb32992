//! Login with a password that the directory verifies.

use super::{Door, Login, LoginAttempt, LoginError, LoginOutcome};
use crate::audit::Act;
use crate::directory::{
    Admitted, DirectoryAccounts, DirectoryErrorKind, Entry, EntryRef, EntryRefusal, FirstLogin,
    Verified,
};
use crate::limit::Limits;
use crate::password::Lane;
use crate::secret::Password;
use crate::storage::{Charge, StoredUser};
use crate::user::{Refusal, StateChecks, UserId};

impl Login {
    /// The directory, if it verifies the password: that of an account that belongs to it, or of a name
    /// without an account where the first login creates one.
    pub(super) fn directory_for(&self, found: Option<&StoredUser>) -> Option<&DirectoryAccounts> {
        let directory = self.directory.as_deref()?;
        let is_asked = match found {
            Some(found) => self.passwords.is_of_directory(found.parts().0),
            None => directory.first_login() == FirstLogin::CreatesAccount,
        };
        is_asked.then_some(directory)
    }

    /// One attempt; `None` if the account or its credentials changed before the session began.
    pub(super) async fn try_directory(
        &self,
        directory: &DirectoryAccounts,
        attempt: &LoginAttempt<'_>,
        found: Option<StoredUser>,
        lane: Lane,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let verified = self.ask(found.as_ref(), attempt, lane).await?;
        let (entry, must_change) = match verified {
            Verified::Match(entry) => (Some(entry), false),
            Verified::MustChange(entry) => (entry, true),
            Verified::Refused(reason) => {
                if let Some(found) = &found {
                    directory.apply_refusal(found, reason).await?;
                }
                return self.refuse_entry(found.as_ref(), reason).await;
            }
            Verified::Mismatch(None) => return self.fail(found.as_ref()).await,
            Verified::Mismatch(Some(reason)) => {
                let user = found.as_ref().map(|found| tracing::field::display(found.id()));
                tracing::info!(user, ?reason, "the directory refuses a password");
                return self.fail(found.as_ref()).await;
            }
        };
        let account = match self.account_of(directory, found, entry.as_deref()).await? {
            Admitted::Account(account) => account,
            Admitted::Changed => return Ok(None),
            Admitted::Refused if entry.is_none() => {
                let due = Refusal::PasswordChangeNeeded;
                return self.refuse_due(None, due, "the password must be changed").await;
            }
            Admitted::Refused => return self.fail(None).await,
        };
        let due = must_change.then_some(Refusal::PasswordChangeNeeded);
        if let Some(due) = due.filter(|_| !self.passwords.can_change(account.parts().0)) {
            return self.refuse_due(Some(&account), due, "the password must be changed").await;
        }
        match account.refusal(StateChecks::ALL).or(due) {
            Some(refusal) => self.refuse(&account, refusal, attempt.door()).await,
            None => self.proceed(&account, &account.credentials(), attempt.door()).await,
        }
    }

    /// Continues the login of a user who has just changed their password, as
    /// [required](crate::password_change::PasswordChanges::change_required). The directory is asked
    /// about the new one first: before the change it may not have shown whose entry it is, in which
    /// groups, and whether it may log in.
    pub async fn admit_changed(
        &self,
        user: &UserId,
        new: Password,
        door: Door<'_>,
    ) -> Result<LoginOutcome, LoginError> {
        let door = door.as_chosen();
        let mut found = self.users.find_by_id(user).await?;
        // A login at the same time may change the account: then it is tried again.
        for _ in 0..2 {
            let Some(account) = found.take() else { break };
            let Some(directory) = self.directory_for(Some(&account)) else {
                return self.admit(user, door).await;
            };
            let username = account.username().to_owned();
            let attempt = LoginAttempt::at(door, &username, new.clone());
            let outcome = self.try_directory(directory, &attempt, Some(account), Lane::Trusted);
            if let Some(outcome) = outcome.await? {
                return Ok(outcome);
            }
            found = self.users.find_by_id(user).await?;
        }
        Ok(LoginOutcome::WrongCredentials)
    }

    async fn ask(
        &self,
        found: Option<&StoredUser>,
        attempt: &LoginAttempt<'_>,
        lane: Lane,
    ) -> Result<Verified, LoginError> {
        let password = attempt.password.clone();
        if let Some(found) = found {
            let source = self.passwords.source_of(found);
            return self.passwords.ask(&source, password, lane).await;
        }
        let entry = EntryRef::named(attempt.username.trim());
        self.passwords.ask_for(Some(entry), password, lane).await
    }

    /// The account of an entry that has authenticated. Without the entry, which the directory may not
    /// show before its password is changed, the account stays as it is.
    async fn account_of(
        &self,
        directory: &DirectoryAccounts,
        found: Option<StoredUser>,
        entry: Option<&Entry>,
    ) -> Result<Admitted, LoginError> {
        match (entry, found) {
            (Some(entry), found) => directory.admit(found, entry).await,
            (None, Some(found)) => Ok(Admitted::Account(Box::new(found))),
            (None, None) => Ok(Admitted::Refused),
        }
    }

    /// The outcome for a correct password of an entry that may not log in.
    async fn refuse_entry(
        &self,
        found: Option<&StoredUser>,
        reason: EntryRefusal,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let refusal = match reason {
            EntryRefusal::PasswordExpired => Refusal::PasswordResetNeeded,
            EntryRefusal::Disabled
            | EntryRefusal::Locked
            | EntryRefusal::NotNow
            | EntryRefusal::NotInGroup
            | EntryRefusal::Unusable => Refusal::NotActive,
            EntryRefusal::Ambiguous => return self.fail(found).await,
        };
        let user = found.map(|found| tracing::field::display(found.id()));
        tracing::info!(user, ?reason, "the directory refuses a login");
        self.refuse_due(found, refusal, &reason.to_string()).await
    }

    /// Refuses a login with a correct password.
    async fn refuse_due(
        &self,
        found: Option<&StoredUser>,
        refusal: Refusal,
        reason: &str,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let event = self.audit().event(Act::LoginRefused).detail("reason", reason);
        let event = match found {
            Some(found) => event.about_stored(found),
            None => event,
        };
        self.audit().record(event).await?;
        Ok(Some(LoginOutcome::Refused(refusal)))
    }
}

/// The charges of a login that are given back, because no wrong password was checked. If the directory
/// gave no answer in time, it may have checked one: the account stays charged for that, but not the
/// address, behind which there are other users.
pub(super) fn unused(
    outcome: &Result<LoginOutcome, LoginError>,
    charges: Vec<Charge>,
) -> Vec<Charge> {
    match outcome {
        Ok(LoginOutcome::WrongCredentials) => Vec::new(),
        Err(LoginError::Directory(error)) if error.kind == DirectoryErrorKind::TimedOut => {
            Limits::of_address(charges)
        }
        Ok(_) | Err(_) => charges,
    }
}
