//! Events that change the state of an account.

use super::UserState;

/// An event that may change the state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateEvent {
    /// The user verified the e-mail address.
    EmailVerified,
    /// The user chose, before the sign-up was complete, a second factor that does not prove the
    /// e-mail address as the one before would have.
    EmailVerificationRequired,
    /// The user set up and confirmed a second factor.
    TwoFactorSetUp,
    /// The user disabled the second factor.
    TwoFactorTurnedOff,
    /// The user changed the password with the old one.
    PasswordChanged,
    /// The user reset the password by e-mail, which also proves to own the address.
    PasswordReset,
    /// The password may be known to others and must be reset by e-mail.
    PasswordResetRequired,
    /// An administrator disabled the account.
    Disabled,
    /// An administrator re-enabled the account.
    Enabled,
    /// An administrator waived what the user still had to do about address and password.
    Activated,
    /// An administrator set a password.
    PasswordSet,
    /// An administrator required a new password at the next login.
    PasswordChangeRequired,
    /// An administrator required that the second factor is set up again.
    Factor2ResetRequired,
    /// An administrator required a new password, by e-mail, and that the second factor is set up
    /// again.
    PasswordAndFactor2ResetRequired,
    /// An administrator removed the second factor.
    Factor2Removed,
}

/// The events by which an administrator selects a state.
const SELECTING: [StateEvent; 8] = [
    StateEvent::Enabled,
    StateEvent::Activated,
    StateEvent::Factor2Removed,
    StateEvent::PasswordChangeRequired,
    StateEvent::PasswordResetRequired,
    StateEvent::Factor2ResetRequired,
    StateEvent::PasswordAndFactor2ResetRequired,
    StateEvent::Disabled,
];

impl StateEvent {
    /// The state after this event if that does not depend on the state before.
    pub fn state_after_any(self) -> Option<UserState> {
        match self {
            Self::Disabled => Some(UserState::Disabled),
            Self::EmailVerified
            | Self::EmailVerificationRequired
            | Self::TwoFactorSetUp
            | Self::TwoFactorTurnedOff
            | Self::PasswordChanged
            | Self::PasswordReset
            | Self::PasswordResetRequired
            | Self::Enabled
            | Self::Activated
            | Self::PasswordSet
            | Self::PasswordChangeRequired
            | Self::Factor2ResetRequired
            | Self::PasswordAndFactor2ResetRequired
            | Self::Factor2Removed => None,
        }
    }
}

impl UserState {
    /// The states that an administrator can select for an account in this state, this one included,
    /// where second factors are offered; see
    /// [`selectable_states`](crate::account::Accounts::selectable_states).
    pub fn selectable(&self) -> Vec<Self> {
        let mut states = vec![self.clone()];
        for next in SELECTING.iter().filter_map(|event| self.after(*event)) {
            if !states.contains(&next) {
                states.push(next);
            }
        }
        states
    }

    /// The event by which an administrator selects the state `next`; `None` if it cannot be selected.
    pub(crate) fn selecting(&self, next: &Self) -> Option<StateEvent> {
        SELECTING.into_iter().find(|event| self.after(*event).as_ref() == Some(next))
    }

    /// The state after `event`; `None` if this state does not allow the event.
    pub fn after(&self, event: StateEvent) -> Option<Self> {
        use StateEvent as Event;
        match event {
            Event::Activated
            | Event::PasswordSet
            | Event::PasswordChangeRequired
            | Event::Factor2ResetRequired
            | Event::PasswordAndFactor2ResetRequired
            | Event::Factor2Removed => self.after_administration(event),
            Event::EmailVerified
            | Event::EmailVerificationRequired
            | Event::TwoFactorSetUp
            | Event::TwoFactorTurnedOff
            | Event::PasswordChanged
            | Event::PasswordReset
            | Event::PasswordResetRequired
            | Event::Disabled
            | Event::Enabled => self.after_event(event),
        }
    }

