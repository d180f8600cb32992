//! What a logged-in user must show, beside an open session, for changes that matter: a login that
//! is fresh, or the password once more.
//!
//! Wrong passwords are counted for each account, over all such changes together: a session that
//! another person finds open must not allow them to guess the password.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Act, Audit};
use crate::challenge::Account;
use crate::clock::{Clock, Timestamp};
use crate::deps::Deps;
use crate::directory::{Confirmation, DirectoryError, PasswordSource, Passwords};
use crate::limit::{Limits, TooMany};
use crate::password::{HashError, Lane};
use crate::secret::Password;
use crate::session::Session;
use crate::storage::{StorageError, UserStore};
use crate::user::UserId;

/// Why the password of a logged-in user is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRejection {
    /// It is wrong, or was changed in this moment.
    Wrong,
    /// It must be changed first, at a login: before that, the directory does not show whether the entry
    /// is still that of the account.
    MustChange,
    /// It was wrong too often. The password was not checked.
    TooMany {
        /// When the next attempt is allowed.
        retry_at: Timestamp,
    },
}

/// A password that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It is that of the account.
    OfAccount,
    /// It is that of the entry that has the name of the account now. Whether that is the entry of the
    /// account shows when it was changed.
    OfUnreadEntry,
}

/// Judges logins, and checks passwords of logged-in users.
pub(crate) struct Reauthentication {
    pub(crate) passwords: Arc<Passwords>,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    users: Arc<dyn UserStore>,
    pub(crate) audit: Arc<Audit>,
    fresh_for: Duration,
}

impl Reauthentication {
    pub(crate) fn new(deps: &Deps, fresh_for: Duration) -> Self {
        Self {
            passwords: deps.passwords.clone(),
            limits: deps.limits.clone(),
            clock: deps.clock.clone(),
            users: deps.storage.users.clone(),
            audit: deps.audit.clone(),
            fresh_for,
        }
    }

    /// Whether the user of a session has just logged in.
    pub(crate) fn is_fresh(&self, session: &Session) -> bool {
        let (created, now) = (session.key.created, self.clock.now());
        created <= now && now.since(created) < self.fresh_for
    }

    /// Checks the password of a user who is logged in against what verifies it; `None` if it is correct.
    pub(crate) async fn check<E>(
        &self,
        user: &UserId,
        source: &PasswordSource<'_>,
        password: Password,
    ) -> Result<Option<PasswordRejection>, E>
    where
        E: From<HashError> + From<DirectoryError> + From<StorageError>,
    {
        self.judge(user, source, password, &[Accepted::OfAccount]).await.map(Result::err)
    }

    /// As [`check`](Self::check), of a user who must change the password before they are logged in.
    pub(crate) async fn check_required<E>(
        &self,
        user: &UserId,
        source: &PasswordSource<'_>,
        password: Password,
    ) -> Result<Result<Accepted, PasswordRejection>, E>
    where
        E: From<HashError> + From<DirectoryError> + From<StorageError>,
    {
        let accepted = [Accepted::OfAccount, Accepted::OfUnreadEntry];
        self.judge(user, source, password, &accepted).await
    }

    async fn judge<E>(
        &self,
        user: &UserId,
        source: &PasswordSource<'_>,
        password: Password,
        accepted: &[Accepted],
    ) -> Result<Result<Accepted, PasswordRejection>, E>
    where
        E: From<HashError> + From<DirectoryError> + From<StorageError>,
    {
        let admitted = match self.limits.charge(self.limits.password(user), Some(user)).await? {
            Ok(admitted) => admitted,
            Err(TooMany { retry_at }) => {
                tracing::warn!(%user, "the password of a logged-in user was wrong too often");
                return Ok(Err(PasswordRejection::TooMany { retry_at }));
            }
        };
        let verified = self.passwords.verify::<E>(source, password, Lane::Trusted).await;
        let found = match &verified {
            Ok(Confirmation::Correct) => Some(Accepted::OfAccount),
            Ok(Confirmation::OfUnreadEntry) => Some(Accepted::OfUnreadEntry),
            Ok(Confirmation::Wrong) => None,
            Err(_) => {
                self.limits.give_back(&admitted.into_charges()).await;
                return verified.map(|_| Err(PasswordRejection::Wrong));
            }
        };
        if let Some(found) = found.filter(|found| accepted.contains(found)) {
            self.limits.give_back(&admitted.into_charges()).await;
            return Ok(Ok(found));
        }
        let must_change = found.is_some();
        tracing::info!(%user, must_change, "the password of a logged-in user is not accepted");
        let event = self.audit.event(Act::ReauthenticationFailed);
        self.audit.record(event.about_id(user, &*self.users).await?).await?;
        Ok(Err(if must_change { PasswordRejection::MustChange } else { PasswordRejection::Wrong }))
    }

    /// Checks the password of an account; `None` if it is correct.
    pub(crate) async fn check_account<E>(
        &self,
        account: &Account,
        password: Password,
    ) -> Result<Option<PasswordRejection>, E>
    where
        E: From<HashError> + From<DirectoryError> + From<StorageError>,
    {
        let source = self.passwords.source(&account.user, &account.secrets);
        self.check(&account.user.id, &source, password).await
    }
}
