//! What users must do before they are logged in: choose a new password, or set up a second factor.

use std::time::Duration;

use super::{Door, Login, LoginError, LoginOutcome};
use crate::audit::Act;
use crate::challenge::{Account, FactorChange, PasswordChange, Required};
use crate::key::{DataChange, KeyData, Owner};
use crate::session::{BeginOptions, Begun, NewSession, Session};
use crate::storage::{StorageError, StoredUser};
use crate::user::{Refusal, UserState};

/// How long the session is valid.
const LIFETIME: Duration = Duration::from_mins(30);

/// What an anonymous session permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredChange {
    /// Choosing a new password.
    Password,
    /// Setting up a second factor.
    Factor,
}

impl Login {
    /// What the account of an anonymous session must change before its user is logged in; `None`
    /// for any other session.
    pub fn required_change(&self, session: &Session) -> Option<RequiredChange> {
        let is_valid = |required: &Required| required.expires > self.challenges.now().as_millis();
        let data = &session.key.data;
        if session.user.is_some() {
            return None;
        }
        if data.slot::<PasswordChange>().ok().flatten().is_some_and(|slot| is_valid(&slot.0)) {
            return Some(RequiredChange::Password);
        }
        let factor = data.slot::<FactorChange>().ok().flatten();
        factor.is_some_and(|slot| is_valid(&slot.0)).then_some(RequiredChange::Factor)
    }

    /// The account whose password an anonymous session permits to change; `None` if it permits
    /// none, or if the account has changed since the login.
    pub async fn password_change_of(
        &self,
        session: &Session,
    ) -> Result<Option<StoredUser>, StorageError> {
        let Some(PasswordChange(required)) = session.key.data.slot().ok().flatten() else {
            return Ok(None);
        };
        self.required_account(&required).await
    }

    /// The account of a session that must set up a second factor.
    pub(crate) async fn factor_change_of(
        &self,
        session: &Session,
    ) -> Result<Option<StoredUser>, StorageError> {
        let Some(FactorChange(required)) = session.key.data.slot().ok().flatten() else {
            return Ok(None);
        };
        self.required_account(&required).await
    }

    async fn required_account(
        &self,
        required: &Required,
    ) -> Result<Option<StoredUser>, StorageError> {
        if required.expires <= self.challenges.now().as_millis() {
            return Ok(None);
        }
        let found = self.users.find_by_id(&required.userid).await?;
        Ok(found.filter(|user| {
            crate::challenge::digest(user.id(), &user.credentials()) == required.credentials
        }))
    }

    /// The outcome for a user who knows the password and whose state does not allow login.
    pub(super) async fn refuse(
        &self,
        found: &StoredUser,
        refusal: Refusal,
        door: Door<'_>,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        match refusal {
            Refusal::PasswordChangeNeeded => {
                let account = self.challenges.open(found.clone())?;
                let change = DataChange::slot(&PasswordChange(self.required(&account)));
                let change = change.map_err(StorageError::bug)?;
                let session = self.begin_anonymous(change, &account, door).await?;
                Ok(Some(LoginOutcome::PasswordChange(session)))
            }
            Refusal::Factor2ResetNeeded => {
                let account = self.challenges.open(found.clone())?;
                self.require_factor(&account, door).await
            }
            Refusal::NotActive
            | Refusal::EmailNotVerified
            | Refusal::TwoFactorIncomplete
            | Refusal::PasswordResetNeeded => {
                let event = self.audit().event(Act::LoginRefused).about_stored(found);
                let event = event.detail("reason", refusal.to_string());
                self.audit().record(event).await?;
                Ok(Some(LoginOutcome::Refused(refusal)))
            }
        }
    }

    /// Begins an anonymous session that permits to set up a second factor. Where none is offered,
    /// an account that has one keeps it, and must wait for an administrator.
    pub(super) async fn require_factor(
        &self,
        account: &Account,
        door: Door<'_>,
    ) -> Result<Option<LoginOutcome>, LoginError> {
        let was_reset = account.user.state == UserState::Factor2ResetNeeded;
        let factors = &self.challenges.factors;
        let may_have_none = was_reset && factors.allows_none();
        if !factors.any() && !may_have_none {
            return Ok(Some(LoginOutcome::Refused(Refusal::Factor2ResetNeeded)));
        }
        let change = DataChange::slot(&FactorChange(self.required(account)));
        let change = change.map_err(StorageError::bug)?;
        let session = self.begin_anonymous(change, account, door).await?;
        Ok(Some(LoginOutcome::FactorReset(session)))
    }

    fn required(&self, account: &Account) -> Required {
        Required {
            username: account.user.username.clone(),
            userid: account.user.id.clone(),
            credentials: account.digest(),
            expires: (self.challenges.now() + LIFETIME).as_millis(),
        }
    }

    async fn begin_anonymous(
        &self,
        change: DataChange,
        account: &Account,
        door: Door<'_>,
    ) -> Result<Box<NewSession>, LoginError> {
        let audit = [self.audit().event(Act::LoginFirstFactor).about(&account.user)];
        let kept = door.replaces.map(|old| old.application_data()).unwrap_or_default();
        let data = KeyData::from_object(&kept).changed(&[change]).map_err(StorageError::bug)?;
        let lifetime = Some(LIFETIME);
        let Door { replaces, visitor, persist, .. } = door;
        let beginning = BeginOptions {
            replaces,
            lifetime,
            persist,
            visitor,
            data,
            audit: &audit,
            ..BeginOptions::default()
        };
        match self.sessions.begin(Owner::Anonymous, beginning).await? {
            Begun::Session(session) => Ok(session),
            Begun::NoSuchUser
            | Begun::CredentialsChanged
            | Begun::Refused(_)
            | Begun::AlreadyUsed
            | Begun::SessionGone => {
                let error = "the store reports a user of an anonymous session";
                Err(StorageError::bug(error).into())
            }
        }
    }
}
