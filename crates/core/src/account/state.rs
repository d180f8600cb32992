//! The states of accounts and their second factors, on behalf of an administrator.

use std::slice;

use super::password::ResetMail;
use super::{AccountError, AccountRef, Accounts};
use crate::audit::{Act, AuditEvent};
use crate::key::KeyPrefix;
use crate::message::MessageKind;
use crate::storage::{Change, Effects, EndSessions, Guard};
use crate::user::{FactorName, Patch, SecretsUpdate, StateEvent, User, UserState, UserUpdate};

/// Keys that a new second factor makes invalid.
const OF_FACTOR: [KeyPrefix; 2] = [KeyPrefix::RecoveryCode, KeyPrefix::KnownDevice];

/// What becomes of a second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorReset {
    /// The user must set up a factor at the next login, of the user's choice.
    SetUpAgain,
    /// The user must set up a factor at the next login; the account names this one.
    SetUp(FactorName),
    /// The account has no second factor. A sign-up that waited for one is complete.
    Remove,
}

/// An account in a new state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelectedState {
    /// The account.
    pub user: User,
    /// Whether a link to choose a new password was mailed.
    pub mail: ResetMail,
}

impl Accounts {
    /// Puts an account into another state, one of those that it can
    /// [select](UserState::selectable). Its user must log in again.
    ///
    /// States that demand a new password by e-mail send a link, and are refused where none can be
    /// sent. States that demand a new second factor are refused where none is offered. The last
    /// administrator who can log in cannot be put into a state that prevents it.
    pub async fn set_state(
        &self,
        account: impl Into<AccountRef<'_>>,
        state: &UserState,
    ) -> Result<SelectedState, AccountError> {
        let user = self.find(account).await?.ok_or(AccountError::NoSuchUser)?;
        if user.state == *state {
            return Ok(SelectedState { user, mail: ResetMail::NotNeeded });
        }
        let event = self.event_to(&user, state)?;
        let user = match event {
            StateEvent::Enabled => self.enable(&user).await?,
            StateEvent::Disabled => {
                self.disable(&user).await?;
                self.find(&user).await?.ok_or(AccountError::NoSuchUser)?
            }
            StateEvent::Factor2Removed => self.reset_factor(&user, FactorReset::Remove).await?,
            StateEvent::Factor2ResetRequired => {
                self.reset_factor(&user, FactorReset::SetUpAgain).await?
            }
            StateEvent::PasswordResetRequired | StateEvent::PasswordAndFactor2ResetRequired => {
                return self.require_reset(&user, event, state).await;
            }
            StateEvent::Activated
            | StateEvent::PasswordChangeRequired
            | StateEvent::PasswordSet
            | StateEvent::EmailVerified
            | StateEvent::EmailVerificationRequired
            | StateEvent::TwoFactorSetUp
            | StateEvent::TwoFactorTurnedOff
            | StateEvent::PasswordChanged
            | StateEvent::PasswordReset => {
                let audit = [self.state_changed(&user, state)];
                let sessions = EndSessions::All;
                let effects = Effects { sessions, audit: &audit, ..Effects::default() };
                let change = Change { event: Some(event), effects, ..Change::default() };
                self.change_readable(&user.id, &change).await?
            }
        };
        Ok(SelectedState { user, mail: ResetMail::NotNeeded })
    }

    /// Whether [`set_state`](Self::set_state) can put an account into a state, the last administrator
    /// and the address for a link apart. For callers that change something else before.
    pub fn check_state(&self, user: &User, state: &UserState) -> Result<(), AccountError> {
        if user.state == *state { Ok(()) } else { self.event_to(user, state).map(drop) }
    }

    fn event_to(&self, user: &User, state: &UserState) -> Result<StateEvent, AccountError> {
        let event = user.state.selecting(state).ok_or(AccountError::NotAllowed)?;
        if state.demands_factor() && !self.factors.any() {
            return Err(AccountError::NoFactorOffered);
        }
        Ok(event)
    }

    /// The states into which [`set_state`](Self::set_state) can put an account, its own included:
    /// those that demand a new second factor only where one is offered.
    pub fn selectable_states(&self, user: &User) -> Vec<UserState> {
        let offers_factor = self.factors.any();
        let mut states = user.state.selectable();
        states.retain(|state| *state == user.state || offers_factor || !state.demands_factor());
        states
    }

