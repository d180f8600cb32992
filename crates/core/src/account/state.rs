//! The states of accounts and their second factors, on behalf of an administrator.

use super::password::ResetMail;
use super::plan::Plan;
use super::{AccountError, AccountRef, Accounts};
use crate::audit::{Act, AuditEvent};
use crate::key::KeyPrefix;
use crate::limit::TooMany;
use crate::message::MessageKind;
use crate::storage::{Change, Effects, EndSessions, Guard, StorageError};
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

/// A new state of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateRequest {
    /// As by [`Accounts::set_state`].
    Select(UserState),
    /// As by [`Accounts::reset_factor`].
    Factor(FactorReset),
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
    /// [select](UserState::selectable). Its user must log in again. An account that the directory has
    /// disabled and that is disabled once more here is not enabled by the directory.
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
        let (plan, mail) = self.plan_state(&user, StateRequest::Select(state.clone())).await?;
        Ok(SelectedState { user: self.execute(&user.id, plan).await?, mail })
    }

    /// How the state of an account changes, and whether a link is mailed.
    pub(super) async fn plan_state(
        &self,
        user: &User,
        request: StateRequest,
    ) -> Result<(Plan, ResetMail), AccountError> {
        let state = match request {
            StateRequest::Factor(reset) => {
                return Ok((self.plan_factor(user, reset)?, ResetMail::NotNeeded));
            }
            StateRequest::Select(state) if state == user.state => {
                return Ok((self.plan_same(user).await?, ResetMail::NotNeeded));
            }
            StateRequest::Select(state) => state,
        };
        let event = user.state.selecting(&state).ok_or(AccountError::NotAllowed)?;
        if state.demands_factor() && !self.factors.any() {
            return Err(AccountError::NoFactorOffered);
        }
        if !self.can_meet(user, event) {
            return Err(AccountError::DirectoryPassword);
        }
        let plan = match event {
            StateEvent::Enabled => Plan::enabling(self.audit().event(Act::UserEnabled).about(user)),
            StateEvent::Disabled => self.plan_disabling(user),
            StateEvent::Factor2Removed => self.plan_factor(user, FactorReset::Remove)?,
            StateEvent::Factor2ResetRequired => self.plan_factor(user, FactorReset::SetUpAgain)?,
            StateEvent::PasswordResetRequired | StateEvent::PasswordAndFactor2ResetRequired => {
                return self.plan_reset(user, event, &state).await;
            }
            StateEvent::Activated
            | StateEvent::PasswordChangeRequired
            | StateEvent::PasswordSet
            | StateEvent::EmailVerified
            | StateEvent::EmailVerificationRequired
            | StateEvent::TwoFactorSetUp
            | StateEvent::TwoFactorTurnedOff
            | StateEvent::PasswordChanged
            | StateEvent::PasswordReset => Plan {
                event: Some(event),
                sessions: EndSessions::All,
                audit: vec![self.state_changed(user, &state)],
                ..Plan::default()
            },
        };
        Ok((plan, ResetMail::NotNeeded))
    }

    /// Selects the state that an account has. An account that the directory had disabled stays disabled
    /// even if its entry is enabled; any other stays as it is.
    async fn plan_same(&self, user: &User) -> Result<Plan, StorageError> {
        let is_decided_now =
            user.state == UserState::Disabled && self.is_disabled_by_directory(&user.id).await?;
        Ok(if is_decided_now { self.plan_disabling(user) } else { Plan::default() })
    }

    fn plan_disabling(&self, user: &User) -> Plan {
        Plan::disabling(self.audit().event(Act::UserDisabled).about(user))
    }

    /// The states into which [`set_state`](Self::set_state) can put an account, its own included:
    /// those that demand a new second factor only where one is offered.
    pub fn selectable_states(&self, user: &User) -> Vec<UserState> {
        let offers_factor = self.factors.any();
        let mut states = user.state.selectable();
        states.retain(|state| {
            let is_possible = user.state.selecting(state).is_none_or(|it| self.can_meet(user, it));
            *state == user.state || is_possible && (offers_factor || !state.demands_factor())
        });
        states
    }

    /// Whether the user of an account can do what it is in need of after this event: the password of
    /// the directory is not reset here, and may not be changed here either.
    fn can_meet(&self, user: &User, event: StateEvent) -> bool {
        match event {
            StateEvent::PasswordChangeRequired => {
                !self.passwords.is_of_directory(user) || self.passwords.can_change(user)
            }
            StateEvent::PasswordResetRequired | StateEvent::PasswordAndFactor2ResetRequired => {
                !self.passwords.is_of_directory(user)
            }
            StateEvent::Activated
            | StateEvent::Enabled
            | StateEvent::Disabled
            | StateEvent::PasswordSet
            | StateEvent::PasswordChanged
            | StateEvent::PasswordReset
            | StateEvent::EmailVerified
            | StateEvent::EmailVerificationRequired
            | StateEvent::Factor2Removed
            | StateEvent::Factor2ResetRequired
            | StateEvent::TwoFactorSetUp
            | StateEvent::TwoFactorTurnedOff => true,
        }
    }

    fn state_changed(&self, user: &User, state: &UserState) -> AuditEvent {
        let event = self.audit().event(Act::UserStateChanged).about(user);
        event.detail("from", user.state.as_str()).detail("to", state.as_str())
    }

    /// Demands a new password by e-mail, and perhaps a new second factor.
    async fn plan_reset(
        &self,
        user: &User,
        event: StateEvent,
        state: &UserState,
    ) -> Result<(Plan, ResetMail), AccountError> {
        let audit = vec![self.state_changed(user, state)];
        let address = self.reset_address(user)?;
        let link = self.reset_link(user, &address).await?;
        let mail = match &link {
            Ok(_) => ResetMail::Sent,
            Err(TooMany { retry_at }) => ResetMail::TooMany { retry_at: *retry_at },
        };
        let (link, charges) = link.ok().unzip();
        let (key, message) = link.map(|link| (link.key, link.message)).unzip();
        let mut plan = Plan {
            event: Some(event),
            guard: Guard::NotTheLastAdmin,
            sessions: EndSessions::All,
            revoke: vec![KeyPrefix::PasswordReset, KeyPrefix::KnownDevice],
            issue: key.into_iter().collect(),
            send: message.into_iter().collect(),
            audit,
            charges: charges.unwrap_or_default(),
            ..Plan::default()
        };
        if event == StateEvent::PasswordAndFactor2ResetRequired {
            plan.revoke.extend(OF_FACTOR);
            (plan.user.factor2, plan.secrets.totpsecret) = (Patch::Clear, Patch::Clear);
        }
        Ok((plan, mail))
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
        self.execute(&user.id, self.plan_factor(&user, reset)?).await
    }

    fn plan_factor(&self, user: &User, reset: FactorReset) -> Result<Plan, AccountError> {
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
        let what = [("action", action.into())];
        let notice = self.notices.compose(MessageKind::SecondFactorChanged, user, &what)?;
        let audit = self.audit().event(Act::UserFactorReset).about(user).detail("action", action);
        Ok(Plan {
            user: UserUpdate { factor2, ..UserUpdate::default() },
            secrets: SecretsUpdate { totpsecret: Patch::Clear, ..SecretsUpdate::default() },
            event: Some(event),
            sessions: EndSessions::All,
            revoke: OF_FACTOR.to_vec(),
            send: notice.into_iter().collect(),
            audit: vec![audit],
            ..Plan::default()
        })
    }

    /// Forgets all known devices of an account: the second factor is asked for again on each.
    pub async fn forget_devices(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<(), AccountError> {
        let id = self.resolve(account).await?;
        let audit = [self.event_about(Act::UserDevicesForgotten, &id).await?];
        let revoke = &[KeyPrefix::KnownDevice];
        let effects = Effects { revoke, audit: &audit, ..Effects::default() };
        self.change(&id, &Change { effects, ..Change::default() }).await?;
        Ok(())
    }
}