    /// The state after an event other than those of
    /// [`after_administration`](Self::after_administration).
    fn after_event(&self, event: StateEvent) -> Option<Self> {
        use StateEvent as Event;
        match (event, self) {
            (Event::Disabled, _) => event.state_after_any(),
            (Event::Enabled, Self::Disabled)
            | (Event::EmailVerified, Self::AwaitingEmailVerification)
            | (
                Event::TwoFactorSetUp,
                Self::AwaitingTwoFactorSetup | Self::Factor2ResetNeeded | Self::Active,
            )
            | (Event::TwoFactorTurnedOff, Self::Factor2ResetNeeded | Self::Active)
            | (Event::PasswordChanged, Self::PasswordChangeNeeded | Self::Active)
            | (
                Event::PasswordReset,
                Self::PasswordResetNeeded
                | Self::PasswordChangeNeeded
                | Self::AwaitingEmailVerification
                | Self::Active,
            ) => Some(Self::Active),
            (
                Event::EmailVerified | Event::PasswordReset,
                Self::AwaitingTwoFactorSetupAndEmailVerification,
            )
            | (Event::PasswordReset, Self::AwaitingTwoFactorSetup) => {
                Some(Self::AwaitingTwoFactorSetup)
            }
            (Event::TwoFactorSetUp, Self::AwaitingTwoFactorSetupAndEmailVerification) => {
                Some(Self::AwaitingEmailVerification)
            }
            (
                Event::PasswordReset,
                Self::PasswordAndFactor2ResetNeeded | Self::Factor2ResetNeeded,
            ) => Some(Self::Factor2ResetNeeded),
            (
                Event::PasswordResetRequired,
                Self::Active | Self::PasswordChangeNeeded | Self::PasswordResetNeeded,
            ) => Some(Self::PasswordResetNeeded),
            (
                Event::PasswordResetRequired,
                Self::Factor2ResetNeeded | Self::PasswordAndFactor2ResetNeeded,
            ) => Some(Self::PasswordAndFactor2ResetNeeded),
            (
                Event::EmailVerificationRequired,
                Self::AwaitingTwoFactorSetup | Self::AwaitingTwoFactorSetupAndEmailVerification,
            ) => Some(Self::AwaitingTwoFactorSetupAndEmailVerification),
            (_, Self::Custom(name)) if event != Event::Enabled => Some(Self::Custom(name.clone())),
            _ => None,
        }
    }