    fn state_changed(&self, user: &User, state: &UserState) -> AuditEvent {
        let event = self.audit().event(Act::UserStateChanged).about(user);
        event.detail("from", user.state.as_str()).detail("to", state.as_str())
    }

    /// Demands a new password by e-mail, and perhaps a new second factor.
    async fn require_reset(
        &self,
        user: &User,
        event: StateEvent,
        state: &UserState,
    ) -> Result<SelectedState, AccountError> {
        let audit = [self.state_changed(user, state)];
        let address = self.reset_address(user)?;
        let link = self.reset_link(user, &address).await?;
        let mut revoke = vec![KeyPrefix::PasswordReset, KeyPrefix::KnownDevice];
        let (mut update, mut secrets) = (UserUpdate::default(), SecretsUpdate::default());
        if event == StateEvent::PasswordAndFactor2ResetRequired {
            revoke.extend(OF_FACTOR);
            (update.factor2, secrets.totpsecret) = (Patch::Clear, Patch::Clear);
        }
        let change = Change {
            user: update,
            secrets,
            event: Some(event),
            guard: Guard::NotTheLastAdmin,
            effects: Effects {
                sessions: EndSessions::All,
                revoke: &revoke,
                issue: link.as_ref().map_or(&[], |link| slice::from_ref(&link.key)),
                send: link.as_ref().map_or(&[], |link| slice::from_ref(&link.message)),
                audit: &audit,
                ..Effects::default()
            },
        };
        let user = self.change_readable(&user.id, &change).await?;
        let mail = if link.is_some() { ResetMail::Sent } else { ResetMail::TooMany };
        Ok(SelectedState { user, mail })
    }

    /// Resets or removes the second factor of an account, with its secret, its recovery codes and the
    /// known devices. Ends the user's sessions and notifies the user.
    ///
    /// For a user who has lost the second factor. Until a new one is set up, the password alone
    /// permits to do so. Only a removal is possible where no factor is offered.
    pub async fn reset_factor(
        &self,
        account: impl Into<AccountRef<'_>>,
        reset: FactorReset,
    ) -> Result<User, AccountError> {
        let user = self.find(account).await?.ok_or(AccountError::NoSuchUser)?;
        let (event, factor2, action) = match reset {
            FactorReset::SetUpAgain if !self.factors.any() => {
                return Err(AccountError::NoFactorOffered);
            }
            FactorReset::SetUpAgain => (StateEvent::Factor2ResetRequired, Patch::Clear, "reset"),
            FactorReset::SetUp(name) if self.factors.find(&name).is_none() => {
                return Err(AccountError::FactorUnavailable);
            }
            FactorReset::SetUp(name) => {
                (StateEvent::Factor2ResetRequired, Patch::Set(name), "reset")
            }
            FactorReset::Remove => (StateEvent::Factor2Removed, Patch::Clear, "removed"),
        };
        let audit =
            [self.audit().event(Act::UserFactorReset).about(&user).detail("action", action)];
        let what = [("action", action.into())];
        let notice = self.notices.compose(MessageKind::SecondFactorChanged, &user, &what)?;
        let change = Change {
            user: UserUpdate { factor2, ..UserUpdate::default() },
            secrets: SecretsUpdate { totpsecret: Patch::Clear, ..SecretsUpdate::default() },
            event: Some(event),
            guard: Guard::None,
            effects: Effects {
                sessions: EndSessions::All,
                revoke: &OF_FACTOR,
                send: notice.as_slice(),
                audit: &audit,
                ..Effects::default()
            },
        };
        self.change_readable(&user.id, &change).await
    }

    /// Forgets all known devices of an account: the second factor is asked for again on each.
    pub async fn forget_devices(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<(), AccountError> {
        let id = self.resolve(account).await?;
        let audit = [self.audit().event(Act::UserDevicesForgotten).on(&id)];
        let revoke = &[KeyPrefix::KnownDevice];
        let effects = Effects { revoke, audit: &audit, ..Effects::default() };
        self.change(&id, &Change { effects, ..Change::default() }).await?;
        Ok(())
    }
}