    /// The state after an administrator has changed something else than whether the account is
    /// enabled. A sign-up that is not complete stays so, and a disabled account stays disabled.
    fn after_administration(&self, event: StateEvent) -> Option<Self> {
        use StateEvent as Event;
        use UserState as S;
        Some(match (event, self) {
            (
                Event::Activated,
                S::AwaitingEmailVerification | S::PasswordChangeNeeded | S::PasswordResetNeeded,
            )
            | (Event::PasswordSet, S::Active | S::PasswordChangeNeeded | S::PasswordResetNeeded)
            | (
                Event::Factor2Removed,
                S::Active | S::Factor2ResetNeeded | S::AwaitingTwoFactorSetup,
            ) => S::Active,
            (Event::Activated, S::AwaitingTwoFactorSetupAndEmailVerification) => {
                S::AwaitingTwoFactorSetup
            }
            (Event::Activated | Event::PasswordSet, S::PasswordAndFactor2ResetNeeded) => {
                S::Factor2ResetNeeded
            }
            (Event::PasswordChangeRequired, S::Active) => S::PasswordChangeNeeded,
            (Event::Factor2ResetRequired, S::Active) => S::Factor2ResetNeeded,
            (
                Event::Factor2ResetRequired | Event::PasswordAndFactor2ResetRequired,
                S::PasswordResetNeeded,
            )
            | (
                Event::PasswordAndFactor2ResetRequired,
                S::Active | S::PasswordChangeNeeded | S::Factor2ResetNeeded,
            ) => S::PasswordAndFactor2ResetNeeded,
            (Event::Factor2Removed, S::PasswordAndFactor2ResetNeeded) => S::PasswordResetNeeded,
            (Event::Factor2Removed, S::AwaitingTwoFactorSetupAndEmailVerification) => {
                S::AwaitingEmailVerification
            }
            (
                Event::PasswordSet,
                S::Disabled
                | S::Factor2ResetNeeded
                | S::AwaitingEmailVerification
                | S::AwaitingTwoFactorSetup
                | S::AwaitingTwoFactorSetupAndEmailVerification,
            )
            | (
                Event::Factor2Removed,
                S::Disabled
                | S::PasswordChangeNeeded
                | S::PasswordResetNeeded
                | S::AwaitingEmailVerification,
            )
            | (
                Event::Factor2ResetRequired,
                S::Factor2ResetNeeded | S::PasswordAndFactor2ResetNeeded,
            )
            | (Event::PasswordAndFactor2ResetRequired, S::PasswordAndFactor2ResetNeeded)
            | (Event::PasswordChangeRequired, S::PasswordChangeNeeded)
            | (Event::Activated | Event::PasswordSet | Event::Factor2Removed, S::Custom(_)) => {
                self.clone()
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Refusal, StateChecks};
    use super::*;

    #[test]
    fn administrators_select_states_by_the_table_of_transitions() {
        use UserState as S;
        for (state, expected) in [
            (
                S::Active,
                vec![
                    S::PasswordChangeNeeded,
                    S::PasswordResetNeeded,
                    S::Factor2ResetNeeded,
                    S::PasswordAndFactor2ResetNeeded,
                    S::Disabled,
                ],
            ),
            (S::Disabled, vec![S::Active]),
            (S::AwaitingEmailVerification, vec![S::Active, S::Disabled]),
            (S::AwaitingTwoFactorSetup, vec![S::Active, S::Disabled]),
            (
                S::AwaitingTwoFactorSetupAndEmailVerification,
                vec![S::AwaitingTwoFactorSetup, S::AwaitingEmailVerification, S::Disabled],
            ),
            (
                S::PasswordResetNeeded,
                vec![S::Active, S::PasswordAndFactor2ResetNeeded, S::Disabled],
            ),
            (S::Factor2ResetNeeded, vec![S::Active, S::PasswordAndFactor2ResetNeeded, S::Disabled]),
            (
                S::PasswordAndFactor2ResetNeeded,
                vec![S::Factor2ResetNeeded, S::PasswordResetNeeded, S::Disabled],
            ),
        ] {
            let all: Vec<_> = [state.clone()].into_iter().chain(expected).collect();
            assert_eq!(state.selectable(), all);
            for next in &all[1..] {
                let event = state.selecting(next).unwrap();
                assert_eq!(state.after(event).as_ref(), Some(next));
            }
            assert_eq!(state.selecting(&S::from("onholiday")), None);
        }
    }

    #[test]
    fn no_administration_of_credentials_enables_a_disabled_account() {
        for event in [
            StateEvent::Activated,
            StateEvent::PasswordSet,
            StateEvent::PasswordChangeRequired,
            StateEvent::Factor2ResetRequired,
            StateEvent::PasswordAndFactor2ResetRequired,
            StateEvent::Factor2Removed,
        ] {
            let after = UserState::Disabled.after(event);
            assert!(matches!(after, None | Some(UserState::Disabled)), "{event:?}");
        }
    }

    #[test]
    fn new_password_does_not_replace_what_else_is_due() {
        for state in UserState::KNOWN {
            let after = state.after(StateEvent::PasswordSet).unwrap();
            let due = |state: &UserState| {
                let checks = StateChecks::ALL;
                let is_of_password = [Refusal::PasswordChangeNeeded, Refusal::PasswordResetNeeded];
                state.refusal(checks).filter(|refusal| !is_of_password.contains(refusal))
            };
            if state == UserState::PasswordAndFactor2ResetNeeded {
                assert_eq!(after, UserState::Factor2ResetNeeded);
            } else {
                assert_eq!(due(&after), due(&state), "{state:?}");
            }
        }
    }

    #[test]
    fn only_an_administrator_re_enables_a_disabled_account() {
        for event in [
            StateEvent::EmailVerified,
            StateEvent::EmailVerificationRequired,
            StateEvent::TwoFactorSetUp,
            StateEvent::TwoFactorTurnedOff,
            StateEvent::PasswordChanged,
            StateEvent::PasswordReset,
            StateEvent::PasswordResetRequired,
        ] {
            assert_eq!(UserState::Disabled.after(event), None, "{event:?}");
        }
        assert_eq!(UserState::Disabled.after(StateEvent::Enabled), Some(UserState::Active));
    }

    #[test]
    fn b26_proving_an_address_does_not_skip_the_second_factor() {
        let both = UserState::AwaitingTwoFactorSetupAndEmailVerification;
        for event in [StateEvent::EmailVerified, StateEvent::PasswordReset] {
            let verified = both.after(event).unwrap();
            assert_eq!(verified, UserState::AwaitingTwoFactorSetup);
            assert_eq!(verified.after(StateEvent::PasswordReset), Some(verified));
        }
        let set_up = both.after(StateEvent::TwoFactorSetUp).unwrap();
        assert_eq!(set_up, UserState::AwaitingEmailVerification);
        assert_eq!(set_up.after(StateEvent::EmailVerified), Some(UserState::Active));
    }

    #[test]
    fn password_reset_does_not_reset_the_second_factor() {
        let both = UserState::PasswordAndFactor2ResetNeeded;
        assert_eq!(both.after(StateEvent::PasswordReset), Some(UserState::Factor2ResetNeeded));
        assert_eq!(both.after(StateEvent::TwoFactorSetUp), None);
        let factor = UserState::Factor2ResetNeeded;
        assert_eq!(factor.after(StateEvent::PasswordReset), Some(factor.clone()));
        assert_eq!(factor.after(StateEvent::PasswordResetRequired), Some(both));
    }

    #[test]
    fn a_forgotten_password_can_be_reset_in_every_state_but_disabled() {
        for state in UserState::KNOWN {
            let next = state.after(StateEvent::PasswordReset);
            assert_eq!(next.is_none(), state == UserState::Disabled, "{state:?}");
        }
    }
}
